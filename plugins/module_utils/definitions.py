# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What an instance's networks and volumes are made of. The engine never changes one that is there.

A network is removed and made anew, with a label that says what it was made of. A volume is not: it holds data.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from .baseline import LABEL_SPEC
from .canonical import digest
from .findings import Finding
from .model import Model
from .rules import finding

_USUAL = ("bridge", "local")


def definition(entry: Mapping[str, Any] | None) -> dict[str, Any]:
    """What sets a network or volume apart from a plain one of the instance's own; empty for those."""
    entry = entry or {}
    left_out = set() if entry.get("external") else {"name"}
    found = {field: value for field, value in entry.items() if value and field not in left_out}
    if found.get("driver") in _USUAL:
        del found["driver"]
    return found


def joined(model: Model, service: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Section -> name -> definition of what a service joins and mounts, plain ones left out."""
    names = {
        "networks": list(service.get("networks") or ()),
        "volumes": [mount.get("source") for mount in service.get("volumes") or () if mount.get("type") == "volume"],
    }
    found = {
        section: {name: made for name in used for made in [definition((model.get(section) or {}).get(name))] if made}
        for section, used in names.items()
    }
    return {section: entries for section, entries in found.items() if entries}


def label_networks(model: Model) -> Model:
    """A network that is not a plain one says what it was made of."""
    networks = {}
    for name, entry in (model.get("networks") or {}).items():
        made = definition(entry)
        labels = {**(entry.get("labels") or {}), LABEL_SPEC: digest(made)} if made else {}
        networks[name] = {**entry, "labels": labels} if labels and not entry.get("external") else entry
    return {**model, "networks": networks} if networks else model


def changed_networks(model: Model, inspected: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """Networks that are there and were made of something else, with their names on the host. ``inspected``: name -> what the
    engine says."""
    return {
        key: entry["name"]
        for key, entry in (model.get("networks") or {}).items()
        if not entry.get("external")
        and entry["name"] in inspected
        and _label(inspected[entry["name"]]) != _label({"Labels": entry.get("labels")})
    }


def check_networks(
    instance: str,
    model: Model,
    inspected: Mapping[str, Mapping[str, Any]],
    owners: Mapping[str, str],
    crossed: Iterable[str] = (),
) -> list[Finding]:
    """A network cannot go while somebody else's container is in it. ``owners``: container -> its instance; ``crossed``: networks
    that make room for another one of the instance."""
    found = []
    for key, name in {**changed_networks(model, inspected), **{name: name for name in crossed}}.items():
        present = sorted(item["Name"] for item in (inspected[name].get("Containers") or {}).values())
        for container in present:
            if owners.get(container) != instance:
                message = f"the network {name} is to be removed, but the container {container} is in it"
                remedy = f"Take it out (docker network disconnect {name} {container}), or set the option back."
                found.append(finding("NET-002", f"{instance}: networks.{key}", message, remedy))
    return found


def check_volumes(instance: str, model: Model, inspected: Iterable[Mapping[str, Any]]) -> list[Finding]:
    """Volumes that are there and are to be made of something else. ``inspected``: what the engine says of those that are there."""
    known = {item["Name"]: item for item in inspected}
    found = []
    for key, entry in (model.get("volumes") or {}).items():
        name = entry["name"]
        if entry.get("external") or name not in known:
            continue
        wanted = {option: str(value) for option, value in (entry.get("driver_opts") or {}).items()}
        if (entry.get("driver") or "local", wanted) != (known[name]["Driver"], known[name].get("Options") or {}):
            message = f"the volume {name} is there, made otherwise ({_told(known[name])}); what it holds would be lost"
            remedy = (
                f"Set the option back. To give up what it holds: state absent, run, `docker volume rm {name}` on the host, "
                "then started again."
            )
            found.append(finding("UPG-006", f"{instance}: volumes.{key}", message, remedy))
    return found


def _label(inspected: Mapping[str, Any]) -> str:
    return str((inspected.get("Labels") or {}).get(LABEL_SPEC) or "")


def _told(volume: Mapping[str, Any]) -> str:
    options = sorted((volume.get("Options") or {}).items())
    return ", ".join([str(volume["Driver"]), *(f"{name}={value}" for name, value in options)])
