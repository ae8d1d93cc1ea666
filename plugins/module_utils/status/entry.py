# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An instance's part of a result, as it is recorded and as the engine shows it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from ..common.findings import WARNING, Finding, by_severity
from ..common.rules import finding
from ..common.words import ABSENT, COMMITTED, GONE, STARTED
from ..docker.engine import Container, running
from ..instance.key_files import with_marks
from ..instance.store import Store
from ..system.clock import seconds_since

# Seconds a container has to run after a restart until it counts as well again.
RECENT = 600.0
# The engine's words for how long a container has been up, as far as they may mean less than that.
_UP = re.compile(r"Up (?:(?P<moment>Less than a second)|(?P<minute>About a minute)|(?P<number>\d+) (?P<unit>second|minute)s?)\b")


def entry_of(spec: Mapping[str, Any], state: Mapping[str, Any] | None, containers: Sequence[Container]) -> dict[str, Any]:
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


def suspects(state: Mapping[str, Any], containers: Sequence[Container]) -> list[str]:
    """Ids of containers that may have been restarted since the commit, and not long ago. Of these alone the engine is asked more."""
    age = seconds_since(str(state.get("committed_at") or ""))
    if age is None:
        return []
    return [
        item.id
        for item in containers
        if item.state == "restarting" or (item.state == "running" and _up(item.status) < min(age - 1, RECENT))
    ]


def _up(status: str) -> float:
    """Seconds a container has been up at most."""
    match = _UP.match(status)
    if match is None:
        return float("inf")
    if match["moment"] or match["minute"]:
        return 1.0 if match["moment"] else 120.0
    return (int(match["number"]) + 1) * (60.0 if match["unit"] == "minute" else 1.0)


def held(store: Store, instance: str) -> dict[str, Any]:
    """Keys an instance has had until now, whatever becomes of it in this run: nobody else may start with them meanwhile."""
    own = store.instance(instance)
    state = with_marks(own, own.known()) or {}
    gone = state.get("phase") == ABSENT
    return {"id": instance, "state": GONE if gone else STARTED, "keystores": {} if gone else state.get("keys") or {}}


def health_of(state: Mapping[str, Any] | None, containers: Sequence[Container]) -> dict[str, str]:
    """What can be said of an instance's health without asking it."""
    if state is None or state.get("phase") == ABSENT:
        return {"status": "unknown", "detail": "not installed"}
    live = [item for item in containers if running(item)]
    if not live:
        return {"status": "unknown", "detail": "stopped"}
    for word in ("unhealthy", "starting"):
        failing = [item.service for item in live if item.health == word]
        if failing:
            return {"status": word, "detail": f"the health check of {', '.join(failing)} says {word}"}
    if state.get("phase") != COMMITTED:
        return {"status": "unknown", "detail": "not healthy yet when last asked"}
    return {"status": "healthy", "detail": f"running since its health was confirmed at {state['committed_at']}"}
