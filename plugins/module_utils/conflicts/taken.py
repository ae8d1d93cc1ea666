# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Ports, container names and networks that are taken by somebody else (rule NET-002)."""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ..common.findings import Finding
from ..common.rules import finding
from ..docker.containers import parse_ports
from ..docker.engine import Engine
from ..docker.model import Model
from ..docker.names import project
from ..instance.state import State
from ..policy.ports import Published, collisions
from ..system.prefetch import Ahead
from .reached import Reached, reached
from .subnets import engine_subnets, subnets_of

_OTHER_PORT = "Choose another port: an option of the package sets it. Or stop what has it (`ss -ltnup` on the host names a process)."
_SAME_PORT = (
    "The package fixes the port: stop what has it (`ss -ltnup` on the host names a process), or publish it on another address of the host "
    "with `ports` of the entry."
)
# Who listens for a container that is not there: an engine that was cut off, as by a loss of power, while it started one.
_ENGINE = "the engine, for no container"
_RESTART = "Restart the engine, and with it its containers (systemctl restart docker), then run again: only that has it let go."
_PROXY = "docker-proxy"
_NETWORK = "Choose another tag, or remove that network if nobody needs it (docker network rm)."
_LISTEN = {"tcp": "0A", "udp": "07"}


@dataclass(frozen=True)
class Host:
    """What is taken on the host: ports with their holder's name, and containers and networks by name -> owner.

    ``containers``: name -> instance it belongs to (empty: none); ``networks``: name -> compose project (empty: none);
    ``inspected``: network -> what the engine says of it; ``reached``: ranges the host itself needs.
    """

    ports: list[tuple[Published, str, str]] = field(default_factory=list)
    containers: dict[str, str] = field(default_factory=dict)
    networks: dict[str, str] = field(default_factory=dict)
    inspected: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    reached: tuple[Reached, ...] = ()

    @property
    def subnets(self) -> dict[str, tuple[str, ...]]:
        return {name: subnets_of(item) for name, item in self.inspected.items()}

    def without(self, instances: Collection[str]) -> Host:
        """What stays taken when these instances are removed."""
        gone = {project(instance) for instance in instances}
        return replace(
            self,
            ports=[entry for entry in self.ports if entry[2] not in instances],
            inspected={name: found for name, found in self.inspected.items() if self.networks.get(name) not in gone},
        )


def survey(engine: Engine, states: Mapping[str, State], proc: str = "/proc") -> Host:
    """Ask the engine and the kernel. ``states``: the recorded state of every instance, for ports of stopped ones."""
    ports: list[tuple[Published, str, str]] = []
    containers = {}
    networked = Ahead(lambda: _networks(engine))
    before = listening(proc)
    for container in engine.everything():
        containers[container["name"]] = container["instance"]
        for address, port, protocol in parse_ports(container["ports"]):
            ports.append((Published(address, port, protocol), f"container {container['name']}", container["instance"]))
    # The engine's proxy listens for every port of a running container. What an instance has on record alone may be taken by
    # now. A container that keeps restarting comes and goes, so only what listens before and after the engine's answer counts.
    proxied = [(port, holder) for port, holder, _instance in ports]
    foreign = [socket for socket in listening(proc) if socket in before and not collisions([socket], proxied)]
    for instance, state in states.items():
        if state.installed:
            ports += [(Published(item.address, item.port, item.protocol), f"instance {instance}", instance) for item in state.ports]
    ports += [(socket, holder, "") for socket, holder in _held(foreign, proc)]
    networks, inspected = networked.answer()
    # Only now: the route of a network made meanwhile is one of a network that is known.
    return Host(ports, containers, networks, inspected, reached(engine_subnets(inspected.values()), proc))


def _held(foreign: Iterable[Published], proc: str) -> list[tuple[Published, str]]:
    """Who listens where no container does."""
    engines = _proxies(proc)
    return [(item, _ENGINE if item in engines else f"a process of the host ({item.address or 'all addresses'})") for item in foreign]


