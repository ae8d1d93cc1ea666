# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Subnets a package fixes for its networks, and who has them already (rule NET-002): the engine would say so too late, or not at all."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from ..common.findings import Finding
from ..common.rules import finding
from ..docker.model import Model
from ..docker.names import project
from .reached import Reached, Subnet

_PRIVATE = {4: ("10.128.0.0/9", "172.16.0.0/12", "192.168.0.0/16"), 6: ("fd00:6176:73::/48",)}
_TRIED = 1024
_REMEDY = "Choose another subnet by the package's option, or remove what stands in the way."


@dataclass(frozen=True)
class _Wanted:
    place: str
    subnet: Subnet


def check_subnets(
    instance: str, model: Model, networks: Mapping[str, str], subnets: Mapping[str, Iterable[str]], reach: Sequence[Reached] = ()
) -> list[Finding]:
    """``networks``: name -> compose project of the networks there are, ``subnets``: name -> their subnets; ``reach``: what else the
    host reaches. A network that is there, and stays as it is, takes nothing anew."""
    own = project(instance)
    kept = {subnet for name, texts in subnets.items() if networks.get(name) == own for subnet in map(_subnet, texts)}
    taken = [
        (subnet, name)
        for name, texts in sorted(subnets.items())
        if networks.get(name) != own
        for subnet in map(_subnet, texts)
        if subnet is not None
    ]
    found = []
    for place, text in _declared(instance, model):
        subnet = _subnet(text)
        if subnet is None:
            found.append(finding("PKG-018", place, f"{text} is not a subnet"))
            continue
        holder = next((name for other, name in taken if _overlap(subnet, other)), None)
        if holder is not None:
            found.append(finding("NET-002", place, f"{subnet} overlaps the network {holder}", _REMEDY))
        elif subnet not in kept:
            found += _cut_off(place, subnet, reach, [other for other, _name in taken])
    return found


def _cut_off(place: str, subnet: Subnet, reach: Sequence[Reached], taken: Sequence[Subnet]) -> Iterator[Finding]:
    """The host would send to the containers what it sends to a part of its own network today, answers to its operator too."""
    item = next((item for item in reach if _overlap(subnet, item.subnet)), None)
    if item is not None:
        message = f"{subnet} overlaps {item.what}: the host would be cut off from it"
        free = _free(subnet, [*taken, *(other.subnet for other in reach)])
        remedy = "Set another subnet by the package's option" + (f" ({free} is free here)" if free else "")
        yield finding("NET-002", place, message, f"{remedy}, or have its authors leave ipam to the engine, which takes a free one.")


def _free(subnet: Subnet, taken: Sequence[Subnet]) -> str | None:
    """The first private range of the same size that nobody has."""
    for text in _PRIVATE[subnet.version]:
        pool = ipaddress.ip_network(text)
        if subnet.prefixlen >= pool.prefixlen:
            candidates: Iterator[Subnet] = islice(pool.subnets(new_prefix=subnet.prefixlen), _TRIED)
            free = next((one for one in candidates if not any(_overlap(one, other) for other in taken)), None)
            if free is not None:
                return str(free)
    return None


def in_the_way(instance: str, model: Model, given_up: Mapping[str, Iterable[str]]) -> list[str]:
    """Networks the instance gives up whose subnet one of its new ones takes. ``given_up``: name -> subnets."""
    wanted = [subnet for _place, text in _declared(instance, model) for subnet in [_subnet(text)] if subnet is not None]
    return [
        name
        for name, texts in sorted(given_up.items())
        if any(_overlap(one, other) for one in map(_subnet, texts) if one is not None for other in wanted)
    ]


def subnets_wanted_twice(models: Iterable[tuple[str, Model]]) -> list[Finding]:
    """Subnets that two networks of one call want. ``models``: instance and its model."""
    found: list[Finding] = []
    earlier: list[_Wanted] = []
    for instance, model in models:
        for place, text in _declared(instance, model):
            subnet = _subnet(text)
            if subnet is None:
                continue
            other = next((wanted for wanted in earlier if _overlap(subnet, wanted.subnet)), None)
            if other is not None:
                found.append(finding("NET-002", place, f"{subnet} is wanted by {other.place}, too", _REMEDY))
            earlier.append(_Wanted(place, subnet))
    return found


def subnets_of(inspected: Mapping[str, Any]) -> tuple[str, ...]:
    """Of a network as the engine inspects it."""
    configs = (inspected.get("IPAM") or {}).get("Config") or ()
    return tuple(str(config["Subnet"]) for config in configs if config.get("Subnet"))


def engine_subnets(inspected: Iterable[Mapping[str, Any]]) -> Iterator[Subnet]:
    """Of all networks the engine has."""
    for network in inspected:
        yield from (subnet for subnet in map(_subnet, subnets_of(network)) if subnet is not None)


def _declared(instance: str, model: Model) -> Iterator[tuple[str, str]]:
    for name, network in (model.get("networks") or {}).items():
        if not (network or {}).get("external"):
            for config in ((network or {}).get("ipam") or {}).get("config") or ():
                if config.get("subnet"):
                    yield f"{instance}: networks.{name}.ipam", str(config["subnet"])


def _subnet(text: str) -> Subnet | None:
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError:
        return None


def _overlap(one: Subnet, other: Subnet) -> bool:
    return one.version == other.version and one.overlaps(other)
