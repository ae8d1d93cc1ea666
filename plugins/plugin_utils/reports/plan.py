# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a run would do on a host, one row an instance, made of what the run said in check mode."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

NOTHING, CHANGE, REFUSED, WAITS, UNLISTED = "nothing", "change", "refused", "waits", "unlisted"
_DECLARED = re.compile(r"avs_instances\[(\d+)\]")
# As the host's library words it where others stand in an instance's way.
_HELD_BACK = "others of this call are refused"
_WORDS = {NOTHING: "nothing to do", WAITS: "waits: others of this host are refused", UNLISTED: "not in the inventory, left alone"}

# Verdict, actions, reasons, what is wanted.
_Parts = tuple[str, list[str], list[str], "dict[str, Any] | None"]


def plan_rows(host: str, result: Mapping[str, Any], declared: Sequence[Any], present: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Rows with ``host``, ``id``, ``installed``, ``wanted`` (version and state, ``null`` where there is none), ``verdict`` (``nothing``,
    ``change``, ``refused``, ``waits``, ``unlisted``), ``actions``, ``reasons`` and ``plan``, all of it in words.

    ``result``: of the instances task in check mode; ``declared``: avs_instances; ``present``: the result of instance_info.
    """
    here = {str(item.get("id")): item for item in present.get("instances") or () if item.get("phase")}
    told = {str(item.get("id")): item for item in result.get("instances") or ()}
    wishes = _wishes(declared)
    going = {name: _going(item, wishes.get(name)) for name, item in told.items()}
    found = _refused(result, wishes, told) if result.get("failed") else going
    rows = [_row(host, name, here.get(name), parts) for name, parts in found.items()]
    unlisted = [str(name) for name in result.get("unlisted") or () if str(name) not in found]
    return rows + [_row(host, name, here.get(name), (UNLISTED, [], [], None)) for name in unlisted]


def _wishes(declared: Sequence[Any]) -> dict[str, dict[str, Any]]:
    """Id (as far as it is known without a look at the package) -> place, version and state of each entry."""
    found: dict[str, dict[str, Any]] = {}
    for number, entry in enumerate(declared if isinstance(declared, Sequence) and not isinstance(declared, str) else ()):
        place, given = f"avs_instances[{number}]", entry if isinstance(entry, Mapping) else {}
        package, tag = given.get("package"), given.get("tag")
        name = f"{package.rpartition('/')[2]}-{tag}" if isinstance(package, str) and tag else f"{place} (tag {tag})" if tag else place
        wanted = {"version": _text(given.get("version")), "state": str(given.get("state") or "started")}
        found[name] = {"place": place, "tag": _text(tag), "wanted": wanted}
    return found


def _refused(result: Mapping[str, Any], wishes: Mapping[str, Any], told: Mapping[str, Any]) -> dict[str, _Parts]:
    """Of a failed task: an entry of the result says itself what became of it, and is believed; without one the problems do."""
    problems = [item for item in result.get("findings") or () if item.get("severity") == "error"]
    owners = {name: [wish["place"], name] for name, wish in wishes.items() if not _told_as(name, wish, told)}
    owners.update({name: [name, *(wish["place"] for other, wish in wishes.items() if _told_as(other, wish, [name]))] for name in told})
    reasons = {
        name: [_problem(item, places) for item in problems if _is_in(str(item.get("place")), places)] for name, places in owners.items()
    }
    rest = [_problem(item, ()) for item in problems if not any(_is_in(str(item.get("place")), places) for places in owners.values())]
    if not problems and not any(item.get("error") for item in told.values()):
        rest = [_first(result.get("msg"))]
    found: dict[str, _Parts] = {}
    for name in owners:
        entry, wanted = told.get(name), (wishes.get(name) or {}).get("wanted")
        error = str((entry or {}).get("error") or "")
        if reasons[name] or (error and _HELD_BACK not in error):
            found[name] = (REFUSED, [], reasons[name] or [_first(error)], wanted)
        elif entry is not None and not error:
            found[name] = _going(entry, wishes.get(name))
        else:
            found[name] = (WAITS, [], [], wanted)
    if rest:
        found["(host)"] = (REFUSED, [], rest, None)
    return found


def _going(item: Mapping[str, Any], wish: Mapping[str, Any] | None) -> _Parts:
    """Of an instance nobody refuses. What is held stays as it is, whatever its entry wants."""
    wanted = wish["wanted"] if wish and item.get("hold") else _now(item)
    hold = item.get("hold") or {}
    why = (
        [f"held down since {hold.get('since')} by {hold.get('by')}" + (f": {hold['reason']}" if hold.get("reason") else "")] if hold else []
    )
    return CHANGE if item.get("actions") else NOTHING, _steps(item), why, wanted


def _told_as(name: str, wish: Mapping[str, Any], told: Iterable[str]) -> bool:
    """Whether the result names an instance that is this entry of the inventory; a package by path has no name there."""
    return any(name == other or (name.startswith("avs_instances[") and wish["tag"] and other.endswith(f"-{wish['tag']}")) for other in told)


def _is_in(place: str, owners: Sequence[str]) -> bool:
    return any(place == owner or place.startswith(tuple(f"{owner}{char}" for char in ".: [")) for owner in owners)


def _problem(item: Mapping[str, Any], owners: Sequence[str]) -> str:
    """A problem in a line; the instance it is in has a column of its own."""
    place, message = str(item.get("place") or ""), _first(item.get("message"))
    for owner in owners:
        if place.startswith(owner):
            place = place[len(owner) :].lstrip(".: ")
    return f"{place}: {message}" if place else message


def _steps(item: Mapping[str, Any]) -> list[str]:
    """``create container gateway, node`` for the steps of a kind, in their order."""
    groups: dict[tuple[str, str], list[str]] = {}
    for step in item.get("actions") or ():
        groups.setdefault((str(step.get("action")), str(step.get("kind"))), []).append(str(step.get("name")))
    return [f"{action} {kind} {', '.join(names)}" for (action, kind), names in groups.items()]


def _now(item: Mapping[str, Any]) -> dict[str, Any]:
    return {"version": _text(item.get("version")), "state": "held" if item.get("hold") else _text(item.get("state"))}


def _row(host: str, name: str, here: Mapping[str, Any] | None, parts: _Parts) -> dict[str, Any]:
    verdict, actions, reasons, wanted = parts
    words = _WORDS.get(verdict) or ("; ".join(actions) if verdict == CHANGE else f"refused: {'; '.join(reasons)}")
    words = "; ".join([words, *reasons]) if verdict == NOTHING else words
    installed = None if here is None else _now(here)
    return {"host": host, "id": name, "installed": installed, "wanted": dict(wanted) if wanted else None, "verdict": verdict,
            "actions": actions, "reasons": reasons, "plan": words}  # fmt: skip


def _first(text: Any) -> str:
    return str(text or "nothing is known of why").partition("\n")[0]


def _text(value: Any) -> str | None:
    return None if value in (None, "") else str(value)
