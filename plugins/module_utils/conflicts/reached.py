# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the host reaches, and who reaches it: a container network over one of these ranges would cut the host off.

Read from the kernel's own tables, all of them, so that ranges behind a VPN's policy routes count as well. Whoever is connected to the
host now is among them: that is where the controller comes from, behind whatever gateways, and whether or not sudo has kept its address.
"""

from __future__ import annotations

import ipaddress
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Union

Subnet = Union[ipaddress.IPv4Network, ipaddress.IPv6Network]
# A route this wide is a default route by another name (some VPNs set two halves).
_DEFAULT = 1
_LINK_LOCAL, _MULTICAST = ipaddress.IPv6Network("fe80::/10"), ipaddress.IPv6Network("ff00::/8")
_REJECT = 0x0200
_ESTABLISHED = "01"
_RESOLVERS = ("etc/resolv.conf", "run/systemd/resolve/resolv.conf")


@dataclass(frozen=True)
class Reached:
    """``what`` has the range, as the end of a sentence."""

    subnet: Subnet
    what: str


def reached(engine: Iterable[Subnet], proc: str = "/proc", root: str = "/") -> tuple[Reached, ...]:
    """Ranges and addresses that are not the engine's. ``engine``: subnets of its networks, whose routes are in nobody's way here."""
    own = list(engine)
    devices = _devices(proc)
    found = [
        *(Reached(subnet, _told(subnet, devices)) for subnet in (*_ipv4(proc), *_ipv6(proc))),
        *_gateways(proc),
        *_name_servers(root),
        *_peers(proc),
    ]
    return tuple(dict.fromkeys(item for item in found if not any(_inside(item.subnet, other) for other in own)))


def _told(subnet: Subnet, devices: dict[Subnet, str]) -> str:
    if subnet.num_addresses == 1:
        return f"the host's own address or route {subnet.network_address}"
    return f"the host's network or route {subnet}" + (f" on {devices[subnet]}" if subnet in devices else "")


def _inside(subnet: Subnet, other: Subnet) -> bool:
    if isinstance(subnet, ipaddress.IPv4Network):
        return isinstance(other, ipaddress.IPv4Network) and subnet.subnet_of(other)
    return isinstance(other, ipaddress.IPv6Network) and subnet.subnet_of(other)


def _lines(*path: str) -> list[str]:
    """Of a file that may not be there."""
    try:
        with open(os.path.join(*path), encoding="utf-8", errors="replace") as handle:
            return handle.read().splitlines()
    except OSError:
        return []


def _ipv4(proc: str) -> Iterator[Subnet]:
    """Routes and own addresses of every table: a leaf ``|-- 10.0.0.0``, and below it ``/24 link UNICAST``."""
    address = ""
    for line in _lines(proc, "net", "fib_trie"):
        leaf = re.match(r"\s+\|-- ([0-9.]+)\s*\Z", line)
        entry = re.match(r"\s+/([0-9]+) \w+ (?:UNICAST|LOCAL)\b", line)
        if leaf:
            address = leaf[1]
        elif entry and address and int(entry[1]) > _DEFAULT:
            yield ipaddress.ip_network(f"{address}/{entry[1]}", strict=False)


def _ipv6(proc: str) -> Iterator[Subnet]:
    for line in _lines(proc, "net", "ipv6_route"):
        columns = line.split()
        if len(columns) > 9 and int(columns[1], 16) > _DEFAULT and not int(columns[8], 16) & _REJECT:
            subnet = ipaddress.IPv6Network((int(columns[0], 16), int(columns[1], 16)), strict=False)
            if not subnet.subnet_of(_LINK_LOCAL) and not subnet.subnet_of(_MULTICAST):
                yield subnet


def _routes(proc: str) -> Iterator[tuple[str, Subnet, Subnet]]:
    """Device, destination and gateway of the main table."""
    for line in _lines(proc, "net", "route")[1:]:
        columns = line.split()
        if len(columns) > 7:
            mask = _word(columns[7])
            destination = ipaddress.ip_network(f"{_word(columns[1])}/{mask}", strict=False)
            yield columns[0], destination, ipaddress.ip_network(_word(columns[2]))


def _devices(proc: str) -> dict[Subnet, str]:
    found: dict[Subnet, str] = {destination: device for device, destination, _gateway in _routes(proc)}
    for line in _lines(proc, "net", "ipv6_route"):
        columns = line.split()
        if len(columns) > 9:
            found[ipaddress.IPv6Network((int(columns[0], 16), int(columns[1], 16)), strict=False)] = columns[9]
    return found


def _gateways(proc: str) -> Iterator[Reached]:
    for _device, _destination, gateway in _routes(proc):
        if int(gateway.network_address):
            yield Reached(gateway, f"the host's gateway {gateway.network_address}")
    for line in _lines(proc, "net", "ipv6_route"):
        columns = line.split()
        if len(columns) > 9 and int(columns[4], 16):
            hop = ipaddress.IPv6Network((int(columns[4], 16), 128))
            if not hop.subnet_of(_LINK_LOCAL):
                yield Reached(hop, f"the host's gateway {hop.network_address}")


def _name_servers(root: str) -> Iterator[Reached]:
    for path in _RESOLVERS:
        for line in _lines(root, path):
            match = re.match(r"\s*nameserver\s+([0-9A-Fa-f.:]+)", line)
            try:
                server = ipaddress.ip_network(match[1]) if match else None
            except ValueError:
                continue
            if server is not None:
                yield Reached(server, f"the host's name server {server.network_address}")


def _peers(proc: str) -> Iterator[Reached]:
    """The other ends of the host's connections."""
    for name in ("tcp", "tcp6"):
        for line in _lines(proc, "net", name)[1:]:
            columns = line.split()
            if len(columns) > 3 and columns[3] == _ESTABLISHED:
                port = int(columns[1].rpartition(":")[2], 16)
                address = ipaddress.ip_address(_packed(columns[2].rpartition(":")[0]))
                address = getattr(address, "ipv4_mapped", None) or address
                if not address.is_loopback:
                    yield Reached(ipaddress.ip_network(str(address)), f"{address}, which has a connection with this host (its port {port})")


def _word(text: str) -> str:
    return str(ipaddress.ip_address(_packed(text)))


def _packed(text: str) -> bytes:
    """An address as the kernel prints it: words in the host's byte order, in hex."""
    return b"".join(bytes.fromhex(text[start : start + 8])[::-1] for start in range(0, len(text), 8))
