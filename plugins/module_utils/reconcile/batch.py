# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The second half of a call: take down what is to be down; then lock, verify every other instance, apply each."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from typing import Any

from ..common.errors import AvsError, HostError, LockedError
from ..common.findings import Finding, errors_of
from ..common.spec import InstanceSpec
from ..common.words import GONE, STARTED
from ..conflicts import taken
from ..conflicts.subnets import subnets_wanted_twice
from ..conflicts.versions import recorded_images
from ..docker.containers import Container
from ..docker.engine import Engine
from ..docker.images import ImageKeeper
from ..instance import artifacts
from ..instance.state import State
from ..instance.store import Store
from ..policy.ports import Published
from ..system import resources
from ..system.lock import Lock
from ..system.prefetch import Ahead
from ..system.scratch import Scratch
from . import apply, way_back
from .by_record import going_on
from .diff import differences
from .draft import Draft, Surroundings, draft, follow_the_version, with_images
from .job import Call, Job, look
from .prepare import Prepared, prepare
from .refusal import distribute, settle
from .report import announce, leave_alone, report
from .standstill import Ending
from .takedown import all_locked, announce_down, take_down
from .work import Terms, Work, of_the_system, problems_of, side_by_side, terms_of

# Instances whose containers are made at the same time; their gates then wait side by side.
_AT_ONCE = 2


class Asked:
    """What the engine is asked as soon as the locks are held: nobody else changes these instances from then on."""

    def __init__(self, store: Store, engine: Engine) -> None:
        self.store, self.engine = store, engine
        self.listing = Ahead(engine.containers)
        self.host = Ahead(lambda: taken.survey(engine, _states(store)))
        self.volumes = Ahead(engine.volumes)

    def surroundings(self, call: Call, scratch: Scratch, gone: Collection[str]) -> Surroundings:
        """``gone``: what this call removes stands in nobody's way: removals come first."""
        return Surroundings(
            self.store,
            self.engine,
            ImageKeeper(self.engine),
            scratch,
            self.host.answer().without(gone),
            resources.measure(self.store.root),
            self.store.host_key() or os.urandom(32),
            call.dry,
            call.document.get("trees") or {},
            call.values,
            call.settings,
            self.volumes.answer(),
        )


@dataclass
class _Up:
    """What came of those that are to run: the work there was, the differences to show, and what is to be said of the host."""

    work: list[Work] = field(default_factory=list)
    shown: list[dict[str, str]] = field(default_factory=list)
    told: list[Finding] = field(default_factory=list)


def run(jobs: Sequence[Job], call: Call, store: Store, engine: Engine, usable: Ahead[None]) -> dict[str, Any]:
    """Fill ``entry`` of every job. Raises ``AvsError`` where nothing was changed, because one could not be verified and no other one
    goes on without it.

    ``usable``: whether the engine is, asked already. What is to be down needs none of it.
    """
    terms = terms_of(call, store.root)
    lower = [job for job in jobs if job.spec.state != STARTED]
    upper = [job for job in jobs if job.spec.state == STARTED]
    down = announce_down(lower, store, engine) if call.dry else take_down(lower, terms, store, engine)
    up = _Up()
    if upper:
        try:
            usable.answer()
            gone = {item.id for item in down if item.state == GONE} if call.dry else set()
            up = _bring_up_all(upper, call, terms, _Host(store, engine, gone))
        except (AvsError, OSError) as error:
            failure = error if isinstance(error, AvsError) else of_the_system("nothing was begun", error, store.root)
            if not down:
                raise failure from None
            up.work = distribute(upper, failure)
            for item in up.work:
                leave_alone(item, terms.mask)
    elif (locked := all_locked(down)) is not None:
        raise locked
    entries = [item.job.entry for item in (*down, *up.work)]
    return {"changed": any(entry["changed"] for entry in entries), "diff": terms.mask.deep(up.shown), "told": up.told}


@dataclass(frozen=True)
class _Host:
    """``gone``: instances this call removes, and that are still there."""

    store: Store
    engine: Engine
    gone: Collection[str]