def _proxies(proc: str) -> set[Published]:
    """What the engine's proxies listen for, by their command lines."""
    found = set()
    for name in filter(str.isdigit, os.listdir(proc)):
        try:
            with open(os.path.join(proc, name, "cmdline"), "rb") as handle:
                words = handle.read().decode(errors="replace").split("\0")
        except OSError:
            continue
        if os.path.basename(words[0]) == _PROXY:
            said = dict(zip(words[1:], words[2:]))
            address = said.get("-host-ip", "")
            found.add(Published("" if address in ("0.0.0.0", "::") else address, said.get("-host-port", ""), said.get("-proto", "")))
    return found


def _networks(engine: Engine) -> tuple[dict[str, str], dict[str, Mapping[str, Any]]]:
    networks = engine.networks()
    return networks, {str(item["Name"]): item for item in engine.inspect_networks(networks)}


@dataclass(frozen=True)
class Wanted:
    """What an instance asks for. ``options``: values that options of the package set, a port among them can be chosen anew."""

    instance: str
    model: Model
    ports: Iterable[Published]
    options: Collection[str] = ()


def check(wanted: Wanted, host: Host) -> list[Finding]:
    """What stands in the way of one instance; its own containers do not."""
    instance, model = wanted.instance, wanted.model
    found = taken_ports(wanted, host.ports)
    own = project(instance)
    for service in (model.get("services") or {}).values():
        name = service["container_name"]
        if host.containers.get(name, instance) != instance:
            owner = host.containers[name]
            found.append(
                finding(
                    "NET-002",
                    f"{instance}: containers.{name}",
                    f"the name {name} is taken by a container of {owner or 'somebody else'}",
                    "Choose another tag, or remove or rename that container.",
                )
            )
    for key, network in (model.get("networks") or {}).items():
        name = network["name"]
        if network.get("external"):
            if name not in host.networks:
                found.append(
                    finding(
                        "NET-002",
                        f"{instance}: networks.{key}",
                        f"the external network {name} does not exist",
                        "Create it, or remove external from the package.",
                    )
                )
        elif host.networks.get(name, own) != own:
            found.append(finding("NET-002", f"{instance}: networks.{key}", f"the network {name} belongs to somebody else", _NETWORK))
    return found


def taken_ports(wanted: Wanted, taken: Iterable[tuple[Published, str, str]]) -> list[Finding]:
    """Ports of an instance that others have. ``taken``: port, who has it as a person is told, and its instance."""
    found = []
    for port, holder in collisions(wanted.ports, [(port, holder) for port, holder, owner in taken if owner != wanted.instance]):
        number = f"{port.address or '0.0.0.0'}:{port.port}/{port.protocol}"
        remedy = _RESTART if holder == _ENGINE else _OTHER_PORT if port.port in wanted.options else _SAME_PORT
        place = f"{wanted.instance}: services.{port.service}.ports"
        found.append(finding("NET-002", place, f"{number} is taken by {holder}", remedy))
    return found


def listening(proc: str = "/proc") -> list[Published]:
    """Sockets that listen on the host, from ``/proc/net`` (addresses in host byte order, ports in hex)."""
    found = set()
    for name in ("tcp", "tcp6", "udp", "udp6"):
        protocol = name.rstrip("6")
        try:
            with open(os.path.join(proc, "net", name), encoding="ascii") as handle:
                lines = handle.read().splitlines()[1:]
        except FileNotFoundError:
            continue
        for line in lines:
            columns = line.split()
            if len(columns) > 3 and columns[3] == _LISTEN[protocol]:
                address, port = columns[1].split(":")
                found.add(Published(_address(address), str(int(port, 16)), protocol))
    return sorted(found)


def _address(text: str) -> str:
    words = [bytes.fromhex(text[start : start + 8])[::-1] for start in range(0, len(text), 8)]
    address = ipaddress.ip_address(b"".join(words))
    mapped = getattr(address, "ipv4_mapped", None)
    return "" if address.is_unspecified else str(mapped or address)
