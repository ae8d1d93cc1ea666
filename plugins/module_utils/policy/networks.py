# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a package may ask of networks (rule PRIV-002): bridges of the instance's own, and shared ones of the operator."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ..common.digests import digest
from ..common.findings import Finding
from ..common.rules import finding
from ..docker.model import Model
from ..docker.names import LABEL_SPEC

_BRIDGE = "com.docker.network.bridge."
# Options of the bridge driver that change nothing outside of the network. Others name a bridge of the host, or open containers
# past their published ports; anything newer is refused until somebody looked at it.
_HARMLESS = frozenset([
    "com.docker.network.driver.mtu",
    "com.docker.network.container_iface_prefix",
    f"{_BRIDGE}enable_icc",
    f"{_BRIDGE}enable_ip_masquerade",
    f"{_BRIDGE}inhibit_ipv4",
])  # fmt: skip
_GATEWAY_MODES = (f"{_BRIDGE}gateway_mode_ipv4", f"{_BRIDGE}gateway_mode_ipv6")
_CLOSED_MODES = ("nat", "isolated")
_REMOVE = "Remove it from the package."


def judge_networks(instance: str, model: Model) -> Iterator[Finding]:
    """Networks of another instance or of the host are refused, and whatever leads past the host's published ports."""
    for name, network in (model.get("networks") or {}).items():
        place, entry = f"{instance}: networks.{name}", network or {}
        if entry.get("external"):
            called = str(entry.get("name") or name)
            if called.startswith("avs-") or called in ("host", "bridge", "none"):
                yield finding("PRIV-002", place, f"joins the network {called}, which is not the package's", _REMOVE)
            continue
        if (entry.get("driver") or "bridge") != "bridge":
            message = f"{entry['driver']} goes past the host's published ports"
            yield finding("PRIV-002", f"{place}.driver", message, _REMOVE)
            continue
        for option, value in sorted((entry.get("driver_opts") or {}).items()):
            if option not in _HARMLESS and not (option in _GATEWAY_MODES and value in _CLOSED_MODES):
                message = f"{option}: {value} is not a setting known to stay inside the network"
                yield finding("PRIV-002", f"{place}.driver_opts", message, _REMOVE)
        driver = (entry.get("ipam") or {}).get("driver") or "default"
        if driver != "default":
            yield finding("PRIV-002", f"{place}.ipam.driver", f"{driver} is a plugin of the engine", _REMOVE)


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
