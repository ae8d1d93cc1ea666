# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What hosts said before anything was begun, as a plan is made of it: answers of ``rollout_gate`` and of ``instance_upgrade``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from ...module_utils.common.errors import InputError
from ..reports.asked import first_line
from ..reports.text import one_line

UPGRADE, ROLLBACK = "upgrade", "rollback"


@dataclass(frozen=True)
class Node:
    """An instance that is meant. ``digest``: of the package it is to have, empty where that is not known; ``done``: it has it; ``attached``: somebody
    else's upgrade of it is at work; ``left_out``: why it is left alone, though all were meant."""

    host: str
    id: str
    package: str = ""
    digest: str = ""
    old: str = ""
    new: str = ""
    done: bool = False
    well: bool = True
    attached: bool = False
    left_out: str = ""
    backup: str = ""

    @property
    def is_left(self) -> bool:
        """Whether something is to be done with it."""
        return not self.done and not self.left_out

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class Seen:
    """A host. ``problem``: why it cannot be begun with; ``sick``: package -> nodes that are to run and are not well, ``mended``: of these, those that
    something is to be done with, ``counts``: that are to run at all; ``passed``: digests of canaries that passed there; ``unknown``: ids that were
    named and are not there, ``None`` where nobody looked; ``there``: with a problem, ids it has all the same; ``joins``: where somebody else is at work
    and all are meant, ids that are."""

    host: str
    nodes: tuple[Node, ...] = ()
    machine: str = ""
    problem: str = ""
    unreachable: bool = False
    sick: Mapping[str, int] = field(default_factory=dict)
    mended: Mapping[str, int] = field(default_factory=dict)
    counts: Mapping[str, int] = field(default_factory=dict)
    passed: frozenset[str] = frozenset()
    unknown: frozenset[str] | None = None
    there: frozenset[str] = frozenset()
    joins: tuple[str, ...] = ()

    @property
    def left(self) -> tuple[Node, ...]:
        """What is to be done there."""
        return tuple(node for node in self.nodes if node.is_left)


@dataclass(frozen=True)
class Answers:
    """Results as they were registered, ``None`` where there is none. ``asked``: of ``rollout_gate``; ``looked``: of ``instance_upgrade``, which fetched or
    looked; ``failed``: of whatever failed between. ``meant``: package and id of each instance its inventory has running, of one that gave no answer;
    ``ids``: what was named, none where all are meant."""

    asked: Any = None
    looked: Any = None
    failed: Any = None
    meant: Sequence[tuple[str, str]] | None = None
    ids: Sequence[str] = ()


def seen(host: str, answers: Answers, everything: bool = False, kind: str = UPGRADE) -> Seen:
    """``everything``: nobody named anything, so what is not well is left alone."""
    asked, looked = answers.asked, answers.looked
    answered = isinstance(asked, Mapping) and isinstance(asked.get("instances"), list)
    there = {str(entry.get("id")): entry for entry in asked["instances"] if isinstance(entry, Mapping)} if answered else {}
    running = [entry for entry in there.values() if entry.get("state") == "started"]
    sick = [entry for entry in running if not is_well(entry)]
    problem, dark = _problem(answers)
    if problem or not answered:
        # Of whoever says nothing all is taken to be down.
        meant = _count({"package": package} for package, _id in answers.meant or ())
        counts = _count(running) if answered else meant
        return Seen(
            host,
            problem=problem or "gave no answer",
            unreachable=dark,
            sick=_count(sick) if answered and not dark else counts,
            counts=counts,
            there=frozenset(there),
        )
    entries = looked.get("instances") if isinstance(looked, Mapping) else None
    joins: tuple[str, ...] = ()
    if isinstance(entries, list):
        nodes = [
            _node(host, entry, there.get(str(entry.get("id"))) or {}, everything, kind) for entry in entries if isinstance(entry, Mapping)
        ]
    else:
        # Of what nobody asked for here, somebody else's work is none of this run's.
        own = [entry for entry in there.values() if kind == UPGRADE and (not answers.ids or str(entry.get("id")) in answers.ids)]
        nodes = [_attached(host, entry) for entry in own if is_at_work(entry)]
        # What is not well was none of that run's, and is none of this one's: whoever ends first must not have it upgraded by the other.
        joins = tuple(str(entry.get("id")) for entry in running if everything and (is_at_work(entry) or is_well(entry)))
    todo = {node.id for node in nodes if node.is_left}
    return Seen(
        host,
        tuple(nodes),
        str(asked.get("machine") or ""),
        sick=_count(sick),
        mended=_count(entry for entry in sick if str(entry.get("id")) in todo),
        counts=_count(running),
        passed=frozenset(str(entry["passed"].get("digest")) for entry in there.values() if isinstance(entry.get("passed"), Mapping)),
        unknown=frozenset(map(str, looked.get("unknown") or ())) if isinstance(looked, Mapping) else None,
        joins=joins,
    )


