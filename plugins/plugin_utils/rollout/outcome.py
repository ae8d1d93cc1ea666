# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What became of a host in a rollout: its note in the run folder, of what ``instance_upgrade`` returned. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..reports.asked import first_line
from ..reports.text import one_line

DONE, FAILED, UNREACHABLE, UNHEALTHY = "done", "failed", "unreachable", "unhealthy"
# Of nodes that nobody began with: they were as they should be, were left alone, or their turn did not come.
HAD, LEFT_OUT, NOT_BEGUN = "had it", "left out", "not begun"
BAD = (FAILED, UNREACHABLE, UNHEALTHY)
_FINDINGS = ("id", "severity", "place", "message", "remedy")
Note = Mapping[str, Any]


def note_of(host: str, result: Any, nodes: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """``host``, ``result``, ``reason`` and ``nodes``: of each of the plan's ``nodes`` what was done, and whether it is ``down``, or may be. ``result``: as
    it was registered."""
    given: Mapping[str, Any] = result if isinstance(result, Mapping) else {"failed": True, "msg": "nothing is known of it"}
    unreachable, failed = bool(given.get("unreachable")), bool(given.get("failed"))
    why = one_line(first_line(given)) if unreachable or failed else ""
    entries = {str(entry.get("id")): entry for entry in given.get("instances") or () if isinstance(entry, Mapping)}
    told = [_told(node, entries.get(str(node["id"])), unreachable, why) for node in nodes if not node["left_out"]]
    if failed and not unreachable and not any(node["result"] in BAD for node in told):
        # Which of them it was is not said, so none of them is known to be as it should.
        told = [{**node, "result": FAILED, "reason": why, "down": True} for node in told]
    bad = [node for node in told if node["result"] in BAD]
    word = UNREACHABLE if unreachable else FAILED if failed or bad else DONE
    return {"host": host, "result": word, "reason": (bad[0]["reason"] if bad else "") or why, "nodes": told}


def _told(node: Mapping[str, Any], entry: Mapping[str, Any] | None, unreachable: bool, why: str) -> dict[str, Any]:
    base = {
        "id": node["id"], "from": node["old"], "to": node["new"], "backup": node["backup"], "stopped": None, "reason": "", "findings": [], "images": {},
    }  # fmt: skip
    if entry is None:
        why = why or ("" if node["done"] else "its host said nothing of it")
        word = UNREACHABLE if unreachable else FAILED if why else HAD
        return {**base, "result": word, "reason": why, "down": word in BAD}
    upgrade = entry.get("upgrade")
    made: Mapping[str, Any] = upgrade if isinstance(upgrade, Mapping) else {}
    error = one_line(str(entry.get("error") or "").partition("\n")[0])
    stopped = made.get("stopped")
    return {
        **base,
        "from": str(made.get("from") or node["old"]),
        "to": str(made.get("to") or node["new"]),
        "backup": str(made.get("backup") or node["backup"]) if made.get("backup") is not True else node["backup"],
        "stopped": stopped if isinstance(stopped, (int, float)) and not isinstance(stopped, bool) else None,
        "result": FAILED if error else DONE if made or not node["done"] else HAD,
        "reason": _with_now(error, made, entry),
        # What failed before anything was done to it runs on.
        "down": bool(error and made and not (made.get("rolled_back") and not made.get("quarantined"))),
        "findings": [
            {name: one_line(item.get(name)) for name in _FINDINGS} for item in entry.get("findings") or () if isinstance(item, Mapping)
        ],
        "images": {str(name): str(image) for name, image in (entry.get("images") or {}).items()},
    }


def is_of_before(node: Mapping[str, Any], came: Mapping[str, Any] | None) -> bool:
    """Whether what a node was found to have is what the run before brought it."""
    return came is not None and node["result"] == HAD and came["result"] == DONE and came["to"] == node["to"]


def _with_now(error: str, made: Mapping[str, Any], entry: Mapping[str, Any]) -> str:
    """A failure, and what is there after it."""
    if not error:
        return ""
    if made.get("quarantined"):
        return f"{error}; neither version is well: it is down, and held"
    return f"{error}; {one_line(entry.get('version') or made.get('from'))} is back in its place" if made.get("rolled_back") else error


def gate_problem(answer: Any, node: Mapping[str, Any], machine: str) -> str:
    """Why a node that was done is not well any more, empty where it is. ``answer``: of ``rollout_gate``; ``machine``: which one its host is."""
    if not isinstance(answer, Mapping) or answer.get("unreachable"):
        return f"out of reach when it was asked again{_said(answer)}"
    if answer.get("failed"):
        return f"could not be asked again{_said(answer)}"
    if machine and answer.get("machine") != machine:
        return "another machine answered in its place: a variable of its connection is made of inventory_hostname"
    entry = next((one for one in answer.get("instances") or () if isinstance(one, Mapping) and one.get("id") == node["id"]), {})
    health = entry.get("health")
    if entry.get("state") != "started" or not isinstance(health, Mapping):
        return f"is {one_line(entry.get('state') or 'not there')} when asked again"
    if health.get("status") != "healthy":
        return f"is {one_line(health.get('status'))} when asked again: {one_line(health.get('detail'))}"
    if node["new"] and str(entry.get("version") or "") != node["new"]:
        return f"is {one_line(entry.get('version'))} when asked again, not {node['new']}"
    # A folder on the controller (path:) may have been changed since, with the same version.
    if not node["done"] and node["digest"] and entry.get("digest") and entry["digest"] != node["digest"]:
        return f"has another package than was planned: {one_line(entry['digest'])[:12]}, and not {node['digest'][:12]}"
    return ""


def _said(answer: Any) -> str:
    return f": {one_line(first_line(answer))}" if isinstance(answer, Mapping) and answer.get("msg") else ""
