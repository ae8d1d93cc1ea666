# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Makes a prepared instance so. Every step may be the last one: the next run finds ``phase: applying`` and goes on."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from typing import Any

from ..common.actions import Action, ordered
from ..common.errors import HostError
from ..common.findings import Finding
from ..common.keystores import record_of
from ..common.masking import Mask
from ..common.rules import finding
from ..common.words import ABSENT, APPLYING, COMMITTED, STOPPED
from ..docker.compose import Compose, engine_error
from ..docker.engine import REMOVAL, Container, Done, Engine
from ..docker.names import project
from ..docker.remedies import remedy_for
from ..health.gate import DEFAULT_TIMEOUT, Gate, last_lines, peers_of
from ..health.probes import Health
from ..instance import artifacts, key_files
from ..instance.data_folders import Folders, place_folders
from ..instance.identity import alias
from ..instance.store import InstanceStore, Store
from ..status.restarts import restarts_of
from ..system import files
from ..system.clock import now
from .plan import observed
from .prepare import Prepared, data_folders, secrets_settled, settled_data
from .stopping import end, longest, replaced_by_force

STATE_SCHEMA = 1

# Seconds for stopping predecessors, creating and starting, beyond the time services may wait for each other.
STARTING_UP = 300.0


def place(store: Store, engine: Engine, item: Prepared, hold: tuple[int, ...], bound: float) -> list[Finding]:
    """Files, keys and containers; ``bound``: seconds a node has to end in at most. Returns what is to be said of it. Raises
    ``HostError`` (OPS-005) with the engine's message, secrets masked."""
    draft = item.draft
    own, spec = draft.files, draft.spec
    missing = sorted(set(spec["secrets"]) - set(draft.values))
    if missing:
        raise HostError(f"{item.id}: the values of {', '.join(missing)} were not sent")
    key_files.require_memory(own.run)
    settled = settled_data(draft)
    own.write_state(_applying(item, settled))
    own.sweep()
    own.note("apply", release=own.release(), actions=[action.as_dict() for action in item.actions])
    _keys(item)
    _data(store, item, settled)
    # Before a container starts: what it makes of its own folders is not a leftover of ours.
    own.write_state(_applying(item, data_folders(draft)))
    if item.fresh_release:
        configs = item.shaped.resolved.configs
        own.switch(own.stage(draft.tree, item.text, configs, spec["package"].get("version"), item.shaped.points.tree))
    return _containers(engine, item, hold, bound)


def _keys(item: Prepared) -> None:
    draft, own = item.draft, item.draft.files
    if not secrets_settled(draft, item.variables):
        key_files.write_secrets(own, draft.values, draft.identities, item.variables)
    for service, view in item.shaped.views.items():
        if not key_files.view_in_place(own, service, view, draft.values):
            key_files.place_view(own, service, view, draft.values)
    key_files.drop_views(own, item.shaped.views)


def _data(store: Store, item: Prepared, settled: Folders) -> None:
    own = item.draft.files
    place_folders(own.data, data_folders(item.draft), settled)
    artifacts.place(store, own, artifacts.missing(own, item.draft.spec))


