# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the hosts of a run answered so far, and how long a new key waits for those that did not (docs/decisions/new-keys.md)."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ..secrets.run_folder import RunFolder
from .key_use import Use

# Seconds a new key waits for the other hosts' answers at most; for how long nobody else is at work until nobody will answer any more.
PATIENCE, QUIET = 60.0, 3.0
_PAUSE = 0.1
_RECORD, _WAITING = "public", "waiting"


@dataclass(frozen=True)
class Turn:
    """A task on the hosts that are worked on together (those of a wave that have not failed yet), at most ``forks`` at a time.
    ``target``: the host that is asked, where that is another one than whose variables the task has; ``gone``: hosts that gave up in this run
    what is to come, and were asked then."""

    task: str = ""
    hosts: Collection[str] = ()
    forks: int = 1
    target: str = ""
    gone: Collection[str] = ()

    def without(self, gone: Collection[str]) -> Turn:
        return replace(self, hosts=[host for host in self.hosts if host not in gone], gone=tuple(gone))


@dataclass(frozen=True)
class Answer:
    """A host's keys. ``runs``: whatever an instance has, or had when the run began; ``claims``: what is about to be sent; ``sent``: what
    may be there by now. ``unknown``: instances that run with keys nobody can tell. ``heard``: ``False`` of a host that gave no answer."""

    runs: Collection[Use] = ()
    claims: Collection[Use] = ()
    sent: Collection[Use] = ()
    unknown: Collection[str] = ()
    heard: bool = True
    task: str = ""

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> Answer:
        uses = {name: frozenset(Use(**use) for use in data[name]) for name in ("runs", "claims", "sent")}
        return cls(**uses, unknown=frozenset(data["unknown"]), heard=data["heard"], task=data["task"])

    def as_dict(self) -> dict[str, Any]:
        uses = {name: [use.as_dict() for use in sorted(getattr(self, name))] for name in ("runs", "claims", "sent")}
        return {**uses, "unknown": sorted(self.unknown), "heard": self.heard, "task": self.task}

    def after(self, before: Answer | None) -> Answer:
        """Until the run ends a host counts with all it had in it: a node that was told to go may still be going."""
        if before is None:
            return self
        return Answer(
            frozenset((*before.runs, *self.runs)),
            self.claims,
            frozenset((*before.sent, *self.sent)),
            self.unknown if self.heard else before.unknown,
            before.heard or self.heard,
            self.task,
        )


class RollCall:
    """The answers of a run, as the worker of ``host`` gives its own and waits for the others'."""

    def __init__(self, folder: RunFolder, host: str, turn: Turn) -> None:
        self._folder, self._host, self._turn = folder, host, turn

    @contextlib.contextmanager
    def answering(self, answer: Answer) -> Iterator[tuple[Callable[[], dict[str, Answer]], Callable[[Answer], None]]]:
        """Give the host's answer. Meanwhile nobody else does; yields what reads the others' answers, and what replaces the host's own."""
        with self._folder.locked(_RECORD):
            known = self._folder.read(_RECORD) or {}
            before = Answer.read(known[self._host]) if self._host in known else None

            def give(own: Answer) -> None:
                self._folder.write(_RECORD, {**known, self._host: own.after(before).as_dict()})

            def others() -> dict[str, Answer]:
                return {host: Answer.read(data) for host, data in known.items() if host != self._host}

            give(answer)
            yield others, give

    def give(self, answer: Answer) -> None:
        with self.answering(answer):
            pass

    def wait(self, patience: float = PATIENCE, quiet: float = QUIET) -> None:
        """Until all hosts of the turn have answered, or were found not to; at most ``patience`` seconds, and no longer than somebody is
        at work who could still answer: where every fork waits, or no worker but those that wait was seen for ``quiet`` seconds (the
        task is skipped on the rest), all that wait go on."""
        missing = _Missing(self._folder, self._turn, self._host)
        if not missing.any():
            return
        ends = time.monotonic() + patience
        with self._waiting():
            busy = time.monotonic()
            while missing.any() and time.monotonic() < ends:
                waiting = self._waiters()
                if os.getpid() not in waiting:
                    return
                if at_work(os.getppid(), waiting) is not False:
                    busy = time.monotonic()
                if len(waiting) >= self._turn.forks or time.monotonic() - busy >= quiet:
                    self._change(lambda _waiting: [])
                    return
                time.sleep(_PAUSE)

    @contextlib.contextmanager
    def _waiting(self) -> Iterator[None]:
        own = os.getpid()
        self._change(lambda waiting: [*waiting, own])
        try:
            yield
        finally:
            self._change(lambda waiting: [pid for pid in waiting if pid != own])

    def _waiters(self) -> list[int]:
        return (self._folder.read(_WAITING) or {}).get("pids") or []

    def _change(self, change: Callable[[list[int]], list[int]]) -> None:
        with self._folder.locked(_WAITING):
            self._folder.write(_WAITING, {"pids": change(self._waiters())})


@dataclass
class _Missing:
    """The hosts of a turn that gave no answer yet, nor were found to give none. A record is read when it has changed."""

    folder: RunFolder
    turn: Turn
    host: str
    _stamp: object = None
    _found: set[str] = field(default_factory=set)

    def any(self) -> bool:
        stamp = self.folder.stamp(_RECORD)
        if stamp is None or stamp != self._stamp:
            known = self.folder.read(_RECORD) or {}
            done = {host for host, data in known.items() if data["heard"] or data["task"] == self.turn.task}
            self._stamp, self._found = stamp, set(self.turn.hosts) - done - {self.host}
        return bool(self._found)


def at_work(run: int, waiting: Iterable[int], processes: Path = Path("/proc")) -> bool | None:
    """Whether a worker of the run does anything but wait; ``None`` where the system does not say. ``run``: its main process.

    Workers are forks, so they are the same program; what else the main process may have started, as an agent of ssh, is none.
    """
    try:
        program = os.readlink(processes / str(run) / "exe")
        lists = [path.read_text() for path in (processes / str(run) / "task").glob("*/children")]
    except OSError:
        return None
    if not lists:
        return None
    return any(_works(processes / pid, program) for text in lists for pid in text.split() if int(pid) not in set(waiting))


def _works(process: Path, program: str) -> bool:
    try:
        # What has ended is there until the main process asks for it.
        state = (process / "stat").read_text().rpartition(")")[2].split()[0]
        return state not in ("Z", "X") and os.readlink(process / "exe") == program
    except (OSError, IndexError):
        return False
