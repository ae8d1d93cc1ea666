# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Processors a service may use: the engine refuses a limit above what the host has, and processors it does not have."""

from __future__ import annotations

import re
from collections.abc import Collection

from ..common.findings import Finding
from ..common.rules import finding
from ..docker.model import Model, services, with_services


def fit_processors(instance: str, model: Model, processors: Collection[int]) -> tuple[Model, list[Finding]]:
    """A limit above the host's number limits nothing, so that number stands in its place. ``processors``: the host's, by number; none
    where they are not known."""
    findings: list[Finding] = []
    changed = {}
    for name, service in services(model).items():
        place = f"{instance}: services.{name}"
        changed[name] = service
        if processors and float(service.get("cpus") or 0) > len(processors):
            changed[name] = {**service, "cpus": float(len(processors))}
            message = f"may use {service['cpus']:g} processors, but the host has {len(processors)}; that is the limit"
            findings.append(finding("OPS-002", f"{place}.cpus", message, "Nothing, if they are enough; else use a bigger host."))
        findings += _pinned(place, str(service.get("cpuset") or ""), processors)
    return with_services(model, changed), findings


def _pinned(place: str, text: str, processors: Collection[int]) -> list[Finding]:
    if not text:
        return []
    ranges = [re.fullmatch(r"(\d{1,5})(?:-(\d{1,5}))?", part.strip()) for part in text.split(",")]
    wanted = [(int(found[1]), int(found[2] or found[1])) for found in ranges if found]
    if len(wanted) < len(ranges):
        # No form of this setting at all, which its row of the table says.
        return []
    if any(low > high for low, high in wanted):
        return [finding("PKG-020", f"{place}.cpuset", f"{text} names no processors", "Write them like 0-3,6.")]
    if processors and not all(number in processors for low, high in wanted for number in range(low, high + 1)):
        message = f"asks for the processors {text}, the host has {', '.join(map(str, sorted(processors)))}"
        return [finding("PKG-020", f"{place}.cpuset", message, "Remove it from the package, or use a bigger host.")]
    return []
