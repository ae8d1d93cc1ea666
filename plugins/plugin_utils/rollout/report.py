# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A rollout told: one model, from which the terminal, JSON, JUnit and a page are made. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from ..reports.text import one_line
from .outcome import BAD, DONE, FAILED, HAD, LEFT_OUT, NOT_BEGUN, UNHEALTHY, UNREACHABLE, Note
from .verdict import hosts_of, named

PASSED, NOTHING, WOULD = "passed", "nothing to do", "would go"
Model = dict[str, Any]
# How many of a kind a terminal is shown.
_SHOWN = 8


def model_of(document: Mapping[str, Any], notes: Mapping[str, Note]) -> Model:
    """``document``: of the run folder. The verdict is ``failed`` where anything is, also where the rollout went on."""
    where = {host: number for number, wave in enumerate(document["waves"]) for host in hosts_of(wave)}
    nodes = [_node(node, document, notes.get(node["host"]), where.get(node["host"])) for node in document["nodes"]]
    for host, why in sorted(document["problems"].items()):
        word = UNREACHABLE if host in document["unreachable"] else FAILED
        nodes.append({**_BLANK, "host": host, "id": "", "result": word, "reason": one_line(why)})
    order = {host: number for number, host in enumerate(host for wave in document["waves"] for host in hosts_of(wave))}
    nodes.sort(key=lambda node: (order.get(node["host"], len(order)), node["host"], node["id"]))
    return {
        "schema": 1,
        "name": document["name"],
        "kind": document["kind"],
        "check": document["check"],
        "verdict": document["verdict"],
        "reason": document["refused"] or document["stopped"],
        "attempts": document["attempts"],
        "soak": document["soak"],
        "waves": [_wave(number, wave, document, notes) for number, wave in enumerate(document["waves"])],
        "nodes": nodes,
        "counts": dict(sorted(Counter(node["result"] for node in nodes).items())),
    }


def verdict_of(document: Mapping[str, Any], notes: Mapping[str, Note]) -> str:
    """At the end of a run."""
    told = model_of(document, notes)
    if told["reason"] or any(node["result"] in (*BAD, NOT_BEGUN) for node in told["nodes"]):
        return WOULD if document["check"] and not told["reason"] and not set(told["counts"]) & set(BAD) else FAILED
    return PASSED if any(node["result"] in (DONE,) for node in told["nodes"]) or document["waves"] else NOTHING


_BLANK: Mapping[str, Any] = {
    "package": "", "from": "", "to": "", "wave": None, "backup": "", "stopped": None, "reason": "", "findings": [], "images": {},
}  # fmt: skip


def _node(node: Mapping[str, Any], document: Mapping[str, Any], note: Note | None, wave: int | None) -> dict[str, Any]:
    base = {
        **_BLANK, "host": node["host"], "id": node["id"], "package": node["package"], "from": node["old"], "to": node["new"],
        "wave": None if wave is None else wave + 1, "backup": node["backup"],
    }  # fmt: skip
    if node["left_out"]:
        return {**base, "result": LEFT_OUT, "reason": node["left_out"]}
    sick = (document["sick"].get(node["host"]) or {}).get(node["id"])
    told = next((one for one in (note or {}).get("nodes") or () if one["id"] == node["id"]), None)
    if told is not None and note is not None and note["attempt"] != len(document["attempts"]):
        # Of a run before: it says how what is there came to be, and nothing else.
        told = told if node["done"] and told["result"] == DONE and told["to"] == node["new"] else None
    if told is None:
        base |= {"result": HAD if node["done"] else NOT_BEGUN}
    else:
        base |= {name: told[name] for name in ("from", "to", "backup", "stopped", "result", "reason", "findings", "images")}
    return {**base, "result": UNHEALTHY, "reason": sick} if sick else base


def _wave(number: int, wave: Mapping[str, Any], document: Mapping[str, Any], notes: Mapping[str, Note]) -> dict[str, Any]:
    known = document["judged"].get(str(number)) or {}
    begun = any(notes.get(host, {}).get("attempt") == len(document["attempts"]) for host in hosts_of(wave))
    word = known.get("verdict") or ("begun" if begun else NOT_BEGUN)
    return {
        "number": number + 1, "name": named(number, wave), "canary": wave["canary"], "stage": wave["stage"], "batches": wave["batches"],
        "verdict": word, "reason": known.get("reason") or "",
    }  # fmt: skip


def plan_lines(document: Mapping[str, Any]) -> list[str]:
    """What is going to be done, before it is."""
    lines = []
    waves = document["waves"]
    for number, wave in enumerate(waves):
        hosts = hosts_of(wave)
        parts = f", {len(wave['batches'])} batches" if len(wave["batches"]) > 1 else ""
        shown = ", ".join(hosts[:_SHOWN]) + (f" and {len(hosts) - _SHOWN} more" if len(hosts) > _SHOWN else "")
        lines.append(f"{named(number, wave)}: {len(hosts)} host{'s' if len(hosts) > 1 else ''}{parts}: {shown}")
    if len(waves) > 1:
        lines.append(f"between two waves {document['soak']} s, then all so far are asked again")
    lines += [f"{node['host']} {node['id']} is left out: it {node['left_out']}" for node in document["nodes"] if node["left_out"]]
    lines += [
        f"{node['host']} {node['id']}: its upgrade is at work already, and is joined" for node in document["nodes"] if node["attached"]
    ]
    done = sum(1 for node in document["nodes"] if node["done"])
    if done and waves:
        lines.append(f"{done} instance{'s have' if done > 1 else ' has'} the version already")
    return [one_line(line) for line in lines]


def lines_of(model: Model) -> list[str]:
    """The end, for a terminal: a line a wave, and one for every node with which something is."""
    lines = [f"{wave['name']}: {wave['verdict']}" for wave in model["waves"]] if len(model["waves"]) > 1 else []
    lines += [_line(node) for node in model["nodes"] if node["result"] in (*BAD, LEFT_OUT)]
    if model["verdict"] == NOTHING:
        had = [f"{node['host']} {node['id']}: has {node['to']} already, nothing to do" for node in model["nodes"] if node["result"] == HAD]
        lines += [*had[:_SHOWN], *([f"and {len(had) - _SHOWN} more"] if len(had) > _SHOWN else [])]
    begun = [node for node in model["nodes"] if node["result"] == NOT_BEGUN]
    if begun and not model["check"]:
        hosts = list(dict.fromkeys(node["host"] for node in begun))
        lines.append(f"not begun: {', '.join(hosts[:_SHOWN])}{f' and {len(hosts) - _SHOWN} more' if len(hosts) > _SHOWN else ''}")
    counts = ", ".join(f"{number} {word}" for word, number in model["counts"].items())
    head = f"{model['kind']} {model['name']}".rstrip() + f": {model['verdict']}" + (f" ({counts})" if counts else "")
    return [one_line(line) for line in [head, *([model["reason"]] if model["reason"] else []), *lines]]


def _line(node: Mapping[str, Any]) -> str:
    return f"{node['host']} {node['id']}".rstrip() + f": {node['result']}" + (f": {node['reason']}" if node["reason"] else "")


def way_of(node: Mapping[str, Any]) -> str:
    """From where to where, or what it has."""
    return f"{node['from']} \u2192 {node['to']}" if node["from"] != node["to"] else str(node["to"])


def failed_hosts(model: Model) -> dict[str, str]:
    """Host -> why, of those that make the run fail."""
    found: dict[str, str] = {}
    for node in model["nodes"]:
        if node["result"] in BAD:
            found.setdefault(node["host"], _line(node))
    return found
