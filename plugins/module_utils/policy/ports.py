# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Published ports: each on the address somebody declared for it, on loopback otherwise (rule NET-001)."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ..common.findings import ERROR, WARNING, Finding
from ..common.names import is_variable
from ..common.rules import finding
from ..common.spec import InstanceSpec, Privileges
from ..docker.model import Model, services, with_services

LOOPBACK = "127.0.0.1"
_WORDS = {"loopback": LOOPBACK, "public": ""}


@dataclass(frozen=True, order=True)
class Published:
    """One port of the host. ``address`` is empty for all interfaces; ``port`` may be a range ``5000-5010``."""

    address: str
    port: str
    protocol: str
    service: str = ""


def variables(spec: InstanceSpec) -> set[str]:
    """Compose variables whose values say which port is meant."""
    asked = [spec.health.port, *(metric.port for metric in spec.metrics)]
    declared = [key for privileges in spec.privileges.values() for key in privileges.ports]
    return {str(key) for key in (*spec.ports, *declared, *asked) if is_variable(key)}


def bind_ports(spec: InstanceSpec, model: Model, values: Mapping[str, str]) -> tuple[Model, list[Finding]]:
    """Every published port with its address. The inventory's word wins over ``runtime.yml``, which wins over the compose file."""
    findings: list[Finding] = []
    changed = {}
    operator = spec.ports
    unused = set(operator)
    for name, service in services(model).items():
        package = spec.privileges.get(name, Privileges()).ports
        ports = []
        on_host = {str(port.get("published") or "") for port in service.get("ports") or ()}
        for port in service.get("ports") or ():
            if not port.get("target"):
                message = "publishes a port, and does not say which one of the container"
                findings.append(finding("PKG-018", f"{spec.id}: services.{name}.ports", message, "Name its target."))
                continue
            written = str(port.get("host_ip") or "")
            key = _match(operator, port, values, on_host)
            unused.discard(key or "")
            word = operator[key] if key is not None else None
            if word is None:
                declared = _match(package, port, values, on_host)
                word = package[declared] if declared is not None else None
                # Who gave the variable an address as well said where; a word of the package would only widen it.
                if declared is not None and is_variable(declared) and ":" in values.get(declared, ""):
                    word = written or word
            if word is None and not _is_loopback(written):
                what = f"{port.get('published') or 'a free port'} -> {port['target']}/{port.get('protocol', 'tcp')}"
                message = f"{what} is published, but not declared; it is bound to loopback"
                findings.append(finding("NET-001", f"{spec.id}: services.{name}.ports", message))
                word = "loopback"
            address = written if word is None else _WORDS.get(word, word)
            port = {field: value for field, value in port.items() if field != "host_ip"}
            ports.append({**port, "host_ip": address} if address else port)
        changed[name] = {**service, "ports": ports} if "ports" in service else service
    for key in sorted(unused):
        findings.append(
            finding(
                "INV-001",
                f"{spec.id}: ports.{key}",
                f"no service publishes {key}",
                "Use a container port or a variable of the compose file's ports.",
            )
        )
    return with_services(model, changed), findings


def _match(declared: Mapping[str, str], port: Mapping[str, Any], values: Mapping[str, str], on_host: Collection[str]) -> str | None:
    """The key that means this port. A variable means the host's port it holds, the container's only where it holds none of the
    service's ports on the host (``on_host``); a number means the container's. Compose makes an entry of each port of a range."""
    target, published = str(port["target"]), str(port.get("published") or "")
    protocol = str(port.get("protocol") or "tcp")
    for key in declared:
        number, _slash, wanted = str(key).partition("/")
        if is_variable(key):
            meant = port_range(values.get(key) or "")
            if meant and _within(published if any(_within(one, meant) for one in on_host) else target, meant):
                return key
        elif number == target and wanted in ("", protocol):
            return key
    return None


