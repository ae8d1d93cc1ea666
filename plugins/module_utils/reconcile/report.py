# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An instance's part of the result: what a run would do, what it did, and what came of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..common.errors import AvsError, HostError, LockedError
from ..common.findings import Finding
from ..common.masking import Mask
from ..common.words import STARTED
from ..docker.containers import Container
from ..docker.engine import Engine
from ..health.probes import UNHEALTHY
from ..instance.journal import DONE, FAILED
from ..instance.store import Store
from ..status.entry import entry_of, merged, tell
from . import apply
from .prepare import Prepared
from .work import Work, problems_of


def announce(item: Work) -> None:
    """The entry of check mode: what a run would leave."""
    entry = entry_of(item.job.spec, item.job.state, item.job.containers)
    entry.update(changed=bool(item.actions), actions=[action.as_dict() for action in item.actions], state=item.state)
    if item.prepared is not None:
        entry.update(told_of(item.prepared))
    item.job.entry = entry


def leave_alone(item: Work, mask: Mask) -> None:
    """The entry of an instance a run does not begin with, because of its ``error``."""
    entry = entry_of(item.job.spec, item.job.state, item.job.containers)
    if item.error is not None:
        _put_error(entry, item.id, item.error, mask)
    item.job.entry = entry


def report(engine: Engine, store: Store, work: Sequence[Work], mask: Mask) -> None:
    """Entries after the run, from what is there now; what was to be done, where the engine does not answer any more."""
    lost: AvsError | None = None
    listing: list[Container] = []
    try:
        listing = engine.containers() if any(item.begun for item in work) else []
    except AvsError as error:
        lost = error
    for item in work:
        if not item.begun:
            leave_alone(item, mask)
            continue
        after = [container for container in listing if container.instance == item.id]
        own = store.instance(item.id)
        actions = item.actions if lost else apply.told(item.actions, item.job.containers, after)
        if lost is not None and item.error is None:
            item.error = HostError(f"{item.id}: what became of it is not known: {lost.message}", lost.findings)
        entry = entry_of(item.job.spec, own.known(), after)
        entry.update(changed=bool(actions), actions=[action.as_dict() for action in actions])
        if item.prepared is not None:
            entry.update(told_of(item.prepared))
        if item.health is not None:
            entry["health"] = item.health.as_dict()
        if item.kept is not None:
            entry["kept"] = item.kept
        tell(entry, item.told)
        if item.error is not None:
            _put_error(entry, item.id, item.error, mask)
            entry["health"] = {"status": UNHEALTHY, "detail": mask(item.error.message)}
            item.ended(own, FAILED, error=entry["error"])
            if item.went_back:
                # To be started once nobody holds its lock (``control.start_what_went_back``).
                entry["went_back"] = True
        else:
            item.ended(own, DONE, release=own.release(), health=entry["health"]["detail"])
        item.job.entry = entry


def _put_error(entry: dict[str, Any], instance: str, error: AvsError, mask: Mask) -> None:
    problems: list[Finding] = [problem for problem in problems_of(instance, error) if problem.id]
    entry["error"] = mask("\n".join([error.message, *(f"  {problem.as_line()}" for problem in problems)]))
    if isinstance(error, LockedError):
        entry["locked"] = True
    tell(entry, (Finding.from_dict(mask.deep(problem.as_dict())) for problem in problems))


def told_of(item: Prepared) -> dict[str, Any]:
    """What is said of an instance that was prepared."""
    spec = item.draft.spec
    return {
        "version": spec.package.version,
        "commit": spec.package.commit,
        "profile": spec.profile,
        "state": STARTED,
        "images": {service: wanted.image for service, wanted in sorted(item.wanted.items())},
        "keystores": apply.keys_of(item),
        "kept": None,
        "findings": merged(spec.findings, item.findings),
    }
