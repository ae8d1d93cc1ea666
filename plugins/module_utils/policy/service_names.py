# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Services that a package or the inventory speaks of (rules PKG-016, INV-001), and those a service may do without."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from ..common.findings import ERROR, INFO, WARNING, Finding
from ..common.rules import finding
from ..common.spec import InstanceSpec
from ..docker.model import Model, services, with_services

# Without the service the gate never opens, or a key never reaches its node. Elsewhere a name too many does nothing.
_NEEDED = ("health.service", "keys.")


def named_services(spec: InstanceSpec) -> Iterator[tuple[str, str]]:
    """Field -> service, for all that the package says of its services."""
    yield from ((f"privileges.{name}", name) for name in spec.privileges)
    if spec.health.service:
        yield "health.service", spec.health.service
    yield from (("health.ends", service) for service in spec.health.ends)
    if spec.api is not None:
        yield "api.service", spec.api.service
    yield from ((f"metrics[{position}].service", metric.service) for position, metric in enumerate(spec.metrics))
    yield from ((f"keys.{key.name}.services", service) for key in spec.keys for service in key.services)


def operators_services(spec: InstanceSpec) -> Iterator[tuple[str, str]]:
    """The same for what the inventory's entry says."""
    yield from ((f"exceptions[{number}].service", item.service) for number, item in enumerate(spec.exceptions))
    yield from ((f"limits.{name}", name) for name in spec.limits)


def spoken_of(spec: InstanceSpec) -> set[str]:
    """Names of all services that somebody speaks of."""
    return {name for _field, name in (*named_services(spec), *operators_services(spec))}


def service_of(name: Any, known: Mapping[str, Mapping[str, Any]]) -> str | None:
    """The service meant by a name: its own, or that of its container as the package calls it. ``None``: none."""
    if name in known:
        return str(name)
    called = [service for service, settings in known.items() if settings.get("container_name") == name]
    return called[0] if name and len(called) == 1 else None


def unknown_services(spec: InstanceSpec, known: Mapping[str, Mapping[str, Any]], inactive: Collection[str] = ()) -> Iterator[Finding]:
    """A finding for every name that is none of the ``known`` services. ``inactive``: those of compose profiles that are not chosen.

    What the operator misspelt, and what keeps a node from its gate or key, is an error; what does nothing is told.
    """
    for field, name in operators_services(spec):
        if name not in known and name not in inactive:
            yield finding("INV-001", f"{spec.id}: {field}", _nowhere(name, known), "Correct the name.")
    for field, name in named_services(spec):
        yield from _judged(f"{spec.id}: {field}", name, known, inactive)


def _nowhere(name: str, known: Collection[str]) -> str:
    return f"there is no service {name}; the package's services are {', '.join(sorted(known)) or 'none'}"


def _judged(place: str, name: str, known: Mapping[str, Mapping[str, Any]], inactive: Collection[str]) -> Iterator[Finding]:
    field = place.partition(": ")[2]
    by_container = field.startswith(("health.", "api.", "metrics["))
    meant = service_of(name, known) if by_container else None
    if name in known or (name in inactive and not by_container):
        return
    if meant is not None:
        message = f"{name} is the name of a container; its service {meant} is meant"
        yield finding("PKG-016", place, message, f"Write {meant}.", severity=INFO)
    elif name in inactive:
        severity = ERROR if field == "health.service" else INFO
        message = f"the service {name} is not started: its compose profile is not chosen, or it asks for no container (scale, replicas)"
        yield finding("PKG-016", place, message, "Choose its profile under compose.profiles in runtime.yml, or remove the line.", severity)
    else:
        severity = ERROR if field.startswith(_NEEDED) else WARNING
        yield finding("PKG-016", place, _nowhere(name, known), "Correct the name.", severity)


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
