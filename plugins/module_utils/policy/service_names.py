# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Services that a package or the inventory speaks of must exist (rules PKG-016, INV-001)."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from ..common.findings import Finding
from ..common.rules import finding


def named_services(spec: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Field -> service, for all that the package says of its services; ``spec`` may be a whole one or these fields alone."""
    for name in spec.get("privileges") or {}:
        yield f"privileges.{name}", name
    health, api = spec.get("health") or {}, spec.get("api") or {}
    for field, service in (("health.service", health.get("service")), ("api.service", api.get("service"))):
        if service:
            yield field, str(service)
    for position, metric in enumerate(spec.get("metrics") or ()):
        yield f"metrics[{position}].service", str(metric["service"])
    for key in spec.get("keys") or ():
        for service in key.get("services") or ():
            yield f"keys.{key['name']}.services", str(service)


def unknown_services(spec: Mapping[str, Any], known: Collection[str]) -> Iterator[Finding]:
    """A finding for every name that is none of the ``known`` services.

    Without it a misspelt name does nothing, or worse: the gate asks nobody, and a key is kept from the service that needs it.
    """
    there = f"the package's services are {', '.join(sorted(known)) or 'none'}"
    granted = [(f"exceptions[{number}].service", item["service"]) for number, item in enumerate(spec.get("exceptions") or ())]
    limited = [(f"limits.{name}", name) for name in spec.get("limits") or {}]
    for rule, named in (("INV-001", [*granted, *limited]), ("PKG-016", named_services(spec))):
        for field, name in named:
            if name not in known:
                message = f"there is no service {name}; {there}"
                yield finding(rule, f"{spec['id']}: {field}", message, "Correct the name.")
