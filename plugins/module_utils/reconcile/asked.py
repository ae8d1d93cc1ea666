# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the plan asks of each service: as it is wanted, and what an end of it, or a container that is gone, means. Pure."""

from __future__ import annotations

from collections.abc import Collection

from ..instance.state import State
from ..policy.pipeline import Shaped, Wanted
from ..status.ended import Rest, had_finished
from .draft import Draft, Surroundings
from .made import Made
from .plan import Asked


def asked_of_each(around: Surroundings, item: Draft, thing: Made, jobs: Collection[str]) -> dict[str, Asked]:
    """By service. ``jobs`` end by themselves; where the operator renews, no job is done whose container is gone."""
    statuses = {one.service: one.status for one in item.before}
    rest = Rest(item.state, jobs, thing.shaped.health.service)
    renew = bool(around.settings.get("renew"))
    found = {}
    for name, one in thing.wanted.items():
        status = statuses.get(name, "")
        done = _done(item.state, name, one, status)
        found[name] = Asked(
            one.name,
            one.spec,
            one.ends and rest.fits(name, one.spec, status),
            one.joins,
            done and not renew and not _emptied(thing.shaped, name, around.volumes),
            one.ends and name not in jobs and not done,
        )
    return found


def _done(state: State | None, service: str, wanted: Wanted, status: str) -> bool:
    return wanted.ends and bool(had_finished(state, service, wanted.spec, status))


def _emptied(shaped: Shaped, service: str, volumes: Collection[str]) -> bool:
    """Whether a volume it works on is not on the host: what it did is gone with it."""
    fresh = {key for key, entry in (shaped.model.get("volumes") or {}).items() if (entry or {}).get("name") not in volumes}
    mounts = shaped.model["services"][service].get("volumes") or ()
    return any(mount.get("type") == "volume" and mount.get("source") in fresh for mount in mounts)
