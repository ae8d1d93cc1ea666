# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Starts, stops and restarts instances by the host's own record; what is stopped so is held down, whatever the inventory says."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..backup.restore import half
from ..common.actions import Action, ordered
from ..common.errors import AvsError, HostError, LockedError
from ..common.rules import finding
from ..common.spec import InstanceSpec
from ..common.words import STOPPED
from ..docker.containers import running
from ..docker.engine import Engine
from ..instance import hold
from ..instance.store import InstanceStore, Store
from ..status.entry import entry_of, tell
from .by_record import going_on, to_be_down
from .job import Call, Job, look
from .own import Way, halted, refused, result_of, take_alone
from .plan import plan_stop
from .reconcile import reconcile, say_hold
from .standstill import Ending, halt
from .stopping import listed_as_ended
from .takedown import announce_down, take_down
from .work import of_the_system


def start(store: Store, engine: Engine, ids: Sequence[str], way: Way, lifts: bool = True) -> dict[str, Any]:
    """Bring instances up as they were committed, and what a cut apply had begun; a hold is lifted first. The result is that of a run.
    Without ``lifts`` what is held stays down: for whoever stopped it himself for a moment, and undoes nobody else's stop."""
    entries: dict[str, dict[str, Any]] = {}
    lifted = []
    for name in ids:
        own = store.instance(name)
        try:
            lifted += [name] if lifts and not way.boot and _lift(own, way) else []
        except OSError as error:
            entries[name] = refused(name, own, of_the_system(name, error, own.root), engine)
        except HostError as error:
            entries[name] = refused(name, own, error, engine)
    entries.update(_bring_up(store, engine, [name for name in ids if name not in entries], way, lifted))
    for name in lifted:
        acted(entries[name], Action("hold", name, "remove"))
    if not way.check:
        from .policies import put_back

        put_back(store, engine, [name for name in ids if not entries[name]["error"]], way.holder, way.stop_timeout)
    return result_of([entries[name] for name in ids])


def _bring_up(store: Store, engine: Engine, ids: Sequence[str], way: Way, lifted: Sequence[str] = ()) -> dict[str, dict[str, Any]]:
    """Entries by id. What is held stays down, but what was ``lifted`` just now: a stop may come at any moment."""
    specs: list[InstanceSpec] = []
    entries: dict[str, dict[str, Any]] = {}
    for name in ids:
        own = store.instance(name)
        try:
            specs.append(going_on(own, own.state()))
        except HostError as error:
            entries[name] = refused(name, own, error, engine)
    waiting = [name for name, entry in entries.items() if entry["waiting"]]
    if way.boot and waiting and not way.check:
        # Power that was cut leaves the engine to start what needs no secret of it. All of a node runs, or nothing.
        take_alone(store, engine, waiting, way, halted(store, engine, "down"))
    result: dict[str, Any] = {"changed": False, "instances": [], "findings": []}
    if specs:
        try:
            result = reconcile(Call(_document(specs, way, lifted), {}, way.check), engine, store)
        except AvsError as error:
            # What is said of one of them is said of it alone.
            for spec in specs:
                mine = [one for one in error.findings if one.place.startswith((f"{spec.id}:", f"{spec.id}.")) or one.place == spec.id]
                # Of several that somebody works on, one is named.
                named = not isinstance(error, LockedError) or error.message.startswith(f"{spec.id} ")
                message = error.message if named else f"{spec.id} was not begun: {error.message}"
                entries[spec.id] = refused(spec.id, store.instance(spec.id), type(error)(message, mine or error.findings), engine)
    start_what_went_back(store, engine, result["instances"], way)
    entries.update({entry["id"]: entry for entry in result["instances"]})
    return entries


def start_what_went_back(store: Store, engine: Engine, entries: Sequence[dict[str, Any]], way: Way) -> None:
    """What a change came to nothing for runs as it was before. What became of that stands beside the error of each."""
    for entry in entries:
        if not entry.pop("went_back", False):
            continue
        then = _bring_up(store, engine, [entry["id"]], way)[entry["id"]]
        said = f"what was there before does not run either: {then['error']}" if then["error"] else "what was there before runs again"
        entry["error"] = f"{entry['error']}\n{entry['id']}: {said}"
        entry["health"], entry["changed"] = then["health"], True


def stop(store: Store, engine: Engine, ids: Sequence[str], way: Way, reason: str = "") -> dict[str, Any]:
    """Stop instances and hold them down, whatever is wrong with anything else. What is held already stays as it is."""
    held: list[str] = []
    failed: dict[str, OSError] = {}
    for name in ids:
        own = store.instance(name)
        known = hold.hold_of(own)
        if known is None or known.passing:
            held.append(name)
            try:
                if not way.check and hold.place(own, way.holder, reason):
                    own.note("hold", holder=way.holder, reason=reason[: hold.LONGEST])
            except OSError as error:
                failed[name] = error
    try:
        listing = engine.containers()
    except AvsError as error:
        if way.check or not ids:
            raise
        return result_of([_held_alone(store.instance(name), name in held, error) for name in ids])
    jobs = [look(InstanceSpec(id=name, state=STOPPED), store, listing, None) for name in ids]
    work = [job for job in jobs if job.reason is not None]
    if way.check:
        announce_down(work, store, engine)
    else:
        take_down(work, way.terms(store), store, engine, waits=False)
    for job in jobs:
        if not job.entry:
            job.entry = entry_of(job.spec, job.state, job.containers)
            if job.refusal is not None:
                _down_unrecorded(engine, job, job.refusal, way)
        say_hold(job)
        if job.id in failed:
            text = f"{job.id} is stopped, and that it is to stay so could not be recorded: {failed[job.id].strerror}"
            job.entry["error"] = "\n".join(part for part in (job.entry["error"], text) if part)
        elif job.id in held:
            acted(job.entry, Action("hold", job.id, "create"))
    return result_of([job.entry for job in jobs])


