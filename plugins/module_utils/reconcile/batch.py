# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The second half of a call: lock, verify every instance, apply each."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

from ..common.actions import Action
from ..common.errors import AvsError, HostError
from ..common.findings import ERROR, Finding, errors_of
from ..common.masking import Mask
from ..common.words import GONE, STARTED
from ..conflicts import taken
from ..conflicts.subnets import subnets_wanted_twice
from ..conflicts.versions import recorded_images
from ..docker.engine import Container, Engine
from ..docker.images import ImageKeeper
from ..health.probes import UNHEALTHY, Health
from ..instance import artifacts
from ..instance.store import Store
from ..policy.ports import Published
from ..status.entry import entry_of, merged
from ..system import resources
from ..system.full import os_error_text
from ..system.lock import Lock
from ..system.prefetch import Ahead
from ..system.scratch import Scratch
from . import apply, remove
from .diff import differences
from .job import Job, look
from .plan import plan_stop
from .prepare import Draft, Prepared, Surroundings, draft, prepare, with_images
from .stopping import end, stop_bound

# Instances whose containers are made at the same time; their gates then wait side by side.
_AT_ONCE = 2
_LOCK_TIMEOUT = 60


@dataclass
class _Work:
    """A job on its way. ``kept`` is what a removal left, ``told`` what the run itself has to say."""

    job: Job
    draft: Draft | None = None
    prepared: Prepared | None = None
    actions: list[Action] = field(default_factory=list)
    health: Health | None = None
    kept: dict[str, Any] | None = None
    error: AvsError | None = None
    told: list[Finding] = field(default_factory=list)

    @property
    def state(self) -> str:
        return str(self.job.spec["state"])


@dataclass(frozen=True)
class _Terms:
    """Descriptors long commands keep open, and seconds a node has to end in at most."""

    hold: tuple[int, ...]
    bound: float


@dataclass(frozen=True)
class _Asked:
    """What the engine is asked as soon as the locks are held: nobody else changes these instances from then on."""

    listing: Ahead[list[Container]]
    host: Ahead[taken.Host]
    volumes: Ahead[dict[str, str]]


def run(
    jobs: Sequence[Job],
    document: Mapping[str, Any],
    values: Mapping[str, Mapping[str, str]],
    check: bool,
    diff: bool,
    store: Store,
    engine: Engine,
    usable: Ahead[None],
) -> dict[str, Any]:
    """Fill ``entry`` of every job. Raises ``AvsError`` where one could not be verified; then nothing was changed.

    ``usable``: whether the engine is, asked already.
    """
    usable.answer()
    bound = stop_bound(document.get("settings") or {})
    timeout = float(document.get("lock_timeout", _LOCK_TIMEOUT))
    holder = str(document.get("holder") or f"process {os.getpid()}")
    mask = Mask(value for own in values.values() for value in own.values())
    with ExitStack() as stack:
        hold: tuple[int, ...] = ()
        if not check:
            locks = [Lock(store.instance(job.id).lock, holder, timeout) for job in sorted(jobs, key=lambda job: job.id)]
            hold = tuple(stack.enter_context(lock).fd for lock in locks)
        scratch = stack.enter_context(Scratch())
        asked = _Asked(Ahead(engine.containers), Ahead(lambda: taken.survey(engine, _states(store))), Ahead(engine.volumes))
        work = _look_again(jobs, store, asked.listing.answer(), bool((document.get("settings") or {}).get("renew")))
        around = _surroundings(store, engine, scratch, document, values, check, work, asked)
        _verify(around, work)
        shown = [part for item in work if item.prepared is not None for part in differences(item.prepared)] if diff else []
        if check:
            for item in work:
                _announce(item)
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
            _report(engine, store, work, mask)
    entries = [item.job.entry for item in work]
    return {"changed": any(entry["changed"] for entry in entries), "diff": mask.deep(shown)}


def _states(store: Store) -> dict[str, Mapping[str, Any]]:
    return {instance: state for instance in store.ids() for state in [store.instance(instance).known()] if state is not None}


def _look_again(jobs: Sequence[Job], store: Store, listing: Sequence[Container], renew: bool) -> list[_Work]:
    """What a run before us did while we waited for the lock may be all there was to do."""
    host_key = store.host_key()
    work = []
    for job in jobs:
        fresh = look(job.spec, store, listing, host_key, renew)
        job.state, job.containers, job.reason, job.refusal = fresh.state, fresh.containers, fresh.reason, fresh.refusal
        if job.reason is not None:
            work.append(_Work(job))
    return work


