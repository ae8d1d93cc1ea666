# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``verify`` and ``unlock``: whether all is as it was installed, and who is at work."""

from __future__ import annotations

import argparse
import os
import signal
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from .commands import DONE, FAILED, LOCKED, OFF, Command, Outcome, Place, takes_id, takes_ids
from .known import require_known

_GRACE = 10.0


def _verify(arguments: argparse.Namespace, place: Place) -> Outcome:
    from ...module_utils.common.harmless import harmless_deep, shown_entry
    from ...module_utils.status.off import off
    from ...module_utils.status.read import read_host

    if arguments.ids:
        require_known(arguments.ids, place)
    found = read_host(place.engine, arguments.ids, place.store, drift=True)
    entries = [
        {**shown_entry(item), "off": harmless_deep(list(off(item)))} for item in found.instances if item["phase"] or item["containers"]
    ]
    lines = [line for entry in entries for line in _verdict(entry)]
    code = OFF if any(entry["off"] for entry in entries) else DONE
    return Outcome(code, {"instances": entries, "findings": harmless_deep(found.findings)}, lines or ["no instances on this host"])


def _verdict(entry: Mapping[str, Any]) -> list[str]:
    return [f"{entry['id']}: {text}" for text in entry["off"]] or [f"{entry['id']}: as it should be"]


def _unlock(arguments: argparse.Namespace, place: Place) -> Outcome:
    from ...module_utils.system.lock import said_of

    require_known([arguments.id], place)
    path = place.store.instance(arguments.id).lock
    holders = _holding(path)
    data = {"id": arguments.id, "held": bool(holders), "said": said_of(path) if holders else None, "processes": holders}
    if not holders:
        return Outcome(DONE, data, [f"nobody holds the lock of {arguments.id}"])
    lines = [f"the lock of {arguments.id} is held {data['said']}", *(f"process {one['pid']}: {one['command']}" for one in holders)]
    if not arguments.end:
        return Outcome(LOCKED, data, [*lines, "let it end, or end it: --end"])
    _end(path, [int(one["pid"]) for one in holders])
    left = _holding(path)
    return Outcome(
        FAILED if left else DONE,
        {**data, "held": bool(left)},
        [*lines, "it runs on" if left else "ended; the next run goes on where it was"],
    )


def _holding(path: str) -> list[dict[str, Any]]:
    """Processes that hold a lock on the file, and those the descriptor was handed to, though who took it has ended. Whoever waits for it
    has it open as well, and holds nothing."""
    try:
        wanted = os.stat(path)
    except OSError:
        return []
    found = []
    for pid in sorted((name for name in os.listdir("/proc") if name.isdigit()), key=int):
        if int(pid) != os.getpid() and _holds(pid, wanted):
            found.append({"pid": int(pid), "command": _command(pid)})
    return found


def _holds(pid: str, wanted: os.stat_result) -> bool:
    """Whether the kernel says so of one of its descriptors (proc_pid_fdinfo(5))."""
    for number in _opens(pid, wanted):
        with suppress(OSError), open(f"/proc/{pid}/fdinfo/{number}", encoding="ascii", errors="replace") as handle:
            if any(line.startswith("lock:") for line in handle):
                return True
    return False


def _opens(pid: str, wanted: os.stat_result) -> list[str]:
    """Descriptors a process has of a file."""
    found = []
    with suppress(OSError):
        for number in os.listdir(f"/proc/{pid}/fd"):
            with suppress(OSError):
                if os.path.samestat(os.stat(f"/proc/{pid}/fd/{number}"), wanted):
                    found.append(number)
    return found


def _command(pid: str) -> str:
    """Its name alone: arguments of strangers may hold anything."""
    with suppress(OSError), open(f"/proc/{pid}/comm", encoding="utf-8", errors="replace") as handle:
        return handle.read().strip()
    return "gone"


def _end(path: str, pids: Sequence[int]) -> None:
    """Ask them to end, then end them. Only who still holds the lock is touched: a number may be another process' by now."""
    for number, patience in ((signal.SIGTERM, _GRACE), (signal.SIGKILL, _GRACE)):
        holding = {one["pid"] for one in _holding(path)}
        for pid in holding & set(pids):
            with suppress(OSError):
                os.kill(pid, number)
        until = time.monotonic() + patience
        while _holding(path) and time.monotonic() < until:
            time.sleep(0.2)


def _ends(parser: argparse.ArgumentParser) -> None:
    takes_id(parser)
    parser.add_argument("--end", action="store_true", help="end the processes that hold it")


CHECKING = (
    Command(
        "verify",
        "ask instances how they are, and compare all of them with what was installed",
        takes_ids,
        _verify,
        "Health, settings of containers, networks, files of the package and of keys. Ends with 3 where something is off.",
    ),
    Command(
        "unlock",
        "tell who is at work on an instance, and end that where asked",
        _ends,
        _unlock,
        "A run that was cut may leave a command of the engine behind that still holds the instance's lock. Ends with 4 where it is held.\n"
        "With --end those processes are ended; the next run, or start of the host, goes on where they were.",
    ),
)
