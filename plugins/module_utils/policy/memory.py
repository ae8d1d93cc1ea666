# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a compose file says of memory beside the limit: the engine refuses a reservation above it, and less swap than it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ..common.findings import INFO, Finding
from ..common.rules import finding
from ..docker.model import Model, services, with_services

_SIZE = re.compile(r"(\d+(?:\.\d+)?) ?([kmgtp]?)(?:i?b)?", re.IGNORECASE)
_POWERS = ("", "k", "m", "g", "t", "p")
_RAISE = "Nothing, if the limit is meant; else raise avs_instances[].limits, or use a bigger host."


def size(text: Any) -> int | None:
    """Bytes of a size as compose writes it (``2g``, ``1.5GiB``, ``1073741824``); ``None`` of what is none, like ``-1``."""
    match = _SIZE.fullmatch(str(text or "").strip())
    return int(float(match[1]) * 1024 ** _POWERS.index(match[2].lower())) if match else None


def fit_memory(instance: str, model: Model) -> tuple[Model, list[Finding]]:
    """Reservations are cut down to the service's limit, ``memswap_limit`` (memory and swap together) is raised to it."""
    findings: list[Finding] = []
    changed = {}
    for name, service in services(model).items():
        place, limit = f"{instance}: services.{name}", size(service.get("mem_limit"))
        changed[name] = service if limit is None else _fit(place, service, limit, findings)
    return with_services(model, changed), findings


def _fit(place: str, service: Mapping[str, Any], limit: int, findings: list[Finding]) -> dict[str, Any]:
    service = dict(service)
    reserved = max(size(service.get("mem_reservation")) or 0, size(_reservations(service).get("memory")) or 0)
    if reserved > limit:
        if service.get("mem_reservation"):
            service["mem_reservation"] = str(limit)
        if _reservations(service).get("memory"):
            resources = service["deploy"]["resources"]
            reservations = {**resources["reservations"], "memory": str(limit)}
            service["deploy"] = {**service["deploy"], "resources": {**resources, "reservations": reservations}}
        message = f"reserves {reserved} bytes, but is limited to {limit}; the limit is reserved"
        findings.append(finding("OPS-002", f"{place}.mem_reservation", message, _RAISE))
    swap = size(service.get("memswap_limit"))
    if swap and swap < limit:
        service["memswap_limit"] = str(limit)
        message = f"allows {swap} bytes of memory and swap, less than the limit of memory, {limit}; it gets no swap"
        findings.append(finding("OPS-002", f"{place}.memswap_limit", message, _RAISE, severity=INFO))
    return service


def _reservations(service: Mapping[str, Any]) -> Mapping[str, Any]:
    return ((service.get("deploy") or {}).get("resources") or {}).get("reservations") or {}
