# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is there: read-only, asked of the host's records, the engine and the nodes themselves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..common.errors import HostError
from ..common.findings import Finding
from ..common.names import is_name
from ..common.words import ABSENT, COMMITTED, STARTED
from ..docker.engine import Container, Engine
from ..health.gate import Gate, peers_of
from ..health.probes import HEALTHY, STARTING, UNHEALTHY, UNKNOWN, Health
from ..instance import key_files
from ..instance.record import damaged
from ..instance.store import InstanceStore, Store, host_store
from .drift import drift_of
from .entry import entry_of, merged, strange
from .restarts import restarted

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
    wrong = [name for name in ids or () if not is_name(name)]
    if wrong:
        raise HostError(f"not the id of an instance: {', '.join(map(repr, wrong))}")
    listing, strangers = engine.listing()
    wanted = sorted(set(ids)) if ids else sorted({*store.ids(), *(container.instance for container in listing)})
    own = {instance: [container for container in listing if container.instance == instance] for instance in wanted}
    inspected = {item["Id"]: item for item in engine.inspect(container.id for group in own.values() for container in group)}
    entries = [_entry(store, engine, instance, own[instance], inspected, drift) for instance in wanted]
    return Found(entries, [item.as_dict() for item in strange(strangers)])


def read_instances(engine: Engine, ids: Sequence[str] | None = None, store: Store | None = None) -> list[dict[str, Any]]:
    """Entries as the ``instances`` module returns them, with ``containers``, live ``health`` and where things are."""
    return read_host(engine, ids, store).instances


def _entry(
    store: Store, engine: Engine, instance: str, containers: Sequence[Container], inspected: Mapping[str, Any], drift: bool
) -> dict[str, Any]:
    files = store.instance(instance)
    broken: HostError | None = None
    state = None
    try:
        state = files.state()
        if state is None and containers:
            broken = damaged(instance, files.state_file, "is not there, while its containers are")
    except HostError as error:
        broken = error
    entry = entry_of({"id": instance}, state, containers)
    for name in ("changed", "actions", "error"):
        del entry[name]
    known = state or {}
    gone = known.get("phase") in (None, ABSENT)
    entry.update({
        "phase": DAMAGED if broken else known.get("phase"),
        "release": None if gone else files.release(),
        "tree": None if gone else f"{files.current}/tree",
        "data": files.data,
        "volumes": known.get("volumes") or [],
        "ports": [] if gone else known.get("ports") or [],
        "metrics": [] if gone else known.get("metrics") or [],
        "committed_at": None if gone else known.get("committed_at"),
        "containers": [_container(container, inspected.get(container.id) or {}) for container in containers],
    })  # fmt: skip
    problems: list[Finding] = []
    if broken is not None:
        # Whatever it is, it is not known to be gone: its id is all that is sure.
        package = (files.spec() or {}).get("package")
        entry.update(state=STARTED, kept=None, package=package.get("name") if isinstance(package, dict) else None)
        entry["health"] = {"status": UNKNOWN, "detail": broken.message.partition(": ")[2] or broken.message}
        problems = broken.findings
    elif not gone:
        entry["health"], problems = _health(engine, files, known, containers, inspected, entry["health"])
    if drift:
        entry["drift"] = [] if gone else drift_of(files, known, containers, inspected)
    entry["findings"] = merged({"findings": entry["findings"]}, [item.as_dict() for item in problems])
    return entry


def _health(
    engine: Engine,
    files: InstanceStore,
    state: Mapping[str, Any],
    containers: Sequence[Container],
    inspected: Mapping[str, Any],
    told: dict[str, str],
) -> tuple[dict[str, str], list[Finding]]:
    """How an instance is just now, and what is to be said of it. ``told``: what the records and the listing say."""
    if state.get("desired", STARTED) != STARTED:
        return told, []
    if not containers:
        return {"status": UNHEALTHY, "detail": "there are no containers"}, []
    recorded = state.get("containers") or {}
    missing = sorted(set(recorded) - {container.service for container in containers})
    if missing:
        return {"status": UNHEALTHY, "detail": f"there is no container of {', '.join(missing)}"}, []
    if state.get("secrets") and not key_files.stored(files):
        return {"status": UNHEALTHY, "detail": "its keys are gone, as after a restart of the host: run restaking.avs.install"}, []
    if not state.get("health"):
        return {"status": UNKNOWN, "detail": "was never confirmed"}, []
    peers = peers_of([inspected[container.id] for container in containers if container.id in inspected])
    health = Gate(engine, files.id, state["health"], {service: bool(item.get("ends")) for service, item in recorded.items()}).probe(peers)
    if state.get("phase") != COMMITTED:
        return _unconfirmed(engine, files, state, containers, inspected, health)
    restarts, problems = restarted(engine, files, state, containers, inspected)
    if restarts is not None:
        return {**restarts, "status": UNHEALTHY if health.status == UNHEALTHY else restarts["status"]}, problems
    return health.as_dict(), problems


def _unconfirmed(
    engine: Engine,
    files: InstanceStore,
    state: Mapping[str, Any],
    containers: Sequence[Container],
    inspected: Mapping[str, Any],
    health: Health,
) -> tuple[dict[str, str], list[Finding]]:
    """Of an instance whose last run did not come to its end: what it looks like now is no confirmation."""
    restarts, problems = restarted(engine, files, {**state, "containers": {}}, containers, inspected)
    detail = restarts["detail"] if restarts else health.detail
    status = (
        STARTING if health.status == HEALTHY and restarts is None else UNHEALTHY if restarts or health.status == UNHEALTHY else STARTING
    )
    since = "has not been healthy since it was changed" if state.get("committed_at") else "has never been healthy"
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
