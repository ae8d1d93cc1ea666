# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From one version to another over those between: which are stops, because only they know how to bring data forward. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from ...module_utils.common.findings import Finding
from ...module_utils.common.names import is_version, version_key
from ...module_utils.common.rules import finding
from ...module_utils.conflicts.versions import leads_back
from ..packages.profile import Profile
from ..packages.renames import older
from .entries import Entry

# Version -> the versions to which its package has a migration.
Migrations = Callable[[str], Sequence[str]]


def is_newer(wanted: str | None, installed: str | None, order: Sequence[str] = ()) -> bool | None:
    """By precedence of semantic versioning; where that calls two versions equal (they differ in what was built), by the ``order`` in which
    a tap lists them, the oldest first. ``None`` where nobody can tell."""
    if not is_version(wanted) or not is_version(installed):
        return None
    new, old = version_key(str(wanted)), version_key(str(installed))
    if new != old:
        return new > old
    if wanted in order and installed in order:
        return order.index(str(wanted)) > order.index(str(installed))
    return None


def refused(instance: str, installed: str | None, wanted: str | None, order: Sequence[str] = ()) -> Finding | None:
    """Why there is no upgrade from one to the other, though they differ."""
    newer = is_newer(wanted, installed, order)
    if newer:
        return None
    place = f"{instance}: version"
    if newer is None:
        message = f"{wanted or 'a package without a version'} cannot be compared with {installed or 'a package without a version'}, which is installed"
        return finding("UPG-008", place, message, "Name a version of a tap that is newer than the installed one.")
    return leads_back(place, str(installed), str(wanted))


def way(installed: str, wanted: str, versions: Sequence[str], migrations: Migrations) -> tuple[str, ...]:
    """The versions to be installed one after the other, the wanted one last. ``versions``: all there are.

    A migration that a version between declares, and the wanted one does not, is lost on whoever goes there at once: the lowest version
    that declares it is a stop, and the way there and on from it is looked at in the same manner. Pre-releases are stops for nobody.
    """
    between = sorted({version for version in versions if _is_between(installed, version, wanted)}, key=version_key)
    own = set(migrations(wanted))
    for goal in sorted({to for version in between for to in _within(installed, version, migrations(version))} - own, key=version_key):
        stop = next(version for version in between if goal in _within(installed, version, migrations(version)))
        return (*way(installed, stop, versions, migrations), *way(stop, wanted, versions, migrations))
    return (wanted,)


def entry_at(entry: Entry, version: str, there: Profile, wanted: Profile) -> Entry:
    """The entry as it would be written for another version: with the options that one has, under the names they have there."""
    known = {option.name for option in there.options} | set(there.runtime.renames)
    names = {name: next((one for one in (name, *older(wanted.runtime.renames, name)) if one in known), None) for name in entry.options}
    options = {known_as: entry.options[name] for name, known_as in names.items() if known_as}
    encrypted = frozenset(known_as for name, known_as in names.items() if known_as and name in entry.encrypted)
    return replace(entry, version=version, commit=None, options=options, encrypted=encrypted)


def _is_between(installed: str, version: str, wanted: str) -> bool:
    return is_version(version) and version_key(installed) < version_key(version) < version_key(wanted)


def _within(installed: str, version: str, goals: Sequence[str]) -> set[str]:
    """Of the migrations a version declares, those that were not made when the installed one was."""
    return {goal for goal in goals if is_version(goal) and version_key(installed) < version_key(goal) <= version_key(version)}
