# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a host does by its own record, without an inventory: bring an instance up, take it down before the host stops, and resolve what
a cut left."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from ..backup import cloned, restore
from ..backup.progress import at_work
from ..commands import one_off
from ..common.errors import AvsError, HostError
from ..common.findings import Finding
from ..common.masking import Mask
from ..common.spec import InstanceSpec
from ..common.words import STOPPED
from ..docker.containers import Container
from ..docker.engine import Engine
from ..instance import journal
from ..instance.store import InstanceStore, Store
from ..status.entry import entry_of, tell
from .by_record import WaitingError, to_be_down
from .job import Job, look
from .plan import plan_stop
from .reconcile import failures
from .report import leave_alone
from .standstill import Ending, halt
from .stopping import STOP_TIMEOUT
from .takedown import alone
from .work import Terms, Work, side_by_side, unsaid

LOCK_TIMEOUT = 60.0


@dataclass(frozen=True)
class Way:
    """How it is done. ``holder`` is who asks, ``lock_timeout`` and ``stop_timeout`` are seconds; ``check``: announce, do nothing;
    ``boot``: the host was started, and nobody waits until a node is well. ``say``: tells whoever waits why he does. ``take_back``: the host
    that has what is started here again."""

    holder: str
    lock_timeout: float = LOCK_TIMEOUT
    stop_timeout: float = STOP_TIMEOUT
    check: bool = False
    boot: bool = False
    say: Callable[[str], None] = unsaid
    take_back: str = ""

    def terms(self, store: Store) -> Terms:
        return Terms(self.holder, self.lock_timeout, self.stop_timeout, Mask(()), store.root, not self.boot, self.say)


def down(store: Store, engine: Engine, name: str, way: Way) -> dict[str, Any]:
    """Stop an instance because its host stops: it comes back with it. Whoever works on it has his time to end; a host that goes down then
    kills the node whether or not it was asked to end."""
    there = engine.containers(name)
    done = take_alone(store, engine, [name] if there else [], way, halted(store, engine, "down"))
    entry = done.entry(store, name)
    if name in done.failed:
        with suppress(AvsError):
            tell(entry, halt(engine, name, engine.containers(name), Ending(way.stop_timeout)))
    return result_of([entry])


def recover(store: Store, engine: Engine, ids: Sequence[str], way: Way) -> dict[str, Any]:
    """After a start of the host: end what a cut left in the journal, keep down what is to be down. What is to run is brought up by its own
    unit, which goes on with an apply that was cut."""

    def resolve(item: Work, terms: Terms, hold_open: tuple[int, ...]) -> None:
        own = store.instance(item.id)
        # One that cannot be read tells nobody anything, and keeps nobody.
        restore.settle(own)
        if at_work(own) is None:
            cloned.settle(own)
        end_what_is_open(own)
        own.sweep()
        one_off.sweep_left(engine, own, way.holder)
        state = own.known()
        if to_be_down(own, state) or _is_half(own):
            item.told += halt(engine, own.id, item.job.containers, Ending(terms.bound, hold_open))

    done = take_alone(store, engine, ids, way, resolve)
    listing = engine.containers()
    return result_of([done.entry(store, name, [item for item in listing if item.instance == name]) for name in ids])


def end_what_is_open(own: InstanceStore) -> None:
    """In its journal, of whoever was cut. One who is at work between two turns with its lock says himself what became of it."""
    step = at_work(own)
    if step is not None and step.pid != os.getpid():
        return
    with suppress(OSError):
        for record in journal.opened(own):
            journal.end(own, str(record["transaction"]), journal.CUT)


def _is_half(own: InstanceStore) -> bool:
    """Whether an upgrade of it was cut, and not taken back: the engine may have started what lies there, which is of neither version."""
    if not os.path.lexists(own.upgrade):
        return False
    from ..instance import transaction

    with suppress(HostError):
        return transaction.half(own, own.state()) is not None
    return False


def halted(store: Store, engine: Engine, operation: str) -> Callable[[Work, Terms, tuple[int, ...]], None]:
    """Stops what runs, and records nothing but that in the journal: what was to run still is."""

    def step(item: Work, terms: Terms, descriptors: tuple[int, ...]) -> None:
        there = engine.containers(item.id)
        item.actions = plan_stop(there)
        if item.actions:
            item.begin(store.instance(item.id), operation, terms)
        item.told += halt(engine, item.id, there, Ending(terms.bound, descriptors))

    return step


def refused(name: str, own: InstanceStore, error: AvsError, engine: Engine | None = None) -> dict[str, Any]:
    """The entry of an instance nothing is done to. ``engine``: tells what of it runs, ``None`` where it does not answer."""
    there: Sequence[Container] = ()
    if engine is not None:
        with suppress(AvsError):
            there = engine.containers(name)
    item = Work(Job(InstanceSpec(id=name), own.known(), there), error=error)
    leave_alone(item, Mask(()))
    item.job.entry["waiting"] = isinstance(error, WaitingError)
    return item.job.entry


def result_of(entries: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """A result as a run has it."""
    return {"changed": any(entry["changed"] for entry in entries), "instances": list(entries), **failures(entries)}


@dataclass(frozen=True)
class Alone:
    """What came of it: entries of those that failed, and what is to be said of the others, a node that had to be killed for example."""

    failed: Mapping[str, dict[str, Any]]
    told: Mapping[str, Sequence[Finding]]

    def entry(self, store: Store, name: str, containers: Sequence[Container] = ()) -> dict[str, Any]:
        """``containers``: those it has now."""
        entry = self.failed.get(name) or entry_of(InstanceSpec(id=name), store.instance(name).known(), containers)
        tell(entry, self.told.get(name, ()))
        return entry


def take_alone(store: Store, engine: Engine, ids: Sequence[str], way: Way, step: Callable[[Work, Terms, tuple[int, ...]], None]) -> Alone:
    """Do something to each instance under its own lock, side by side."""
    listing = engine.containers()
    terms = way.terms(store)
    work = [Work(look(InstanceSpec(id=name, state=STOPPED), store, listing, None)) for name in ids]
    side_by_side(work, terms, lambda item: alone(item, terms, store, lambda descriptors: step(item, terms, descriptors)))
    for item in work:
        if item.error is not None:
            leave_alone(item, terms.mask)
        item.ended(store.instance(item.id), journal.FAILED if item.error is not None else journal.DONE)
    return Alone({item.id: item.job.entry for item in work if item.error is not None}, {item.id: item.told for item in work})
