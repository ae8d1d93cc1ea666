# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reconciles a host's instances: the first question here, the work, if there is any, in ``batch`` (docs/architecture.md, 3)."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from ..common.errors import AvsError, HostError
from ..common.findings import Finding, by_severity
from ..common.rules import finding
from ..common.spec import InstanceSpec, read_specs
from ..common.words import STARTED
from ..docker.containers import Container
from ..docker.engine import Engine
from ..instance.store import Store, host_store
from ..status.entry import entry_of, strange, suspects, tell
from ..system.prefetch import Ahead
from ..system.scratch import sweep
from ..system.trees import tree_digest
from .job import Call, Job, Regard, look
from .unchanged import made_by_older, needed_secrets


def reconcile(call: Call, engine: Engine, store: Store | None = None) -> dict[str, Any]:
    """The module's result. Raises ``AvsError`` where nothing was changed; an instance that fails later is an ``error`` in its entry,
    and ``msg`` names each."""
    store = store or host_store()
    specs, complete = read_specs(call.document), bool(call.document.get("complete"))
    listed = Ahead(engine.listing)
    do = None
    if complete:
        # There is work. Asking whether the engine is up to it takes about as long as reading the rest of this library.
        usable: Ahead[None] = Ahead(engine.check_versions if any(spec.state == STARTED for spec in specs) else lambda: None)
        from .batch import run

        do = partial(run, usable=usable)
    listing, strangers = listed.answer()
    jobs = _look(specs, store, listing, call.regard)
    work = [job for job in jobs if job.reason is not None]
    result: dict[str, Any] = {"changed": False, "diff": [], "instances": []}
    if work and do is None:
        result["needs"] = {job.id: need(job, store) for job in work}
    elif work and do is not None:
        try:
            result.update(do(work, call, store, engine))
        except AvsError as error:
            raise type(error)(
                error.message, [*error.findings, *(item for job in jobs if job.refusal for item in job.refusal.findings)]
            ) from None
    else:
        sweep()
    told = result.pop("told", ())
    for job in jobs:
        if job.reason is None:
            job.entry = _left_alone(job, store, engine)
        if job.entry:
            say_hold(job)
    result["instances"] = [job.entry for job in jobs if job.entry]
    if "needs" not in result:
        result.update(failures(result["instances"]))
    result["unlisted"] = unlisted(store, listing, {job.id for job in jobs})
    if not complete:
        # Of what was left alone the result says itself what it has; not so of one that cannot be judged.
        unsettled = {job.id for job in jobs if job.reason is not None or job.refusal is not None}
        result["held"] = _held(store, sorted({*unsettled, *result["unlisted"]}), listing)
    found = [Finding.from_dict(item) for entry in result["instances"] for item in entry["findings"]]
    found += [
        finding("INV-003", instance, "is on the host, but not in the inventory; it was left alone") for instance in result["unlisted"]
    ]
    found += [*strange(strangers), *told]
    result["findings"] = [item.as_dict() for item in by_severity(found)]
    return result


def _look(specs: Sequence[InstanceSpec], store: Store, listing: Sequence[Container], regard: Regard) -> list[Job]:
    """Raises ``HostError`` where the key of this host's digests cannot be used, and nothing is to be taken down, which needs none."""
    host_key, unusable = None, None
    try:
        host_key = store.host_key()
    except HostError as error:
        if all(spec.state == STARTED for spec in specs):
            raise
        unusable = error
    jobs = [look(spec, store, listing, host_key, regard) for spec in specs]
    for job in jobs:
        if unusable is not None and job.spec.state == STARTED and job.refusal is None:
            job.reason, job.refusal = None, unusable
    return jobs


def _held(store: Store, instances: Sequence[str], listing: Sequence[Container]) -> list[dict[str, Any]]:
    if not instances:
        return []
    from ..status.held import held

    return [entry for entry in (held(store, instance, listing) for instance in instances) if entry["keystores"] or entry.get("unknown")]


def _left_alone(job: Job, store: Store, engine: Engine) -> dict[str, Any]:
    """The entry of an instance nothing is done to."""
    entry = entry_of(job.spec, job.state, job.containers)
    problems = []
    if job.refusal is not None:
        problems = job.refusal.findings
        entry["error"] = "\n".join([job.refusal.message, *(f"  {item.as_line()}" for item in problems)])
        entry["health"] = {"status": "unknown", "detail": job.refusal.message}
    elif job.state is not None and job.spec.state == STARTED:
        problems = [*made_by_older(job.id, job.state)]
        if suspects(job.state, job.containers):
            from ..status.restarts import restarted

            health, found = restarted(engine, store.instance(job.id), job.state, job.containers)
            entry["health"] = health or entry["health"]
            problems += found
    tell(entry, problems)
    return entry


def say_hold(job: Job) -> None:
    """Whether it is held, in its entry."""
    job.entry["hold"] = None
    if job.hold is not None:
        from ..instance.hold import told

        job.entry["hold"] = job.hold.as_dict()
        tell(job.entry, [told(job.id, job.hold)])


def failures(entries: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """``failed`` and ``msg`` where an instance has an error."""
    failed = [entry for entry in entries if entry["error"]]
    if not failed:
        return {}
    return {
        "failed": True,
        "msg": "\n".join([f"{len(failed)} of {len(entries)} instances failed", *(f"  {entry['error']}" for entry in failed)]),
    }


def need(job: Job, store: Store) -> dict[str, Any]:
    """Contents the controller has to send for this instance."""
    if job.spec.state != STARTED:
        return {"tree": False, "secrets": []}
    own = store.instance(job.id)
    # What lies there counts, not what was recorded: somebody may have changed it by hand.
    have = tree_digest(os.path.join(own.current, "tree")) if own.release() else None
    return {"tree": have != job.spec.package.tree_sha256, "secrets": needed_secrets(job.spec.secrets, own, job.state)}


def unlisted(store: Store, listing: Sequence[Container], listed: set[str]) -> list[str]:
    """Instances on the host that nobody asked for; what was removed and left data behind is none."""
    present = {container.instance for container in listing}
    for instance in store.ids():
        if instance not in listed and instance not in present:
            try:
                state = store.instance(instance).state()
            except HostError:
                # Whatever it is, it is there.
                present.add(instance)
                continue
            if state is not None and state.installed:
                present.add(instance)
    return sorted(present - listed)
