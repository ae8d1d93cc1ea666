# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Options that are called otherwise than in an older version: a value under the old name is carried to the new one. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from ...module_utils.common.findings import ERROR, Finding
from ...module_utils.common.rules import finding
from ..parsing.report import Report


@dataclass(frozen=True)
class Carried:
    """``values`` under the names the profile has now; ``written``: name -> the one it was written under, where that is another."""

    values: Mapping[str, Any] = field(default_factory=dict, repr=False)
    written: Mapping[str, str] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()


def check_renames(renames: Mapping[str, str], options: Collection[str], report: Report) -> None:
    """What is wrong with ``renames`` of a package. An option that got a new name twice has both lines; they lead on to an option there is."""
    for old in renames:
        path = f"renames.{old}"
        if old in options:
            report.add(
                "PKG-016", path, f"{old} is still an option of this profile: whose value is meant is not known", "Take the line away."
            )
            continue
        last, seen = _end(renames, old)
        if last in seen:
            report.add("PKG-016", path, f"leads to itself: {' -> '.join([*seen, last])}", "Let it lead to an option of this profile.")
        elif last not in options:
            report.add("PKG-016", path, f"leads to {last}, which is no option of this profile", "Let it lead to an option of this profile.")


def carry(renames: Mapping[str, str], values: Mapping[str, Any], where: str) -> Carried:
    """An operator's values, each under the name its option has now. ``where``: the place of all of them (``avs_instances[0].options``)."""
    given = {name: value for name, value in values.items() if value is not None}
    found = {name: value for name, value in values.items() if name not in renames}
    written: dict[str, str] = {}
    findings = []
    for old in (name for name in given if name in renames):
        new, seen = _end(renames, old)
        if new in seen:
            continue
        taken = new if new in given else written.get(new)
        if taken is not None:
            message = f"{old} is called {new} now, and {taken} is given as well: which of the two values is meant is not known"
            findings.append(finding("UPG-007", f"{where}.{old}", message, f"Keep {where}.{new}, and take {old} away.", severity=ERROR))
            continue
        written[new] = old
        found[new] = given[old]
        message = f"{old} is called {new} since this version; the value was taken over"
        findings.append(finding("UPG-007", f"{where}.{old}", message, f"Call it {new} in the inventory, once every node has this version."))
    return Carried(found, written, tuple(findings))


def _end(renames: Mapping[str, str], old: str) -> tuple[str, list[str]]:
    """Where a name leads, and the names before it; a name among those, of a circle."""
    seen = [old]
    name = renames[old]
    while name in renames and name not in seen:
        seen.append(name)
        name = renames[name]
    return name, seen


def older(renames: Mapping[str, str], name: str) -> list[str]:
    """Names an option had before, the latest first."""
    found = [name]
    for last in found:
        found += [old for old, new in renames.items() if new == last and old not in found]
    return found[1:]
