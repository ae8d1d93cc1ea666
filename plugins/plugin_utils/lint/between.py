# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What two versions of a package differ in, as far as an operator is concerned: each a list of facts, a line each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ...module_utils.common.names import is_version, version_key
from ..packages.options import Option
from ..packages.package import Package
from ..packages.profile import Profile
from ..parsing.env_file import Outgrown
from ..parsing.report import shown
from .compose_file import read_compose
from .compose_model import OPEN, UNKNOWN_IMAGE, model_of, values_of

# What a fact is about, and its name there -> what it says.
Facts = Mapping[tuple[str, str], str]
_MIB = ("min_ram", "min_free_space")
_WIDTH = 200


def facts(package: Package, profile: Profile, env: Mapping[str, str]) -> Facts:
    """``env``: variable -> value, as the operator's options and the defaults make it; nothing secret is among them."""
    found: dict[tuple[str, str], str] = {}
    found["version", package.name] = " ".join(part for part in (package.version, f"({package.upgrade})" if package.upgrade else "") if part)
    found.update({("hardware", name): text for name, text in _hardware(profile)})
    found.update({(kind, name): text for kind, name, text in _composed(profile, env)})
    if profile.plugin and profile.plugin.get("image"):
        found["image", "the plugin"] = profile.plugin["image"]
    found.update({("privileges", service): _privileges(given) for service, given in profile.runtime.privileges.items()})
    found.update({("key", key["name"]): f"{key['kind']}{', optional' if key['optional'] else ''}" for key in profile.runtime.keys})
    found.update({("option", option.name): _option(option, profile) for option in profile.options})
    targets = {option.target for option in profile.options}
    # Of what is no option an operator has no say; that it is there, or is not read any more, is worth a line.
    found.update({("variable", name): "" for name in profile.env_values if name not in targets})
    found.update({("volume", name): use if isinstance(use, str) else str(use["class"]) for name, use in profile.runtime.volumes.items()})
    if profile.runtime.health:
        found["gate", str(profile.runtime.health["type"])] = f"{profile.runtime.health.get('timeout')} s"
    if profile.runtime.upgrade_before:
        found["upgrade before", str(profile.runtime.upgrade_before["time"])] = ""
    return found


def between(old: Facts, new: Facts, renames: Mapping[str, str]) -> list[str]:
    """A line a difference: ``- `` what goes, ``+ `` what comes, ``~ `` what becomes another."""
    named = {("option", was): ("option", now) for was, now in renames.items() if ("option", was) in old and ("option", now) in new}
    lines = []
    for fact in dict.fromkeys([*old, *new]):
        if fact in named:
            lines.append(f"~ {' '.join(fact)} is called {named[fact][1]} now")
        elif fact not in new:
            lines.append(f"- {_line(fact, old[fact])}")
        elif fact in old and old[fact] != new[fact]:
            lines.append(f"~ {' '.join(fact)}: {old[fact] or 'none'} -> {new[fact] or 'none'}")
        elif fact not in old and fact not in named.values():
            lines.append(f"+ {_line(fact, new[fact])}")
    return lines


def migrations_of(profile: Profile, installed: str, wanted: str) -> list[str]:
    """A line for each migration that is run between the two."""
    return [
        f"migration to {item['to']} by {item['command']}, "
        + (f"reverted by {item['revert']}" if item["revert"] else "which cannot be reverted: the way back is the backup")
        for item in profile.runtime.migrations
        if is_version(item["to"]) and version_key(installed) < version_key(item["to"]) <= version_key(wanted)
    ]


def text_of(facts_of: Facts) -> str:
    """All of them, for a diff."""
    return "".join(f"{_line(fact, text)}\n" for fact, text in facts_of.items())


def _line(fact: tuple[str, str], text: str) -> str:
    return f"{' '.join(fact)}{': ' if text else ''}{text}"[:_WIDTH]


def _hardware(profile: Profile) -> Iterator[tuple[str, str]]:
    for name, value in profile.requirements.as_dict().items():
        if isinstance(value, int) and not isinstance(value, bool) and value:
            yield name, f"{value} MiB" if name in _MIB else str(value)


def _option(option: Option, profile: Profile) -> str:
    """Its type, and where its value comes from if nobody gives one."""
    if option.hidden:
        return f"{option.type}, hidden: has to be given"
    if option.default_text is not None:
        return f"{option.type}, default {shown(option.default_text)}"
    return option.type if profile.env_values.get(option.target) else f"{option.type}, has to be given"


def _privileges(given: Mapping[str, Any]) -> str:
    parts = [f"user {given['user'] or 'of the image'}", "read-only root" if given["read_only"] else "root can be written to"]
    parts += [f"may {', '.join(given['cap_add'])}"] if given["cap_add"] else []
    parts += [f"port {port} {to}" for port, to in given["ports"].items()]
    return "; ".join(parts)


def _composed(profile: Profile, env: Mapping[str, str]) -> Iterator[tuple[str, str, str]]:
    """Images and published ports of the compose files, as far as they can be known before compose was asked."""
    try:
        services = model_of(profile, read_compose(profile), values_of(profile, env))["services"]
    except Outgrown:
        return
    for name, service in services.items():
        image = service.get("image")
        if isinstance(image, str) and OPEN not in image and image != UNKNOWN_IMAGE:
            yield "image", name, image
        for port in service.get("ports") or ():
            number = f"{port.get('published') or port['target']}/{port.get('protocol') or 'tcp'}"
            yield (
                "port",
                f"{name} {number}",
                "" if str(port.get("published")) == str(port["target"]) else f"{port['target']} of the container",
            )
