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
from ..docker.containers import running
from ..instance import before, passed, secrets_before, transaction
from ..instance.store import left
from ..instance.transaction import BACKUP, COMMIT, GATE, LIVE_COPY, MIGRATE, PRUNE, START, STEPS, STOP, SWITCH, Transaction
from ..reconcile import apply, bring_up
from ..reconcile.draft import Surroundings
from ..reconcile.job import Regard, look
from ..reconcile.noting import turn
from ..reconcile.own import Way
from ..reconcile.prepare import prepare
from ..reconcile.report import announce
from ..reconcile.repositories import Asked, Host
from ..reconcile.standstill import Ending, halt, heed
from ..reconcile.still import told_where_cut
from ..reconcile.takedown import alone
from ..reconcile.work import of_the_system
from ..status.entry import tell
from ..system.clock import now, seconds_since
from ..system.lock import Lock
from ..system.signals import held_back
from . import again, back
from .made import creates, of_ours
from .planning import Planned
from .told import Told

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


class Upgrading(Told):
    """One instance on its way."""

    def __init__(self, terms: Terms, planned: Planned) -> None:
        super().__init__(terms.host, terms.way, planned)
        self.terms = terms
        self.progress = Progress(self.own, terms.host.told)
        self.stopped_at = ""
        self.hold: tuple[int, ...] = ()
        self.kept = ExitStack()

    def run(self) -> dict[str, Any]:
        """The entry. An error is part of it, whatever became of the way back."""
        store, name = self.host.store, self.own.id
        with Lock(os.path.join(store.locks, f"{name}.backup.lock"), self.way.holder, self.way.lock_timeout) as lock:
            self.hold = (lock.fd,)
            try:
                with told_where_cut(self.work, self.own, self.way, lambda: self.committed):
                    with turn(store, name, self.way):
                        try:
                            alone(self.work, self.way.terms(store), store, self._locked)
                        finally:
                            # Also where it was told to end.
                            with held_back():
                                self._start_again()
                    return self.entry()
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
            passed.forget(self.own)
            before.keep(self.own, self.own.upgrade)
            self.known = Transaction(
                name=self.work.transaction, old=self.planned.old, new=self.planned.new, digest="", step=name, holder=self.way.holder, began=now(),
                volumes=sorted(of_ours(self.host.engine, self.own)), ran=self.ran, migrations=list(self.planned.migrations), stays=list(self.planned.stays),
            )  # fmt: skip
        if name != SWITCH:
            self._note(step=name)

    def _note(self, **changes: Any) -> None:
        """What could not be written is not so: nothing of it is begun."""
        if self.known is not None:
            known = self.known.but(**changes)
            transaction.write(self.own, known)
            self.known = known

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
        if creates(self.ready()):
            # A migration may be about what only the new version has. What the engine makes of an image in a volume is written there.
            self._note(touched=True)
            self.work.told += bring_up.make(self.host.engine, self.ready(), self.hold, self.way.stop_timeout, whole=True)
            self.is_made = True
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
        how = self.host.engine, self.ready(), self.hold, self.way.stop_timeout
        if not self.is_made:
            self.work.told += bring_up.make(*how)
        bring_up.start(*how)

    def _gate(self) -> None:
        self.progress.phase(progress.GATE)
        ending = Ending(self.way.stop_timeout, self.hold)
        self.work.health = apply.gate(self.host.engine, self.ready(), ending)
        heed(self.host.engine, self.own, ending)
        self.seconds = seconds_since(self.stopped_at) or 0.0

    def _commit(self) -> None:
        """What cannot be done once it is recorded is told."""
        try:
            self.work.told += apply.commit(self.host.engine, self.ready())
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


def _made(containers: Sequence[Any]) -> list[tuple[str, str]]:
    return sorted((item.id, item.spec) for item in containers)
