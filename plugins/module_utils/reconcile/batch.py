# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The second half of a call: lock, verify every instance, apply each."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Collection, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from ..common.actions import Action
from ..common.errors import AvsError, HostError
from ..common.findings import Finding, errors_of
from ..common.masking import Mask
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
from ..system.full import os_error_text
from ..system.lock import Lock
from ..system.prefetch import Ahead
from ..system.scratch import Scratch
from . import apply, remove
from .diff import differences
from .draft import Draft, Surroundings, draft, with_images
from .job import Call, Job, look
from .plan import plan_stop
from .prepare import prepare
from .report import announce, report
from .stopping import end, stop_bound
from .work import Work, problems_of

# Instances whose containers are made at the same time; their gates then wait side by side.
_AT_ONCE = 2
_LOCK_TIMEOUT = 60


@dataclass(frozen=True)
class _Terms:
    """Descriptors long commands keep open, and seconds a node has to end in at most."""

    hold: tuple[int, ...]
    bound: float


class _Asked:
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


def run(jobs: Sequence[Job], call: Call, store: Store, engine: Engine, usable: Ahead[None]) -> dict[str, Any]:
    """Fill ``entry`` of every job. Raises ``AvsError`` where one could not be verified; then nothing was changed.

    ``usable``: whether the engine is, asked already.
    """
    usable.answer()
    bound = stop_bound(call.settings)
    timeout = float(call.document.get("lock_timeout", _LOCK_TIMEOUT))
    holder = str(call.document.get("holder") or f"process {os.getpid()}")
    mask = Mask(value for own in call.values.values() for value in own.values())
    with ExitStack() as stack:
        hold: tuple[int, ...] = ()
        if not call.dry:
            locks = [Lock(store.instance(job.id).lock, holder, timeout) for job in sorted(jobs, key=lambda job: job.id)]
            hold = tuple(stack.enter_context(lock).fd for lock in locks)
        scratch = stack.enter_context(Scratch())
        asked = _Asked(store, engine)
        work = _look_again(jobs, store, asked.listing.answer(), bool(call.settings.get("renew")))
        around = asked.surroundings(call, scratch, {item.job.id for item in work if item.state == GONE})
        _verify(around, work)
        shown = [part for item in work if item.prepared is not None for part in differences(item.prepared)] if call.diff else []
        if call.dry:
            for item in work:
                announce(item)
        else:
            fetching = _wants_artifacts(work)
            sharing = fetching or any(item.state == GONE for item in work)
            if sharing:
                stack.enter_context(Lock(os.path.join(store.locks, "artifacts.lock"), holder, timeout))
            if fetching:
                _fetch(around, work)
            _apply(around, work, _Terms(hold, bound), mask)
            if sharing:
                artifacts.sweep(store)
            report(engine, store, work, mask)
    entries = [item.job.entry for item in work]
    return {"changed": any(entry["changed"] for entry in entries), "diff": mask.deep(shown)}


def _states(store: Store) -> dict[str, State]:
    return {instance: state for instance in store.ids() for state in [store.instance(instance).known()] if state is not None}


def _look_again(jobs: Sequence[Job], store: Store, listing: Sequence[Container], renew: bool) -> list[Work]:
    """What a run before us did while we waited for the lock may be all there was to do."""
    host_key = store.host_key()
    work = []
    for job in jobs:
        fresh = look(job.spec, store, listing, host_key, renew)
        job.state, job.containers, job.reason, job.refusal = fresh.state, fresh.containers, fresh.reason, fresh.refusal
        if job.reason is not None:
            work.append(Work(job))
    return work


def _verify(around: Surroundings, work: Sequence[Work]) -> None:
    """Draft all, pull, plan all. Raises ``HostError`` with every problem of every instance."""
    problems: list[Finding] = []
    reserved: list[tuple[Published, str, str]] = []
    for item in work:
        if item.state != STARTED:
            item.actions = _plan_down(around, item)
            continue
        try:
            item.draft = draft(around, item.job)
        except AvsError as error:
            problems += problems_of(item.job.id, error)
            continue
        problems += errors_of(item.draft.findings)
        problems += _doubles(item.draft, item.job.id, reserved)
    problems += subnets_wanted_twice((item.job.id, item.draft.shaped.model) for item in work if item.draft is not None)
    # A run that fails anyway, or only announces, does not wait for downloads.
    get = around.images.ask if problems or around.check else around.images.pull
    for item in work:
        if item.draft is not None and item.draft.images.missing:
            recorded = recorded_images(item.job.spec.package, item.job.state)
            problems += get(item.job.id, item.draft.images.missing, recorded)
            item.draft = with_images(around, item.draft)
            problems += errors_of(item.draft.images.findings)
    if problems:
        raise HostError("the instances cannot be made as specified", dict.fromkeys(problems))
    for item in work:
        if item.draft is not None:
            item.prepared = prepare(around, item.draft)
            item.actions = list(item.prepared.actions)


