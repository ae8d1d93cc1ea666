# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether a rollout goes on: after each batch, and after a wave's gates. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .outcome import DONE, HAD, Note

_TOLD = 3


@dataclass(frozen=True)
class Place:
    """Where a batch stands: ``ends`` its wave, ``last`` of all."""

    wave: int
    part: int
    ends: bool
    last: bool


def place(waves: Sequence[Mapping[str, Any]], hosts: Collection[str]) -> Place:
    """Of the batch that has these hosts. Raises ``LookupError`` where none has."""
    for number, wave in enumerate(waves):
        for part, batch in enumerate(wave["batches"]):
            if set(batch) & set(hosts):
                ends = part == len(wave["batches"]) - 1
                return Place(number, part, ends, ends and number == len(waves) - 1)
    raise LookupError(", ".join(sorted(hosts)))


def hosts_of(wave: Mapping[str, Any]) -> list[str]:
    return [host for batch in wave["batches"] for host in batch]


def is_asked_again(waves: Sequence[Mapping[str, Any]], where: Place) -> bool:
    """Whether all so far are asked again after a batch: where its wave ends and another one comes, or has been, or where others wait for what it
    proves. Of one wave alone that nobody was told to wait for, the gates were just asked."""
    own = waves[where.wave]
    return where.ends and (len(waves) > 1 or bool(own["canary"] and own["stage"] is not None))


def to_ask(document: Mapping[str, Any], notes: Mapping[str, Note], where: Place) -> dict[str, list[str]]:
    """Host -> ids of what was done: in this run up to a batch, that one among them, and in those before. What runs before did is asked whether or not
    it was well when this one began, but for what was ill already and has nothing that is rolled out. ``notes``: of this run."""
    waves = document["waves"]
    begun = [host for wave in waves[: where.wave] for host in hosts_of(wave)]
    begun += [host for batch in waves[where.wave]["batches"][: where.part + 1] for host in batch]
    later = {host for wave in waves for host in hosts_of(wave)} - set(begun)
    brought = {node["digest"] for node in document["nodes"] if node["digest"] and not node["done"] and not node["left_out"]}
    found: dict[str, list[str]] = {host: [] for host in begun}
    for node in document["nodes"]:
        host, note = node["host"], notes.get(node["host"])
        told = next((one for one in (note or {}).get("nodes") or () if one["id"] == node["id"]), None)
        of_before = node["done"] and host not in later and (node["well"] or node["digest"] in brought)
        as_it_should_be = told["result"] in (DONE, HAD) if told is not None else of_before
        if as_it_should_be and not node["left_out"]:
            found.setdefault(host, []).append(node["id"])
    return {host: ids for host, ids in found.items() if ids}


def why_stop(waves: Sequence[Mapping[str, Any]], where: Place, max_fail: float, notes: Mapping[str, Note], sick: Mapping[str, str]) -> str:
    """Why no further batch is begun, empty where the next one may be. ``notes``: what became of hosts; ``sick``: hosts that were done and are not
    well any more. A host of the batch that left no note failed. Of a canary none may fail, nor fall ill later."""
    wave, own = waves[where.wave], hosts_of(waves[where.wave])
    begun = [host for batch in wave["batches"][: where.part + 1] for host in batch]
    failed = {host: str(notes[host]["reason"]) if host in notes else "left no word" for host in begun if _is_bad(notes.get(host))}
    bad = {**failed, **sick}
    proving = {host for one in waves if one["canary"] for host in hosts_of(one)}
    allowed = 0.0 if wave["canary"] or proving & set(sick) else max_fail
    if not bad or 100.0 * len(bad) / len(own) <= allowed:
        return ""
    told = [f"{host}: {why}" if why else host for host, why in sorted(bad.items())]
    rest = f", and {len(told) - _TOLD} more" if len(told) > _TOLD else ""
    return f"{named(where.wave, wave)} failed: {'; '.join(told[:_TOLD])}{rest}"


def _is_bad(note: Note | None) -> bool:
    return note is None or note["result"] != DONE


def named(number: int, wave: Mapping[str, Any]) -> str:
    return f"wave {number + 1} (canary)" if wave["canary"] else f"wave {number + 1}"


def share(hosts: Sequence[str], batch: Sequence[str], own: str) -> list[str]:
    """Whom one host of a batch asks: itself if it is to be asked, and its part of the others."""
    others = [host for host in hosts if host not in batch]
    mine = [own] if own in hosts else []
    return [*mine, *others[list(batch).index(own) :: len(batch)]]
