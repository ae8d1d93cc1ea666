# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Services that wait for others (rule PKG-020): for what can never come, and who waits for whom. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from ..common.findings import Finding
from ..common.rules import finding
from ..docker.model import Model, services

COMPLETED, HEALTHY = "service_completed_successfully", "service_healthy"
_FOR = {COMPLETED: "to end with 0", HEALTHY: "to become healthy"}


def waits(model: Model) -> Iterator[tuple[str, str, str]]:
    """Service, the one it waits for, and the condition; what may be missing (``required: false``) is left out."""
    for name, service in services(model).items():
        wanted = service.get("depends_on") or {}
        for other, how in wanted.items() if isinstance(wanted, Mapping) else ():
            condition = (how or {}).get("condition")
            if condition in _FOR and (how or {}).get("required", True):
                yield name, other, str(condition)


def judge_waits(instance: str, model: Model) -> Iterator[Finding]:
    """``model`` as compose resolved it."""
    known = services(model)
    for name, other, condition in waits(model):
        place = f"{instance}: services.{name}.depends_on"
        service = known.get(other)
        if service is None:
            continue
        if condition == COMPLETED and _restarts(service):
            message = f"waits for {other} to end, which is started again whenever it does (restart: {_restarts(service)})"
            yield finding("PKG-020", place, message, f"Write restart: on-failure, or no, at {other}; or wait for it to be started.")
        if condition == HEALTHY and no_check(service):
            message = f"waits for {other} to become healthy, whose health check is switched off"
            yield finding("PKG-020", place, message, f"Give {other} a health check, or wait for it to be started.")
    for name, service in known.items():
        policy = (service.get("deploy") or {}).get("restart_policy") or {}
        if policy.get("max_attempts") and policy.get("condition") != "on-failure":
            message = "counts restarts (max_attempts); the engine does so under the condition on-failure alone"
            place = f"{instance}: services.{name}.deploy.restart_policy"
            yield finding("PKG-020", place, message, "Write condition: on-failure, or remove max_attempts.")
        yield from _joined(f"{instance}: services.{name}", name, service, model)
        ipc = str(service.get("ipc") or "")
        beside = known.get(ipc[8:]) if ipc.startswith("service:") else None
        if beside is not None and beside.get("ipc") not in ("shareable", "host"):
            message = f"joins the memory of {ipc[8:]}, which does not share it"
            yield finding("PKG-020", f"{instance}: services.{name}.ipc", message, f"Write ipc: shareable at {ipc[8:]}.")


def _joined(place: str, name: str, service: Mapping[str, Any], model: Model) -> Iterator[Finding]:
    """A container joins one that runs, so it cannot wait for its end first."""
    ended = {other for waiting, other, condition in waits(model) if waiting == name and condition == COMPLETED}
    for field in ("network_mode", "pid", "ipc"):
        kind, _colon, other = str(service.get(field) or "").partition(":")
        if kind == "service" and other in ended:
            yield finding("PKG-020", f"{place}.{field}", f"joins {other}, and waits for it to end", "Join a service that stays, or none.")


def told_of_waits(model: Model, starting: Collection[str], ended: Collection[str] = (), healthy: Collection[str] = ()) -> str:
    """Who among the ``starting`` waits for whom, and for what; empty where nobody does. ``ended``, ``healthy``: services that are."""
    come = {COMPLETED: ended, HEALTHY: healthy}
    left = [one for one in waits(model) if one[0] in starting and one[1] not in come[one[2]]]
    return "; ".join(f"{name} waits for {other} {_FOR[condition]}" for name, other, condition in left)


def no_check(service: Mapping[str, Any]) -> bool:
    """Whether a service's health check is switched off; one it does not speak of may be its image's."""
    check = service.get("healthcheck") or {}
    return bool(check.get("disable")) or list(check.get("test") or ())[:1] == ["NONE"]


def _restarts(service: Mapping[str, Any]) -> str:
    """A restart policy under which a container never stays ended, empty of any other."""
    policy = (service.get("deploy") or {}).get("restart_policy")
    if policy:
        # Compose lets it win over ``restart``, and without a condition it is none.
        return "any" if policy.get("condition") == "any" else ""
    restart = str(service.get("restart") or "")
    return restart if restart in ("always", "unless-stopped") else ""
