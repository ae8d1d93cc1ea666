# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The catalogue's rules that a package can be held to before an install."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator, Mapping
from typing import Any

from ...module_utils.common.findings import WARNING, Finding, by_severity, errors_of
from ...module_utils.common.rules import finding
from ...module_utils.docker.references import floats
from ..packages.package import Package
from ..packages.profile import Profile
from ..parsing.env_file import Outgrown
from .comments import became_values
from .compose_file import ComposeFiles, env_files, environment, outgrown, read_compose
from .host_rules import judged
from .outside_files import judge_files

_SECRET_NAME = re.compile(
    r"(?:^|_)(?:PASSWORD|PASSWD|PASSPHRASE|SECRET|MNEMONIC|PRIVATE_?KEY|API_?KEY|AUTH_?TOKEN)(?:$|_(?!FILE|PATH|DIR))", re.IGNORECASE
)


def lint_package(package: Package) -> list[Finding]:
    """Findings on every profile's compose files, and on the plugin's image."""
    found: list[Finding] = []
    for profile in package.profiles.values():
        found += lint_profile(profile)
    for plugin in [package.plugin, *(profile.plugin for profile in package.profiles.values())]:
        if plugin and floats(plugin["image"]):
            found.append(finding("IMG-001", "plugin.image", f"{plugin['image']} has no fixed tag"))
    return by_severity(found)


def lint_profile(profile: Profile) -> list[Finding]:
    files = read_compose(profile)
    found = list(files.findings)
    if not errors_of(found):
        try:
            found += judged(profile, files)
        except Outgrown:
            found.append(outgrown(profile.name))
        found += judge_files(profile, files)
    for name, settings in files.services.items():
        place = files.places[f"services.{name}"]
        found += _ports(name, settings, place, profile, files)
        found += _secrets(name, settings, place, profile)
    found += _variables(profile, files)
    found += _commands(profile, files)
    found += became_values(profile)
    return found


def _ports(name: str, settings: Mapping[str, Any], place: str, profile: Profile, files: ComposeFiles) -> Iterator[Finding]:
    allowed = profile.runtime.privileges.get(name, {}).get("ports", {})
    variables = {files.values.get(key) for key in allowed}
    declared = settings.get("ports")
    for position, port in enumerate(declared if isinstance(declared, list) else []):
        if isinstance(port, Mapping):
            address, target = files.text(port.get("host_ip")) or "", files.text(port.get("target")) or ""
        else:
            address, target = _short_port(files.text(port) or "")
        plain = target.split("/")[0]
        if not target or _is_loopback(address) or {target, plain} & set(allowed) or plain in variables:
            continue
        yield finding(
            "NET-001", f"{place}.ports[{position}]", f"port {target} is published on {address or 'all interfaces'} and not declared"
        )


def _short_port(text: str) -> tuple[str, str]:
    """Address and container port of compose's ``[[address:]published:]target[/protocol]``."""
    rest, _colon, target = text.rpartition(":")
    address = rest.rpartition(":")[0] if rest.count(":") else ""
    return address.strip("[]"), target


def _is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False


def _secrets(name: str, settings: Mapping[str, Any], place: str, profile: Profile) -> Iterator[Finding]:
    given = set(environment(settings))
    through = set(profile.env_values) if set(env_files(settings)) & set(profile.env_files) else set()
    hidden = {option.target for option in profile.options if option.hidden}
    for variable in sorted(given | through):
        if _SECRET_NAME.search(variable) or variable in hidden:
            where = f"{place}.environment" if variable in given else f"{place}.env_file"
            yield finding("KEY-003", where, f"hands the secret {variable} to the process in its environment")
    keys = [key for key in profile.runtime.keys if key["services"]]
    for key in keys:
        for field in ("password", "keystore"):
            if key[field] in through and key[field] not in given and name not in key["services"]:
                yield finding("KEY-004", f"{place}.env_file", f"hands {key[field]} to a service that does not need key {key['name']}")


def _variables(profile: Profile, files: ComposeFiles) -> Iterator[Finding]:
    place = f"{profile.compose_dir}/profile.yml" if profile.compose_dir else f"{profile.name}/profile.yml"
    if not files.passes_all:
        for option in profile.options:
            if option.target not in files.used:
                yield finding("PKG-012", f"{place}: option {option.name}", f"the compose files never use {option.target}")
    supplied = {*profile.env_values, *(option.target for option in profile.options)}
    for position, key in enumerate(profile.runtime.keys):
        for field in ("keystore", "password", "password_file", "folder"):
            variable = key[field]
            supplied.add(variable)
            if variable and variable not in files.used and not files.passes_all:
                yield finding("PKG-012", f"runtime.yml: keys[{position}].{field}", f"the compose files never use {variable}")
    for variable, needed in sorted(files.used.items()):
        if needed and variable not in supplied:
            message = f"{variable} is used, but nothing sets it"
            yield finding("PKG-018", f"profile {profile.name}", message, "Add it to .env, or an option that fills it.", WARNING)


def _commands(profile: Profile, files: ComposeFiles) -> Iterator[Finding]:
    for name, command in profile.runtime.commands.items():
        service = command["service"]
        if service and service not in files.services:
            message = f"commands.{name} names {service}, which is no service of the compose files"
            yield finding("PKG-016", f"profile {profile.name}", message, f"Use one of: {', '.join(files.services)}.", WARNING)