def _surroundings(
    store: Store,
    engine: Engine,
    scratch: Scratch,
    document: Mapping[str, Any],
    values: Mapping[str, Mapping[str, str]],
    check: bool,
    work: Sequence[_Work],
    asked: _Asked,
) -> Surroundings:
    # What this call removes stands in nobody's way: removals come first.
    host = asked.host.answer().without({item.job.id for item in work if item.state == GONE})
    return Surroundings(
        store,
        engine,
        ImageKeeper(engine),
        scratch,
        host,
        resources.measure(store.root),
        store.host_key() or os.urandom(32),
        check,
        document.get("trees") or {},
        values,
        document.get("settings") or {},
        asked.volumes.answer(),
    )


def _verify(around: Surroundings, work: Sequence[_Work]) -> None:
    """Draft all, pull, plan all. Raises ``HostError`` with every problem of every instance."""
    problems: list[Finding] = []
    reserved: list[tuple[Published, str, str]] = []
    for item in work:
        if item.state != STARTED:
            item.actions = _plan_down(around, item)
            continue
        try:
            item.draft = draft(around, item.job.spec, item.job.state, item.job.containers)
        except AvsError as error:
            problems += _problems(item.job.id, error)
            continue
        problems += errors_of(item.draft.findings)
        problems += _doubles(item.draft, item.job.id, reserved)
    problems += subnets_wanted_twice((item.job.id, item.draft.shaped.model) for item in work if item.draft is not None)
    # A run that fails anyway, or only announces, does not wait for downloads.
    get = around.images.ask if problems or around.check else around.images.pull
    for item in work:
        if item.draft is not None and item.draft.images.missing:
            recorded = recorded_images(item.job.spec, item.job.state)
            problems += get(item.job.id, item.draft.images.missing, recorded)
            item.draft = with_images(around, item.draft)
            problems += errors_of(item.draft.images.findings)
    if problems:
        raise HostError("the instances cannot be made as specified", dict.fromkeys(problems))
    for item in work:
        if item.draft is not None:
            item.prepared = prepare(around, item.draft)
            item.actions = list(item.prepared.actions)


def _problems(instance: str, error: AvsError) -> list[Finding]:
    return errors_of(error.findings) or [Finding("", ERROR, instance, error.message)]


def _doubles(drafted: Draft, instance: str, reserved: list[tuple[Published, str, str]]) -> list[Finding]:
    """Ports two instances of this very call want."""
    wanted = drafted.shaped.ports
    found = taken.check(instance, {}, wanted, taken.Host(), reserved, set(drafted.spec["env"].values()))
    reserved += [(port, f"instance {instance}", instance) for port in wanted]
    return found


def _plan_down(around: Surroundings, item: _Work) -> list[Action]:
    if item.state == GONE:
        own = around.store.instance(item.job.id)
        purge = bool(item.job.spec.get("purge"))
        return remove.plan_removal(own, item.job.state, purge, item.job.containers, around.host.networks, around.volumes)
    return plan_stop(item.job.containers)


def _wants_artifacts(work: Sequence[_Work]) -> bool:
    return any(item.prepared and artifacts.missing(item.prepared.draft.files, item.job.spec) for item in work)


def _fetch(around: Surroundings, work: Sequence[_Work]) -> None:
    problems: list[Finding] = []
    free = around.settings.get("artifact_redirects") == "any"
    for item in work:
        if item.prepared is not None:
            try:
                artifacts.fetch(around.store, artifacts.missing(item.prepared.draft.files, item.job.spec), item.job.id, free)
            except AvsError as error:
                problems += error.findings
    if problems:
        raise HostError("artifacts cannot be had; nothing was changed", problems)


def _apply(around: Surroundings, work: Sequence[_Work], terms: _Terms, mask: Mask) -> None:
    """Removals first: what they free may be what an install needs."""
    room = threading.Semaphore(_AT_ONCE)
    down = [item for item in work if item.prepared is None]
    up = [item for item in work if item.prepared is not None]
    if up and around.store.keep_host_key(around.host_key) != around.host_key:
        raise HostError("another run has just set this host up; nothing was changed, run again")
    _side_by_side(down, mask, around.store.root, lambda item: _take_down(around, item, terms, room))
    _side_by_side(up, mask, around.store.root, lambda item: _bring_up(around, item, terms, room))


