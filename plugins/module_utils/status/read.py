# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is there: read-only, asked of the host's records, the engine and the nodes themselves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..common.errors import HostError
from ..common.names import is_name
from ..common.words import ABSENT
from ..docker.engine import Container, Engine
from ..health.gate import Gate, peers_of
from ..health.probes import UNHEALTHY, UNKNOWN
from ..instance.store import Store, host_store
from .entry import entry_of


def read_instances(engine: Engine, ids: Sequence[str] | None = None, store: Store | None = None) -> list[dict[str, Any]]:
    """Entries as the ``instances`` module returns them, with ``containers``, live ``health`` and where things are.

    ``ids`` empty: all instances on the host, removed ones that left data among them. Raises ``HostError``.
    """
    store = store or host_store()
    wrong = [name for name in ids or () if not is_name(name)]
    if wrong:
        raise HostError(f"not the id of an instance: {', '.join(map(repr, wrong))}")
    listing = engine.containers()
    wanted = sorted(set(ids)) if ids else sorted({*store.ids(), *(container.instance for container in listing)})
    own = {instance: [container for container in listing if container.instance == instance] for instance in wanted}
    inspected = {item["Id"]: item for item in engine.inspect(container.id for group in own.values() for container in group)}
    return [_entry(store, engine, instance, own[instance], inspected) for instance in wanted]


def _entry(store: Store, engine: Engine, instance: str, containers: Sequence[Container], inspected: Mapping[str, Any]) -> dict[str, Any]:
    files = store.instance(instance)
    state = files.state()
    entry = entry_of({"id": instance}, state, containers)
    for name in ("changed", "actions", "error"):
        del entry[name]
    known = state or {}
    gone = known.get("phase") in (None, ABSENT)
    entry.update({
        "phase": known.get("phase"),
        "release": None if gone else files.release(),
        "tree": None if gone else f"{files.current}/tree",
        "data": files.data,
        "volumes": known.get("volumes") or [],
        "ports": [] if gone else known.get("ports") or [],
        "metrics": [] if gone else known.get("metrics") or [],
        "committed_at": None if gone else known.get("committed_at"),
        "containers": [_container(container, inspected.get(container.id) or {}) for container in containers],
    })  # fmt: skip
    if not gone and containers and entry["state"] == "started":
        peers = peers_of([inspected[container.id] for container in containers if container.id in inspected])
        recorded = known.get("containers") or {}
        ends = {service: bool(item.get("ends")) for service, item in recorded.items()}
        missing = sorted(set(recorded) - {container.service for container in containers})
        if missing:
            entry["health"] = {"status": UNHEALTHY, "detail": f"there is no container of {', '.join(missing)}"}
        elif known.get("health"):
            entry["health"] = Gate(engine, instance, known["health"], ends).probe(peers).as_dict()
        else:
            entry["health"] = {"status": UNKNOWN, "detail": "was never confirmed"}
    elif not gone and not containers:
        entry["health"] = {"status": UNHEALTHY if entry["state"] == "started" else UNKNOWN, "detail": "there are no containers"}
    return entry


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
