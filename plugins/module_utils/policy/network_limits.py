# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Networks and addresses the engine does not take (rule PKG-020). Pure.

Where the limits come from: moby's ``libnetwork/ipamutils``, ``libnetwork/drivers/bridge`` and Linux' ``IFNAMSIZ``.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..common.findings import Finding
from ..common.rules import finding
from ..common.spec import InstanceSpec
from ..docker.model import Model, services
from .log_limits import is_switch
from .service_names import service_of

_MTU, _PREFIX = "com.docker.network.driver.mtu", "com.docker.network.container_iface_prefix"
# Linux takes 15 bytes for an interface's name; the engine puts a number behind the prefix.
_LONGEST_PREFIX = 14
_SWITCHES = tuple(f"com.docker.network.bridge.{name}" for name in ("enable_icc", "enable_ip_masquerade", "inhibit_ipv4"))
_CORRECT = "Correct it."


@dataclass(frozen=True)
class _Range:
    """``reserved``: addresses of the subnet that no container gets -> what they are."""

    subnet: Any
    reserved: dict[Any, str] = field(default_factory=dict)


def judge_networks(spec: InstanceSpec, model: Model) -> Iterator[Finding]:
    """``model`` as compose resolved it."""
    ranges: dict[str, list[_Range]] = {}
    for name, network in (model.get("networks") or {}).items():
        network = network or {}
        place = f"{spec.id}: networks.{name}"
        configs = [config or {} for config in (network.get("ipam") or {}).get("config") or ()]
        options = network.get("driver_opts") or {}
        ranges[name] = [found for found in (_range(config, options) for config in configs) if found is not None]
        for config in configs:
            yield from _pool(f"{place}.ipam", config)
        if not network.get("external"):
            yield from _options(f"{place}.driver_opts", options)
    yield from _addresses(spec, model, ranges)
    asked = service_of(spec.health.service, services(model)) if spec.health.port is not None else None
    if asked and services(model)[asked].get("network_mode") == "none":
        message = f"asks {asked} over the network, and it is on none (network_mode: none)"
        yield finding("PKG-016", f"{spec.id}: health.service", message, "Ask another service, or use the gate of type container.")


def _options(place: str, options: Mapping[str, Any]) -> Iterator[Finding]:
    mtu, prefix = options.get(_MTU), str(options.get(_PREFIX) or "")
    if mtu is not None and not (re.fullmatch(r"\+?[0-9]{1,9}", str(mtu)) and (int(mtu) == 0 or 68 <= int(mtu) <= 65535)):
        yield finding("PKG-020", place, f"an mtu of {mtu} is not within 68 and 65535", _CORRECT)
    for name in _SWITCHES:
        if name in options and not is_switch(options[name]):
            yield finding("PKG-020", place, f"{name}: {options[name]} is neither true nor false", _CORRECT)
    if len(prefix.encode()) > _LONGEST_PREFIX or "/" in prefix:
        yield finding("PKG-020", place, f"{prefix} is too long to begin the name of an interface", "Shorten it to a few letters.")


def _pool(place: str, config: Mapping[str, Any]) -> Iterator[Finding]:
    text = str(config.get("subnet") or "")
    net = _subnet(text)
    if not text:
        for name in ("gateway", "ip_range", "aux_addresses"):
            if config.get(name):
                yield finding("PKG-020", place, f"{name} is set, and no subnet it lies in", "Add the subnet, or remove it.")
    if net is None:
        return
    if _address(text.partition("/")[0]) != net.network_address:
        yield finding("PKG-020", place, f"{text} is an address in a subnet", f"Write {net}.")
    if net.num_addresses == 1:
        yield finding("PKG-020", place, f"{net} has no address for a container beside the gateway's", "Take a wider subnet.")
    for name in ("gateway", "ip_range"):
        inside = str(config.get(name) or "")
        inner = _subnet(inside)
        if inside and (inner is None or inner.version != net.version or inner.network_address not in net):
            yield finding("PKG-020", place, f"{name} {inside} is not in {net}", _CORRECT)
    for name, other in (config.get("aux_addresses") or {}).items():
        if _address(str(other)) is None or _address(str(other)) not in net:
            yield finding("PKG-020", place, f"aux_addresses.{name} {other} is not in {net}", _CORRECT)


