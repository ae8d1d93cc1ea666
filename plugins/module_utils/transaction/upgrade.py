# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An upgrade: steps of which each is written down before it is begun. Up to the backup the old version only has to be started again; from the
switch to the commit it is put back; after that the new one is what is installed."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass, replace
from typing import Any

from ..backup import progress
from ..backup.progress import Progress
from ..commands import one_off
from ..common.actions import Action
from ..common.errors import AvsError, HostError
from ..common.rules import finding
from ..common.spec import InstanceSpec
from ..docker.containers import running
from ..docker.names import project
from ..instance import before, journal, secrets_before, transaction
from ..instance.store import left
from ..instance.transaction import BACKUP, CHECK_AGAIN, COMMIT, GATE, LIVE_COPY, MIGRATE, PRUNE, START, STEPS, STOP, SWITCH, Transaction
from ..reconcile import apply
from ..reconcile.by_record import to_be_down
from ..reconcile.control import acted
from ..reconcile.draft import Surroundings
from ..reconcile.job import Regard, look
from ..reconcile.noting import turn
from ..reconcile.own import Way
from ..reconcile.prepare import Prepared, prepare
from ..reconcile.report import announce, told_of
from ..reconcile.repositories import Asked, Host
from ..reconcile.standstill import Ending, halt, heed
from ..reconcile.takedown import alone
from ..reconcile.work import of_the_system
from ..status.entry import entry_of, tell
from ..system.clock import now, seconds_since
from ..system.lock import Lock
from ..system.signals import held_back
from . import again, back
from .planning import Planned

OPERATION = "upgrade"
_UPGRADES = Regard(upgrades=True)


@dataclass(frozen=True)
class Terms:
    """What holds for all of a call."""

    host: Host
    way: Way
    asked: Asked
    around: Surroundings


def announced(planned: Planned) -> dict[str, Any]:
    """The entry of check mode: what a run would do."""
    item = planned.work
    up = [one.service for one in item.job.containers if running(one)]
    item.actions = [*(Action("container", name, "stop") for name in up), *item.actions]
    announce(item)
    entry = item.job.entry
    planned.saved.announce(entry)
    tell(entry, [*planned.saved.findings, *planned.findings])
    entry["upgrade"] = {**planned.as_dict(), "steps": list(STEPS)}
    return entry


