# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How far a backup, a proof, a restore or an upgrade has come: a small file in memory, for whoever asks while it is at work.

Only its writer removes it; of one that was killed it stays, and says nothing any more (``at_work``).
"""

from __future__ import annotations

import json
import math
import os
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Callable

from ..common.errors import HostError
from ..common.records import Odd, Record, item, nullable, number, one_of, plain, text, whole
from ..instance.store import InstanceStore
from ..system import files
from ..system.clock import now, seconds_since
from ..system.processes import birth

LIVE, COPY, START, READ, CHECK, SEAL = "live pass", "stopped copy", "start", "copy", "check", "seal"
PROOF, PROOF_RESTORE, RESTORE = "proof", "proof restore", "restore"
# Of an upgrade, beside those of its backup.
SWITCH, MIGRATE, GATE, BACK = "switch", "migrate", "gate", "way back"
PHASES = (LIVE, COPY, START, READ, CHECK, SEAL, PROOF, PROOF_RESTORE, RESTORE, SWITCH, MIGRATE, GATE, BACK)
# Seconds between two writes, and what a phase has to last until a rest of it is computed.
_PAUSE, _EARLY = 1.0, 3.0
# No count of anything is larger; what is said to be is no count.
_LARGEST = 1 << 60
COUNTS = ("bytes", "total_bytes", "files", "total_files", "parts", "total_parts")
_UNITS = ("B", "KiB", "MiB", "GiB", "TiB")


class Step(Record):
    """``since``: when the work was begun, ``phase_since``: its phase; ``pid`` and ``birth`` of the process that does it; ``parts`` are pieces
    of a repository; ``left``: seconds until the phase ends, as far as anybody can tell."""

    since: str = item(text)
    phase: str = item(one_of(*PHASES))
    phase_since: str = item(text)
    pid: int = item(whole)
    birth: int = item(whole)
    bytes: int | None = item(nullable(whole), default=None)
    total_bytes: int | None = item(nullable(whole), default=None)
    files: int | None = item(nullable(whole), default=None)
    total_files: int | None = item(nullable(whole), default=None)
    parts: int | None = item(nullable(whole), default=None)
    total_parts: int | None = item(nullable(whole), default=None)
    left: float | None = item(nullable(number), default=None)


Told = Callable[[str, Step], None]


def unheard(_instance: str, _step: Step) -> None:
    """Nobody listens."""


class Progress:
    """What one process does to one instance. ``told`` is called with each step that is written, from whichever thread has it."""

    def __init__(self, own: InstanceStore | None = None, told: Told = unheard) -> None:
        self._own, self._told = own, told
        self._lock = threading.Lock()
        self._since, self._begun, self._written = now(), time.monotonic(), 0.0
        self._step: Step | None = None

    @property
    def silent(self) -> bool:
        """Whether nobody is to know: nothing was begun."""
        return self._own is None or self._step is None

    def phase(self, name: str) -> None:
        """Another one begins; the journal has these, and nothing of the counts."""
        if self._own is None:
            return
        with self._lock:
            self._begun = time.monotonic()
            self._step = Step(since=self._since, phase=name, phase_since=now(), pid=os.getpid(), birth=birth(os.getpid()) or 0)
            self._write(self._step)
        self._own.note("phase", phase=name)

    def counts(self, found: Mapping[str, Any]) -> None:
        """``COUNTS`` by name, and ``left``; what is no number, or none that can be, is left out. At most one a second is written."""
        with self._lock:
            if self._step is None or time.monotonic() - self._written < _PAUSE:
                return
            known = {name: int(found[name]) for name in COUNTS if _is_count(found.get(name))}
            left = float(found["left"]) if _is_count(found.get("left")) and found["left"] else _left(known, time.monotonic() - self._begun)
            self._step = self._step.but(**{**dict.fromkeys(COUNTS), **known}, left=left)
            self._write(self._step)

    def _write(self, step: Step) -> None:
        self._written = time.monotonic()
        if self._own is None:
            return
        # Nothing depends on it: where it cannot be written, nobody is told.
        with suppress(OSError, HostError):
            self._own.make_run()
            files.own_folder(os.path.dirname(_file(self._own)), 0o700)
            # In memory, and once a second: whole or not at all, and nothing to be flushed.
            fresh = f"{_file(self._own)}{files.TEMPORARY}"
            handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
            with os.fdopen(handle, "wb") as out:
                out.write(json.dumps(plain(step)).encode())
            os.rename(fresh, _file(self._own))
        self._told(self._own.id, step)


def _is_count(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value) and 0 <= value < _LARGEST


def _left(known: Mapping[str, int], seconds: float) -> float | None:
    """What remains, at the pace so far."""
    for name in ("bytes", "parts"):
        done, total = known.get(name, 0), known.get(f"total_{name}", 0)
        if 0 < done <= total and seconds >= _EARLY:
            return round(seconds * (total - done) / done, 1)
    return None


def _file(own: InstanceStore) -> str:
    return os.path.join(own.run, "backup", "progress.json")


def clear(own: InstanceStore) -> None:
    with suppress(OSError):
        files.remove(_file(own))


def at_work(own: InstanceStore) -> Step | None:
    """What is being done, ``None`` where nothing is; what a process left that is gone says nothing."""
    try:
        step = Step.read(json.loads(files.read(_file(own))))
    except (OSError, ValueError, RecursionError, Odd):
        return None
    return step if birth(step.pid) == step.birth else None


def said(instance: str, step: Mapping[str, Any]) -> str:
    """A step in words, one line."""
    known = Step.read(dict(step))
    began = seconds_since(known.phase_since)
    words = [f"{known.phase} for {duration(began)}" if began is not None else known.phase]
    if known.total_bytes:
        words.append(f"{size(known.bytes or 0)} of {size(known.total_bytes)}")
    if known.total_files:
        words.append(f"{known.files or 0} of {known.total_files} files")
    if known.total_parts:
        words.append(f"{known.parts or 0} of {known.total_parts} parts")
    if known.left is not None:
        words.append(f"about {duration(known.left)} left")
    return f"{instance}: at work since {known.since}: {', '.join(words)}"


def duration(seconds: float) -> str:
    """In words, short: 45 s, 12 min, 3 h 20 min."""
    whole_seconds = max(0, int(seconds))
    if whole_seconds < 120:
        return f"{whole_seconds} s"
    minutes = whole_seconds // 60
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h {minutes % 60} min"


def size(count: float) -> str:
    for unit in _UNITS:
        if count < 1024 or unit == _UNITS[-1]:
            break
        count /= 1024
    return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
