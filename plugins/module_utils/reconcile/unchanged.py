# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The first question of every run: is this instance as it was committed? One listing of the engine answers for all."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

from ..common.findings import Finding
from ..common.rules import finding
from ..common.spec import InstanceSpec, Reference, Secret
from ..common.words import COMMITTED, GONE, STARTED, STOPPED
from ..docker.containers import Container, done, finished, out_of_network, running
from ..instance import key_files
from ..instance.identity import UNKNOWN, Seen, identify, matches
from ..instance.known_fields import same_spec
from ..instance.state import ContainerRecord, State
from ..instance.store import InstanceStore
from ..policy import baseline
from ..status.ended import as_it_should, may_go
from ..status.jobs import jobs_in

# What is there of one that is installed, beside its record, its journal and its data.
RELEASE = (
    "before",
    "upgrade",
    "previous",
    "releases",
    "current",
    "spec.json",
    "wanted.json",
    "hold.json",
    os.path.join("backup", "arrived.json"),
)


def why_work(
    spec: InstanceSpec, state: State | None, containers: Sequence[Container], store: InstanceStore, host_key: bytes | None
) -> str | None:
    """``None`` if there is nothing to do, else the first reason found."""
    if spec.state == GONE:
        return _absent(spec.purge, state, containers, store)
    if spec.state == STOPPED:
        return _stopped(state, containers)
    if state is None or state.phase != COMMITTED:
        return "not installed" if state is None else f"phase is {state.phase}"
    if state.desired != STARTED:
        return "was stopped"
    seen = Seen.of(store, state)
    identities = identify(spec.secrets, seen, host_key)
    unknown = any(identity.startswith(UNKNOWN) for identity in identities.values())
    if unknown or not same_spec(spec, identities, state.spec_digest, state.transform, store):
        return "the spec changed"
    return _differing(state, containers, store) or _out_of_place(state, store, identities, seen)


def _differing(state: State, containers: Sequence[Container], store: InstanceStore) -> str | None:
    known = {item.name: item for item in containers}
    needed = {item.name for item in state.containers.values() if not may_go(item)}
    if not needed <= set(known) <= {item.name for item in state.containers.values()}:
        return "containers differ"
    for item in state.containers.values():
        container = known.get(item.name)
        if container is None:
            continue
        # One that keeps restarting runs as far as a run can make it; a finding names it.
        if container.spec != item.spec or not (_in_order(container, item, state, store) or container.state == "restarting"):
            return f"{item.name} is {container.state}"
        if out_of_network(container, item.networks) and not finished(container, item.ends):
            return f"{item.name} is out of a network"
    return None


def _in_order(container: Container, item: ContainerRecord, state: State, store: InstanceStore) -> bool:
    """Whether a container runs, or ended where it has done its work."""
    if not item.ends or container.exit_code != 0:
        return done(container, False)
    return as_it_should(container, item, state, jobs_in(store, state))


def out_of_place(state: State, store: InstanceStore) -> str | None:
    """Why what containers of a committed instance look at is not there; ``None`` where all of it is."""
    return _out_of_place(state, store, state.identities, Seen.of(store, state))


def _out_of_place(state: State, store: InstanceStore, identities: Mapping[str, str], seen: Seen) -> str | None:
    stored = seen.stored
    if not key_files.secrets_in_place(store, identities, stored, seen.held):
        return "secrets are not in place"
    # Where none is recorded, the compose file asks for none.
    if state.variables and not key_files.env_in_place(store, stored, state.variables):
        return "secrets are not in place"
    if key_files.views_present(store) != sorted(state.views) or not all(
        key_files.view_in_place(store, service, view, stored) for service, view in state.views.items()
    ):
        return "key files are not in place"
    if store.release() != state.release or not store.has_compose_file():
        return "the release is not in place"
    if not all(os.path.isdir(os.path.join(store.data, path)) for path in state.folders):
        return "a folder of its data is gone"
    return None


def made_by_older(instance: str, state: State | None) -> list[Finding]:
    """OPS-013 for an instance that is as it was specified, and was made by the rules of an older release."""
    if state is None or state.phase != COMMITTED or state.transform >= baseline.TRANSFORM:
        return []
    message = "its containers were made by the rules of an older release of this collection; they were left alone"
    return [finding("OPS-013", instance, message)]


def _stopped(state: State | None, containers: Sequence[Container]) -> str | None:
    if any(running(item) for item in containers):
        return "is running"
    if state is not None and state.installed and state.desired != STOPPED:
        return "is to be kept stopped"
    return None


def _absent(purge: bool, state: State | None, containers: Sequence[Container], store: InstanceStore) -> str | None:
    if containers:
        return "has containers"
    if os.path.exists(store.run):
        return "has keys"
    if purge:
        # The lock goes last, so a purge that was cut just before may have left nothing else.
        return "has files" if os.path.exists(store.root) or os.path.exists(store.lock) else None
    if state is not None and state.installed:
        return "has files"
    leftover = any(os.path.lexists(store.path(name)) for name in RELEASE)
    return "has files" if leftover else None


def needed_secrets(secrets: Mapping[str, Secret], store: InstanceStore, state: State | None = None) -> list[str]:
    """Secrets whose values this host does not have, in the version the spec refers to."""
    seen = Seen.of(store, state)
    return sorted(name for name, secret in secrets.items() if name not in seen.stored or not _current(name, secret.ref, seen))


def _current(name: str, reference: Reference, seen: Seen) -> bool:
    held = seen.held.get(name)
    if reference.version is None:
        return matches(reference, seen.stored[name])
    return reference.version in (held, seen.aliases.get(name) if held == seen.recorded.get(name) else None)
