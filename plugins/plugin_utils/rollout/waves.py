# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Hosts in waves, and what of a wave may go at once. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ...module_utils.common.errors import InputError

_SHARE = re.compile(r"([0-9]{1,3})%\Z")
_LARGEST = 1_000_000


@dataclass(frozen=True)
class Size:
    """A number of hosts, or a share of them in percent."""

    number: int
    share: bool = False

    def of(self, total: int) -> int:
        """At least one."""
        return max(1, total * self.number // 100 if self.share else self.number)


# Where nobody says how many go at once: one, then all others.
FIRST_ALONE = (Size(1), Size(100, True))
_ALL = (Size(100, True),)


@dataclass(frozen=True)
class Wave:
    """``canary``: it has to pass before anybody else gets what it brings; ``stage``: the number its hosts were given, if any."""

    hosts: tuple[str, ...]
    canary: bool = False
    stage: int | None = None


def size(given: Any, name: str) -> Size:
    """Raises ``InputError``; ``name`` is where a person says it."""
    if isinstance(given, int) and not isinstance(given, bool) and 0 < given <= _LARGEST:
        return Size(given)
    match = _SHARE.match(given.strip()) if isinstance(given, str) else None
    if match and 0 < int(match[1]) <= 100:
        return Size(int(match[1]), True)
    if isinstance(given, str) and given.strip().isdecimal() and 0 < int(given) <= _LARGEST:
        return Size(int(given))
    raise InputError(f'{name} is {given!r}: it is a number from 1 on, or a share as "20%"')


def sizes(given: Any, name: str) -> tuple[Size, ...] | None:
    """One size or a list of them; ``None`` where nothing is said. Raises ``InputError``."""
    if given is None or given == "":
        return None
    items = given if isinstance(given, list) else [given]
    if not items:
        raise InputError(f"{name} is an empty list: leave it out, or say how many hosts go at once")
    return tuple(size(item, name) for item in items)


def stage(given: Any, host: str) -> int | None:
    """``avs_wave`` of a host. Raises ``InputError``."""
    if given is None or given == "":
        return None
    if isinstance(given, str) and given.strip().isdecimal():
        given = int(given)
    if isinstance(given, bool) or not isinstance(given, int) or not 0 <= given <= _LARGEST:
        raise InputError(f"avs_wave of {host} is {given!r}: it is a number from 0 on, and lower ones go first")
    return given


def assigned(stages: Mapping[str, int | None], wanted: Sequence[Size] | None = None) -> list[Wave]:
    """All hosts, in the order of ``stages`` within one of them; who has none comes last. A stage is divided by ``wanted``, the last of which counts
    for whatever is left; where nothing is wanted the very first host goes alone, and any other stage is one wave."""
    numbers = sorted({number for number in stages.values() if number is not None})
    found: list[Wave] = []
    for number in [*numbers, None]:
        own = [host for host, which in stages.items() if which == number]
        parts = wanted or (_ALL if found else FIRST_ALONE)
        found += [Wave(tuple(hosts), stage=number) for hosts in _divided(own, parts)]
    return found


def _divided(hosts: Sequence[str], parts: Sequence[Size]) -> list[Sequence[str]]:
    found: list[Sequence[str]] = []
    begin = 0
    while begin < len(hosts):
        end = begin + parts[min(len(found), len(parts) - 1)].of(len(hosts))
        found.append(hosts[begin:end])
        begin = end
    return found


def with_canaries(waves: Sequence[Wave], digests: Mapping[str, Collection[str]], passed: Collection[str]) -> list[Wave]:
    """The same hosts in the same order of waves, where whatever never passed is brought by a canary first: the first wave is one, as it is; in a later
    wave its first host with it goes before the others. ``digests``: of each host, what it is to get."""
    known, found = set(passed), list[Wave]()
    for wave in waves:
        new = {digest for host in wave.hosts for digest in digests.get(host, ())} - known
        if not new or not found:
            found.append(Wave(wave.hosts, bool(new), wave.stage))
        else:
            first = _bringing(wave.hosts, digests, new)
            rest = tuple(host for host in wave.hosts if host not in first)
            found.append(Wave(first, True, wave.stage))
            found += [Wave(rest, False, wave.stage)] if rest else []
        known |= new
    return found


def _bringing(hosts: Iterable[str], digests: Mapping[str, Collection[str]], new: Collection[str]) -> tuple[str, ...]:
    """The first hosts that between them have all that is new."""
    found: list[str] = []
    left = set(new)
    for host in hosts:
        own = left & set(digests.get(host, ()))
        if own:
            found.append(host)
            left -= own
    return tuple(found)


@dataclass(frozen=True)
class Room:
    """What may be down at once. ``at_once``: hosts, 0 is all of a wave; ``limits``: package -> nodes; ``takes``: host -> package -> nodes that run well
    and are taken down there (one of a host's at a time); ``sick``: host -> package -> nodes that are down already, ``mended``: of these, those that its
    turn is about."""

    at_once: int
    limits: Mapping[str, int]
    takes: Mapping[str, Collection[str]]
    sick: Mapping[str, Mapping[str, int]]
    mended: Mapping[str, Mapping[str, int]] = field(default_factory=dict)


def batches(waves: Sequence[Wave], room: Room) -> list[list[tuple[str, ...]]]:
    """Each wave's hosts in parts, in their order, none of which takes down more than there is room for. Nodes that are down count until their
    turn is over, and to the end where they have none. Raises ``InputError`` where there is no room for a host at all."""
    sick = {host: dict(own) for host, own in room.sick.items()}
    return [_parts(wave.hosts, room, sick) for wave in waves]


def _parts(hosts: Sequence[str], room: Room, sick: dict[str, dict[str, int]]) -> list[tuple[str, ...]]:
    found: list[tuple[str, ...]] = []
    part: list[str] = []

    def close() -> None:
        for host in part:
            for package, number in room.mended.get(host, {}).items():
                sick[host][package] -= number
        found.append(tuple(part))
        part.clear()

    for host in hosts:
        if part and (len(part) == room.at_once or _too_many([*part, host], room, sick)):
            close()
        package = _too_many([host], room, sick)
        if package is not None:
            down = sum(own.get(package, 0) for own in sick.values())
            limit = room.limits[package]
            raise InputError(
                f"{down} of {package} are down already, and avs_max_unavailable lets {limit} be so: bring them back first, or raise it"
            )
        part.append(host)
    if part:
        close()
    return found


def _too_many(part: Sequence[str], room: Room, sick: Mapping[str, Mapping[str, int]]) -> str | None:
    """A package of which more would be down than may be, and more than are."""
    for package, limit in room.limits.items():
        takes = sum(package in room.takes.get(host, ()) for host in part)
        if takes and takes + sum(own.get(package, 0) for own in sick.values()) > limit:
            return package
    return None
