# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Networks and volumes that are there already, made of something else than is wanted. The engine never changes one that is there.

A network is removed and made anew, with a label that says what it was made of. A volume is not: it holds data.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ..common.findings import Finding
from ..common.rules import finding
from ..docker.model import Model
from ..docker.names import LABEL_SPEC


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
    instance: str, model: Model, inspected: Mapping[str, Mapping[str, Any]], owners: Mapping[str, str], crossed: Iterable[str] = ()
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
