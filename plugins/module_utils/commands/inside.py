# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A command in a container that runs. The engine ends none of these: whoever began one ends it, by a mark in its environment."""

from __future__ import annotations

import os
import re
import secrets
import signal
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from ..docker.attended import Attended
from ..docker.engine import Engine
from ..instance.store import InstanceStore
from ..system import files

VARIABLE = "AVS_COMMAND"
_MARK = re.compile(r"[0-9a-f]{32}\Z")
# How often in a row those with the mark are looked for: one that is ended may just have begun another.
_ROUNDS = 20


@dataclass(frozen=True)
class Order:
    """``args`` are done for ``timeout`` seconds at most, of their output ``most`` bytes are kept."""

    args: Sequence[str]
    timeout: float
    most: int
    hold: tuple[int, ...] = field(default=())


def run(engine: Engine, own: InstanceStore, container: str, order: Order) -> Attended:
    """Do it in the container with this id, as that container's user. What is still there of it afterwards is ended."""
    end_left(own)
    mark = secrets.token_hex(16)
    own.make_run()
    files.write(_file(own), mark.encode())
    try:
        line = ["exec", "--env", f"{VARIABLE}={mark}", "--", container, *order.args]
        return engine.attended(line, order.timeout, order.most, order.hold)
    finally:
        end_left(own)


def end_left(own: InstanceStore) -> int:
    """End what a command began in a container and left there, and return how many processes that were."""
    try:
        mark = files.read(_file(own)).decode("ascii", "replace")
    except OSError:
        return 0
    ended = _end(mark) if _MARK.match(mark) else 0
    files.remove(_file(own))
    return ended


def _file(own: InstanceStore) -> str:
    return os.path.join(own.run, "command.mark")


def _end(mark: str) -> int:
    """By force: whoever comes here has waited long enough."""
    ended = 0
    for _round in range(_ROUNDS):
        found = marked(mark)
        if not found:
            break
        for pid in found:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
                ended += 1
        time.sleep(0.05)
    return ended


def marked(mark: str) -> list[int]:
    """Processes of the host, those in containers among them, that were begun with this mark. Nobody can know it beforehand."""
    wanted = f"{VARIABLE}={mark}".encode()
    found = []
    for name in os.listdir("/proc"):
        if not name.isdigit() or int(name) == os.getpid():
            continue
        with suppress(OSError), open(f"/proc/{name}/environ", "rb") as handle:
            if wanted in handle.read(1 << 20).split(b"\0"):
                found.append(int(name))
    return found
