# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The first question of every run: is this instance as it was committed? One listing of the engine answers for all."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

from ..common.findings import Finding
from ..common.rules import finding
from ..common.words import ABSENT, COMMITTED, GONE, STARTED, STOPPED
from ..docker.engine import Container, done, running
from ..instance import key_files
from ..instance.identity import FIRST_TRANSFORM, UNKNOWN, identify, matches, recorded_of, spec_digest
from ..instance.store import InstanceStore
from ..policy import baseline
from .plan import out_of_network


def why_work(
    spec: Mapping[str, Any],
    state: Mapping[str, Any] | None,
    containers: Sequence[Container],
    store: InstanceStore,
    host_key: bytes | None,
    renew: bool = False,
) -> str | None:
    """``None`` if there is nothing to do, else the first reason found. ``renew``: rules of an older release are reason enough."""
    if spec["state"] == GONE:
        return _absent(spec, state, containers, store)
    if spec["state"] == STOPPED:
        return _stopped(state, containers)
    if state is None or state.get("phase") != COMMITTED:
        return "not installed" if state is None else f"phase is {state.get('phase')}"
    if state.get("desired") != STARTED:
        return "was stopped"
    recorded, aliases = recorded_of(state)
    stored = key_files.stored(store)
    identities = identify(spec["secrets"], recorded, stored, {}, host_key, key_files.stored_identities(store), aliases)
    made_by = None if renew else transform_of(state)
    if (
        any(identity.startswith(UNKNOWN) for identity in identities.values())
        or spec_digest(spec, identities, made_by) != state["spec_digest"]
    ):
        return "the spec changed"
    known = {item.name: item for item in containers}
    wanted = state["containers"]
    if set(known) != {item["name"] for item in wanted.values()}:
        return "containers differ"
    for item in wanted.values():
        container = known[item["name"]]
        # One that keeps restarting runs as far as a run can make it; a finding names it.
        if container.spec != item["spec"] or not (done(container, item["ends"]) or container.state == "restarting"):
            return f"{item['name']} is {container.state}"
        if out_of_network(container, item.get("networks") or ()):
            return f"{item['name']} is out of a network"
    if not key_files.secrets_in_place(store, identities, stored):
        return "secrets are not in place"
    views = state["views"]
    if key_files.views_present(store) != sorted(views) or not all(
        key_files.view_in_place(store, service, view, stored) for service, view in views.items()
    ):
        return "key files are not in place"
    if store.release() != state["release"]:
        return "the release is not in place"
    return None


def transform_of(state: Mapping[str, Any]) -> int:
    """By which rules a committed instance was made."""
    found = state.get("transform")
    return FIRST_TRANSFORM if found is None else int(found)


def made_by_older(spec: Mapping[str, Any], state: Mapping[str, Any]) -> list[Finding]:
    """OPS-013 for an instance that is as it was specified, and was made by the rules of an older release."""
    if state.get("phase") != COMMITTED or transform_of(state) >= baseline.TRANSFORM:
        return []
    message = "its containers were made by the rules of an older release of this collection; they were left alone"
    return [finding("OPS-013", str(spec["id"]), message)]


def _stopped(state: Mapping[str, Any] | None, containers: Sequence[Container]) -> str | None:
    if any(running(item) for item in containers):
        return "is running"
    if state is not None and state.get("phase") != ABSENT and state.get("desired") != STOPPED:
        return "is to be kept stopped"
    return None


def _absent(spec: Mapping[str, Any], state: Mapping[str, Any] | None, containers: Sequence[Container], store: InstanceStore) -> str | None:
    if containers:
        return "has containers"
    if os.path.exists(store.run):
        return "has keys"
    if spec.get("purge"):
        # The lock goes last, so a purge that was cut just before may have left nothing else.
        return "has files" if os.path.exists(store.root) or os.path.exists(store.lock) else None
    if state is not None and state.get("phase") != ABSENT:
        return "has files"
    leftover = any(os.path.lexists(store.path(name)) for name in ("releases", "current", "spec.json"))
    return "has files" if leftover else None


def needed_secrets(spec: Mapping[str, Any], store: InstanceStore, state: Mapping[str, Any] | None = None) -> list[str]:
    """Secrets whose values this host does not have, in the version the spec refers to."""
    stored, held = key_files.stored(store), key_files.stored_identities(store)
    recorded, aliases = recorded_of(state)
    missing = []
    for name, secret in (spec.get("secrets") or {}).items():
        reference = secret["ref"]
        current = name in stored and (
            str(reference["version"]) in (held.get(name), aliases.get(name) if held.get(name) == recorded.get(name) else None)
            if "version" in reference
            else matches(reference, stored[name])
        )
        if not current:
            missing.append(name)
    return sorted(missing)
