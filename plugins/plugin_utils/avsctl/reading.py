# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The commands that only look: ``ls``, ``status``, ``logs``, ``history``."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ...module_utils.common.errors import HostError
from .commands import DONE, OFF, Command, Outcome, Place, takes_ids
from .history import HISTORY
from .known import require_known
from .logs import LOGS
from .table import NONE, folded, labelled, room, table

_STARTED, _HELD = "started", "held"
_LISTED = ("id", "version", "profile", "state", "health", "backup")
_NOBODY = "no instances on this host"


def state_of(entry: Mapping[str, Any]) -> str:
    """The word for what an instance is to be: one that is held down is shown as that."""
    return _HELD if entry.get("hold") else str(entry.get("state") or NONE)


def is_off(entry: Mapping[str, Any]) -> bool:
    """Whether an instance that is to run is not healthy, or one that is to be down runs."""
    from ...module_utils.status.off import off

    return next(off(entry), None) is not None


def _nothing(_parser: argparse.ArgumentParser) -> None:
    """A command that takes nothing."""


def _ls(_arguments: argparse.Namespace, place: Place) -> Outcome:
    seen = _looked(place, [])
    rows = [
        (item["id"], item.get("version"), item.get("profile"), state_of(item), item["health"]["status"], _backed_up(item))
        for item in seen.entries
    ]
    data = {"instances": [dict(zip(_LISTED, row)) for row in rows], "findings": seen.findings}
    # Of what nobody backs up a column would say nothing.
    columns = _LISTED if any(row[-1] for row in rows) else _LISTED[:-1]
    lines = table([name.upper() for name in columns], [row[: len(columns)] for row in rows], room()) if rows else [_NOBODY]
    return Outcome(OFF if seen.down else DONE, data, [*lines, *_what_is_down(seen)])


def _backed_up(entry: Mapping[str, Any]) -> str | None:
    """When the newest backup was made, or a word for what is off with it."""
    found = entry.get("backup") or {}
    if found.get("problem"):
        return "waits" if found.get("waiting") else "failed"
    return found.get("time") or ("none yet" if found else None)


@dataclass(frozen=True)
class _Seen:
    """As the module ``instance_info`` tells it. ``down``: why no engine was asked, and entries are what is on record."""

    entries: Sequence[Mapping[str, Any]]
    findings: Sequence[Mapping[str, Any]]
    down: str = ""


def _looked(place: Place, ids: Sequence[str]) -> _Seen:
    from ...module_utils.common.harmless import harmless, harmless_deep, shown_entry
    from ...module_utils.status.read import read_host, read_recorded

    require_known(ids, place)
    down = ""
    try:
        found = read_host(place.engine, ids, place.store)
    except HostError as error:
        found, down = read_recorded(place.engine, error, ids, place.store), harmless(error.message)
    return _Seen([shown_entry(item) for item in found.instances], harmless_deep(found.findings), down)


def _what_is_down(seen: _Seen) -> list[str]:
    if not seen.down:
        return []
    return ["", f"{seen.down}: this is what is on record, not what runs", *labelled(_findings(seen.findings), room())]


def _status(arguments: argparse.Namespace, place: Place) -> Outcome:
    seen = _looked(place, arguments.ids)
    width = room()
    lines = [line for number, entry in enumerate(seen.entries) for line in ([""] if number else []) + _told(entry, width)] or [_NOBODY]
    if seen.findings and not seen.down:
        lines += ["", "beside them", *labelled(_findings(seen.findings), width)]
    code = OFF if seen.down or any(map(is_off, seen.entries)) else DONE
    return Outcome(code, {"instances": seen.entries, "findings": seen.findings}, [*lines, *_what_is_down(seen)])


def _told(entry: Mapping[str, Any], width: int | None) -> list[str]:
    """One instance, all of it that a person asks for first."""
    health = entry.get("health") or {}
    first = f"{entry['id']}  {state_of(entry)}  {health.get('status') or NONE}"
    return [*folded("", first, width), *labelled(_pairs(entry, health), width)]