def _problem(answers: Answers) -> tuple[str, bool]:
    """Why a host cannot be begun with, empty where it can; and whether it is out of reach."""
    told = [answer for answer in (answers.asked, answers.looked, answers.failed) if isinstance(answer, Mapping)]
    for word in ("unreachable", "failed"):
        for answer in told:
            if answer.get(word):
                return one_line(first_line(answer)), word == "unreachable"
    return "", False


def kept_from(one: Seen, asked: Any, ids: Sequence[str], leaves: str) -> Seen:
    """A host in a rollback that leaves one version: what was named and has another one is left alone. ``asked``: what ``rollout_gate`` said."""
    known = {node.id for node in one.nodes}
    others = [
        Node(
            one.host, str(entry.get("id")), str(entry.get("package") or ""), old=str(entry["version"]), new=str(entry["version"]),
            well=is_well(entry), left_out=one_line(f"is {entry['version']}, and not {leaves}, which is left"),
        )
        for entry in (asked.get("instances") or () if isinstance(asked, Mapping) else ())
        if isinstance(entry, Mapping) and entry.get("version") and str(entry.get("id")) in ids and str(entry.get("id")) not in known
    ]  # fmt: skip
    return one if one.problem else replace(one, nodes=(*one.nodes, *others))


def require_version(hosts: Sequence[Seen], ids: Sequence[str], leaves: str) -> None:
    """Of many hosts not all have what is regretted: those that do not would go back from what is well. Raises ``InputError``."""
    have = [one.host for one in hosts if any(node.is_left for node in one.nodes) or set(ids) & one.there]
    if len(have) > 1 and not leaves:
        raise InputError(
            f"{len(have)} hosts have it, and it is not said which version is left: avs_rollback_from=<version>; what has another one is left alone"
        )


def unconcerned(one: Seen, ids: Sequence[str], meant: Sequence[str]) -> Seen:
    """A host with a problem, which is none of a run that names instances where none of them is ``meant`` to be there, or is. What is down there counts."""
    return one if {*meant, *one.there} & set(ids) else replace(one, problem="", unreachable=False)


def nowhere(hosts: Sequence[Seen], names: Sequence[str]) -> list[str]:
    """Names that no host has. Where nobody looked, or one of them is at work with something, nothing is said of any."""
    looked = [one for one in hosts if one.unknown is not None]
    there = {node.id for one in hosts for node in one.nodes}
    if not looked or any(node.attached for one in hosts for node in one.nodes):
        return []
    return [name for name in names if name not in there and all(name in (one.unknown or ()) for one in looked)]


def is_well(entry: Mapping[str, Any]) -> bool:
    health = entry.get("health")
    return isinstance(health, Mapping) and health.get("status") == "healthy"


def is_at_work(entry: Mapping[str, Any]) -> bool:
    """Whether an upgrade of it goes on just now."""
    upgrade = entry.get("upgrade")
    return bool(entry.get("at_work")) and isinstance(upgrade, Mapping) and upgrade.get("step") is not None


def _node(host: str, entry: Mapping[str, Any], there: Mapping[str, Any], everything: bool, kind: str) -> Node:
    told, last = entry.get("upgrade"), there.get("upgrade")
    well = is_well(there)
    name, package = str(entry.get("id")), str(entry.get("package") or there.get("package") or "")
    version = str(entry.get("version") or "")
    if not isinstance(told, Mapping):
        came = isinstance(last, Mapping) and last.get("step") is None and str(last.get("to")) == version
        return Node(
            host, name, package, str(entry.get("wanted_digest") or ""),
            str(last.get("from") or "") if came and isinstance(last, Mapping) else version,
            version, done=True, well=well, backup=str(last.get("backup") or "") if came and isinstance(last, Mapping) else "",
        )  # fmt: skip
    out = ""
    if everything and not well:
        health = there.get("health") if isinstance(there.get("health"), Mapping) else {}
        out = one_line(f"is {(health or {}).get('status') or 'not known to be well'}: name it to have it upgraded all the same")
    digest = str(entry.get("wanted_digest") or "") if kind == UPGRADE else ""
    return Node(host, name, package, digest, str(told.get("from") or ""), str(told.get("to") or ""), well=well, left_out=out)


def _attached(host: str, entry: Mapping[str, Any]) -> Node:
    told = entry.get("upgrade") or {}
    return Node(
        host, str(entry.get("id")), str(entry.get("package") or ""), "", str(told.get("from") or ""), str(told.get("to") or ""),
        well=is_well(entry), attached=True,
    )  # fmt: skip


def _count(entries: Any) -> dict[str, int]:
    found: dict[str, int] = {}
    for entry in entries:
        package = str(entry.get("package") or "")
        found[package] = found.get(package, 0) + 1
    return found
