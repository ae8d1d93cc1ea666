# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The lab's own bridge: a fixed private subnet, free on this machine, every part at a known address."""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from .errors import LabError
from .paths import Lab
from .shell import run, say

Network4 = ipaddress.IPv4Network
# Away from the engine's own pools (172.17-172.31, 192.168), which inner engines use on the hosts.
CANDIDATES = tuple(ipaddress.IPv4Network(f"10.{second}.0.0/24") for second in range(213, 245))

PLACES = {"registry": 10, "git": 11, "vault": 12, "artifacts": 13}
FIRST_HOST = 101
MACHINE = 251


@dataclass(frozen=True)
class Bridge:
    """The bridge network and who lives where on it."""

    name: str
    subnet: Network4

    def address(self, part: str) -> str:
        return str(self.subnet[PLACES[part]])

    def host(self, number: int) -> str:
        """Address of the ``number``-th host, counted from 1."""
        if not 1 <= number <= 150:
            raise LabError(f"the lab's subnet has room for 150 hosts, not for host {number}")
        return str(self.subnet[FIRST_HOST - 1 + number])

    @property
    def machine(self) -> str:
        """Address of the emulated machine."""
        return str(self.subnet[MACHINE])


def free(taken: Iterable[Network4], candidates: Iterable[Network4] = CANDIDATES) -> list[Network4]:
    """The candidates that overlap nothing taken, in order."""
    taken = list(taken)
    return [candidate for candidate in candidates if not any(candidate.overlaps(other) for other in taken)]


def _routes() -> list[Network4]:
    """Subnets this machine routes already, from /proc/net/route (little-endian hex, see proc(5))."""
    found = []
    for line in Path("/proc/net/route").read_text(encoding="utf-8").splitlines()[1:]:
        fields = line.split()
        if len(fields) < 8 or fields[7] == "00000000":
            continue
        address, mask = (ipaddress.IPv4Address(bytes.fromhex(fields[i])[::-1]) for i in (1, 7))
        found.append(Network4(f"{address}/{mask}", strict=False))
    return found


def uplink_mtu() -> int:
    """MTU of the interface with the default route: bridges must not be wider, or downloads hang."""
    for line in Path("/proc/net/route").read_text(encoding="utf-8").splitlines()[1:]:
        fields = line.split()
        if len(fields) >= 8 and fields[1] == "00000000":
            return int(Path(f"/sys/class/net/{fields[0]}/mtu").read_text(encoding="utf-8"))
    return 1500


def find(lab: Lab) -> Bridge | None:
    """The lab's network where it exists."""
    done = run(["docker", "network", "inspect", lab.name], check=False)
    if done.returncode != 0:
        return None
    return Bridge(lab.name, Network4(json.loads(done.stdout)[0]["IPAM"]["Config"][0]["Subnet"]))


def interface(lab: Lab) -> str:
    """The bridge's name on this machine, which the engine makes of the network's id."""
    network = json.loads(run(["docker", "network", "inspect", lab.name]).stdout)[0]
    name: str = network["Options"].get("com.docker.network.bridge.name") or f"br-{network['Id'][:12]}"
    return name


def ensure(lab: Lab) -> Bridge:
    existing = find(lab)
    if existing:
        return existing
    for subnet in free(_routes()):
        command = ["docker", "network", "create", "--driver", "bridge", "--subnet", str(subnet), "--gateway", str(subnet[1])]
        command += ["--opt", f"com.docker.network.driver.mtu={uplink_mtu()}"]
        for key, value in lab.labels.items():
            command += ["--label", f"{key}={value}"]
        made = run([*command, lab.name], check=False)
        if made.returncode == 0:
            say(f"network: {lab.name} is {subnet}")
            return Bridge(lab.name, subnet)
        # The engine keeps networks that have no route now; it knows better what overlaps.
        if "overlap" not in made.stderr:
            raise LabError(f"network {lab.name} on {subnet}: {made.stderr.strip()}")
    raise LabError("no free /24 for the lab among 10.213.0.0 - 10.244.0.0: free one of them")
