# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The controller's part of an upgrade: from which version to which, over which others, and what that changes.

The host says what is installed; the way is planned before anything there is touched, and gone one transaction after the other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ...module_utils.common.errors import AvsError, InputError
from ...module_utils.common.findings import Finding, errors_of
from ...module_utils.common.rules import finding
from ..inventory.crossing import entry_at, refused, way
from ..inventory.entries import Entry
from ..inventory.meant import Ids
from ..inventory.spec import Built
from .calls import Terms, reconcile
from .changes import Step, told_changes
from .host import Host
from .run import Run, merged, worded
from .task import Task

Acknowledged = Mapping[str, Sequence[str]]


class _Detour(Exception):
    """There are stops on the way of an instance: what the host was asked for is not what comes first."""


@dataclass
class _Plan:
    """Instance -> the version that is installed, and those to be installed after it, in their order."""

    run: Run
    built: Built
    installed: dict[str, str] = field(default_factory=dict)
    ways: dict[str, tuple[str, ...]] = field(default_factory=dict)
    steps: list[Built] = field(default_factory=list)
    check: bool = False

    def see(self, first: Mapping[str, Any]) -> None:
        """Plan by the host's first answer. Raises ``InputError`` with everything that stands in the way of any of them."""
        problems = []
        for spec, entry in zip(self.built.specs, self.built.entries):
            name, installed, wanted = spec["id"], (first.get("installed") or {}).get(spec["id"]), spec["package"].get("version")
            if name not in (first.get("needs") or {}) or (installed == wanted and installed is not None):
                # As it should be; or what was cut is ended, or another commit is wanted, which is for the host to say.
                continue
            if name not in (first.get("installed") or {}):
                problems.append(_not_installed(name))
                continue
            try:
                problem = refused(name, installed, wanted, self.run.offers.order(entry))
                if problem is not None:
                    problems.append(problem)
                    continue
                self.installed[name] = str(installed)
                self.ways[name] = self._way(entry, str(installed), str(wanted))
            except InputError as error:
                problems += [replace(item, place=f"{name}: {item.place}") for item in error.findings] or [_unread(name, error)]
        if problems:
            raise InputError("the versions cannot be changed as they are wanted", problems)
        longest = max((len(one) for one in self.ways.values()), default=0)
        if longest < 2:
            return
        self.steps = [self._step(number) for number in range(longest)]
        wrong = errors_of(item for step in self.steps for item in step.findings)
        if wrong:
            raise InputError("what is on the way cannot be installed as the inventory says", wrong)
        if not self.check:
            raise _Detour

    def _way(self, entry: Entry, installed: str, wanted: str) -> tuple[str, ...]:
        known: dict[str, tuple[str, ...]] = {}

        def migrations(version: str) -> tuple[str, ...]:
            if version not in known:
                known[version] = self.run.offers.migrations(entry, version)
            return known[version]

        return way(installed, wanted, self.run.offers.package(entry).versions, migrations)

    def _step(self, number: int) -> Built:
        """Those that still have to go somewhere, at the version this step leads to."""
        wanted = dict(zip((spec["id"] for spec in self.built.specs), self.built.entries))
        entries = [_at(self.run, wanted[name], one[number]) for name, one in self.ways.items() if number < len(one)]
        return self.run.build(entries)


def upgraded(task: Task, host: Host, arguments: Mapping[str, Any], ids: Ids, names: dict[str, str]) -> dict[str, Any]:
    """The answer of an upgrade of these instances. Raises ``AvsError`` before anything was changed.

    ``names`` learns what a person calls each instance. In the answer, ``unknown`` are ids no entry of this host has.
    """
    with Run(task, arguments, names, ids.choose) as run:
        built = ids.only(run.build())
        unknown = ids.unknown(run.entries, built)
        if not built.specs and not errors_of(built.findings):
            run.fleet.leave()
            return {"changed": False, "instances": [], "findings": [item.as_dict() for item in built.findings], "unknown": unknown}
        plan = _Plan(run, built, check=task.check)
        meant: dict[str, Any] = {
            "ids": [spec["id"] for spec in built.specs],
            "acknowledged": arguments["acknowledged"],
            "chain": arguments["chain"],
        }
        if arguments["fetch"]:
            meant["fetch"] = True
        terms = Terms(run.lock_timeout, run.settings, task.check, meant, plan.see)
        try:
            answer = reconcile(built, terms, host, run.sources, run.fleet)
        except _Detour:
            answer = _one_by_one(plan, terms, host)
        digests = {spec["id"]: spec["package"].get("tree_sha256") for spec in built.specs}
        found = [{**_with_way(entry, plan), "wanted_digest": digests.get(entry["id"])} for entry in answer.get("instances") or ()]
        answer = {**answer, "instances": found}
        if task.check or task.diff:
            answer = told_changes(answer, [_step_of(plan, name) for name in plan.ways])
    told = merged(built.findings, (item for item in answer.get("findings") or () if item["id"] != "INV-003"))
    answer = {**answer, "findings": told, "unknown": unknown, "unlisted": []} if "findings" in answer else {**answer, "unknown": unknown}
    return {**answer, **worded(answer, names, host, task.target)}


