# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What an upgrade brings, as the packages of both versions say it, beside what the host says it will do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ...module_utils.common.errors import InputError
from ...module_utils.common.harmless import harmless
from ..inventory.crossing import entry_at
from ..inventory.entries import Entry
from ..inventory.offers import Offers
from ..lint.between import Facts, between, facts, migrations_of, text_of
from ..packages.option_values import resolve_options


@dataclass(frozen=True)
class Step:
    """An instance whose version changes: its ``entry``, at the wanted version, and ``env``, the values its variables get then."""

    instance: str
    entry: Entry
    env: Mapping[str, str] = field(repr=False)
    installed: str
    way: tuple[str, ...]
    offers: Offers = field(repr=False)


def told_changes(answer: Mapping[str, Any], steps: Sequence[Step]) -> dict[str, Any]:
    """The answer with ``changes``, ``migrations`` and ``notes`` in what each entry says of its upgrade, and the same as a part of the
    ``diff``. What cannot be had any more, an old package say, is said to be so; it is no ground to refuse anything."""
    found = {step.instance: _changes(step) for step in steps}
    entries = [
        {**entry, "upgrade": {**(entry.get("upgrade") or {}), **found[entry["id"]][0]}} if entry["id"] in found else entry
        for entry in answer.get("instances") or ()
    ]
    diff = [*(answer.get("diff") or ()), *(part for pair in found.values() for part in pair[1])]
    return {**answer, "instances": entries, "diff": diff}


def _changes(step: Step) -> tuple[dict[str, Any], list[dict[str, str]]]:
    package = step.offers.package(step.entry)
    profile = package.profiles[str(step.entry.profile)]
    new = facts(package, profile, step.env)
    said: dict[str, Any] = {"changes": [], "notes": {}}
    old: Facts = {}
    try:
        old = _installed(step)
        said["changes"] = [harmless(line) for line in between(old, new, profile.runtime.renames)]
    except InputError as error:
        said["changes"] = [harmless(f"? what {step.installed} was cannot be had any more: {error.message}")]
    said["package_migrations"] = [harmless(line) for line in _migrations(step)]
    try:
        notes = step.offers.notes(step.entry, step.installed)
        said["notes"] = {version: [harmless(line) for line in lines] for version, lines in notes.items()}
    except InputError:
        # A package that can be installed can be read, but for what is no part of it.
        said["notes"] = {}
    header = f"{step.instance}: package"
    told = "".join(f"{version}: {line}\n" for version, lines in said["notes"].items() for line in lines)
    more = "".join(f"{line}\n" for line in said["package_migrations"])
    parts = [
        {
            "before_header": f"{header} {step.installed}",
            "after_header": f"{header} {package.version}",
            "before": text_of(old),
            "after": text_of(new) + more,
        }
    ]
    parts += (
        [{"before_header": f"{header}: release notes", "after_header": f"{header}: release notes", "before": "", "after": told}]
        if told
        else []
    )
    return said, parts


def _migrations(step: Step) -> Iterator[str]:
    """Of each version on the way, from the one before it."""
    for before, version in zip((step.installed, *step.way), step.way):
        entry = step.entry if version == step.entry.version else replace(step.entry, version=version, commit=None)
        yield from migrations_of(step.offers.package(entry).profiles[str(entry.profile)], before, version)


def _installed(step: Step) -> Facts:
    """Raises ``InputError`` where the package cannot be had."""
    there = step.offers.package(replace(step.entry, version=step.installed, commit=None))
    profile = there.profiles.get(str(step.entry.profile))
    if profile is None:
        raise InputError(f"it has no profile {step.entry.profile}")
    wanted = step.offers.package(step.entry).profiles[str(step.entry.profile)]
    entry = entry_at(step.entry, step.installed, profile, wanted)
    return facts(there, profile, resolve_options(profile, entry.options).env)