def _side_by_side(work: Sequence[_Work], mask: Mask, root: str, step: Callable[[_Work], None]) -> None:
    threads = [threading.Thread(target=_guarded, args=(item, mask, root, step)) for item in work]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _take_down(around: Surroundings, item: _Work, terms: _Terms, room: threading.Semaphore) -> None:
    own = around.store.instance(item.job.id)
    if item.state != GONE:
        # To wait for a node to end costs the host nothing: none of them waits for another.
        item.told += apply.stop(around.engine, own, item.job.state, item.job.containers, terms.hold, terms.bound)
        return
    item.told += end(around.engine, item.job.id, item.job.containers, terms.bound, terms.hold)
    with room:
        item.kept = remove.remove(around.engine, own, item.job.state, bool(item.job.spec.get("purge")), item.actions, terms.hold)


def _bring_up(around: Surroundings, item: _Work, terms: _Terms, room: threading.Semaphore) -> None:
    if item.prepared is None:
        raise HostError(f"{item.job.id} was not verified")
    with room:
        item.told += apply.place(around.store, around.engine, item.prepared, terms.hold, terms.bound)
        around.scratch.drop(item.job.id)
    item.health = apply.gate(around.engine, item.prepared)
    apply.commit(around.engine, item.prepared, item.health)


def _guarded(item: _Work, mask: Mask, root: str, step: Callable[[_Work], None]) -> None:
    """One instance's failure is its own: it is told at the end, the others go on."""
    try:
        step(item)
    except AvsError as error:
        item.error = error
    except OSError as error:
        item.error = HostError(f"{item.job.id}: {os_error_text(error, root)}")
    except Exception as error:
        item.error = HostError(f"{item.job.id}: unexpected {type(error).__name__}: {mask(str(error))}")


def _announce(item: _Work) -> None:
    """The entry of check mode: what a run would leave."""
    entry = entry_of(item.job.spec, item.job.state, item.job.containers)
    entry.update(changed=bool(item.actions), actions=[action.as_dict() for action in item.actions], state=item.state)
    if item.prepared is not None:
        entry.update(_told_of(item.prepared))
    item.job.entry = entry


def _report(engine: Engine, store: Store, work: Sequence[_Work], mask: Mask) -> None:
    """Entries after the run, from what is there now; what was to be done, where the engine does not answer any more."""
    lost: AvsError | None = None
    listing: list[Container] = []
    try:
        listing = engine.containers()
    except AvsError as error:
        lost = error
    for item in work:
        after = [container for container in listing if container.instance == item.job.id]
        own = store.instance(item.job.id)
        actions = item.actions if lost else apply.told(item.actions, item.job.containers, after)
        if lost is not None and item.error is None:
            item.error = HostError(f"{item.job.id}: what became of it is not known: {lost.message}", lost.findings)
        entry = entry_of(item.job.spec, own.known(), after)
        entry.update(changed=bool(actions), actions=[action.as_dict() for action in actions])
        if item.prepared is not None:
            entry.update(_told_of(item.prepared))
        if item.health is not None:
            entry["health"] = item.health.as_dict()
        if item.kept is not None:
            entry["kept"] = item.kept
        if item.told:
            entry["findings"] = merged({"findings": entry["findings"]}, [problem.as_dict() for problem in item.told])
        if item.error is not None:
            problems = _problems(item.job.id, item.error)
            entry["error"] = mask("\n".join([item.error.message, *(f"  {problem.as_line()}" for problem in problems if problem.id)]))
            entry["findings"] = merged(
                {"findings": entry["findings"]}, [mask.deep(problem.as_dict()) for problem in problems if problem.id]
            )
            entry["health"] = {"status": UNHEALTHY, "detail": mask(item.error.message)}
            if os.path.isdir(own.root):
                own.note("failed", error=entry["error"])
        item.job.entry = entry


def _told_of(item: Prepared) -> dict[str, Any]:
    package = item.draft.spec["package"]
    return {
        "version": package.get("version"),
        "commit": package.get("commit"),
        "profile": item.draft.spec["profile"],
        "state": STARTED,
        "images": {service: wanted.image for service, wanted in sorted(item.wanted.items())},
        "keystores": apply.keys_of(item),
        "kept": None,
        "findings": merged(item.draft.spec, [finding.as_dict() for finding in item.findings]),
    }
