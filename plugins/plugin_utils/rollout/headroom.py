# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether there is still room for the next batch: batches were made before the first of them was begun, and nodes fell ill since. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from .outcome import Note
from .verdict import Place, hosts_of


def no_room(document: Mapping[str, Any], notes: Callable[[], Mapping[str, Note]], where: Place) -> str:
    """Why the batch after this one is not begun, empty where it may be. ``notes``: what became of hosts in this run, read where anything is limited."""
    limits = document["room"]["limits"]
    if where.last or not limits:
        return ""
    known, begun, batch = notes(), _begun(document, where), _next(document, where)
    for package, limit in sorted(limits.items()):
        takes = {
            node["host"] for node in document["nodes"] if node["host"] in batch and node["package"] == package and _is_taken_down(node)
        }
        down = _down(document, known, begun, package)
        if takes and len(takes) + down > limit:
            return f"{down} of {package} are down, and avs_max_unavailable lets {limit} be so: the next batch would take down {len(takes)} more"
    return ""


def _is_taken_down(node: Mapping[str, Any]) -> bool:
    return bool(node["well"] and not node["done"] and not node["left_out"])


def _down(document: Mapping[str, Any], notes: Mapping[str, Note], begun: set[str], package: str) -> int:
    """What was down as it was planned, less what had its turn, and what is down after that."""
    room = document["room"]
    before: int = sum(own.get(package, 0) for own in room["sick"].values())
    mended: int = sum(own.get(package, 0) for host, own in room["mended"].items() if host in begun)
    # What was ill and is left alone, or had it, is among those before.
    nodes = [
        node for node in document["nodes"] if node["package"] == package and (node["well"] or not node["done"]) and not node["left_out"]
    ]
    return before - mended + sum(_is_down(document, notes, node) for node in nodes if node["host"] in begun)


def _is_down(document: Mapping[str, Any], notes: Mapping[str, Note], node: Mapping[str, Any]) -> bool:
    if node["id"] in (document["sick"].get(node["host"]) or {}):
        return True
    note = notes.get(node["host"])
    told = next((one for one in (note or {}).get("nodes") or () if one["id"] == node["id"]), None)
    return bool(told.get("down")) if told is not None else note is None and not node["done"]


def _begun(document: Mapping[str, Any], where: Place) -> set[str]:
    """Hosts whose turn is over, those of runs before among them."""
    waves = document["waves"]
    later = {host for wave in waves[where.wave + 1 :] for host in hosts_of(wave)}
    later |= {host for part in waves[where.wave]["batches"][where.part + 1 :] for host in part}
    return {node["host"] for node in document["nodes"]} - later


def _next(document: Mapping[str, Any], where: Place) -> list[str]:
    parts = [part for wave in document["waves"][where.wave :] for part in wave["batches"]]
    found: list[str] = parts[where.part + 1]
    return found
