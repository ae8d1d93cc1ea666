# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Containers that the engine restarted since their instance was found healthy: how often, and why."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ..common.findings import Finding
from ..common.harmless import bounded, harmless
from ..common.masking import Mask
from ..common.rules import finding
from ..docker.containers import Container
from ..docker.engine import Engine
from ..docker.last_end import last_end, last_words
from ..health.gate import RESTARTS
from ..health.probes import STARTING, UNHEALTHY
from ..instance import key_files
from ..instance.state import ContainerRecord, State
from ..instance.store import InstanceStore
from ..system.clock import seconds_since
from .entry import RECENT, suspects

_LOG_WIDTH = 200


def restarts_of(inspected: Iterable[Mapping[str, Any]]) -> dict[str, int]:
    """Service -> how often the engine has restarted its container."""
    return {str(_labels(item).get("avs.service")): int(item.get("RestartCount") or 0) for item in inspected}


def restarted(
    engine: Engine,
    own: InstanceStore,
    state: State,
    containers: Sequence[Container],
    inspected: Mapping[str, Mapping[str, Any]] | None = None,
) -> tuple[dict[str, str] | None, list[Finding]]:
    """What restarts say of an instance's health (``None``: nothing), and a finding (OPS-012) for every container that restarted and
    has not run long since. ``inspected``: by id, asked for by default."""
    if inspected is None:
        inspected = {item["Id"]: item for item in engine.inspect(suspects(state, containers))}
    since = state.committed_at
    found: list[Finding] = []
    worst = 0
    for item in containers:
        seen = inspected.get(item.id)
        count = _since_commit(seen, state.containers.get(item.service)) if seen else 0
        if seen is None or not count or not _recent(seen):
            continue
        worst = max(worst, RESTARTS if item.state == "restarting" else count)
        times = "once" if count == 1 else f"{count} times"
        message = f"restarted {times} since {since}{why(engine, own, seen)}"
        remedy = f"Read more with `docker logs {item.name}` on the host."
        found.append(finding("OPS-012", f"{own.id}: services.{item.service}", message, remedy))
    if not found:
        return None, []
    detail = "; ".join(f"{item.place.rpartition('.')[2]} {item.message}" for item in found)
    return {"status": UNHEALTHY if worst >= RESTARTS else STARTING, "detail": detail}, found


def _since_commit(inspected: Mapping[str, Any], recorded: ContainerRecord | None) -> int:
    """Whoever starts a container by hand sets the engine's count back to nothing."""
    count, before = int(inspected.get("RestartCount") or 0), 0 if recorded is None else recorded.restarts
    return count - before if count >= before else count


def _recent(inspected: Mapping[str, Any]) -> bool:
    state = inspected.get("State") or {}
    if state.get("Restarting"):
        return True
    age = seconds_since(str(state.get("StartedAt") or ""))
    # One that is said to start in the future was started before somebody set the clock: how long ago is not known.
    return bool(state.get("Running")) and (age is None or age < RECENT)


def why(engine: Engine, own: InstanceStore, inspected: Mapping[str, Any]) -> str:
    """``, last exit code 1: <last log line>`` as far as it is known; secrets masked, nothing in it that a terminal would obey."""
    state = inspected.get("State") or {}
    code, starved = last_end(engine, str(inspected["Id"]))
    if state.get("Restarting"):
        code, starved = int(state.get("ExitCode") or 0), starved or bool(state.get("OOMKilled"))
    text = "" if code is None else f", last exit code {code}"
    if starved:
        text += " (out of memory)"
    line = last_words(engine, inspected)
    mask = Mask(key_files.stored(own).values())
    return f"{text}: {bounded(harmless(mask(line)), _LOG_WIDTH)}" if line else text


def _labels(inspected: Mapping[str, Any]) -> Mapping[str, Any]:
    labels: Mapping[str, Any] = (inspected.get("Config") or {}).get("Labels") or {}
    return labels