class Upgrading:
    """One instance on its way. ``step`` is where it is, ``failed`` where it came to nothing. ``ran``: services that ran before, ``ended``: those
    that were told to end; ``taken_back``: what there was before was put back; ``again``: the entry of what was started again."""

    def __init__(self, terms: Terms, planned: Planned) -> None:
        self.terms, self.planned, self.work = terms, planned, planned.work
        self.host, self.way = terms.host, terms.way
        self.own = terms.host.store.instance(planned.work.id)
        self.progress = Progress(self.own, terms.host.told)
        self.known: Transaction | None = None
        self.prepared: Prepared | None = None
        self.step, self.failed = CHECK_AGAIN, ""
        self.ran: list[str] = []
        self.ended: list[str] = []
        self.taken_back = self.committed = False
        self.again: dict[str, Any] | None = None
        self.stopped_at = ""
        self.seconds = 0.0
        self.unsettled: AvsError | None = None
        self.hold: tuple[int, ...] = ()
        self.kept = ExitStack()

    def run(self) -> dict[str, Any]:
        """The entry. An error is part of it, whatever became of the way back."""
        store, name = self.host.store, self.own.id
        with Lock(os.path.join(store.locks, f"{name}.backup.lock"), self.way.holder, self.way.lock_timeout) as lock:
            self.hold = (lock.fd,)
            try:
                with turn(store, name, self.way):
                    try:
                        alone(self.work, self.way.terms(store), store, self._locked)
                    finally:
                        # Also where it was told to end.
                        with held_back():
                            self._start_again()
                return self._entry()
            finally:
                progress.clear(self.own)

    def _locked(self, descriptors: tuple[int, ...]) -> None:
        self.hold = (*self.hold, *descriptors)
        self._check_again()
        self.work.begin(self.own, OPERATION, self.way.terms(self.host.store), old=self.planned.old, version=self.planned.new)
        steps: Sequence[tuple[str, Callable[[], None]]] = (
            (LIVE_COPY, self._live_copy),
            (STOP, self._stop),
            (BACKUP, self._backup),
            (SWITCH, self._switch),
            (MIGRATE, self._migrate),
            (START, self._start),
            (GATE, self._gate),
            (COMMIT, self._commit),
        )
        with self.kept:
            try:
                # restic, where it waits for a copy that never comes, is gone before the way back.
                with closing(self.planned.saved):
                    for name, do in steps:
                        self._begin(name)
                        do()
                        self.own.note("step", transaction=self.work.transaction, step=name, phase="done")
            except BaseException:
                self.failed = self.step
                with held_back():
                    self._undo()
                raise

    def _check_again(self) -> None:
        """Between the plan and the lock somebody else may have changed it."""
        job, store = self.work.job, self.host.store
        fresh = look(job.spec, store, self.host.engine.containers(job.id), store.host_key(), _UPGRADES)
        if fresh.refusal is not None:
            raise fresh.refusal
        if not fresh.upgrade or fresh.state != job.state or _made(fresh.containers) != _made(job.containers):
            message = "somebody else changed it while this upgrade was prepared; nothing of it was changed"
            raise HostError(f"{job.id}: {message}", [finding("UPG-010", job.id, message, "Look what it is now, and run again.")])
        if transaction.begun(self.own) is not None:
            message = "another upgrade of it was cut, and is not ended yet"
            raise HostError(f"{job.id}: {message}", [finding("UPG-012", job.id, message)])
        self.ran = sorted(item.service for item in fresh.containers if running(item))

    def _begin(self, name: str) -> None:
        """It is written before it is begun, from the first step on that has to be undone."""
        self.step = name
        self.own.note("step", transaction=self.work.transaction, step=name, phase="begin")
        if name == LIVE_COPY:
            before.keep(self.own, self.own.upgrade)
            self.known = Transaction(
                name=self.work.transaction, old=self.planned.old, new=self.planned.new, digest="", step=name, holder=self.way.holder,
                began=now(), volumes=sorted(self._volumes()), ran=self.ran, migrations=list(self.planned.migrations), stays=list(self.planned.stays),
            )  # fmt: skip
        if name != SWITCH:
            self._note(step=name)

    def _note(self, **changes: Any) -> None:
        """What could not be written is not so: nothing of it is begun."""
        if self.known is not None:
            known = self.known.but(**changes)
            transaction.write(self.own, known)
            self.known = known

    def _volumes(self) -> set[str]:
        return {name for name, owner in self.host.engine.volumes().items() if owner == project(self.own.id)}

    def _live_copy(self) -> None:
        saved = self.planned.saved
        saved.open(self.hold)
        saved.live()
        # From here on no command of the package writes to what is saved, or put back.
        self.hold = self.kept.enter_context(one_off.alone(self.own, self.way.holder, self.way.lock_timeout, self.hold))
        saved.begin(self.work.transaction, self.hold, self.way.stop_timeout * len(self.work.job.containers))

    def _stop(self) -> None:
        containers = self.host.engine.containers(self.own.id)
        self.ended = sorted(item.service for item in containers if running(item))
        self.stopped_at = now()
        self.work.told += halt(self.host.engine, self.own.id, containers, Ending(self.way.stop_timeout, self.hold))

    def _backup(self) -> None:
        backup = self.planned.saved.copy(self.work.transaction, self.hold, back.way_back_from(self.planned.new))
        self._note(backup=backup)

    def _switch(self) -> None:
        self.progress.phase(progress.SWITCH)
        draft = self.work.draft
        if draft is None:
            raise HostError(f"{self.own.id} was not verified")
        # What runs has changed since it was planned: it was stopped.
        self.prepared = prepare(self.terms.around, replace(draft, before=self.host.engine.containers(self.own.id)))
        # All before this changes nothing.
        self._note(step=SWITCH, digest=self.prepared.digest)
        secrets_before.keep(self.own)
        apply.lay(self.host.store, self.prepared)

    def _migrate(self) -> None:
        if not self.planned.migrations:
            return
        self.progress.phase(progress.MIGRATE)
        # What cannot be run has changed nothing.
        back.require(self.host, self.own, [name for one in self.planned.migrations for name in (one.command, one.revert) if name])
        for number, one in enumerate(self.planned.migrations):
            begun = [item.but(begun=True) if place <= number else item for place, item in enumerate(self.planned.migrations)]
            self._note(touched=True, migrations=begun)
            try:
                back.declared(self.host, self.own, one.command, self.hold)
            except HostError as error:
                raise HostError(f"the migration to {one.to} ({one.command}) failed: {error.message}", error.findings) from None

    def _start(self) -> None:
        self._note(touched=True)
        self.work.told += apply.bring_up(self.host.engine, self._ready(), self.hold, self.way.stop_timeout)

    def _gate(self) -> None:
        self.progress.phase(progress.GATE)
        ending = Ending(self.way.stop_timeout, self.hold)
        self.work.health = apply.gate(self.host.engine, self._ready(), ending)
        heed(self.host.engine, self.own, ending)
        self.seconds = seconds_since(self.stopped_at) or 0.0

    def _commit(self) -> None:
        """What cannot be done once it is recorded is told."""
        try:
            self.work.told += apply.commit(self.host.engine, self._ready())
        except (AvsError, OSError) as error:
            if self.known is None or not transaction.is_committed(self.known, back.recorded(self.own)):
                raise
            self.work.told.append(left(self.own.root, f"could not be tidied: {error}"))
        self.committed = True
        try:
            self._note(step=PRUNE, committed=True)
        except OSError as error:
            self.work.told.append(left(self.own.upgrade, f"could not be written to: {error.strerror or error}"))
        self.work.told += back.tidy(self.own)

    def _ready(self) -> Prepared:
        if self.prepared is None:
            raise HostError(f"{self.own.id} was not switched")
        return self.prepared

    def _undo(self) -> None:
        """Whatever it came to, nothing of two versions is left to be started; where that cannot be had now, nothing is started at all."""
        try:
            known, state = self.known, back.recorded(self.own)
            if known is not None and transaction.is_committed(known, state):
                self.committed = True
            elif known is not None and transaction.is_half(known, state):
                with suppress(OSError):
                    self.progress.phase(progress.BACK)
                self.work.told += back.roll_back(self.host, self.own, self.way, self.terms.asked, self.hold)
                self.taken_back = True
            else:
                # A record that stays says that nothing was switched.
                with suppress(OSError):
                    back.drop(self.own, known)
        except AvsError as error:
            self.unsettled = error
        except OSError as error:
            self.unsettled = of_the_system(self.own.id, error, self.host.store.root)
        except Exception as error:
            self.unsettled = HostError(f"unexpected {type(error).__name__}: {self.way.terms(self.host.store).mask(str(error))}")

    def _start_again(self) -> None:
        if not self.committed and self.unsettled is None and (self.ended or self.taken_back):
            self.again = again.started(self.host, self.own, self.way, self.ended, self.taken_back)

    def _entry(self) -> dict[str, Any]:
        error = self.work.error
        told = {**self.planned.as_dict(), "backup": self.known.backup if self.known is not None else None, "step": self.step}
        entry = self._done(told) if error is None or self.committed else self._undone(told, error)
        if error is not None and self.committed:
            tell(entry, error.findings)
            entry["error"] = f"{self.own.id} is {self.planned.new} by now, and not all that was to be done then could be: {error}"
        acted(entry, *(Action("container", name, "stop") for name in self.ended))
        tell(entry, [*self.planned.saved.findings, *self.planned.findings, *self.work.told])
        self._end(entry["error"])
        return entry

    def _done(self, told: dict[str, Any]) -> dict[str, Any]:
        containers = self.host.engine.containers(self.own.id)
        item = self._ready()
        entry = entry_of(self.work.job.spec, self.own.known(), containers)
        entry.update(told_of(item))
        acted(entry, *apply.told(self.work.actions, self.work.job.containers, containers))
        if self.work.health is not None:
            entry["health"] = self.work.health.as_dict()
        entry["upgrade"] = {**told, "step": COMMIT, "stopped": round(self.seconds, 1)}
        self.planned.saved.settle(entry)
        return entry

    def _undone(self, told: dict[str, Any], error: AvsError) -> dict[str, Any]:
        """After a way back, or one that could not be gone yet."""
        new, old = self.planned.new or "the other version", self.planned.old or "what was there before"
        said = [f"{self.own.id}: the upgrade to {new} failed at {self.failed or self.step}: {error.message}"]
        entry = self.again
        if entry is None:
            there = self.host.engine.containers(self.own.id)
            entry = entry_of(InstanceSpec(id=self.own.id), self.own.known(), there)
            entry["upgrade"] = {**told, "rolled_back": False}
            if self.unsettled is None:
                said.append("nothing of it was changed")
            else:
                what = "not all of it could be stopped" if any(map(running, there)) else "it is down"
                said.append(f"{what}, and the way back could not be gone: {self.unsettled.message}")
                tell(entry, [finding("UPG-012", self.own.id, said[-1]), *self.unsettled.findings])
        else:
            said.append(again.said_of(old, entry, self.taken_back, to_be_down(self.own, self.own.known())))
            entry["upgrade"] = {**told, "rolled_back": True, "quarantined": bool(entry.pop("quarantined", False))}
            entry["changed"] = True
        tell(entry, error.findings)
        entry["error"] = "\n".join([*said, *(f"  {item.as_line()}" for item in error.findings)])
        return entry

    def _end(self, error: str | None) -> None:
        outcome, details = (journal.FAILED, {"error": error}) if error else (journal.DONE, {})
        with suppress(AvsError, OSError), Lock(self.own.lock, self.way.holder, self.way.lock_timeout):
            self.work.ended(self.own, outcome, **details)


def _made(containers: Sequence[Any]) -> list[tuple[str, str]]:
    return sorted((item.id, item.spec) for item in containers)