def _containers(engine: Engine, item: Prepared, hold: tuple[int, ...], bound: float) -> list[Finding]:
    """Make and start what the plan names, and nothing else. Returns what is to be said of nodes that had to be killed."""
    plan, own = item.containers, item.draft.files
    mask = Mask(item.draft.values.values())
    # Services may wait for each other while they start, as long as the gate would wait for them.
    patience = float(item.shaped.health.get("timeout") or DEFAULT_TIMEOUT) + STARTING_UP + bound
    compose = Compose(engine, project(item.id), own.current, hold, patience)
    compose_file = os.path.join(own.current, "compose.json")
    told: list[Finding] = []
    began = time.time()

    def must(done: Done) -> None:
        if done.code:
            raise refused(item.id, mask(engine_error(done)))

    if plan.drop:
        must(engine.run(["rm", "-f", "--", *plan.drop], timeout=REMOVAL, hold=hold))
    for container, name in plan.rename.items():
        must(engine.run(["rename", "--", container, name], hold=hold))
    if plan.unpause:
        must(engine.run(["unpause", "--", *plan.unpause], hold=hold))
    gone = [one for one in item.draft.before if one.service in plan.remove]
    if item.networks_first:
        # The engine lets no network go while a container is in it; whoever is in one of these is to be recreated or removed.
        inside = [one for one in item.draft.before if one.service in plan.recreate and one.id not in plan.drop]
        told += end(engine, item.id, [*inside, *gone], bound, hold)
        must(engine.run(["network", "rm", "--", *item.networks_first], hold=hold))
    if gone:
        told += end(engine, item.id, gone, bound, hold)
        must(engine.run(["rm", "-f", "--", *(one.id for one in gone)], timeout=REMOVAL, hold=hold))
    if plan.recreate:
        old = engine.inspect(one.id for one in item.draft.before if one.service in plan.recreate and one.id not in plan.drop)
        limit = longest(old, bound)
        must(compose.recreate(compose_file, own.secrets_env, plan.recreate, limit))
        told += replaced_by_force(engine, item.id, old, float(bound if limit is None else limit), began)
    if plan.starting:
        done = compose.up(compose_file, own.secrets_env, plan.starting)
        if done.code:
            raise refused(item.id, mask(engine_error(done)) + _of_those_that_ended(engine, item, mask))
    for network in item.networks_last:
        must(engine.run(["network", "rm", "--", network], hold=hold))
    return told


def _of_those_that_ended(engine: Engine, item: Prepared, mask: Mask) -> str:
    """What the containers logged that ended badly while others waited for them: compose says who, not why."""
    names = [item.wanted[service].name for service in item.containers.starting]
    ended = [peer for peer in peers_of(engine.inspect(names)) if peer.state == "exited" and peer.exit_code]
    return "".join(last_lines(engine, peer.id, peer.service, mask) for peer in ended)


def refused(instance: str, message: str) -> HostError:
    return HostError(f"{instance} could not be started", [finding("OPS-005", instance, f"the engine says: {message}", remedy_for(message))])


def gate(engine: Engine, item: Prepared) -> Health:
    """Wait until healthy. Raises ``GateError``."""
    containers = [wanted.name for wanted in item.wanted.values()]
    ends = {service: wanted.ends for service, wanted in item.wanted.items()}
    return Gate(engine, item.id, item.shaped.health, ends, Mask(item.draft.values.values())).wait(containers)


def commit(engine: Engine, item: Prepared, health: Health) -> dict[str, Any]:
    """Record what runs, then drop what nobody needs any more. Returns the state."""
    own = item.draft.files
    old = item.draft.state or {}
    release = own.release()
    restarts = restarts_of(engine.inspect(wanted.name for wanted in item.wanted.values()))
    state = committed(item, release, restarts)
    files.write_json(own.path("spec.json"), dict(item.draft.spec))
    own.write_state(state)
    own.note("commit", release=release, health=health.detail)
    previous = old.get("release") if old.get("release") != release else old.get("previous_release")
    own.prune({release, previous, *(name for item in state["containers"].values() for name in item["releases"])})
    return state


def committed(item: Prepared, release: str | None, restarts: Mapping[str, int]) -> dict[str, Any]:
    """All that a later run, an upgrade or a person asks for; no secret, only identities. ``restarts``: service -> those so far."""
    draft, old = item.draft, item.draft.state or {}
    moved = old.get("release") != release
    secrets = {
        name: {
            "identity": draft.identities[name],
            **alias(secret["ref"], draft.identities[name]),
            "env": secret.get("env") or [],
            "services": secret.get("services") or [],
        }
        for name, secret in draft.spec["secrets"].items()
    }
    return {
        **_identity(item),
        "phase": COMMITTED,
        "desired": "started",
        "committed_at": now(),
        "installed_at": old.get("installed_at") or now(),
        "spec_digest": item.digest,
        "transform": item.transform,
        "previous_spec_digest": old.get("spec_digest") if old.get("spec_digest") != item.digest else old.get("previous_spec_digest"),
        "release": release,
        "previous_release": old.get("release") if moved else old.get("previous_release"),
        "images": dict(item.lock),
        "containers": {
            service: {
                **wanted.as_dict(),
                "releases": _releases(item, service, release),
                "networks": item.networks.get(service, []),
                "restarts": restarts.get(service, 0),
            }
            for service, wanted in item.wanted.items()
        },
        "folders": data_folders(draft),
        "ports": _ports(item),
        "secrets": secrets,
        "variables": dict(item.variables),
        "views": item.shaped.views,
        "keys": keys_of(item),
        "health": item.shaped.health,
        "metrics": item.shaped.metrics,
        "memory_default": draft.memory,
        # What is said anew in every run is not recorded.
        "findings": [entry.as_dict() for entry in item.findings if entry.id != "OPS-013"],
    }


