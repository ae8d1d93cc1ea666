# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Services that a package or the inventory speaks of (rules PKG-016, INV-001), and those a service may do without."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from ..common.findings import ERROR, INFO, WARNING, Finding
from ..common.rules import finding
from ..docker.model import Model, services, with_services

# Without the service the gate never opens, or a key never reaches its node. Elsewhere a name too many does nothing.
_NEEDED = ("health.service", "keys.")


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


def operators_services(spec: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The same for what the inventory's entry says."""
    for number, item in enumerate(spec.get("exceptions") or ()):
        yield f"exceptions[{number}].service", str(item["service"])
    for name in spec.get("limits") or {}:
        yield f"limits.{name}", name


def strangers(spec: Mapping[str, Any], known: Collection[str]) -> set[str]:
    """Names of services the compose files do not start, whoever speaks of them."""
    return {name for _field, name in (*named_services(spec), *operators_services(spec))} - set(known)


def service_of(name: Any, known: Mapping[str, Mapping[str, Any]]) -> str | None:
    """The service meant by a name: its own, or that of its container as the package calls it. ``None``: none."""
    if name in known:
        return str(name)
    called = [service for service, settings in known.items() if settings.get("container_name") == name]
    return called[0] if name and len(called) == 1 else None


def unknown_services(spec: Mapping[str, Any], known: Mapping[str, Mapping[str, Any]], inactive: Collection[str] = ()) -> Iterator[Finding]:
    """A finding for every name that is none of the ``known`` services. ``inactive``: those of compose profiles that are not chosen.

    What the operator misspelt, and what keeps a node from its gate or key, is an error; what does nothing is told.
    """
    there = f"the package's services are {', '.join(sorted(known)) or 'none'}"
    for field, name in operators_services(spec):
        if name not in known and name not in inactive:
            yield finding("INV-001", f"{spec['id']}: {field}", f"there is no service {name}; {there}", "Correct the name.")
    for field, name in named_services(spec):
        yield from _judged(f"{spec['id']}: {field}", field, name, known, inactive, there)


def _judged(
    place: str, field: str, name: str, known: Mapping[str, Mapping[str, Any]], inactive: Collection[str], there: str
) -> Iterator[Finding]:
    by_container = field.startswith(("health.", "api.", "metrics["))
    meant = service_of(name, known) if by_container else None
    if name in known or (name in inactive and not by_container):
        return
    if meant is not None:
        message = f"{name} is the name of a container; its service {meant} is meant"
        yield finding("PKG-016", place, message, f"Write {meant}.", severity=INFO)
    elif name in inactive:
        severity = ERROR if field == "health.service" else INFO
        message = f"the service {name} is not started: its compose profile is not chosen"
        yield finding("PKG-016", place, message, "Choose its profile under compose.profiles in runtime.yml, or remove the line.", severity)
    else:
        severity = ERROR if field.startswith(_NEEDED) else WARNING
        yield finding("PKG-016", place, f"there is no service {name}; {there}", "Correct the name.", severity)


def without_absent(model: Model) -> Model:
    """Optional dependencies on services that are not there are dropped, as compose does where it starts them itself."""
    known = services(model)
    changed = {}
    for name, service in known.items():
        wanted = service.get("depends_on") or {}
        kept = {other: how for other, how in wanted.items() if other in known or (how or {}).get("required", True)}
        changed[name] = service if len(kept) == len(wanted) else {**service, "depends_on": kept}
        if not kept and wanted:
            changed[name] = {field: value for field, value in service.items() if field != "depends_on"}
    return with_services(model, changed)
