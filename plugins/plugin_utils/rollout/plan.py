# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A plan: who is taken in which wave, made anew of the inventory and of what hosts said, less what is done. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ...module_utils.common.errors import InputError
from .seen import ROLLBACK, UPGRADE, Node, Seen
from .waves import Room, Size, Wave, assigned, batches, size, with_canaries

_LONGEST_SOAK = 7 * 24 * 3600


@dataclass(frozen=True)
class Terms:
    """What a person said. ``sizes`` of waves; ``at_once``: hosts of a wave at once, 0 is all; ``limits``: package -> how many may be down; ``soak`` in
    seconds; ``max_fail``: percentage of a wave's hosts that may fail."""

    kind: str = UPGRADE
    sizes: tuple[Size, ...] | None = None
    at_once: int = 0
    limits: Mapping[str, Size] = field(default_factory=dict)
    soak: int = 0
    max_fail: float = 0


@dataclass(frozen=True)
class Planned:
    """A wave with its batches. Hosts of ``proves`` have what they are to have, and are asked again as canaries."""

    wave: Wave
    batches: tuple[tuple[str, ...], ...]

    def as_dict(self) -> dict[str, Any]:
        return {"canary": self.wave.canary, "stage": self.wave.stage, "batches": [list(part) for part in self.batches]}


@dataclass(frozen=True)
class Plan:
    """``waves`` of hosts that have something to do, or to prove; ``nodes`` of them and of others that are meant; ``problems``: host -> why it is not
    begun with; ``machines``: host -> which machine it is; ``room``: what may be down; ``joins``: host -> ids, where somebody else is at work."""

    terms: Terms
    waves: tuple[Planned, ...]
    nodes: tuple[Node, ...]
    problems: Mapping[str, str]
    unreachable: Collection[str]
    machines: Mapping[str, str]
    room: Room
    joins: Mapping[str, Sequence[str]] = field(default_factory=dict)

    @property
    def order(self) -> list[str]:
        return [host for wave in self.waves for part in wave.batches for host in part]

    @property
    def serial(self) -> list[int]:
        return [len(part) for wave in self.waves for part in wave.batches]


def seconds(given: Any, name: str, most: int = _LONGEST_SOAK) -> int:
    """Raises ``InputError``."""
    text = str(given).strip()
    if isinstance(given, bool) or not text.isdecimal() or len(text) > 9 or int(text) > most:
        raise InputError(f"{name} is {given!r}: it is a whole number, 0-{most}")
    return int(text)


def percentage(given: Any, name: str) -> float:
    """Raises ``InputError``."""
    try:
        found = float(str(given))
    except ValueError:
        found = -1.0
    if isinstance(given, bool) or not 0 <= found <= 100:
        raise InputError(f"{name} is {given!r}: it is a percentage, 0-100")
    return found


def limits(given: Mapping[str, Any]) -> dict[str, Size]:
    """Of all hosts' ``avs_max_unavailable``, host -> value, the strictest of each package. Raises ``InputError``."""
    found: dict[str, Size] = {}
    for host, own in given.items():
        if own is None or own == "":
            continue
        if not isinstance(own, Mapping):
            raise InputError(f'avs_max_unavailable of {host} is no mapping: write {{<package>: <number of nodes, or a share as "20%">}}')
        for package, value in own.items():
            told = size(value, f"avs_max_unavailable[{package}] of {host}")
            known = found.setdefault(str(package), told)
            if known.share != told.share:
                raise InputError(
                    f"avs_max_unavailable[{package}] is a number for one host and a share for another ({host}): say it in one way"
                )
            found[str(package)] = min(known, told, key=lambda one: one.number)
    return found


def made(hosts: Sequence[Seen], stages: Mapping[str, int | None], terms: Terms, passed: Collection[str] = ()) -> Plan:
    """``passed``: digests that are known to have passed, beside what ``hosts`` say. Raises ``InputError``."""
    sound = {one.host: one for one in hosts if not one.problem}
    meant = {host: stages.get(host) for host, one in sound.items() if any(not node.left_out for node in one.nodes)}
    digests = {host: {node.digest for node in sound[host].nodes if node.digest and not node.left_out} for host in meant}
    proven = {*passed, *(digest for one in hosts for digest in one.passed)}
    _require_well(sound, proven, terms.max_fail)
    waves = with_canaries(assigned(meant, terms.sizes), digests, proven)
    left = [Wave(tuple(host for host in wave.hosts if wave.canary or sound[host].left), wave.canary, wave.stage) for wave in waves]
    left = [wave for wave in _with_something(left, sound) if wave.hosts]
    mended = {one.host: one.mended for one in sound.values()}
    room = Room(terms.at_once, _numbers(terms.limits, hosts), _takes(sound), {one.host: one.sick for one in hosts}, mended)
    parts = batches(left, room)
    return Plan(
        terms,
        tuple(Planned(wave, tuple(part)) for wave, part in zip(left, parts, strict=True)),
        tuple(node for one in hosts for node in one.nodes),
        {one.host: one.problem for one in hosts if one.problem},
        tuple(one.host for one in hosts if one.unreachable),
        {one.host: one.machine for one in hosts},
        room,
        {one.host: one.joins for one in hosts if one.joins},
    )


def _require_well(sound: Mapping[str, Seen], proven: Collection[str], max_fail: float) -> None:
    """What fell ill with what is to be brought to others. A canary never may; of other hosts as many as may fail. Raises ``InputError``."""
    brought = {node.digest for one in sound.values() for node in one.left if node.digest}
    ill = [node for one in sound.values() for node in one.nodes if node.done and not node.well and node.digest in brought]
    grave = [node for node in ill if node.digest not in proven or node.digest in sound[node.host].passed]
    share = 100.0 * len({node.host for node in ill}) / len(sound) if ill else 0.0
    if not grave and share <= max_fail:
        return
    told = [f"{node.host} {node.id} has {node.new} already and is not well" for node in grave or ill]
    rest = f", and {len(told) - 3} more" if len(told) > 3 else ""
    raise InputError(f"{'; '.join(told[:3])}{rest}: mend it or roll it back, before others get the same")


def _with_something(waves: Sequence[Wave], sound: Mapping[str, Seen]) -> Sequence[Wave]:
    """Where nobody is left, nothing has to be proven to anybody but by who was told to go first: others may wait for that."""
    if any(sound[host].left for wave in waves for host in wave.hosts):
        return waves
    return [wave for wave in waves[:1] if wave.canary and wave.stage is not None]


def _numbers(given: Mapping[str, Size], hosts: Sequence[Seen]) -> dict[str, int]:
    return {package: told.of(sum(one.counts.get(package, 0) for one in hosts)) for package, told in given.items()}


def _takes(sound: Mapping[str, Seen]) -> dict[str, set[str]]:
    return {host: {node.package for node in one.left if node.well} for host, one in sound.items()}


def left_out_canary(named: Mapping[str, int | None], here: Collection[str], plan: Plan) -> list[str]:
    """Hosts the inventory has go first, where none of them is in this run, and something is to be done in it that has to be
    proven first. ``named``: ``avs_wave`` of every host of the group, also of those a limit leaves out."""
    if plan.terms.kind == ROLLBACK or not any(wave.wave.canary for wave in plan.waves) or not any(node.is_left for node in plan.nodes):
        return []
    numbers = [number for number in named.values() if number is not None]
    first = [host for host, number in named.items() if numbers and number == min(numbers)]
    return [] if set(first) & set(here) else first
