# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Ends containers by their ids, whoever depends on whom. Compose would need every container its labels name, and waits as long as
a package says."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from ..common.errors import HostError
from ..common.findings import Finding
from ..common.rules import finding
from ..docker.compose import engine_error
from ..docker.containers import Container, running
from ..docker.engine import Engine
from ..docker.last_end import killed_since
from ..system.prefetch import Ahead

# Seconds a node has to end in where nobody says otherwise; the longest that public packages of nodes ask for.
STOP_TIMEOUT = 300.0
# Seconds: what the engine gives a container that asks for nothing, and what it may need beyond a grace period.
_ENGINE_DEFAULT, _BEYOND = 10, 60.0
_KILLED = 137
# Seconds an engine's list may be behind, and between two looks at it.
_LISTED, _PAUSE = 10.0, 0.05
# Signals that mean no request.
_FORCE = ("SIGKILL", "KILL", "9")


def stop_bound(settings: Mapping[str, Any]) -> float:
    """Seconds any stop may take. Raises ``HostError`` (INV-001) for a setting that is none."""
    given = settings.get("stop_timeout")
    if given is None:
        return STOP_TIMEOUT
    try:
        bound = float(given) if not isinstance(given, bool) else -1.0
    except (TypeError, ValueError):
        bound = -1.0
    if 0 <= bound <= 86_400:
        return bound
    problem = finding("INV-001", "settings.stop_timeout", "is not a number of seconds (0-86400)", "Correct avs_stop_timeout.")
    raise HostError("a setting is not well formed", [problem])


def grace(inspected: Mapping[str, Any], bound: float) -> tuple[int, int | None]:
    """Seconds a container is given to end in, and those it asks for (``None``: any number)."""
    asked = (inspected.get("Config") or {}).get("StopTimeout")
    own = _ENGINE_DEFAULT if asked is None else int(asked)
    return int(bound) if own < 0 else min(own, int(bound)), None if own < 0 else own


def end(engine: Engine, instance: str, containers: Sequence[Container], bound: float, hold: tuple[int, ...]) -> list[Finding]:
    """Stop containers, those that depend on others first. Returns a finding for every one that had to be killed.

    Raises ``HostError`` (OPS-005) where one cannot be ended.
    """
    inspected = {item["Id"]: item for item in engine.inspect(item.id for item in containers if running(item))}
    asleep = [name for name, item in inspected.items() if (item.get("State") or {}).get("Paused")]
    if asleep:
        # One that sleeps hears no signal.
        engine.run(["unpause", *asleep], hold=hold)
    found: list[Finding] = []
    for wave in waves(inspected):
        found += _end_together(engine, instance, [inspected[name] for name in wave], bound, hold)
    return found


def listed_as_ended(engine: Engine, ids: Collection[str]) -> None:
    """For whoever starts by a list what was ended a moment ago: an engine's list is behind what it has answered, by as long as a busy disk
    takes, and what is listed as running is not started. Not for ever: what does not end is told elsewhere."""
    until = time.monotonic() + _LISTED
    while ids and any(running(one) for one in engine.containers() if one.id in ids) and time.monotonic() < until:
        time.sleep(_PAUSE)


def waves(inspected: Mapping[str, Mapping[str, Any]]) -> list[list[str]]:
    """Ids in the order in which they are to end. Dependencies on what is not among them, and circles, count for nothing."""
    services = {name: _label(item, "com.docker.compose.service") for name, item in inspected.items()}
    needs = {
        name: {part.split(":")[0] for part in _label(item, "com.docker.compose.depends_on").split(",")} for name, item in inspected.items()
    }
    left, order = set(inspected), []
    while left:
        needed = {service for name in left for service in needs[name] if service != services[name]}
        free = sorted(name for name in left if services[name] not in needed) or sorted(left)
        order.append(free)
        left -= set(free)
    return order


def _end_together(engine: Engine, instance: str, wave: Sequence[Mapping[str, Any]], bound: float, hold: tuple[int, ...]) -> list[Finding]:
    groups: dict[int, list[str]] = {}
    for item in wave:
        groups.setdefault(grace(item, bound)[0], []).append(str(item["Id"]))
    started = time.monotonic()
    calls = [(seconds, ids, Ahead(_stop(engine, seconds, ids, hold))) for seconds, ids in groups.items()]
    failed = {ids[0]: done for _seconds, ids, call in calls for done in [call.answer()] if done.code}
    took = time.monotonic() - started
    after = {item["Id"]: item for item in engine.inspect(str(item["Id"]) for item in wave)}
    still = [name for name, item in after.items() if (item.get("State") or {}).get("Running")]
    if still:
        names = ", ".join(sorted(str(after[name]["Name"]).lstrip("/") for name in still))
        said = "; ".join(engine_error(done) for done in failed.values()) or f"{names} runs on"
        remedy = "Read the engine's log (journalctl -u docker); a process the kernel holds ends with the host only."
        raise HostError(f"{instance} could not be stopped", [finding("OPS-005", instance, f"the engine says: {said}", remedy)])
    return [problem for item in wave for problem in killed(instance, item, after.get(item["Id"]), bound, took)]


def _stop(engine: Engine, seconds: int, ids: Sequence[str], hold: tuple[int, ...]) -> Any:
    return lambda: engine.run(["stop", "-t", str(seconds), *ids], timeout=seconds + _BEYOND, hold=hold)


def killed(instance: str, before: Mapping[str, Any], after: Mapping[str, Any] | None, bound: float, took: float) -> list[Finding]:
    """What is to be said of a container that was stopped: nothing, unless it did not end by itself in the time it was given."""
    given, asked = grace(before, bound)
    code = ((after or {}).get("State") or {}).get("ExitCode")
    if code != _KILLED or took < given - 0.5 or str((before.get("Config") or {}).get("StopSignal")) in _FORCE:
        return []
    return [told_killed(instance, _label(before, "avs.service"), given, asked)]


def told_killed(instance: str, service: str, given: int, asked: int | None) -> Finding:
    message = f"did not end within {given} s and was killed"
    if asked is None or asked > given:
        wish = "any time" if asked is None else f"{asked} s"
        return finding(
            "OPS-011", f"{instance}: services.{service}", f"{message}; its package asks for {wish}, avs_stop_timeout allows {given}"
        )
    remedy = "Ask the AVS team for a node that ends when asked to, or for a longer stop_grace_period."
    return finding("OPS-011", f"{instance}: services.{service}", message, remedy)


def replaced_by_force(engine: Engine, instance: str, before: Sequence[Mapping[str, Any]], bound: float, since: float) -> list[Finding]:
    """The same of containers compose has replaced: they are gone, and only the engine's events tell. ``before``: as they were
    inspected; ``since``: when that began, by the host's clock."""
    known = {str(item["Id"]): item for item in before if (item.get("State") or {}).get("Running")}
    forced = killed_since(engine, since, sorted(known)) if known else []
    wanted = [name for name in forced if str((known[name].get("Config") or {}).get("StopSignal")) not in _FORCE]
    return [told_killed(instance, _label(known[name], "avs.service"), *grace(known[name], bound)) for name in wanted]


def longest(inspected: Collection[Mapping[str, Any]], bound: float) -> int | None:
    """``bound`` in whole seconds where one of the containers would take longer, for compose, which knows one time for all."""
    over = [item for item in inspected if grace(item, bound)[1] is None or (grace(item, bound)[1] or 0) > bound]
    return int(bound) if over else None


def _label(inspected: Mapping[str, Any], name: str) -> str:
    return str(((inspected.get("Config") or {}).get("Labels") or {}).get(name) or "")