def _releases(item: Prepared, service: str, release: str | None) -> list[str]:
    """Releases a container may have been made in. A bind holds the folder it was made with, wherever ``current`` points by now,
    so these stay on the disk. Which of those an interrupted run left it used is not known: all of them count."""
    plan, old = item.containers, item.draft.state or {}
    if release and service in (*plan.recreate, *plan.create, *plan.start):
        return [release]
    known = ((old.get("containers") or {}).get(service) or {}).get("releases") or [old.get("release")]
    since = _number(old.get("release"))
    interrupted = [name for name in item.draft.files.release_names() if since < _number(name) < _number(release)]
    return sorted({name for name in (*known, *interrupted) if name})


def _number(release: str | None) -> int:
    return int(release.partition("-")[0]) if release else 0


def _identity(item: Prepared) -> dict[str, Any]:
    spec, old = item.draft.spec, item.draft.state or {}
    networks = sorted(entry["name"] for entry in (item.shaped.model.get("networks") or {}).values() if not entry.get("external"))
    volumes = {entry["name"] for entry in (item.shaped.model.get("volumes") or {}).values() if not entry.get("external")}
    return {
        "schema": STATE_SCHEMA,
        "id": item.id,
        "package": {name: spec["package"].get(name) for name in ("name", "version", "commit", "tree_sha256", "spec_version")},
        "profile": spec["profile"],
        "networks": networks,
        # Volumes outlive the services that used them.
        "volumes": sorted(volumes | set(old.get("volumes") or ())),
    }


def _applying(item: Prepared, folders: Folders) -> dict[str, Any]:
    before = {**(item.draft.state or {})}
    if not before.get("volumes") and not before.get("kept_data"):
        # Of an instance that left nothing when it was removed, nothing is older than this run.
        before.pop("removed_at", None)
    return {
        **before,
        **_identity(item),
        # It is asked how it is also before it was ever well.
        "health": item.shaped.health,
        "phase": APPLYING,
        "applying": item.digest,
        "desired": "started",
        "folders": folders,
        "ports": _ports(item),
    }


def _ports(item: Prepared) -> list[dict[str, str]]:
    return [{"address": port.address, "port": port.port, "protocol": port.protocol, "service": port.service} for port in item.shaped.ports]


def keys_of(item: Prepared) -> dict[str, dict[str, Any]]:
    """Name -> record of a key (``keystores.record_of``); what is not known yet in check mode is left out."""
    found: dict[str, dict[str, Any]] = {}
    for key in item.draft.spec.get("keys") or ():
        keystore = item.draft.values.get(key["keystore"])
        if keystore is not None:
            found[key["name"]] = record_of(key["kind"], keystore)
    return found


def stop(
    engine: Engine, own: InstanceStore, state: Mapping[str, Any] | None, before: Sequence[Container], hold: tuple[int, ...], bound: float
) -> list[Finding]:
    """Stop, keep everything. Returns what is to be said of nodes that had to be killed. Raises ``HostError``."""
    recorded = state is not None and state.get("phase") != ABSENT
    if recorded:
        own.note("stop")
    told = end(engine, own.id, before, bound, hold)
    if recorded:
        own.write_state({**(state or {}), "desired": STOPPED})
    return told


def told(planned: Sequence[Action], before: Sequence[Container], after: Sequence[Container]) -> list[Action]:
    """The actions of a run: what was planned for files, what was seen of containers."""
    return ordered([*(action for action in planned if action.kind != "container"), *observed(before, after)])
