# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Starts, stops and restarts instances by the host's own record; what is stopped so is held down, whatever the inventory says."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from ..common.actions import Action, ordered
from ..common.errors import AvsError, HostError, LockedError
from ..common.spec import InstanceSpec
from ..common.words import STOPPED
from ..docker.containers import running
from ..docker.engine import Engine
from ..instance import hold
from ..instance.store import InstanceStore, Store
from ..status.entry import entry_of, tell
from ..system.lock import Lock
from .job import Call, Job, look
from .own import Way, going_on, halted, refused, result_of, take_alone, to_be_down
from .reconcile import reconcile, say_hold
from .report import leave_alone
from .standstill import Ending, halt
from .takedown import announce_down, take_down
from .work import Work


def start(store: Store, engine: Engine, ids: Sequence[str], way: Way) -> dict[str, Any]:
    """Bring instances up as they were committed, and what a cut apply had begun; a hold is lifted first. The result is that of a run."""
    lifted = [name for name in ids if not way.boot and _lift(store.instance(name), way.check)]
    specs: list[InstanceSpec] = []
    entries: dict[str, dict[str, Any]] = {}
    for name in ids:
        own = store.instance(name)
        try:
            specs.append(going_on(own, own.state()))
        except HostError as error:
            entries[name] = refused(name, own, error)
    waiting = [name for name, entry in entries.items() if entry["waiting"]]
    if way.boot and waiting and not way.check:
        # Power that was cut leaves the engine to start what needs no secret of it. All of a node runs, or nothing.
        take_alone(store, engine, waiting, way, halted(engine))
    result: dict[str, Any] = {"changed": False, "instances": [], "findings": []}
    if specs:
        try:
            result = reconcile(Call(_document(specs, way, lifted), {}, way.check), engine, store)
        except AvsError as error:
            # What is said of one of them is said of it alone.
            for spec in specs:
                mine = [one for one in error.findings if one.place.startswith((f"{spec.id}:", f"{spec.id}.")) or one.place == spec.id]
                own_error = HostError(error.message, mine or error.findings)
                entries[spec.id] = refused(spec.id, store.instance(spec.id), own_error)
    entries.update({entry["id"]: entry for entry in result["instances"]})
    for name in lifted:
        acted(entries[name], Action("hold", name, "remove"))
    return result_of([entries[name] for name in ids])


def stop(store: Store, engine: Engine, ids: Sequence[str], way: Way, reason: str = "") -> dict[str, Any]:
    """Stop instances and hold them down, whatever is wrong with anything else. What is held already stays as it is."""
    held: list[str] = []
    failed: dict[str, OSError] = {}
    for name in ids:
        own = store.instance(name)
        if hold.hold_of(own) is None:
            held.append(name)
            try:
                if not way.check:
                    hold.place(own, way.holder, reason)
            except OSError as error:
                failed[name] = error
    listing = engine.containers()
    jobs = [look(InstanceSpec(id=name, state=STOPPED), store, listing, None) for name in ids]
    work = [job for job in jobs if job.reason is not None]
    if way.check:
        announce_down(work, store, engine)
    else:
        _down_whoever_works(store, engine, work, way)
    for job in jobs:
        if not job.entry:
            job.entry = entry_of(job.spec, job.state, job.containers)
            if job.refusal is not None:
                job.entry["error"] = job.refusal.message
        say_hold(job)
        if job.id in failed:
            text = f"{job.id} is stopped, and that it is to stay so could not be recorded: {failed[job.id].strerror}"
            job.entry["error"] = "\n".join(part for part in (job.entry["error"], text) if part)
        elif job.id in held:
            acted(job.entry, Action("hold", job.id, "create"))
    return result_of([job.entry for job in jobs])


def _down_whoever_works(store: Store, engine: Engine, jobs: Sequence[Job], way: Way) -> None:
    """Take down also what somebody else works on: he finds the hold before he starts anything, and a stop does not wait for him."""
    busy = _locked(store, jobs, way)
    for job in busy:
        with suppress(AvsError):
            halt(engine, job.id, engine.containers(job.id), Ending(way.stop_timeout))
    terms = way.terms(store)
    try:
        take_down(jobs, terms, store, engine)
    except LockedError as error:
        for job in jobs:
            item = Work(job, error=error)
            leave_alone(item, terms.mask)


def _locked(store: Store, jobs: Sequence[Job], way: Way) -> list[Job]:
    """Those somebody else holds the lock of just now."""
    found = []
    for job in jobs:
        try:
            with Lock(store.instance(job.id).lock, way.holder, 0):
                pass
        except AvsError:
            found.append(job)
    return found


def restart(store: Store, engine: Engine, ids: Sequence[str], way: Way) -> dict[str, Any]:
    """Stop and start what is to run; what is held, or stopped, is an error."""
    entries: dict[str, dict[str, Any]] = {}
    going = []
    for name in ids:
        own = store.instance(name)
        try:
            state = own.state()
            if to_be_down(own, state) and state is not None and state.installed:
                raise HostError(f"{name} is to be down: start it, if it is to run")
            going_on(own, state)
            going.append(name)
        except HostError as error:
            entries[name] = refused(name, own, error)
    listing = engine.containers()
    ended = {
        name: [Action("container", item.service, "stop") for item in listing if item.instance == name and running(item)] for name in going
    }
    if way.check:
        for name in going:
            entries[name] = entry_of(InstanceSpec(id=name), store.instance(name).known(), [one for one in listing if one.instance == name])
            acted(entries[name], *ended[name], *(Action("container", one.name, "start") for one in ended[name]))
        return result_of([entries[name] for name in ids])
    done = take_alone(store, engine, going, way, halted(engine))
    entries.update(done.failed)
    for entry in start(store, engine, [name for name in going if name not in entries], way)["instances"]:
        entries[entry["id"]] = entry
        acted(entry, *ended[entry["id"]])
        tell(entry, done.told[entry["id"]])
    return result_of([entries[name] for name in ids])


def acted(entry: dict[str, Any], *actions: Action) -> None:
    """Put actions to those an entry has."""
    known = [Action(one["kind"], one["name"], one["action"]) for one in entry["actions"]]
    entry["actions"] = [one.as_dict() for one in ordered([*known, *actions])]
    entry["changed"] = entry["changed"] or bool(actions)


def _lift(own: InstanceStore, check: bool) -> bool:
    """Whether there was a hold to be lifted."""
    if hold.hold_of(own) is None:
        return False
    if not check:
        hold.lift(own)
    return True


def _document(specs: Sequence[InstanceSpec], way: Way, lifted: Sequence[str]) -> dict[str, Any]:
    """What a controller would send."""
    return {
        "schema": 1,
        "specs": [spec.as_dict() for spec in specs],
        "trees": {},
        "holder": way.holder,
        "lock_timeout": way.lock_timeout,
        "settings": {"stop_timeout": way.stop_timeout},
        "complete": True,
        "boot": way.boot,
        "lifted": list(lifted),
    }
