# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reconciles a host's instances: the first question here, the work, if there is any, in ``run`` (docs/architecture.md, 3)."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from .ahead import Ahead
from .canonical import tree_digest
from .engine import Container, Engine
from .errors import HostError
from .findings import Finding, by_severity
from .names import is_name
from .rules import finding
from .scratch import sweep
from .settled import GONE, STARTED, health_of, needed_secrets, why_work
from .store import ABSENT, Store, host_store

SCHEMA = 1
_REQUIRED = ("compose", "env", "secrets", "keys", "health", "profile")


@dataclass
class Job:
    """One instance of a call. ``reason`` says why there is work; ``entry`` is its part of the result once that is known."""

    spec: Mapping[str, Any]
    state: Mapping[str, Any] | None
    containers: Sequence[Container]
    reason: str | None = None
    entry: dict[str, Any] = field(default_factory=dict)

    @property
    def id(self) -> str:
        return str(self.spec["id"])


def reconcile(
    document: Mapping[str, Any],
    engine: Engine,
    secret_values: Mapping[str, Mapping[str, str]] | None = None,
    check: bool = False,
    diff: bool = False,
    store: Store | None = None,
) -> dict[str, Any]:
    """The module's result. Raises ``AvsError`` where nothing was changed; an instance that fails later is an ``error`` in its entry,
    and ``msg`` names each. A document that is a ``trial`` is judged as in check mode: its caller knows already that the run fails."""
    check = check or bool(document.get("trial"))
    store = store or host_store()
    specs = read_specs(document)
    listed = Ahead(engine.containers)
    do = None
    if document.get("complete"):
        # There is work. Asking whether the engine is up to it takes about as long as reading the rest of this library.
        usable = Ahead(engine.check_versions)
        from .run import run

        do = partial(run, usable=usable)
    listing = listed.answer()
    host_key = store.host_key()
    jobs = [look(spec, store, listing, host_key) for spec in specs]
    work = [job for job in jobs if job.reason is not None]
    result: dict[str, Any] = {"changed": False, "diff": [], "instances": []}
    if work and do is None:
        result["needs"] = {job.id: need(job, store) for job in work}
    elif work and do is not None:
        result.update(do(work, document, secret_values or {}, check, diff, store, engine))
    else:
        sweep()
    for job in jobs:
        if job.reason is None:
            job.entry = entry_of(job.spec, job.state, job.containers)
    result["instances"] = [job.entry for job in jobs if job.entry]
    result["unlisted"] = unlisted(store, listing, {job.id for job in jobs})
    if not document.get("complete"):
        busy = [job.id for job in work if job.state is not None]
        result["held"] = [held(store, instance) for instance in sorted({*busy, *result["unlisted"]})]
    found = [Finding.from_dict(item) for entry in result["instances"] for item in entry["findings"]]
    found += [
        finding("INV-003", instance, "is on the host, but not in the inventory; it was left alone")
        for instance in result["unlisted"]
    ]
    result["findings"] = [item.as_dict() for item in by_severity(found)]
    return result


def read_specs(document: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The specs of a document. Raises ``HostError`` for one this library does not understand."""
    if document.get("schema") != SCHEMA:
        raise HostError(
            f"the document has schema {document.get('schema')!r}, the host knows {SCHEMA}; use one version of restaking.avs for both"
        )
    specs: list[Mapping[str, Any]] = list(document.get("specs") or ())
    problems = []
    seen: set[object] = set()
    for spec in specs:
        instance = spec.get("id")
        missing = [name for name in _REQUIRED if name not in spec] if spec.get("state") == STARTED else []
        if not is_name(instance):
            problems.append(finding("INV-001", f"specs.{instance}", "is not a valid id"))
        elif instance in seen:
            problems.append(finding("INV-001", f"specs.{instance}", "is listed twice"))
        elif missing:
            problems.append(finding("INV-001", f"specs.{instance}", f"lacks {', '.join(missing)}"))
        seen.add(instance)
    if problems:
        raise HostError("the document cannot be understood", problems)
    return specs


def look(spec: Mapping[str, Any], store: Store, listing: Sequence[Container], host_key: bytes | None) -> Job:
    """What the host remembers and shows of one instance."""
    own = store.instance(spec["id"])
    state = own.state()
    containers = [container for container in listing if container.instance == spec["id"]]
    return Job(spec, state, containers, why_work(spec, state, containers, own, host_key))


def need(job: Job, store: Store) -> dict[str, Any]:
    """Contents the controller has to send for this instance."""
    if job.spec["state"] != STARTED:
        return {"tree": False, "secrets": []}
    own = store.instance(job.id)
    # What lies there counts, not what was recorded: somebody may have changed it by hand.
    have = tree_digest(os.path.join(own.current, "tree")) if own.release() else None
    return {"tree": have != job.spec["package"]["tree_sha256"], "secrets": needed_secrets(job.spec, own)}


def entry_of(
    spec: Mapping[str, Any], state: Mapping[str, Any] | None, containers: Sequence[Container]
) -> dict[str, Any]:
    """An instance's part of the result, as it is recorded; ``changed`` and ``actions`` are for a caller to fill."""
    known = state or {}
    package = known.get("package") or {}
    gone = not known or known.get("phase") == ABSENT
    locked = known.get("containers") or {}
    return {
        "id": spec["id"],
        "package": (spec.get("package") or {}).get("name") or package.get("name"),
        "version": package.get("version"),
        "commit": package.get("commit"),
        "profile": known.get("profile"),
        "state": GONE if gone and not containers else known.get("desired", STARTED),
        "changed": False,
        "actions": [],
        "images": {} if gone else {service: item.get("image") for service, item in sorted(locked.items())},
        "keystores": {} if gone else known.get("keys") or {},
        "health": health_of(state, containers),
        "kept": {"volumes": known.get("volumes") or [], "data": known.get("kept_data")} if gone else None,
        "findings": merged(spec, [] if gone else known.get("findings") or []),
        "error": None,
    }


def merged(spec: Mapping[str, Any], host: Sequence[Mapping[str, Any]]) -> list[dict[str, str]]:
    """What the controller found and what the host found, errors first."""
    found = [Finding.from_dict(dict(item)) for item in (*(spec.get("findings") or ()), *host)]
    return [item.as_dict() for item in by_severity(found)]


def held(store: Store, instance: str) -> dict[str, Any]:
    """Keys an instance has had until now, whatever becomes of it in this run: nobody else may start with them meanwhile."""
    state = store.instance(instance).state() or {}
    gone = state.get("phase") == ABSENT
    return {"id": instance, "state": GONE if gone else STARTED, "keystores": {} if gone else state.get("keys") or {}}


def unlisted(store: Store, listing: Sequence[Container], listed: set[str]) -> list[str]:
    """Instances on the host that nobody asked for; what was removed and left data behind is none."""
    present = {container.instance for container in listing}
    for instance in store.ids():
        if instance not in listed and instance not in present:
            state = store.instance(instance).state()
            if state is not None and state.get("phase") != ABSENT:
                present.add(instance)
    return sorted(present - listed)
