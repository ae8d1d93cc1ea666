# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Migrations: commands a package declares between its versions, and those that take them back."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..common.errors import HostError
from ..common.findings import ERROR, WARNING, Finding
from ..common.names import is_version, version_key
from ..common.rules import finding
from ..common.spec import InstanceSpec
from ..instance.transaction import Migration

# By what an operator names one that may stay as it leaves things.
_NAME = "migrations."
_BY_HAND = "once somebody reverted it by hand: restaking.avs.rollback with avs_rollback_confirmed=true"


@dataclass(frozen=True)
class Said:
    """The operator's word on one upgrade: ``acknowledged``, what may be lost; ``chain``: its migrations may act on the chain."""

    acknowledged: Collection[str] = ()
    chain: bool = False


def said(document: Mapping[str, Any], instance: str) -> Said:
    """``document``: of the call. Nothing is meant that is not said."""
    upgrade = document.get("upgrade") or {}
    acknowledged: Mapping[str, Any] = upgrade.get("acknowledged") or {}
    return Said(list(acknowledged.get(instance) or ()), instance in (upgrade.get("chain") or ()))


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


def judged(spec: InstanceSpec, found: Sequence[Migration], stays: Sequence[str], word: Said) -> list[Finding]:
    """What is to be said of them before anything is stopped. ``stays``: what a restore does not bring back."""
    problems = []
    for one in found:
        place = f"{spec.id}: {_NAME}{one.to}"
        for name in (one.command, one.revert):
            if name and name not in spec.commands:
                problems.append(finding("PKG-016", place, f"{name} is not one of the package's commands"))
        if not word.chain:
            problems += _on_the_chain(spec, place, one)
        if one.revert is None:
            problems.append(_irreversible(place, one, stays, word))
    return problems


def _on_the_chain(spec: InstanceSpec, place: str, one: Migration) -> list[Finding]:
    """What a restore never takes back."""
    names = [name for name in (one.command, one.revert) if name and _is_on_the_chain(spec.commands.get(name))]
    if not names:
        return []
    message = f"the migration to {one.to} acts on the chain ({', '.join(names)}), and was not confirmed"
    remedy = f'Read what it does (docs/upgrade.md), then name the node: -e \'{{"avs_upgrade_chain": ["{spec.id}"]}}\'.'
    return [finding("CMD-002", place, message, remedy)]


def _is_on_the_chain(command: Any) -> bool:
    return isinstance(command, Mapping) and bool(command.get("chain"))


def _irreversible(place: str, one: Migration, stays: Sequence[str], word: Said) -> Finding:
    message = f"the migration to {one.to} cannot be reverted"
    if not stays:
        return finding("UPG-004", place, f"{message}: a way back restores what was stored", severity=WARNING)
    message = f"{message}, and {', '.join(stays)} would stay as it leaves them: after a failure the node stays down until somebody reverted it by hand"
    name = f"{_NAME}{one.to}"
    if name in word.acknowledged:
        return finding("UPG-004", place, message, severity=WARNING)
    remedy = f"Ask the package for a revert; or, if that may be, name it in avs_upgrade_acknowledged ({name})."
    return finding("UPG-004", place, message, remedy, ERROR)


def take_back(found: Sequence[Migration], run: Run, done: Callable[[Migration], None]) -> None:
    """Revert what was begun, the last one first. Raises ``HostError`` where one cannot be."""
    for one in reversed(found):
        if not one.begun:
            continue
        if one.revert is None:
            raise HostError(f"the migration to {one.to} was begun, and has no way back; {_BY_HAND}")
        try:
            run(one.revert)
        except HostError as error:
            raise HostError(f"{one.revert}, of the migration to {one.to}: {error.message}; {_BY_HAND}", error.findings) from None
        done(one)


def by_hand(found: Sequence[Migration]) -> list[Migration]:
    """As somebody says who reverted them himself."""
    return [one.but(begun=False) for one in found]
