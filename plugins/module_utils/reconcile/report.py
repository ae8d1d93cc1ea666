# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a batch tells of its instances: in check mode what a run would leave, else what is there now."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from ..common.errors import AvsError, HostError
from ..common.findings import Finding
from ..common.masking import Mask
from ..common.words import STARTED
from ..docker.containers import Container
from ..docker.engine import Engine
from ..health.probes import UNHEALTHY
from ..instance.store import InstanceStore, Store
from ..status.entry import entry_of, merged, tell
from . import apply
from .prepare import Prepared
from .work import Work, problems_of


def announce(item: Work) -> None:
    """The entry of check mode: what a run would leave."""
    entry = entry_of(item.job.spec, item.job.state, item.job.containers)
    entry.update(changed=bool(item.actions), actions=[action.as_dict() for action in item.actions], state=item.state)
    if item.prepared is not None:
        entry.update(_told_of(item.prepared))
    item.job.entry = entry


def report(engine: Engine, store: Store, work: Sequence[Work], mask: Mask) -> None:
    """Entries after the run, from what is there now; what was to be done, where the engine does not answer any more."""
    lost: AvsError | None = None
    listing: list[Container] = []
    try:
        listing = engine.containers()
    except AvsError as error:
        lost = error
    for item in work:
        after = [container for container in listing if container.instance == item.job.id]
        own = store.instance(item.job.id)
        actions = item.actions if lost else apply.told(item.actions, item.job.containers, after)
        if lost is not None and item.error is None:
            item.error = HostError(f"{item.job.id}: what became of it is not known: {lost.message}", lost.findings)
        entry = entry_of(item.job.spec, own.known(), after)
        entry.update(changed=bool(actions), actions=[action.as_dict() for action in actions])
        if item.prepared is not None:
            entry.update(_told_of(item.prepared))
        if item.health is not None:
            entry["health"] = item.health.as_dict()
        if item.kept is not None:
            entry["kept"] = item.kept
        tell(entry, item.told)
        if item.error is not None:
            _tell_error(entry, item.error, own, mask)
        item.job.entry = entry


def _tell_error(entry: dict[str, Any], error: AvsError, own: InstanceStore, mask: Mask) -> None:
    problems = [problem for problem in problems_of(own.id, error) if problem.id]
    entry["error"] = mask("\n".join([error.message, *(f"  {problem.as_line()}" for problem in problems)]))
    tell(entry, (Finding.from_dict(mask.deep(problem.as_dict())) for problem in problems))
    entry["health"] = {"status": UNHEALTHY, "detail": mask(error.message)}
    if os.path.isdir(own.root):
        own.note("failed", error=entry["error"])


def _told_of(item: Prepared) -> dict[str, Any]:
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