def _bring_up_all(jobs: Sequence[Job], call: Call, terms: Terms, host: _Host) -> _Up:
    store, engine = host.store, host.engine
    with ExitStack() as stack:
        locked: dict[str, LockedError] = {}
        hold = () if call.dry else _lock_all(stack, jobs, terms, store, locked)
        scratch = stack.enter_context(Scratch())
        asked = Asked(store, engine)
        work = _look_again(jobs, store, asked.listing.answer(), call)
        around = asked.surroundings(call, scratch, host.gone)
        verify(around, work, locked)
        shown = [part for item in work if item.prepared is not None for part in differences(item.prepared)] if call.diff else []
        if call.dry:
            for item in work:
                if item.error is None:
                    announce(item)
                else:
                    leave_alone(item, terms.mask)
            return _Up(work, shown)
        told: list[Finding] = []
        fetching = wants_artifacts(work)
        if fetching:
            stack.enter_context(Lock(os.path.join(store.locks, "artifacts.lock"), terms.holder, terms.timeout))
            fetch(around, work)
        _apply(around, work, terms, hold)
        if fetching:
            told += artifacts.sweep(store)
        report(engine, store, work, terms.mask)
    return _Up(work, shown, told)


def _lock_all(stack: ExitStack, jobs: Sequence[Job], terms: Terms, store: Store, locked: dict[str, LockedError]) -> tuple[int, ...]:
    """Descriptors of all locks that can be had; ``locked`` gets the others. All of them together wait no longer than one."""
    hold = []
    until = time.monotonic() + terms.timeout
    for job in sorted(jobs, key=lambda job: job.id):
        try:
            left = max(0.0, until - time.monotonic()) if locked else terms.timeout
            hold.append(stack.enter_context(Lock(store.instance(job.id).lock, terms.holder, left)).fd)
        except LockedError as error:
            locked[job.id] = error
    return tuple(hold)


def _states(store: Store) -> dict[str, State]:
    return {instance: state for instance in store.ids() for state in [store.instance(instance).known()] if state is not None}


def _look_again(jobs: Sequence[Job], store: Store, listing: Sequence[Container], call: Call) -> list[Work]:
    """What a run before us did while we waited for the lock may be all there was to do."""
    host_key = store.host_key()
    work = []
    for job in jobs:
        fresh = look(_spec(job, store, call), store, listing, host_key, call.regard)
        job.state, job.containers, job.reason, job.refusal = fresh.state, fresh.containers, fresh.reason, fresh.refusal
        job.spec, job.hold = fresh.spec, fresh.hold
        if job.hold is not None:
            # Since the first look: whoever holds it takes it down.
            job.reason = None
        if job.reason is not None:
            work.append(Work(job))
    return work


def _spec(job: Job, store: Store, call: Call) -> InstanceSpec:
    """What is wanted of it; where the host's own record says that, as it says it now: whoever had the lock may have committed another."""
    if not call.document.get("by_record"):
        return job.spec
    own = store.instance(job.id)
    with suppress(HostError):
        return going_on(own, own.state())
    # What of it is not there any more is told where it is looked for.
    return job.spec


def verify(around: Surroundings, work: Sequence[Work], locked: Mapping[str, LockedError]) -> None:
    """Draft all, pull, plan all. Raises ``AvsError`` with every problem of every instance where none goes on; see ``settle``."""
    for item in work:
        if item.id in locked:
            item.error = locked[item.id]
            continue
        try:
            item.draft = draft(around, item.job)
        except AvsError as error:
            item.problems += problems_of(item.id, error)
            continue
        item.problems += errors_of(item.draft.findings)
        if item.job.upgrade:
            item.draft = follow_the_version(around, item.draft)
    _among_themselves(work)
    failing = not all(item.sound for item in work)
    for item in work:
        if item.draft is not None and item.draft.images.missing:
            # A run that fails anyway, or only announces, does not wait for downloads.
            waits = item.sound and (item.as_committed or not failing) and not around.check
            get = around.images.pull if waits else around.images.ask
            item.problems += get(item.id, item.draft.images.missing, recorded_images(item.job.spec.package, item.job.state))
            item.draft = with_images(around, item.draft)
            item.problems += errors_of(item.draft.images.findings)
    settle(work)
    for item in work:
        if item.draft is not None and item.sound:
            try:
                item.prepared = prepare(around, item.draft)
                item.actions = list(item.prepared.actions)
            except AvsError as error:
                item.problems += problems_of(item.id, error)
    settle(work)


