# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An instance's part of a result, as it is recorded and as the engine shows it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

from ..common.findings import WARNING, Finding, by_severity
from ..common.records import plain
from ..common.rules import finding
from ..common.spec import InstanceSpec, Package
from ..common.words import COMMITTED, GONE, STARTED
from ..docker.containers import Container, running
from ..instance.state import NONE, State
from ..system.clock import is_ahead, seconds_since
from .ended import as_it_should, recorded_jobs

# Seconds a container has to run after a restart until it counts as well again.
RECENT = 600.0
# The engine's words for how long a container has been up, as far as they may mean less than that.
_UP = re.compile(r"Up (?:(?P<moment>Less than a second)|(?P<minute>About a minute)|(?P<number>\d+) (?P<unit>second|minute)s?)\b")


def entry_of(spec: InstanceSpec, state: State | None, containers: Sequence[Container]) -> dict[str, Any]:
    """An instance's part of the result, as it is recorded; ``changed`` and ``actions`` are for a caller to fill."""
    known = state or NONE
    package = known.package or Package(name="")
    gone = not known.installed
    return {
        "id": spec.id,
        "package": spec.package.name or package.name or None,
        "version": package.version,
        "commit": package.commit,
        "profile": known.profile,
        "state": GONE if gone and not containers else known.desired,
        "changed": False,
        "actions": [],
        "images": {} if gone else {service: item.image for service, item in sorted(known.containers.items())},
        "keystores": {} if gone else plain(known.keys),
        "health": health_of(state, containers),
        "kept": {"volumes": plain(known.volumes), "data": known.kept_data} if gone else None,
        "findings": merged(spec.findings, () if gone else (*known.findings, *_clock(spec.id, known))),
        "error": None,
    }


def _clock(instance: str, state: State) -> list[Finding]:
    """What is to be said of an instant that was recorded and is still to come."""
    if not is_ahead(state.committed_at):
        return []
    return [finding("OPS-016", instance, f"was committed at {state.committed_at}, which is still to come by this host's clock")]


def merged(*groups: Iterable[Finding]) -> list[dict[str, str]]:
    """What the controller found and what the host found, errors first."""
    return [item.as_dict() for item in by_severity(item for group in groups for item in group)]


def tell(entry: dict[str, Any], more: Iterable[Finding]) -> None:
    """Put findings to those an entry has."""
    entry["findings"] = merged((Finding.from_dict(item) for item in entry["findings"]), more)


def strange(containers: Sequence[Container]) -> list[Finding]:
    """Containers that carry our label and were not made by us: nothing is done to them, and nothing is believed of them."""
    remedy = "Whoever made it: take the label avs.instance off (docker has no way but to make the container anew), or remove it."
    return [
        finding(
            "OPS-010",
            f"containers.{item.name}",
            f"carries the label avs.instance={item.instance[:80]!r}, but was not made by this collection; it was left alone",
            remedy,
            severity=WARNING,
        )
        for item in containers
    ]


def suspects(state: State, containers: Sequence[Container]) -> list[str]:
    """Ids of containers that may have been restarted since the commit, and not long ago. Of these alone the engine is asked more."""
    age = seconds_since(state.committed_at)
    # From an instant that says nothing, nothing is counted: then the engine's own count of restarts decides.
    longest = RECENT if age is None else min(age - 1, RECENT)
    return [item.id for item in containers if item.state == "restarting" or (item.state == "running" and _up(item.status) < longest)]


def _up(status: str) -> float:
    """Seconds a container has been up at most."""
    match = _UP.match(status)
    if match is None:
        return float("inf")
    if match["moment"] or match["minute"]:
        return 1.0 if match["moment"] else 120.0
    return (int(match["number"]) + 1) * (60.0 if match["unit"] == "minute" else 1.0)


def _at_rest(state: State, container: Container) -> bool:
    """Whether a container that does not run is to be so, as far as the record says."""
    recorded = state.containers.get(container.service)
    return recorded is None or as_it_should(container, recorded, state, recorded_jobs(state))


def health_of(state: State | None, containers: Sequence[Container]) -> dict[str, str]:
    """What can be said of an instance's health without asking it."""
    if state is None or not state.installed:
        return {"status": "unknown", "detail": "not installed"}
    down = [item for item in containers if item.state in ("exited", "dead", "created") and not _at_rest(state, item)]
    if down and state.desired == STARTED:
        return {"status": "unhealthy", "detail": "; ".join(f"{item.service} is {item.state}" for item in down)}
    live = [item for item in containers if running(item)]
    if not live:
        return {"status": "unknown", "detail": "stopped"}
    for word in ("unhealthy", "starting"):
        failing = [item.service for item in live if item.health == word]
        if failing:
            return {"status": word, "detail": f"the health check of {', '.join(failing)} says {word}"}
    if state.phase != COMMITTED:
        return {"status": "unknown", "detail": "not healthy yet when last asked"}
    return {"status": "healthy", "detail": f"running since its health was confirmed at {state.committed_at}"}
