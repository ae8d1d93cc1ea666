# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is there: read-only, asked of the host's records, the engine and the nodes themselves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..backup.progress import at_work
from ..common.errors import HostError
from ..common.findings import Finding
from ..common.names import is_name
from ..common.records import plain
from ..common.spec import Condition, InstanceSpec
from ..common.words import COMMITTED, STARTED
from ..docker.containers import Container
from ..docker.engine import Engine
from ..health.gate import Gate, Means, peers_of
from ..health.probes import STARTING, UNHEALTHY, UNKNOWN, Health
from ..instance import key_files
from ..instance.hold import hold_of
from ..instance.hold import told as told_hold
from ..instance.state import NONE, State, damaged
from ..instance.store import InstanceStore, Store, host_store
from .drift import drift_of
from .ended import may_go, rest_of
from .entry import entry_of, strange, tell
from .jobs import jobs_in
from .restarts import restarted
from .saved import saved
from .upgrades import upgrades

DAMAGED = "damaged"


@dataclass(frozen=True)
class Found:
    """``instances`` as ``read_instances`` returns them, and ``findings`` about what is no instance of ours."""

    instances: list[dict[str, Any]]
    findings: list[dict[str, str]]


def read_host(engine: Engine, ids: Sequence[str] | None = None, store: Store | None = None, drift: bool = False) -> Found:
    """Everything there is to tell. ``ids`` empty: all instances on the host, removed ones that left data among them; ``drift``: compare
    containers with what they were made as. Raises ``HostError``."""
    store = store or host_store()
    _require_names(ids)
    listing, strangers = engine.listing()
    wanted = sorted(set(ids)) if ids else sorted({*store.ids(), *(container.instance for container in listing)})
    own = {instance: [container for container in listing if container.instance == instance] for instance in wanted}
    inspected = {item["Id"]: item for item in engine.inspect(container.id for group in own.values() for container in group)}
    entries = [_Look(engine, store.instance(instance), own[instance], inspected).entry(drift) for instance in wanted]
    return Found(entries, [item.as_dict() for item in strange(strangers)])


def read_recorded(engine: Engine, why: HostError, ids: Sequence[str] | None = None, store: Store | None = None) -> Found:
    """The same of a host whose engine does not answer, and ``why``: what is on record, and that how it is just now is not known."""
    store = store or host_store()
    _require_names(ids)
    entries = [_Look(engine, store.instance(instance), (), {}).entry(False) for instance in (sorted(set(ids)) if ids else store.ids())]
    for entry in entries:
        if entry["kept"] is None:
            entry["health"] = {"status": UNKNOWN, "detail": why.message}
    return Found(entries, [item.as_dict() for item in why.findings])


def _require_names(ids: Sequence[str] | None) -> None:
    wrong = [name for name in ids or () if not is_name(name)]
    if wrong:
        raise HostError(f"not the id of an instance: {', '.join(map(repr, wrong))}")


def read_instances(engine: Engine, ids: Sequence[str] | None = None, store: Store | None = None) -> list[dict[str, Any]]:
    """Entries as the ``instances`` module returns them, with ``containers``, live ``health`` and where things are."""
    return read_host(engine, ids, store).instances