def _among_themselves(work: Sequence[Work]) -> None:
    """What two instances of this very call cannot both have; what is committed comes first."""
    drafts = sorted(((item, item.draft) for item in work if item.draft is not None), key=lambda pair: not pair[0].as_committed)
    reserved: list[tuple[Published, str, str]] = []
    for item, drafted in drafts:
        item.problems += _doubles(drafted, item.id, reserved)
    for problem in subnets_wanted_twice((item.id, drafted.shaped.model) for item, drafted in drafts):
        next(item for item, _drafted in drafts if problem.place.startswith(f"{item.id}: ")).problems.append(problem)


def _doubles(drafted: Draft, instance: str, reserved: list[tuple[Published, str, str]]) -> list[Finding]:
    """Ports two instances of this very call want."""
    wanted = taken.Wanted(instance, {}, drafted.shaped.ports, set(drafted.spec.env.values()))
    found = taken.taken_ports(wanted, reserved)
    reserved += [(port, f"instance {instance}", instance) for port in wanted.ports]
    return found


def _going(work: Sequence[Work]) -> list[Work]:
    return [item for item in work if item.prepared is not None and item.sound]


def wants_artifacts(work: Sequence[Work]) -> bool:
    return any(item.prepared and artifacts.missing(item.prepared.draft.files, item.job.spec.artifacts) for item in _going(work))


def fetch(around: Surroundings, work: Sequence[Work]) -> None:
    free = around.settings.get("artifact_redirects") == "any"
    for item in _going(work):
        if item.prepared is not None:
            try:
                artifacts.fetch(around.store, artifacts.missing(item.prepared.draft.files, item.job.spec.artifacts), item.id, free)
            except AvsError as error:
                item.problems += problems_of(item.id, error)
            except OSError as error:
                item.problems += problems_of(item.id, of_the_system(item.id, error, around.store.root))
    settle(work, "artifacts cannot be had; nothing was changed")


def _apply(around: Surroundings, work: Sequence[Work], terms: Terms, hold: tuple[int, ...]) -> None:
    room = threading.Semaphore(_AT_ONCE)
    up = _going(work)
    if up and around.store.keep_host_key(around.host_key) != around.host_key:
        raise HostError("another run has just set this host up; nothing was changed, run again")
    for item in up:
        item.begun = True
    side_by_side(up, terms, _steps(around, terms, hold, room))


def _steps(around: Surroundings, terms: Terms, hold: tuple[int, ...], room: threading.Semaphore) -> Callable[[Work], None]:
    def bring_up(item: Work) -> None:
        if item.prepared is None:
            raise HostError(f"{item.id} was not verified")
        own = item.prepared.draft.files
        own.make()
        item.begin(own, "apply", terms, version=item.job.spec.package.version)
        can_go_back = way_back.keep(own, item)
        try:
            make_so(item, item.prepared)
        except AvsError:
            if can_go_back:
                item.told += way_back.go(around.engine, own, Ending(terms.bound, hold))
                item.went_back = True
            raise

    def make_so(item: Work, prepared: Prepared) -> None:
        with room:
            item.told += apply.place(around.store, around.engine, prepared, hold, terms.bound)
            around.scratch.drop(item.id)
        if not terms.gate:
            apply.leave(prepared)
            return
        item.health = apply.gate(around.engine, prepared, Ending(terms.bound, hold))
        # It is well: nobody goes back any more.
        way_back.drop(prepared.draft.files)
        item.told += apply.commit(around.engine, prepared)

    return bring_up
