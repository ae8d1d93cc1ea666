# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The catalogue's rules that a package can be held to before an install."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping

from ...module_utils.common.findings import WARNING, Finding, by_severity, errors_of
from ...module_utils.common.rules import finding
from ...module_utils.docker.references import floats
from ..packages.package import Package
from ..packages.profile import Profile
from ..parsing.env_file import Outgrown
from .comments import became_values
from .compose_file import ComposeFiles, outgrown, read_compose
from .host_rules import Wishes, judged


def lint_package(package: Package, wishes: Mapping[str, Wishes] | None = None) -> list[Finding]:
    """Findings on every profile's compose files, and on the plugin's image. ``wishes``: profile -> what an operator asks of it."""
    found: list[Finding] = []
    for profile in package.profiles.values():
        found += lint_profile(profile, (wishes or {}).get(profile.name))
    for plugin in [package.plugin, *(profile.plugin for profile in package.profiles.values())]:
        if plugin and floats(plugin["image"]):
            found.append(finding("IMG-001", "plugin.image", f"{plugin['image']} has no fixed tag"))
    return by_severity(found)


def lint_profile(profile: Profile, wishes: Wishes | None = None) -> list[Finding]:
    files = read_compose(profile)
    found = list(files.findings)
    if not errors_of(found):
        try:
            found += judged(profile, files, wishes)
        except Outgrown:
            found.append(outgrown(profile.name))
    found += _variables(profile, files)
    found += _commands(profile, files)
    found += became_values(profile)
    return found


def _variables(profile: Profile, files: ComposeFiles) -> Iterator[Finding]:
    place = f"{profile.compose_dir}/profile.yml" if profile.compose_dir else f"{profile.name}/profile.yml"
    if not files.passes_all:
        for option in profile.options:
            if option.target not in files.used:
                yield finding("PKG-012", f"{place}: option {option.name}", f"the compose files never use {option.target}")
    supplied = {*profile.env_values, *(option.target for option in profile.options)}
    for position, key in enumerate(profile.runtime.keys):
        supplied |= {key[field] for field in ("keystore", "password", "password_file", "folder")}
        # Of those that lead to a key's file the host says so itself, in the words of ``policy.key_mounts``.
        for field in ("password", "password_file"):
            variable = key[field]
            if variable and variable not in files.used and not files.passes_all:
                yield finding("PKG-012", f"runtime.yml: keys[{position}].{field}", f"the compose files never use {variable}")
    for variable, needed in sorted(files.used.items()):
        if needed and variable not in supplied:
            message = f"the variable {variable} is used and set nowhere; it is empty"
            where = posixpath.normpath(posixpath.join(profile.compose_dir, profile.compose_files[0]))
            yield finding("PKG-018", where, message, "Set it in the package's .env or by an option.", WARNING)


def _commands(profile: Profile, files: ComposeFiles) -> Iterator[Finding]:
    for name, command in profile.runtime.commands.items():
        service = command["service"]
        if service and service not in files.services:
            message = f"commands.{name} names {service}, which is no service of the compose files"
            yield finding("PKG-016", f"profile {profile.name}", message, f"Use one of: {', '.join(files.services)}.", WARNING)
