# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Migrations: commands a package declares between its versions, and those that take them back."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..common.errors import HostError
from ..common.findings import WARNING, Finding
from ..common.names import is_version, version_key
from ..common.rules import finding
from ..common.spec import InstanceSpec
from ..instance.transaction import Migration

# What runs a declared command by its name. Raises ``HostError`` where it does not end with 0.
Run = Callable[[str], None]


def between(spec: InstanceSpec, old: str | None) -> list[Migration]:
    """Those from the old version to that of ``spec``, in the order of the versions they lead to."""
    new = spec.package.version
    said = [one for one in spec.migrations if isinstance(one, Mapping)]
    chosen = [one for one in said if _is_between(str(one.get("to")), old, new)]
    if all(is_version(str(one.get("to"))) for one in chosen):
        chosen.sort(key=lambda one: version_key(str(one["to"])))
    return [Migration(to=str(one["to"]), command=str(one["command"]), revert=one.get("revert")) for one in chosen]


def _is_between(to: str, old: str | None, new: str | None) -> bool:
    if not all(is_version(text) for text in (to, old, new)):
        # Of what has no order the version itself is all that can be told.
        return to == new and to != old
    return version_key(str(old)) < version_key(to) <= version_key(str(new))


def judged(instance: str, found: Sequence[Migration], commands: Mapping[str, Any], stays: Sequence[str]) -> list[Finding]:
    """What is to be said of them before anything is stopped. ``stays``: what a restore does not bring back."""
    problems = []
    for one in found:
        place = f"{instance}: migrations.{one.to}"
        for name in (one.command, one.revert):
            if name and name not in commands:
                problems.append(finding("PKG-016", place, f"{name} is not one of the package's commands"))
        if one.revert is None:
            message = f"the migration to {one.to} cannot be reverted"
            more = f", and {', '.join(stays)} would stay as it leaves them" if stays else ": a way back restores what was stored"
            problems.append(finding("UPG-004", place, message + more, severity=WARNING))
    return problems


def take_back(found: Sequence[Migration], run: Run, done: Callable[[Migration], None]) -> None:
    """Revert what was begun, the last one first. Raises ``HostError`` where one cannot be."""
    for one in reversed(found):
        if not one.begun:
            continue
        if one.revert is None:
            raise HostError(f"the migration to {one.to} was begun, and has no way back")
        run(one.revert)
        done(one)
