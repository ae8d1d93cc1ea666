# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ranges a container network must not take: read from a kernel's tables as they look, and from this machine's own."""

from __future__ import annotations

import ipaddress
import socket
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.restaking.avs.plugins.module_utils.conflicts.reached import Reached, reached
from ansible_collections.restaking.avs.plugins.module_utils.conflicts.subnets import check_subnets

# A host on 192.168.7.0/24 with Docker, a VPN in a table of its own and a route nobody can use.
FIB = """\
Id 51820:
  +-- 0.0.0.0/0 2 0 2
     |-- 0.0.0.0
        /1 universe UNICAST
     |-- 10.20.0.0
        /16 universe UNICAST
Main:
  +-- 0.0.0.0/0 3 0 5
     |-- 0.0.0.0
        /0 universe UNICAST
     |-- 172.17.0.0
        /16 link UNICAST
     |-- 172.30.0.0
        /16 universe UNREACHABLE
     |-- 192.168.7.0
        /24 link UNICAST
Local:
  +-- 0.0.0.0/0 3 0 5
     |-- 127.0.0.0
        /8 host LOCAL
     |-- 192.168.7.2
        /32 host LOCAL
     |-- 192.168.7.255
        /32 link BROADCAST
"""
ROUTE = """\
Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
eth0\t00000000\t0107A8C0\t0003\t0\t0\t0\t00000000\t0\t0\t0
docker0\t000011AC\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0
eth0\t0007A8C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0
"""
NONE6 = "0" * 32
ROUTE6 = f"""\
fd00000000070000{"0" * 16} 40 {NONE6} 00 {NONE6} 00000100 00000001 00000000 00000001     eth0
fe80{"0" * 28} 40 {NONE6} 00 {NONE6} 00000100 00000001 00000000 00000001     eth0
{NONE6} 00 {NONE6} 00 fd000000000700000000000000000001 00000400 00000001 00000000 00000003     eth0
{NONE6} 00 {NONE6} 00 {NONE6} ffffffff 00000001 00000000 00200200       lo
fd99{"0" * 28} 30 {NONE6} 00 {NONE6} 00000100 00000001 00000000 00000201     lo
"""
TCP = """\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1 1
   1: 0207A8C0:0016 0909090A:D431 01 00000000:00000000 00:00000000 00000000     0        0 2 1
   2: 0100007F:0016 0100007F:D431 01 00000000:00000000 00:00000000 00000000     0        0 3 1
   3: 0207A8C0:0016 0808080A:D431 06 00000000:00000000 00:00000000 00000000     0        0 4 1
"""
TCP6 = """\
  sl  local_address                         remote_address                        st
   0: 0000000000000000FFFF00000207A8C0:0016 0000000000000000FFFF0000020A0A0A:D431 01 0 0 0
   1: 000000FD000000000000000001000000:0016 000011FD000000000000000005000000:D431 01 0 0 0
"""


@pytest.fixture
def host(tmp_path: Path) -> tuple[Reached, ...]:
    files = {"net/fib_trie": FIB, "net/route": ROUTE, "net/ipv6_route": ROUTE6, "net/tcp": TCP, "net/tcp6": TCP6}
    files |= {"etc/resolv.conf": "nameserver 10.55.0.53\nnameserver 127.0.0.53\nnameserver odd\n"}
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    return reached([ipaddress.ip_network("172.17.0.0/16")], str(tmp_path), str(tmp_path))


def networks(*subnets: str) -> dict[str, Any]:
    return {"networks": {"n": {"ipam": {"config": [{"subnet": subnet} for subnet in subnets]}}}}


@pytest.mark.parametrize(
    ("subnet", "words"),
    [
        ("192.168.0.0/16", "the host's network or route 192.168.7.0/24 on eth0"),
        ("192.168.7.128/25", "192.168.7.0/24 on eth0"),
        ("10.20.3.0/24", "route 10.20.0.0/16"),
        ("127.1.0.0/16", "127.0.0.0/8"),
        ("10.55.0.0/24", "name server 10.55.0.53"),
        ("10.9.9.0/24", "10.9.9.9, which has a connection with this host (its port 22)"),
        ("10.10.0.0/16", "10.10.10.2, which has a connection"),
        ("fd00:0:7::/48", "fd00:0:7::/64 on eth0"),
        ("fd11::/64", "fd11::5, which has a connection"),
    ],
)
def test_what_would_cut_the_host_off(host: tuple[Reached, ...], subnet: str, words: str) -> None:
    if subnet == "fd11::/64":
        assert any(str(item.subnet).startswith("fd11") for item in host)
    (found,) = check_subnets("x-op1", networks(subnet), {}, {}, host)
    assert (found.id, found.severity, found.place) == ("NET-002", "error", "x-op1: networks.n.ipam")
    assert words in found.message
    assert "is free here" in found.remedy


@pytest.mark.parametrize(
    "subnet", ["172.17.4.0/24", "172.30.0.0/24", "10.8.8.0/24", "10.77.0.0/16", "fd99::/64", "fe80:1::/64", "192.168.8.0/24"]
)
def test_what_is_in_nobodys_way(host: tuple[Reached, ...], subnet: str) -> None:
    """The engine's own routes (judged as its networks), routes that lead nowhere, connections that have ended, the default route."""
    assert check_subnets("x-op1", networks(subnet), {}, {}, host) == []


def test_a_network_that_is_there_takes_nothing_anew(host: tuple[Reached, ...]) -> None:
    there = {"avs-x-op1_n": ("192.168.7.0/24",)}
    assert check_subnets("x-op1", networks("192.168.7.0/24"), {"avs-x-op1_n": "avs-x-op1"}, there, host) == []
    assert check_subnets("x-op1", networks("192.168.0.0/16"), {"avs-x-op1_n": "avs-x-op1"}, there, host) != []


def test_the_proposed_range_is_free(host: tuple[Reached, ...]) -> None:
    (found,) = check_subnets("x-op1", networks("192.168.7.0/24"), {"other": ""}, {"other": ("10.128.0.0/24",)}, host)
    assert "(10.128.1.0/24 is free here)" in found.remedy


def test_this_machine() -> None:
    with socket.create_server(("127.0.0.1", 0)):
        found = {str(item.subnet) for item in reached([])}
    assert "127.0.0.0/8" in found
    assert reached([ipaddress.ip_network("127.0.0.0/8")]) != reached([])


def test_a_host_that_tells_nothing(tmp_path: Path) -> None:
    assert reached([], str(tmp_path), str(tmp_path)) == ()
