# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Makes a prepared instance so. Every step may be the last one: the next run finds ``phase: applying`` and goes on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..common.actions import Action, ordered
from ..common.errors import HostError
from ..common.findings import Finding
from ..common.keystores import record_of
from ..common.spec import InstanceSpec, Package, Secret
from ..common.words import APPLYING, COMMITTED, STARTED
from ..docker.containers import Container
from ..docker.engine import Engine
from ..health.probes import Health
from ..instance import artifacts, before, key_files
from ..instance.data_folders import Folders, owner_of, place_folders
from ..instance.first_files import place_first_files
from ..instance.identity import alias, spec_digest
from ..instance.known_fields import as_recorded, recorded_spec
from ..instance.state import NONE, SCHEMA, ContainerRecord, KeyRecord, PortRecord, SecretRecord, State
from ..instance.store import Store, number_of
from ..policy.mounts import PLACEHOLDERS
from ..status.ended import had_finished
from ..system import files
from ..system.clock import now
from .bring_up import bring_up
from .draft import names_of
from .plan import observed
from .prepare import Prepared, data_folders, secrets_settled, settled_data
from .standstill import Ending
from .well import Seen, Up, wait


def place(store: Store, engine: Engine, item: Prepared, hold: tuple[int, ...], bound: float) -> list[Finding]:
    """``lay`` and ``bring_up``; ``bound``: seconds a node has to end in at most."""
    lay(store, item)
    return bring_up(engine, item, hold, bound)


def lay(store: Store, item: Prepared) -> None:
    """All that its containers are made of; the release is current then. Raises ``HostError``, ``OSError``."""
    draft = item.draft
    own, spec = draft.files, draft.spec
    missing = sorted(set(spec.secrets) - set(draft.values))
    if missing:
        raise HostError(f"{item.id}: the values of {', '.join(missing)} were not sent")
    key_files.require_memory(own.run)
    settled = settled_data(draft)
    own.write_wanted(_specified(item))
    own.write_state(_applying(item, settled))
    own.sweep()
    _keys(item)
    _data(store, item, settled)
    # Before a container starts: what it makes of its own folders is not a leftover of ours.
    own.write_state(_applying(item, data_folders(draft)))
    if item.fresh_release:
        configs = item.shaped.resolved.configs
        own.switch(own.stage(draft.tree, item.text, configs, spec.package.version, item.shaped.points.tree))


def _keys(item: Prepared) -> None:
    draft, own = item.draft, item.draft.files
    # Compose is told of the file also where nothing is in it.
    if not secrets_settled(draft, item.variables) or not files.is_file(own.secrets_env):
        key_files.write_secrets(own, draft.values, draft.identities, item.variables)
    for service, view in item.shaped.views.items():
        if not key_files.view_in_place(own, service, view, draft.values):
            key_files.place_view(own, service, view, draft.values)
    key_files.drop_views(own, item.shaped.views)


def _data(store: Store, item: Prepared, settled: Folders) -> None:
    own = item.draft.files
    mounted, folders = item.shaped.mounted, data_folders(item.draft)
    owners = {name: owner_of(folders[name]) for name in mounted.first if name in folders}
    place_first_files(own.data, mounted.first, item.draft.tree, owners, PLACEHOLDERS)
    place_folders(own.data, folders, settled)
    artifacts.place(store, own, artifacts.missing(own, item.draft.spec.artifacts))


def gate(engine: Engine, item: Prepared, ending: Ending) -> Health:
    """Wait until healthy. Raises ``GateError``, and ``HostError`` as soon as somebody stops it meanwhile."""
    draft = item.draft
    return wait(engine, draft.files, Up(item.shaped.health, item.wanted, item.jobs, draft.state, draft.values.values()), ending)


def commit(engine: Engine, item: Prepared) -> list[Finding]:
    """Record what runs, then drop what nobody needs any more. Returns what is to be said of what could not be dropped."""
    own = item.draft.files
    release = own.release()
    state = committed(item, release, Seen.of(engine, item.wanted))
    own.commit_spec()
    own.write_state(state)
    # From here on what it has stored is its own, wherever it came from.
    files.remove(own.arrived_file)
    return own.prune(
        {release, state.previous_release, *before.releases(own), *(name for one in state.containers.values() for name in one.releases)}
    )


def leave(item: Prepared) -> None:
    """Nobody waits for it to be well: what was committed and is only up again is as it was recorded, anything else is still to be
    confirmed by a run."""
    draft = item.draft
    if draft.as_committed and draft.state is not None and not item.fresh_release:
        draft.files.commit_spec()
        draft.files.write_state(draft.state.but(phase=COMMITTED, desired=STARTED).without("applying"))


def _specified(item: Prepared) -> InstanceSpec:
    """The spec the recorded digest is of: where that of a release before was kept, without what that one did not know."""
    draft = item.draft
    if spec_digest(draft.spec, draft.identities, item.transform) == item.digest:
        return draft.spec
    return as_recorded(draft.spec, recorded_spec(draft.files))


