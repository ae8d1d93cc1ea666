# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Upgrades of a host's instances, one after another: the first that fails is the last that is begun."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..common.errors import AvsError, HostError
from ..common.findings import Finding, by_severity, errors_of
from ..common.masking import Mask
from ..common.spec import read_specs
from ..docker.engine import Engine
from ..instance.store import Store, host_store
from ..reconcile.diff import differences
from ..reconcile.job import Call, Job, look
from ..reconcile.own import Way
from ..reconcile.reconcile import failures
from ..reconcile.repositories import Host, asked
from ..reconcile.work import of_the_system, terms_of
from ..status.entry import entry_of
from ..system.command import RunCommand
from ..system.scratch import Scratch
from .cut import end_what_was_cut
from .planning import Planned, plan_all
from .upgrade import Terms, Upgrading, announced

# What a call says of backups, where it says nothing.
_UNSAID = {"repository": None}


def upgrade(call: Mapping[str, Any], run_command: RunCommand, store: Store | None = None, engine: Engine | None = None) -> dict[str, Any]:
    """The result of a call with ``upgrade`` in its document, as of any run; an entry has ``upgrade``. Raises ``AvsError`` where nothing was
    changed. ``backup``: what a module of backups is given."""
    document = call["document"]
    given = Call(document, call.get("secret_values"), bool(call.get("check")), bool(call.get("diff")))
    store, engine = store or host_store(), engine or Engine(run_command)
    host = Host(store, engine, run_command)
    engine.check_versions()
    jobs = _looked_at(given, host)
    terms = terms_of(given, store.root)
    way = Way(terms.holder, terms.timeout, terms.bound, given.dry)
    wanted = asked({**_UNSAID, **(call.get("backup") or {})}, given.dry)
    with Scratch() as scratch:
        around, planned = plan_all([job for job in jobs if job.upgrade], given, host, wanted, scratch)
        shown = [part for one in planned if one.work.prepared is not None for part in differences(one.work.prepared)] if given.diff else []
        only_said = given.dry or is_fetch(document)
        done = {one.work.id: announced(one) for one in planned} if only_said else _one_by_one(Terms(host, way, wanted, around), planned)
    entries = [done.get(job.id) or _left_alone(job) for job in jobs]
    return _result(entries, terms.mask.deep(shown), terms.mask)


def is_fetch(document: Mapping[str, Any]) -> bool:
    """Whether all is to be judged, and images pulled, and nothing stopped."""
    return bool((document.get("upgrade") or {}).get("fetch"))


def _looked_at(call: Call, host: Host) -> list[Job]:
    """Raises ``HostError`` with every one that cannot be upgraded as it is."""
    listing, key = host.engine.containers(), host.store.host_key()
    jobs = [look(spec, host.store, listing, key, call.regard) for spec in read_specs(call.document)]
    refused = [job.refusal for job in jobs if job.refusal is not None]
    if refused:
        problems = list(dict.fromkeys(problem for error in refused for problem in error.findings))
        raise HostError("not every instance can be upgraded; nothing was changed", problems)
    return jobs


def _one_by_one(terms: Terms, planned: Sequence[Planned]) -> dict[str, dict[str, Any]]:
    done: dict[str, dict[str, Any]] = {}
    failed = ""
    for one in planned:
        if failed:
            entry = _left_alone(one.work.job)
            entry["error"] = f"{one.work.id} was not begun: the upgrade of {failed}, before it, failed"
        else:
            entry = _upgraded(terms, one)
        done[one.work.id] = entry
        failed = failed or (one.work.id if entry["error"] else "")
    return done


def _upgraded(terms: Terms, planned: Planned) -> dict[str, Any]:
    try:
        return Upgrading(terms, planned).run()
    except AvsError as error:
        # Somebody else is at work on it, for example.
        return _failed(planned, error)
    except OSError as error:
        return _failed(planned, of_the_system(planned.work.id, error, terms.host.store.root))


def _failed(planned: Planned, error: AvsError) -> dict[str, Any]:
    entry = _left_alone(planned.work.job)
    how = "was begun, and how far it came is not known" if planned.work.begun else "was not begun"
    entry["error"] = "\n".join(
        [f"{planned.work.id} {how}: {error.message}", *(f"  {item.as_line()}" for item in errors_of(error.findings))]
    )
    return entry


def _left_alone(job: Job) -> dict[str, Any]:
    return entry_of(job.spec, job.state, job.containers)


def _result(entries: Sequence[dict[str, Any]], shown: Any, mask: Mask) -> dict[str, Any]:
    told = mask.deep(list(entries))
    found = [Finding.from_dict(item) for entry in told for item in entry["findings"]]
    return {
        "changed": any(entry["changed"] for entry in told),
        "instances": told,
        "diff": shown,
        "unlisted": [],
        "findings": [item.as_dict() for item in by_severity(found)],
        **failures(told),
    }


def work(given: Mapping[str, Any], run_command: RunCommand) -> dict[str, Any]:
    """In a process of its own (``system/detached``)."""
    from ..boot.settle import settle

    try:
        end_what_was_cut(given, run_command)
        result = upgrade(given, run_command)
        if not is_fetch(given["document"]):
            settle(result, run_command, False)
    except AvsError as error:
        return {"failed": True, "changed": False, "instances": [], **error.as_result()}
    return result
