# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``manifest.yml``: name, specification version, profiles, hardware requirements, plugin."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ...module_utils.common.names import is_name, is_profile
from ...module_utils.common.words import UPGRADES
from ...module_utils.docker.references import reference_problem
from ..parsing.report import Report, path_of, shown
from ..parsing.schema import is_text
from ..parsing.yaml_file import load_mapping

FIELDS = ("version", "name", "upgrade", "hardware_requirements", "plugin", "profiles", "node_version")
MAX_PROFILES = 64

# Versions only: 1.10 is not 1.1, while a number is no name.
_VERBATIM = frozenset(("version", "node_version"))


@dataclass(frozen=True)
class Requirements:
    """What the host needs: processor cores, MiB of RAM, MiB of free space; ``stop``: refuse to install on less."""

    min_cpu_cores: int = 0
    min_ram: int = 0
    min_free_space: int = 0
    stop: bool = False

    def as_dict(self) -> dict[str, Any]:
        """Under the format's names."""
        return {
            "min_cpu_cores": self.min_cpu_cores,
            "min_ram": self.min_ram,
            "min_free_space": self.min_free_space,
            "stop_if_requirements_are_not_met": self.stop,
        }

    def as_spec(self) -> dict[str, Any]:
        """Under the names of the InstanceSpec document."""
        return {"min_cpu_cores": self.min_cpu_cores, "min_ram": self.min_ram, "min_free_space": self.min_free_space, "stop": self.stop}


@dataclass(frozen=True)
class Manifest:
    """``name`` is empty where the file gives none that can be used; ``upgrade`` is ``None`` where the file states none of the three words."""

    name: str
    spec_version: str
    upgrade: str | None
    requirements: Requirements
    plugin: Mapping[str, str] | None
    profiles: tuple[str, ...]
    node_version: str | None


def parse_manifest(data: bytes, report: Report, version: str | None) -> Manifest:
    """``version`` is the package's (its git tag), against which a stale ``node_version`` is noted."""
    before = len(report.findings)
    fields = load_mapping(data, report, _VERBATIM)
    if not fields and len(report.findings) > before:
        return Manifest("", "", None, Requirements(), None, (), None)
    report.unknown_fields(fields, FIELDS)
    spec_version = _text(fields, "version", report, required=True)
    name = _text(fields, "name", report, required=True)
    if name and not is_name(name):
        report.add("PKG-005", "name", f"{shown(name)} cannot be part of an instance id ([a-z0-9][a-z0-9-]{{0,62}})")
        name = ""
    upgrade = fields.get("upgrade")
    if upgrade not in (*UPGRADES, None):
        # Another word is an odd package, anything but a word a broken one.
        rule = "PKG-007" if isinstance(upgrade, str) else "PKG-002"
        report.add(rule, "upgrade", f"{shown(upgrade)} is not one of {', '.join(UPGRADES)}")
        upgrade = None
    node_version = _text(fields, "node_version", report)
    if node_version and version and node_version.removeprefix("v") != version.removeprefix("v"):
        report.add("PKG-009", "node_version", f"says {shown(node_version)}, the package's version is {version}")
    return Manifest(
        name or "",
        spec_version or "",
        upgrade,
        parse_requirements(fields.get("hardware_requirements"), "hardware_requirements", report),
        parse_plugin(fields.get("plugin"), "plugin", report),
        _profiles(fields.get("profiles"), report),
        node_version,
    )


def _text(fields: Mapping[str, Any], name: str, report: Report, required: bool = False) -> str | None:
    value = fields.get(name)
    if value in (None, ""):
        if required:
            report.add("PKG-004", name, "is missing")
        return None
    if not is_text(value):
        report.add("PKG-002", name, f"{shown(value)} is not a text", "Write a text, in quotes.")
        return None
    return str(value)


def _profiles(declared: Any, report: Report) -> tuple[str, ...]:
    if declared in (None, []):
        report.add("PKG-004", "profiles", "is missing: a package has at least one profile")
        return ()
    if not isinstance(declared, list) or len(declared) > MAX_PROFILES:
        report.add("PKG-002", "profiles", f"is not a list of at most {MAX_PROFILES} names", "Write one `- name` a line.")
        return ()
    names: list[str] = []
    for position, entry in enumerate(declared):
        place = path_of("profiles", position)
        if isinstance(entry, Mapping):
            report.add("PKG-017", place, "is a mapping", "List the profile's name alone.")
            report.unknown_fields(entry, ("name",), place)
            entry, place = entry.get("name"), path_of(place, "name")
            if entry is None:
                report.add("PKG-004", place, "is missing")
                continue
        if not isinstance(entry, str):
            report.add("PKG-002", place, f"{shown(entry)} is not the name of a profile")
        elif not is_profile(entry):
            report.add(
                "PKG-005",
                place,
                f"{shown(str(entry))} cannot be the name of a folder",
                "Use letters, digits, dashes, dots and underscores.",
            )
        elif entry in names:
            report.add("PKG-002", place, f"{shown(str(entry))} stands there twice")
        else:
            names.append(str(entry))
    return tuple(names)


def parse_requirements(declared: Any, place: str, report: Report) -> Requirements:
    """Hardware requirements of a manifest or a profile; what is absent counts as zero."""
    if declared is None:
        return Requirements()
    if not isinstance(declared, Mapping):
        report.add("PKG-002", place, f"{shown(declared)} is not a mapping")
        return Requirements()
    numbers = ("min_cpu_cores", "min_ram", "min_free_space")
    report.unknown_fields(declared, (*numbers, "stop_if_requirements_are_not_met"), place)
    found = {}
    for name in numbers:
        value = declared.get(name)
        if value is None:
            continue
        if isinstance(value, bool) or not isinstance(value, int) or value < 0:
            report.add("PKG-002", path_of(place, name), f"{shown(value)} is not a whole number of 0 or more")
        else:
            found[name] = value
    stop = declared.get("stop_if_requirements_are_not_met")
    if stop is not None and not isinstance(stop, bool):
        report.add("PKG-002", path_of(place, "stop_if_requirements_are_not_met"), f"{shown(stop)} is not true or false")
        stop = None
    return Requirements(**found, stop=bool(stop))


def parse_plugin(declared: Any, place: str, report: Report) -> dict[str, str] | None:
    """``{"image": reference}``, or ``None`` where there is no plugin that can be run."""
    if declared in (None, {}):
        return None
    if not isinstance(declared, Mapping):
        report.add("PKG-002", place, f"{shown(declared)} is not a mapping")
        return None
    report.unknown_fields(declared, ("image", "git", "build_from"), place)
    for name in ("git", "build_from"):
        given = declared.get(name)
        if given is not None and not isinstance(given, str):
            report.add("PKG-002", path_of(place, name), f"{shown(given)} is not a text")
        elif given:
            report.add("PKG-008", path_of(place, name), "the plugin would have to be built: plugin unavailable")
    image = declared.get("image")
    if image in (None, ""):
        return None
    if not isinstance(image, str) or reference_problem(image):
        report.add("PKG-002", path_of(place, "image"), f"{shown(image)} is not an image reference")
        return None
    return {"image": image}