@dataclass(frozen=True)
class _Look:
    """One look at one instance. ``inspected``: container id -> what the engine says of it."""

    engine: Engine
    files: InstanceStore
    containers: Sequence[Container]
    inspected: Mapping[str, Any]

    def entry(self, drift: bool) -> dict[str, Any]:
        files, containers = self.files, self.containers
        broken: HostError | None = None
        state = None
        try:
            state = files.state()
            if state is None and containers:
                broken = damaged(files.id, files.state_file, "is not there, while its containers are")
        except HostError as error:
            broken = error
        entry = entry_of(InstanceSpec(id=files.id), state, containers)
        for name in ("changed", "actions", "error"):
            del entry[name]
        known = state or NONE
        gone = not known.installed
        held, step = hold_of(files), at_work(files)
        entry.update({
            "hold": None if held is None else held.as_dict(),
            "at_work": None if step is None else plain(step),
            "phase": DAMAGED if broken else state.phase if state is not None else None,
            "release": None if gone else files.release(),
            "tree": None if gone else f"{files.current}/tree",
            "data": files.data,
            "volumes": plain(known.volumes),
            "ports": [] if gone else plain(known.ports),
            "metrics": [] if gone else plain(known.metrics),
            "committed_at": None if gone else known.committed_at or None,
            "containers": [_container(container, self.inspected.get(container.id) or {}) for container in containers],
        })  # fmt: skip
        if broken is not None:
            # Whatever it is, it is not known to be gone: its id is all that is sure.
            spec = files.spec()
            entry.update(state=STARTED, kept=None, package=None if spec is None else spec.package.name or None)
            entry["health"] = {"status": UNKNOWN, "detail": broken.message.partition(": ")[2] or broken.message}
            tell(entry, broken.findings)
        elif not gone:
            entry["health"], problems = self._health(known, entry["health"])
            tell(entry, problems)
        entry["upgrade"], problems = upgrades(files, state)
        tell(entry, problems)
        entry["backup"], problems = saved(files, not gone and broken is None)
        tell(entry, problems)
        if held is not None:
            tell(entry, [told_hold(files.id, held)])
        if drift:
            entry["drift"] = [] if gone else drift_of(files, known, containers, self.inspected)
        return entry

    def _health(self, state: State, told: dict[str, str]) -> tuple[dict[str, str], list[Finding]]:
        """How an instance is just now, and what is to be said of it. ``told``: what the records and the listing say."""
        if state.desired != STARTED:
            return told, []
        if not self.containers:
            return {"status": UNHEALTHY, "detail": "there are no containers"}, []
        needed = {service for service, item in state.containers.items() if not may_go(item)}
        missing = sorted(needed - {container.service for container in self.containers})
        if missing:
            return {"status": UNHEALTHY, "detail": f"there is no container of {', '.join(missing)}"}, []
        if state.secrets and not key_files.stored(self.files):
            return {"status": UNHEALTHY, "detail": "its keys are gone, as after a restart of the host: run restaking.avs.install"}, []
        if state.health is None:
            return {"status": UNKNOWN, "detail": "was never confirmed"}, []
        peers = peers_of([self.inspected[container.id] for container in self.containers if container.id in self.inspected])
        health = self._gate(state, state.health).probe(peers)
        if state.phase != COMMITTED:
            return self._unconfirmed(state, health)
        restarts, problems = restarted(self.engine, self.files, state, self.containers, self.inspected)
        if restarts is not None:
            return {**restarts, "status": UNHEALTHY if health.status == UNHEALTHY else restarts["status"]}, problems
        return health.as_dict(), problems

    def _gate(self, state: State, health: Condition) -> Gate:
        """The gate, for one look: a service that was well and has ended since is down, unless it ends by itself."""
        rest, there = rest_of(state, jobs_in(self.files, state)), {item.service: item for item in self.containers}
        ends = {
            service: item.ends and (service not in there or rest.fits(service, item.spec, there[service].status))
            for service, item in state.containers.items()
        }
        return Gate(self.engine, self.files.id, health, ends, Means(idle=bool(ends) and all(ends.values())))

    def _unconfirmed(self, state: State, health: Health) -> tuple[dict[str, str], list[Finding]]:
        """Of an instance whose last run did not come to its end: what it looks like now is no confirmation."""
        restarts, problems = restarted(self.engine, self.files, state.but(containers={}), self.containers, self.inspected)
        detail = restarts["detail"] if restarts else health.detail
        status = UNHEALTHY if restarts or health.status == UNHEALTHY else STARTING
        since = "has not been healthy since it was changed" if state.committed_at else "has never been healthy"
        return {"status": status, "detail": f"{since}; run restaking.avs.install. {detail}"}, problems


def _container(container: Container, inspected: Mapping[str, Any]) -> dict[str, Any]:
    state = inspected.get("State") or {}
    return {
        "service": container.service,
        "name": container.name,
        "id": container.id,
        "state": container.state,
        "status": container.status,
        "health": container.health,
        "image": (inspected.get("Config") or {}).get("Image"),
        "started_at": state.get("StartedAt"),
        "restarts": inspected.get("RestartCount", 0),
        "exit_code": container.exit_code,
    }