def _down_unrecorded(engine: Engine, job: Job, refusal: HostError, way: Way) -> None:
    """Take down what a newer release recorded: the record is left alone, and that it is held is read by every release."""
    ended = plan_stop(job.containers)
    job.entry["error"] = refusal.message
    acted(job.entry, *ended)
    if not ended or way.check:
        return
    try:
        tell(job.entry, halt(engine, job.id, job.containers, Ending(way.stop_timeout)))
        job.entry["error"] = f"{job.id} was taken down and is held; its record says otherwise until the next run: {refusal.message}"
    except AvsError as error:
        job.entry["error"] = f"{error}; {refusal.message}"


def _held_alone(own: InstanceStore, now: bool, error: AvsError) -> dict[str, Any]:
    """The entry of an instance that an engine which does not answer keeps running; ``now``: it was not held before."""
    held = hold.hold_of(own)
    state = "is held down from now on, but what of it runs still runs" if held else "was not stopped, and is not held either"
    remedy = "Start the engine: avs-recover.service goes with it. Until then nothing says whether its node runs."
    entry = refused(own.id, own, HostError(f"{own.id} {state}", [*error.findings, finding("OPS-004", own.id, state, remedy)]))
    entry["hold"] = None
    if held is not None:
        entry["hold"] = held.as_dict()
        tell(entry, [hold.told(own.id, held)])
        acted(entry, *([Action("hold", own.id, "create")] if now else []))
    return entry


def restart(store: Store, engine: Engine, ids: Sequence[str], way: Way) -> dict[str, Any]:
    """Stop and start what is to run; what is held, or stopped, is an error."""
    entries: dict[str, dict[str, Any]] = {}
    going = []
    for name in ids:
        own = store.instance(name)
        try:
            state = own.state()
            if to_be_down(own, state) and state is not None and state.installed:
                held = hold.hold_of(own)
                why = [hold.told(name, held)] if held is not None else []
                raise HostError(f"{name} is to be down: start it, if it is to run", why)
            going_on(own, state)
            going.append(name)
        except HostError as error:
            entries[name] = refused(name, own, error, engine)
    listing = engine.containers()
    ended = {
        name: [Action("container", item.service, "stop") for item in listing if item.instance == name and running(item)] for name in going
    }
    if way.check:
        for name in going:
            entries[name] = entry_of(InstanceSpec(id=name), store.instance(name).known(), [one for one in listing if one.instance == name])
            acted(entries[name], *ended[name], *(Action("container", one.name, "start") for one in ended[name]))
        return result_of([entries[name] for name in ids])
    done = take_alone(store, engine, going, way, halted(store, engine, "restart"))
    entries.update(done.failed)
    listed_as_ended(engine, [one.id for one in listing if one.instance in going and one.instance not in entries])
    for name, entry in _bring_up(store, engine, [name for name in going if name not in entries], way).items():
        entries[name] = entry
        acted(entry, *ended[name])
        tell(entry, done.told[name])
        if entry.get("hold") and not entry["error"]:
            entry["error"] = f"{name} was not started again: it was stopped while it was restarted"
    return result_of([entries[name] for name in ids])


def acted(entry: dict[str, Any], *actions: Action) -> None:
    """Put actions to those an entry has."""
    known = [Action(one["kind"], one["name"], one["action"]) for one in entry["actions"]]
    entry["actions"] = [one.as_dict() for one in ordered([*known, *actions])]
    entry["changed"] = entry["changed"] or bool(actions)


def _lift(own: InstanceStore, way: Way) -> bool:
    """Whether there was a hold to be lifted. Raises ``OSError``, and ``HostError`` for one because of another host, unless that is named."""
    known = hold.hold_of(own)
    if known is not None and known.kind and known.host != way.take_back:
        why = f"its node belongs to another host: {known.reason}; name that host to start it here all the same"
        raise HostError(f"{own.id} was not started, {why}", [hold.told(own.id, known)])
    try:
        if known is None or half(own) is not None:
            return False
    except HostError:
        # What is wrong is told of it alone, when it is to be started.
        return False
    if not way.check:
        hold.lift(own)
        own.note("lift", holder=way.holder)
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
        "by_record": True,
        # In check mode nothing was; and what is held now was stopped since.
        "lifted": list(lifted) if way.check else [],
    }
