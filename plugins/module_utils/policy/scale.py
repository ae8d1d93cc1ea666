# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Services a package wants no container of (rule PKG-018): left out, like those of a compose profile that is not chosen. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from ..common.findings import INFO, Finding
from ..common.rules import finding
from ..docker.model import Model, Resolved, services, with_services

_REMEDY = "Nothing, if that is meant; else remove scale and deploy.replicas."


def without_idle(instance: str, resolved: Resolved) -> Resolved:
    """What compose resolved without services of which none is to run; whoever needs one of them is told of."""
    model, idle = active(resolved.model)
    if not idle:
        return resolved
    found = [*resolved.findings, *judge_idle(instance, model, idle)]
    return replace(resolved, model=model, inactive=resolved.inactive | set(idle), findings=found)


def active(model: Model) -> tuple[Model, dict[str, str]]:
    """The model without those services, and service -> the field that says so."""
    idle = {name: field for name, service in services(model).items() if (field := _idle(service))}
    kept = {name: service for name, service in services(model).items() if name not in idle}
    return (with_services(model, kept), idle) if idle else (model, {})


def judge_idle(instance: str, model: Model, idle: Mapping[str, str]) -> Iterator[Finding]:
    """That they are left out, and who is left in the model and cannot do without them."""
    for name, field in idle.items():
        yield finding("PKG-018", f"{instance}: services.{name}.{field}", "asks for no container; it is left out", _REMEDY, severity=INFO)
    for name, service in services(model).items():
        for field, other in _needs(service):
            if other in idle:
                message = f"needs {other}, which asks for no container ({idle[other]}: 0)"
                remedy = f"Let {other} run, write required: false at the dependency, or remove it."
                yield finding("PKG-018", f"{instance}: services.{name}.{field}", message, remedy)


def _idle(service: Mapping[str, Any]) -> str:
    """The field by which a service asks for no container, empty where it does not."""
    for field, count in (("deploy.replicas", (service.get("deploy") or {}).get("replicas")), ("scale", service.get("scale"))):
        if count is not None:
            return field if isinstance(count, int) and not isinstance(count, bool) and count == 0 else ""
    return ""


def _needs(service: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    wanted = service.get("depends_on") or {}
    for other, how in wanted.items() if isinstance(wanted, Mapping) else ():
        if (how or {}).get("required", True):
            yield "depends_on", other
    for field in ("network_mode", "ipc", "pid"):
        kind, _colon, other = str(service.get(field) or "").partition(":")
        if kind == "service":
            yield field, other
    for field in ("volumes_from", "links"):
        for text in service.get(field) or ():
            yield field, str(text).partition(":")[0]