def port_range(text: str) -> tuple[int, int] | None:
    """First and last port of what a compose file may have in a variable: ``9000``, ``9000-9010``, ``127.0.0.1:9000/udp``."""
    found = re.fullmatch(r"(?:.*:)?(\d{1,5})(?:-(\d{1,5}))?(?:/[a-z]+)?", text)
    low, high = (int(found[1]), int(found[2] or found[1])) if found else (0, 0)
    return (low, high) if 0 < low <= high < 65536 else None


def _within(port: str, meant: tuple[int, int]) -> bool:
    if not port:
        return False
    low, high = _range(port)
    return meant[0] <= low and high <= meant[1]


def no_ports(spec: InstanceSpec, values: Mapping[str, str]) -> list[Finding]:
    """Variables of the package that are to name a port and do not; without the gate's nothing can be installed. ``values`` of those that
    are known."""
    gate = spec.health.port
    targets = {metric.port for metric in spec.metrics}
    declared = {key for stated in spec.privileges.values() for key in stated.ports}
    found = []
    for name, value in sorted(values.items()):
        single = name == gate or name in targets
        if container_port(name, values) is not None or (not single and (name not in declared or port_range(value))):
            continue
        message = f"the variable {name} is to name a port, but it is {value or 'empty'}"
        severity = ERROR if name == gate else WARNING
        found.append(finding("PKG-016", f"{spec.id}: {name}", message, "Correct it in runtime.yml or the .env.", severity=severity))
    return found


def _is_loopback(address: str) -> bool:
    return address == "::1" or address.startswith("127.")


def published(model: Model) -> list[Published]:
    """All host ports of the final model, sorted; ports the engine chooses itself are left out, those it discards, and what is no port."""
    found = []
    for name, service in services(model).items():
        if service.get("network_mode") == "host":
            continue
        for port in service.get("ports") or ():
            if re.fullmatch(r"[0-9]+(?:-[0-9]+)?", str(port.get("published") or "")):
                found.append(Published(str(port.get("host_ip") or ""), str(port["published"]), str(port.get("protocol") or "tcp"), name))
    return sorted(found)


def published_twice(instance: str, model: Model) -> list[Finding]:
    """Ports of the host that an instance asks for twice; of a range the engine takes what is free."""
    found = []
    before: list[tuple[Published, str]] = []
    for port in published(model):
        if port.port.isdigit():
            for _port, service in collisions([port], before):
                message = f"{port.address or '0.0.0.0'}:{port.port}/{port.protocol} is published twice, by {service} too"
                found.append(
                    finding("NET-002", f"{instance}: services.{port.service}.ports", message, "Remove one, or publish another port.")
                )
            before.append((port, port.service))
    return found


def container_port(port: Any, values: Mapping[str, str]) -> int | None:
    """A container port given as a number or by its variable; ``None`` where the variable holds none."""
    text = values.get(port, "") if isinstance(port, str) and is_variable(port) else str(port)
    return int(text) if text.isdigit() and 0 < int(text) < 65536 else None


def overlap(one: Published, other: Published) -> bool:
    """Whether two cannot be published at once."""
    if one.protocol != other.protocol or not _ranges_meet(one.port, other.port):
        return False
    return one.address == other.address or not {one.address, other.address}.isdisjoint(("", "0.0.0.0", "::"))


def _ranges_meet(one: str, other: str) -> bool:
    (low, high), (first, last) = _range(one), _range(other)
    return low <= last and first <= high


def _range(port: str) -> tuple[int, int]:
    low, _dash, high = port.partition("-")
    return int(low), int(high or low)


def collisions(wanted: Iterable[Published], taken: Iterable[tuple[Published, str]]) -> list[tuple[Published, str]]:
    """Each wanted port that is taken, with who holds it (once)."""
    held = list(taken)
    found = []
    for port in wanted:
        holder = next((who for other, who in held if overlap(port, other)), None)
        if holder is not None:
            found.append((port, holder))
    return found