def committed(item: Prepared, release: str | None, seen: Seen) -> State:
    """All that a later run, an upgrade or a person asks for; no secret, only identities."""
    draft, old = item.draft, item.draft.state or NONE
    return State(
        **{**_identity(item), "volumes": sorted({*_identity(item)["volumes"], *seen.unnamed})},
        phase=COMMITTED,
        desired=STARTED,
        committed_at=now(),
        installed_at=old.installed_at or now(),
        spec_digest=item.digest,
        transform=item.transform,
        previous_spec_digest=old.spec_digest or None if old.spec_digest != item.digest else old.previous_spec_digest,
        release=release,
        previous_release=old.release if old.release != release else old.previous_release,
        images=dict(item.lock),
        **old.images_before(item.lock),
        containers={service: _container(item, service, release, seen) for service in item.wanted},
        folders=data_folders(draft),
        ports=_ports(item),
        secrets={name: _secret(secret, draft.identities[name]) for name, secret in draft.spec.secrets.items()},
        variables=dict(item.variables),
        views=item.shaped.views,
        keys={name: KeyRecord.read(key) for name, key in keys_of(item).items()},
        health=item.shaped.health,
        metrics=item.shaped.metrics,
        memory_default=draft.memory,
        # What is said anew in every run is not recorded.
        findings=[entry for entry in item.findings if entry.id != "OPS-013"],
    )


def _container(item: Prepared, service: str, release: str | None, seen: Seen) -> ContainerRecord:
    wanted = item.wanted[service]
    return ContainerRecord(
        name=wanted.name,
        spec=wanted.spec,
        image=wanted.image,
        ends=wanted.ends,
        releases=_releases(item, service, release),
        networks=item.networks.get(service, []),
        restarts=seen.restarts.get(service, 0),
        job=service in item.jobs,
        finished=wanted.ends and (service in seen.ended or bool(had_finished(item.draft.state, service, wanted.spec))),
    )


def _secret(secret: Secret, identity: str) -> SecretRecord:
    return SecretRecord(identity=identity, **alias(secret.ref, identity), env=secret.env, services=secret.services or ())


def _releases(item: Prepared, service: str, release: str | None) -> list[str]:
    """Releases a container may have been made in. A bind holds the folder it was made with, wherever ``current`` points by now,
    so these stay on the disk. Which of those an interrupted run left it used is not known: all of them count."""
    plan, old = item.containers, item.draft.state or NONE
    if release and service in (*plan.recreate, *plan.create, *plan.start):
        return [release]
    before = old.containers.get(service)
    known = before.releases if before is not None and before.releases else [old.release]
    since = _number(old.release)
    interrupted = [name for name in item.draft.files.release_names() if since < _number(name) < _number(release)]
    return sorted({name for name in (*known, *interrupted) if name})


def _number(release: str | None) -> int:
    return number_of(release or "") or 0


def _identity(item: Prepared) -> dict[str, Any]:
    spec, model = item.draft.spec, item.shaped.model
    volumes = {entry["name"] for entry in (model.get("volumes") or {}).values() if not entry.get("external")}
    package = spec.package
    return {
        "schema": SCHEMA,
        "id": item.id,
        "package": Package(**{name: getattr(package, name) for name in ("name", "version", "commit", "tree_sha256", "spec_version")}),
        "profile": spec.profile,
        "networks": names_of(model, "networks"),
        # Volumes outlive the services that used them.
        "volumes": sorted(volumes | set((item.draft.state or NONE).volumes)),
    }


def _applying(item: Prepared, folders: Folders) -> State:
    before = item.draft.state or NONE
    if not before.volumes and not before.kept_data:
        # Of an instance that left nothing when it was removed, nothing is older than this run.
        before = before.without("removed_at")
    identity = _identity(item)
    # Networks it gives up are there until the end of the run, and for whoever goes on after it was cut.
    identity["networks"] = sorted({*identity["networks"], *before.networks})
    return before.but(
        **identity,
        # It is asked how it is also before it was ever well.
        health=item.shaped.health,
        phase=APPLYING,
        applying=item.digest,
        desired=STARTED,
        folders=folders,
        ports=_ports(item),
    )


def _ports(item: Prepared) -> list[PortRecord]:
    return [PortRecord(address=one.address, port=one.port, protocol=one.protocol, service=one.service) for one in item.shaped.ports]


def keys_of(item: Prepared) -> dict[str, dict[str, Any]]:
    """Name -> record of a key (``keystores.record_of``); what is not known yet in check mode is left out."""
    known = item.draft.values
    return {key.name: record_of(key.kind, known[key.keystore]) for key in item.draft.spec.keys if key.keystore in known}


def told(planned: Sequence[Action], before: Sequence[Container], after: Sequence[Container]) -> list[Action]:
    """The actions of a run: what was planned for files, what was seen of containers."""
    return ordered([*(action for action in planned if action.kind != "container"), *observed(before, after)])