def _doubles(drafted: Draft, instance: str, reserved: list[tuple[Published, str, str]]) -> list[Finding]:
    """Ports two instances of this very call want."""
    wanted = taken.Wanted(instance, {}, drafted.shaped.ports, set(drafted.spec.env.values()))
    found = taken.taken_ports(wanted, reserved)
    reserved += [(port, f"instance {instance}", instance) for port in wanted.ports]
    return found


def _plan_down(around: Surroundings, item: Work) -> list[Action]:
    if item.state == GONE:
        own = around.store.instance(item.job.id)
        return remove.plan_removal(own, item.job, around.host.networks, around.volumes)
    return plan_stop(item.job.containers)


def _wants_artifacts(work: Sequence[Work]) -> bool:
    return any(item.prepared and artifacts.missing(item.prepared.draft.files, item.job.spec.artifacts) for item in work)


def _fetch(around: Surroundings, work: Sequence[Work]) -> None:
    problems: list[Finding] = []
    free = around.settings.get("artifact_redirects") == "any"
    for item in work:
        if item.prepared is not None:
            try:
                artifacts.fetch(around.store, artifacts.missing(item.prepared.draft.files, item.job.spec.artifacts), item.job.id, free)
            except AvsError as error:
                problems += error.findings
    if problems:
        raise HostError("artifacts cannot be had; nothing was changed", problems)


def _apply(around: Surroundings, work: Sequence[Work], terms: _Terms, mask: Mask) -> None:
    """Removals first: what they free may be what an install needs."""
    room = threading.Semaphore(_AT_ONCE)
    down = [item for item in work if item.prepared is None]
    up = [item for item in work if item.prepared is not None]
    if up and around.store.keep_host_key(around.host_key) != around.host_key:
        raise HostError("another run has just set this host up; nothing was changed, run again")
    _side_by_side(down, mask, around.store.root, lambda item: _take_down(around, item, terms, room))
    _side_by_side(up, mask, around.store.root, lambda item: _bring_up(around, item, terms, room))


def _side_by_side(work: Sequence[Work], mask: Mask, root: str, step: Callable[[Work], None]) -> None:
    threads = [threading.Thread(target=_guarded, args=(item, mask, root, step)) for item in work]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _take_down(around: Surroundings, item: Work, terms: _Terms, room: threading.Semaphore) -> None:
    own = around.store.instance(item.job.id)
    if item.state != GONE:
        # To wait for a node to end costs the host nothing: none of them waits for another.
        item.told += apply.stop(around.engine, own, item.job, terms.hold, terms.bound)
        return
    item.told += end(around.engine, item.job.id, item.job.containers, terms.bound, terms.hold)
    with room:
        item.kept = remove.remove(around.engine, own, item.job, item.actions, terms.hold)


def _bring_up(around: Surroundings, item: Work, terms: _Terms, room: threading.Semaphore) -> None:
    if item.prepared is None:
        raise HostError(f"{item.job.id} was not verified")
    with room:
        item.told += apply.place(around.store, around.engine, item.prepared, terms.hold, terms.bound)
        around.scratch.drop(item.job.id)
    item.health = apply.gate(around.engine, item.prepared)
    apply.commit(around.engine, item.prepared, item.health)


def _guarded(item: Work, mask: Mask, root: str, step: Callable[[Work], None]) -> None:
    """One instance's failure is its own: it is told at the end, the others go on."""
    try:
        step(item)
    except AvsError as error:
        item.error = error
    except OSError as error:
        item.error = HostError(f"{item.job.id}: {os_error_text(error, root)}")
    except Exception as error:
        item.error = HostError(f"{item.job.id}: unexpected {type(error).__name__}: {mask(str(error))}")