def _pairs(entry: Mapping[str, Any], health: Mapping[str, Any]) -> Iterable[tuple[str, object]]:
    yield "detail", health.get("detail")
    if state_of(entry) != _STARTED and is_off(entry):
        yield "off", "is to be down, and runs: avsctl stop, or the next run, takes it down"
    hold = entry.get("hold")
    if hold:
        yield "held", f"since {hold.get('since')} by {hold.get('by')}: {hold.get('reason') or 'no reason given'}"
    if entry.get("at_work"):
        from ...module_utils.backup.progress import said

        yield "backup", said(entry["id"], entry["at_work"]).partition(": ")[2]
    if entry.get("package"):
        words = (entry["package"], entry.get("version"), entry.get("profile") and f"profile {entry['profile']}", entry.get("commit"))
        yield "package", " ".join(str(word) for word in words if word)
    if entry.get("phase"):
        at = entry.get("committed_at")
        yield "phase", f"{entry['phase']}{f', last confirmed healthy at {at}' if at else ''}"
    if entry.get("release"):
        yield "release", f"{entry['release']} in {entry.get('tree')}"
    for name, key in sorted((entry.get("keystores") or {}).items()):
        public = key.get("public_id")
        yield "key", f"{name} {key.get('kind') or NONE} {key.get('fingerprint') or NONE}{f' public id {public}' if public else ''}"
    for port in entry.get("ports") or ():
        yield "port", f"{_address(port)}/{port.get('protocol')} {port.get('service') or ''}"
    for item in entry.get("metrics") or ():
        yield "metrics", f"{item.get('service')}:{item.get('port')}{item.get('path')}"
    for item in entry.get("containers") or ():
        restarts = f", restarted {item['restarts']} times" if item.get("restarts") else ""
        yield "container", f"{item.get('service')} {item.get('status') or item.get('state')}{restarts}, {item.get('image') or NONE}"
    kept = entry.get("kept")
    if kept:
        yield "kept", " ".join([*kept.get("volumes", ()), *filter(None, [kept.get("data")])])
    else:
        yield "data", entry.get("data")
    saved = entry.get("backup") or {}
    if saved.get("schedule"):
        yield "schedule", f"{saved['schedule']}, backed up by the timer avs-backup@{entry['id']}"
    if saved.get("time"):
        size, added = (f"{saved[name] / (1 << 20):.1f} MiB" for name in ("size", "added"))
        yield "backup", f"{saved['time']} {saved['id']} of {size}, {added} new, proven {saved.get('verified') or 'never'}"
    volumes = () if kept else entry.get("volumes")
    if volumes:
        yield "volumes", " ".join(volumes)
    yield from _findings(entry.get("findings") or ())


def _address(port: Mapping[str, Any]) -> str:
    address = str(port.get("address") or "0.0.0.0")
    return f"[{address}]:{port.get('port')}" if ":" in address else f"{address}:{port.get('port')}"


def _findings(findings: Iterable[Mapping[str, Any]]) -> Iterable[tuple[str, object]]:
    for item in findings:
        place = f"{item['place']}: " if item.get("place") else ""
        remedy = f" -> {item['remedy']}" if item.get("remedy") else ""
        yield str(item.get("severity")), f"{item.get('id')} {place}{item.get('message')}{remedy}"


READING = (
    Command("ls", "list the instances of this host", _nothing, _ls, "Id, version, profile, state and health of each, asked just now."),
    Command(
        "status",
        "tell all there is to tell of instances",
        takes_ids,
        _status,
        "State and health asked just now, keys by fingerprint and public id, ports, containers, where things are, and findings: what the module "
        "restaking.avs.instance_info tells. Ends with 3 where an instance that is to run is not healthy, or one that is to be down runs.",
    ),
    LOGS,
    HISTORY,
)