def _one_by_one(plan: _Plan, terms: Terms, host: Host) -> dict[str, Any]:
    """A transaction a step. What fails ends all of it: everything stays where it has come to."""
    done: dict[str, dict[str, Any]] = {}
    answer: dict[str, Any] = {}
    changed = False
    diff: list[Any] = []
    findings: list[Any] = []
    for number, step in enumerate(plan.steps):
        ids = [spec["id"] for spec in step.specs]
        now = replace(terms, upgrade={**dict(terms.upgrade or {}), "ids": ids}, planned=_nothing_more)
        try:
            answer = reconcile(step, now, host, plan.run.sources, plan.run.fleet)
        except AvsError as error:
            if not changed:
                raise
            raise type(error)(f"{_come_to(plan, number)}: {error.message}", error.findings) from None
        changed = changed or bool(answer.get("changed"))
        diff += answer.get("diff") or []
        findings += answer.get("findings") or []
        for entry in answer.get("instances") or ():
            before = done.get(entry["id"]) or {}
            done[entry["id"]] = {
                **entry,
                "changed": bool(before.get("changed") or entry.get("changed")),
                "actions": [*(before.get("actions") or ()), *(entry.get("actions") or ())],
            }
        if answer.get("failed") or (terms.upgrade or {}).get("fetch"):
            # What comes after it is judged once it is there.
            break
    order = [done[spec["id"]] for spec in plan.built.specs if spec["id"] in done]
    more = {"diff": diff} if diff else {}
    more |= {"findings": findings} if "findings" in answer else {}
    return {**answer, "changed": changed, "instances": order, **more}


def _nothing_more(_first: Mapping[str, Any]) -> None:
    """It was planned before the first step."""


def _come_to(plan: _Plan, number: int) -> str:
    at = {name: one[min(number, len(one)) - 1] if number else plan.installed[name] for name, one in plan.ways.items()}
    return f"stopped on the way, at {', '.join(f'{name} {version}' for name, version in at.items())}"


def _not_installed(instance: str) -> Finding:
    message = "has no version here that could be changed: it is not installed, or was never well"
    return finding("INV-001", f"{instance}: version", message, "Install it, restaking.avs.install.")


def _unread(instance: str, error: AvsError) -> Finding:
    return finding("SRC-001", f"{instance}: version", error.message, "What lies between the two versions has to be known.")


def _at(run: Run, entry: Entry, version: str) -> Entry:
    """The entry at a version on the way to the one it names."""
    if version == entry.version:
        return entry
    there = run.offers.package(replace(entry, version=version, commit=None)).profiles.get(str(entry.profile))
    wanted = run.offers.package(entry).profiles[str(entry.profile)]
    # Without the profile, building it says so.
    return replace(entry, version=version, commit=None) if there is None else entry_at(entry, version, there, wanted)


def _with_way(entry: Mapping[str, Any], plan: _Plan) -> dict[str, Any]:
    """An entry with where its instance comes from, and over what it goes."""
    name = str(entry["id"])
    if name not in plan.ways:
        return dict(entry)
    told = dict(entry.get("upgrade") or {})
    return {**entry, "upgrade": {**told, "from": plan.installed[name], "to": plan.ways[name][-1], "way": list(plan.ways[name])}}


def _step_of(plan: _Plan, name: str) -> Step:
    spec, entry = next((spec, entry) for spec, entry in zip(plan.built.specs, plan.built.entries) if spec["id"] == name)
    return Step(name, entry, spec["env"], plan.installed[name], plan.ways[name], plan.run.offers)
