# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Starts an instance that was stopped for a moment just as it ran: the very containers, in the order in which they need each other.

Whether that is right is judged before it is stopped: it runs as it was committed, so a run would have nothing to do but to start these
containers again. What may have changed since is looked at once more before the first of them is started: whether it is held, its record, its
keys and files, its containers. Where anything is otherwise, or the engine refuses one of them, a whole run judges all of it anew.
"""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from ..common.errors import AvsError, HostError
from ..common.masking import Mask
from ..common.spec import Condition, InstanceSpec
from ..common.words import APPLYING
from ..docker.compose import Compose, engine_error
from ..docker.containers import Container, running
from ..docker.engine import Engine
from ..docker.model import Model, services
from ..docker.names import project
from ..health.gate import DEFAULT_TIMEOUT
from ..health.probes import Health
from ..instance.identity import Seen as Known
from ..instance.state import ContainerRecord, State
from ..instance.store import InstanceStore, Store
from ..policy.pipeline import joins_of
from ..status.ended import had_finished
from ..status.jobs import jobs_in
from ..system.clock import now
from ..system.prefetch import Ahead
from .bring_up import STARTING_UP, refused
from .by_record import going_on
from .job import look
from .standstill import Ending, give_back, heed
from .unchanged import out_of_place
from .well import Seen, Up, wait

_STARTED = "service_started"


@dataclass(frozen=True)
class Ran:
    """An instance as it ran: ``containers`` are all it has, ``services`` those that ran, in ``waves``: each after those it needs; of none where
    only compose can tell when (it waits for more than a start, or has hooks). ``state`` is its record, ``values`` are its secrets."""

    spec: InstanceSpec
    state: State
    health: Condition
    model: Model
    jobs: frozenset[str]
    values: Collection[str]
    containers: Mapping[str, Container]
    services: frozenset[str]
    waves: Sequence[Sequence[str]]


def ran(store: Store, own: InstanceStore, listing: Sequence[Container]) -> Ran | None:
    """Before it is stopped, under its lock. ``None`` where it does not run as it was committed, or what to start is for a run to say."""
    try:
        return _ran(store, own, listing)
    except (AvsError, OSError, ValueError, TypeError, AttributeError, KeyError):
        # What cannot be read tells a run what is wrong.
        return None


def _ran(store: Store, own: InstanceStore, listing: Sequence[Container]) -> Ran | None:
    state = own.state()
    spec = going_on(own, state)
    job = look(spec, store, listing, store.host_key())
    if job.reason is not None or job.refusal is not None or job.hold is not None or state is None or state.health is None:
        return None
    model: Model = json.loads(own.compose_file() or "{}")
    there = {item.service: item for item in job.containers}
    up = frozenset(service for service, item in there.items() if item.state == "running")
    jobs = frozenset(jobs_in(own, state))
    # A job that is ended by the stop may have done its work by that; one that sleeps, or keeps restarting, is none of a node that is well.
    if up != {item.service for item in job.containers if running(item)} or up & jobs or not up <= services(model).keys():
        return None
    return Ran(spec, state, state.health, model, jobs, tuple(Known.of(own, state).stored.values()), there, up, waves(model, up))


def waves(model: Model, up: Collection[str]) -> list[list[str]]:
    """Services in the order in which they are to be started; nothing, where that takes more than an order."""
    needs = {name: _needs(services(model)[name]) for name in up}
    if any(services(model)[name].get("post_start") for name in up):
        return []
    if any(condition != _STARTED for of in needs.values() for other, condition in of.items() if other in up):
        return []
    left, order = set(up), list[list[str]]()
    while left:
        free = sorted(name for name in left if not left & needs[name].keys() - {name})
        if not free:
            return []
        order.append(free)
        left -= set(free)
    return order


def _needs(service: Mapping[str, Any]) -> dict[str, str]:
    """Other service -> what of it is waited for."""
    wanted = service.get("depends_on") or {}
    found = {name: str((how or {}).get("condition") or _STARTED) for name, how in wanted.items()} if isinstance(wanted, Mapping) else {}
    return {**dict.fromkeys((*(() if isinstance(wanted, Mapping) else wanted), *joins_of(service)), _STARTED), **found}


def start(engine: Engine, own: InstanceStore, what: Ran, ending: Ending) -> None:
    """Under its lock. Raises ``AvsError``, ``OSError`` where a whole run is to see to it: what was started by then runs, unless it is held."""
    heed(engine, own, ending)
    listed = Ahead(lambda: engine.containers(own.id))
    if own.state() != what.state or out_of_place(what.state, own):
        raise HostError(f"{own.id} is not what it was before it was stopped")
    mine = {service: what.containers[service] for service in what.services}
    give_back(engine, own.id, what.model, mine, ending)
    if {item.service: _made(item) for item in listed.answer()} != {service: _made(item) for service, item in what.containers.items()}:
        raise HostError(f"{own.id} has other containers than before it was stopped")
    if any(map(running, listed.answer())):
        raise HostError(f"{own.id} was started by somebody else")
    if what.waves:
        for wave in what.waves:
            _start_together(engine, own, [mine[service].id for service in wave], what, ending)
    else:
        _start_by_compose(engine, own, what, ending)
    heed(engine, own, ending)


def _made(item: Container) -> tuple[str, str, str, str | None]:
    return item.id, item.name, item.spec, item.networks


def _start_together(engine: Engine, own: InstanceStore, ids: Sequence[str], what: Ran, ending: Ending) -> None:
    calls = [Ahead(partial(engine.run, ["start", name], timeout=STARTING_UP, hold=ending.hold)) for name in ids]
    for call in calls:
        # All of them, before any of them is given up.
        call.wait()
    failed = [engine_error(done) for call in calls for done in [call.answer()] if done.code]
    if failed:
        raise refused(own.id, Mask(what.values)("; ".join(failed)))


def _start_by_compose(engine: Engine, own: InstanceStore, what: Ran, ending: Ending) -> None:
    patience = float(what.health.timeout or DEFAULT_TIMEOUT) + STARTING_UP + ending.bound
    compose = Compose(engine, project(own.id), own.current, ending.hold, patience)
    done = compose.up(os.path.join(own.current, "compose.json"), own.secrets_env, sorted(what.services))
    if done.code:
        raise refused(own.id, Mask(what.values)(engine_error(done)))


def confirm(engine: Engine, own: InstanceStore, what: Ran, ending: Ending) -> Health:
    """Once it was started, under the same lock: wait until it is well, and record that. Until then it is recorded as one that is being made, so
    whoever comes after a cut asks again. Raises ``GateError``, ``HostError``, ``OSError``."""
    state = what.state
    own.write_state(state.but(phase=APPLYING, applying=state.spec_digest))
    health = wait(engine, own, Up(what.health, state.containers, what.jobs, state, what.values), ending)
    seen = Seen.of(engine, state.containers)
    containers = {service: _record(service, what, seen) for service in state.containers}
    own.write_state(state.but(committed_at=now(), containers=containers, volumes=sorted({*state.volumes, *seen.unnamed})))
    return health


def _record(service: str, what: Ran, seen: Seen) -> ContainerRecord:
    state = what.state
    known = state.containers[service]
    finished = known.ends and (service in seen.ended or bool(had_finished(state, service, known.spec)))
    # The binds of one that was started lead to the release it was started with.
    releases = [state.release] if state.release and service in what.services else known.releases
    return known.but(restarts=seen.restarts.get(service, 0), finished=finished, releases=releases)