def _range(config: Mapping[str, Any], options: Mapping[str, Any]) -> _Range | None:
    net = _subnet(config.get("subnet"))
    if net is None:
        return None
    reserved = {net.network_address: "the subnet's own"}
    gateway = _address(str(config.get("gateway") or "").partition("/")[0])
    if gateway is not None:
        reserved[gateway] = "the gateway's"
    elif net.num_addresses > 2 and not config.get("ip_range") and not any("gateway_mode" in name or "inhibit" in name for name in options):
        # The engine gives the first one to the bridge.
        reserved[net.network_address + 1] = "the gateway's"
    if net.version == 4 and net.num_addresses > 2:
        reserved[net.broadcast_address] = "the subnet's broadcast"
    for name, text in (config.get("aux_addresses") or {}).items():
        left_out = _address(str(text))
        if left_out is not None:
            reserved[left_out] = f"left out as aux_addresses.{name}"
    return _Range(net, reserved)


def _addresses(spec: InstanceSpec, model: Model, ranges: Mapping[str, list[_Range]]) -> Iterator[Finding]:
    holders: dict[tuple[str, Any], str] = {}
    for name, service in services(model).items():
        if _for_many(service.get("mac_address")):
            message = f"{service['mac_address']} is an address of many (multicast)"
            yield finding("PKG-020", f"{spec.id}: services.{name}.mac_address", message, _CORRECT)
        uses = service.get("networks")
        for network, use in uses.items() if isinstance(uses, Mapping) else ():
            place = f"{spec.id}: services.{name}.networks.{network}"
            own = not ((model.get("networks") or {}).get(network) or {}).get("external")
            for text in (use or {}).get("link_local_ips") or ():
                linked = _address(str(text))
                if linked is None or not linked.is_link_local:
                    yield finding(
                        "PKG-020", f"{place}.link_local_ips", f"{text} is no link-local address (169.254.0.0/16, fe80::/10)", _CORRECT
                    )
            if _for_many((use or {}).get("mac_address")):
                yield finding(
                    "PKG-020", f"{place}.mac_address", f"{(use or {})['mac_address']} is an address of many (multicast)", _CORRECT
                )
            for asked in ("ipv4_address", "ipv6_address"):
                text = str((use or {}).get(asked) or "")
                problem = _unusable(text, network, ranges.get(network, []) if own else None) if text else None
                if problem is not None:
                    yield finding("PKG-020", f"{place}.{asked}", *problem)
                elif text:
                    holder = holders.setdefault((network, _address(text)), name)
                    if holder != name:
                        yield finding("PKG-020", f"{place}.{asked}", f"{text} is {holder}'s as well", "Give each its own address.")


def _for_many(mac: Any) -> bool:
    """The lowest bit of the first byte of a hardware address (IEEE 802)."""
    first = re.match(r"[0-9A-Fa-f]{2}(?=[:-])", str(mac or ""))
    return first is not None and int(first.group(), 16) % 2 == 1


def _unusable(text: str, network: str, ranges: list[_Range] | None) -> tuple[str, str] | None:
    """Why a container cannot have an address, and what to do; ``ranges``: of a network of the package's own."""
    address = _address(text)
    if address is None or (ranges is not None and not any(address in one.subnet for one in ranges)):
        message = f"{text} is in none of the subnets of the network {network}"
        return message, f"Give networks.{network}.ipam a subnet with it, or remove the address."
    what = next((one.reserved[address] for one in ranges or () if address in one.reserved), None)
    return None if what is None else (f"{text} is {what} in the network {network}", "Choose another address.")


def _address(text: str) -> Any:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


def _subnet(text: Any) -> Any:
    try:
        return ipaddress.ip_network(str(text), strict=False) if text else None
    except ValueError:
        return None
