# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Names a service takes on a network of the operator, which somebody there answers to already (rule NET-002).

Compose gives every container its service's name on each of its networks; the engine then answers with both, in turn.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ..common.findings import ERROR, WARNING, Finding
from ..common.rules import finding
from ..docker.model import Model, services

_REMEDY = "Have the package's authors rename the service, or take the other container out of the network."


def residents(model: Model, inspected: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Ids of the containers in the networks of the operator that the model joins. ``inspected``: network -> what the engine says."""
    found = [container for name in _shared(model).values() for container in (inspected.get(name, {}).get("Containers") or {})]
    return sorted(set(found))


def check_names(instance: str, model: Model, present: Sequence[Mapping[str, Any]], owners: Mapping[str, str]) -> list[Finding]:
    """``present``: what the engine says of those containers; ``owners``: container -> its instance (empty: none)."""
    shared = _shared(model)
    found = []
    for service, config in services(model).items():
        for key in config.get("networks") or ():
            wanted = _wanted(service, config, key)
            for holder, names in _held(shared.get(key, ""), present):
                owner = owners.get(holder, "")
                for name in sorted(wanted & names) if owner != instance and key in shared else ():
                    message = f"the name {name} on the network {shared[key]} is that of the container {holder}"
                    # Two instances of one package cannot but have the same names; a stranger's would be taken for the operator's own.
                    severity = WARNING if owner else ERROR
                    found.append(finding("NET-002", f"{instance}: services.{service}.networks.{key}", message, _REMEDY, severity))
    return found


def _shared(model: Model) -> dict[str, str]:
    """Network of the model -> its name, for those of the operator."""
    return {key: str(entry.get("name") or key) for key, entry in (model.get("networks") or {}).items() if (entry or {}).get("external")}


def _wanted(service: str, config: Mapping[str, Any], network: str) -> set[str]:
    aliases = ((config.get("networks") or {}).get(network) or {}).get("aliases") or ()
    return {service, *aliases, *([config["hostname"]] if config.get("hostname") else [])}


def _held(network: str, present: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, set[str]]]:
    for container in present:
        joined = ((container.get("NetworkSettings") or {}).get("Networks") or {}).get(network)
        if joined is not None:
            name = str(container.get("Name") or "").lstrip("/")
            yield name, {name, *(joined.get("Aliases") or ()), *(joined.get("DNSNames") or ())}
