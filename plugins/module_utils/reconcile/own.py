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

from ..common.errors import HostError
from ..common.findings import Finding
from ..common.masking import Mask
from ..common.rules import finding
from ..common.spec import InstanceSpec
from ..common.words import APPLYING, STARTED, STOPPED
from ..docker.engine import Engine
from ..instance import hold, journal
from ..instance.state import State
from ..instance.store import InstanceStore, Store
from ..status.entry import entry_of, tell
from ..system.trees import tree_digest
from .job import Job, look
from .reconcile import failures
from .report import leave_alone
from .standstill import Ending, halt
from .stopping import STOP_TIMEOUT
from .takedown import alone
from .unchanged import needed_secrets
from .work import Terms, Work, side_by_side

LOCK_TIMEOUT = 60.0
_INSTALL = "Run restaking.avs.install, which completes it."


class WaitingError(HostError):
    """It cannot run before its secrets are there again."""


@dataclass(frozen=True)
class Way:
    """How it is done. ``holder`` is who asks, ``lock_timeout`` and ``stop_timeout`` are seconds; ``check``: announce, do nothing;
    ``boot``: the host was started, and nobody waits until a node is well."""

    holder: str
    lock_timeout: float = LOCK_TIMEOUT
    stop_timeout: float = STOP_TIMEOUT
    check: bool = False
    boot: bool = False

    def terms(self, store: Store) -> Terms:
        return Terms(self.holder, self.lock_timeout, self.stop_timeout, Mask(()), store.root, not self.boot)


def down(store: Store, engine: Engine, name: str, way: Way) -> dict[str, Any]:
    """Stop an instance because its host stops: it comes back with it."""
    there = engine.containers(name)
    done = take_alone(store, engine, [name] if there else [], way, halted(engine))
    return result_of([done.entry(store, name)])


def recover(store: Store, engine: Engine, ids: Sequence[str], way: Way) -> dict[str, Any]:
    """After a start of the host: end what a cut left in the journal, keep down what is to be down. What is to run is brought up by its own
    unit, which goes on with an apply that was cut."""

    def resolve(item: Work, terms: Terms, hold_open: tuple[int, ...]) -> None:
        own = store.instance(item.id)
        # One that cannot be read tells nobody anything, and keeps nobody.
        with suppress(OSError):
            for record in journal.opened(own):
                journal.end(own, str(record["transaction"]), journal.CUT)
        own.sweep()
        state = own.known()
        if to_be_down(own, state):
            item.told += halt(engine, own.id, item.job.containers, Ending(terms.bound, hold_open))

    done = take_alone(store, engine, ids, way, resolve)
    return result_of([done.entry(store, name) for name in ids])


def halted(engine: Engine) -> Callable[[Work, Terms, tuple[int, ...]], None]:
    """Stops what runs, and records nothing: what was to run still is."""

    def step(item: Work, terms: Terms, descriptors: tuple[int, ...]) -> None:
        item.told += halt(engine, item.id, engine.containers(item.id), Ending(terms.bound, descriptors))

    return step


def refused(name: str, own: InstanceStore, error: HostError) -> dict[str, Any]:
    """The entry of an instance nothing is done to."""
    item = Work(Job(InstanceSpec(id=name), own.known(), ()), error=error)
    leave_alone(item, Mask(()))
    item.job.entry["waiting"] = isinstance(error, WaitingError)
    return item.job.entry


def result_of(entries: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """A result as a run has it."""
    return {"changed": any(entry["changed"] for entry in entries), "instances": list(entries), **failures(entries)}


def to_be_down(own: InstanceStore, state: State | None) -> bool:
    return hold.hold_of(own) is not None or (state is not None and (not state.installed or state.desired == STOPPED))


def going_on(own: InstanceStore, state: State | None) -> InstanceSpec:
    """The spec a host can bring an instance up by: of an apply that was cut, where all it needs is here, else the committed one.

    Raises ``WaitingError`` where its secrets are gone, ``HostError`` where there is nothing to bring up.
    """
    if state is None or not state.installed:
        raise HostError(
            f"{own.id} is not installed on this host", [finding("INV-001", own.id, "is not installed on this host", "See avsctl ls.")]
        )
    there = tree_digest(os.path.join(own.current, "tree")) if own.release() else None
    candidates = [*([own.wanted()] if state.phase == APPLYING else []), own.spec()]
    spec = next((one for one in candidates if one is not None and one.package.tree_sha256 == there), None)
    if spec is None:
        problem = finding("OPS-010", own.id, "a run was cut before all of it was on this host", _INSTALL)
        raise HostError(f"{own.id} cannot be started", [problem])
    missing = needed_secrets(spec.secrets, own, state)
    if missing:
        problem = finding("OPS-019", own.id, f"{', '.join(missing)}: kept in memory, and gone since the host was started", _INSTALL)
        raise WaitingError(f"{own.id} waits for its secrets", [problem])
    return spec.but(state=STARTED)


@dataclass(frozen=True)
class Alone:
    """What came of it: entries of those that failed, and what is to be said of the others, a node that had to be killed for example."""

    failed: Mapping[str, dict[str, Any]]
    told: Mapping[str, Sequence[Finding]]

    def entry(self, store: Store, name: str) -> dict[str, Any]:
        entry = self.failed.get(name) or entry_of(InstanceSpec(id=name), store.instance(name).known(), ())
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
    return Alone({item.id: item.job.entry for item in work if item.error is not None}, {item.id: item.told for item in work})
