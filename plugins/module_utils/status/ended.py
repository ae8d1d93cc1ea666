# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Services that have ended with 0: which of them have done their work, and which are down. A node that was stopped looks just like a
job that is done; what tells them apart is what is declared, and what was seen at the last commit. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection

from ..common.spec import Condition
from ..docker.containers import Container, done
from ..instance.state import ContainerRecord, State
from ..system.clock import seconds_since

# The engine's words for how long ago a container ended; what is longer than weeks ago is before any commit that matters here.
_AGO = re.compile(
    r"Exited \(-?\d+\) (?:(?P<moment>Less than a second)|(?P<one>About an? (?:minute|hour))|(?P<number>\d+) (?P<unit>\w+?)s?) ago"
)
_SECONDS = {"second": 1.0, "minute": 60.0, "hour": 3600.0, "day": 86_400.0, "week": 604_800.0}


def jobs_of(health: Condition | None, waited_for: Collection[str]) -> set[str]:
    """Services that end by themselves: those others wait for until they end (``waited_for``), and those the package declares."""
    return {*waited_for, *(() if health is None else health.ends)}


def had_finished(state: State | None, service: str, made_of: str, status: str = "") -> bool | None:
    """Whether a service had done its work by the last commit; ``None`` where none speaks of a container made of the same. ``status``:
    the engine's text about its container, for records of a release that did not note it."""
    recorded = state.containers.get(service) if state is not None and state.installed else None
    if state is None or recorded is None or recorded.spec != made_of:
        return None
    if recorded.finished is not None:
        return recorded.finished
    since = seconds_since(state.committed_at)
    return since is None or _ended_ago(status) >= since - 1 if status else False


class Rest:
    """Which services that ended with 0 are where they should be. ``jobs`` end by themselves; ``named``: the one the gate asks; it is
    the node."""

    def __init__(self, state: State | None, jobs: Collection[str], named: str | None) -> None:
        self.state, self.jobs, self.named = state, jobs, named

    def fits(self, service: str, made_of: str, status: str) -> bool:
        """``status``: the engine's text about its container, empty without one."""
        if service in self.jobs:
            return True
        return service != self.named and had_finished(self.state, service, made_of, status) is not False


def rest_of(state: State, jobs: Collection[str]) -> Rest:
    """The same for an installed instance, by what is recorded of its gate."""
    return Rest(state, jobs, None if state.health is None else state.health.service)


def as_it_should(container: Container, recorded: ContainerRecord, state: State, jobs: Collection[str]) -> bool:
    """Whether a recorded container runs, or has ended as it may."""
    return done(container, recorded.ends and rest_of(state, jobs).fits(container.service, recorded.spec, container.status))


def recorded_jobs(state: State) -> set[str]:
    """``jobs_of`` a committed instance, as far as its record says."""
    return jobs_of(state.health, [service for service, one in state.containers.items() if one.job])


def may_go(recorded: ContainerRecord) -> bool:
    """Whether nobody misses the container: that of a job that is done."""
    return recorded.ends and bool(recorded.finished)


def _ended_ago(status: str) -> float:
    """Seconds since a container ended, at most."""
    match = _AGO.match(status)
    if match is None:
        return float("inf")
    if match["moment"]:
        return 1.0
    if match["one"]:
        return 7200.0 if match["one"].endswith("hour") else 120.0
    return (int(match["number"]) + 1) * _SECONDS.get(match["unit"], float("inf"))
