# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What networks and volumes are made of, and who notices when that changes. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..common.digests import digest
from ..docker.model import Model
from ..docker.names import LABEL_SPEC

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
