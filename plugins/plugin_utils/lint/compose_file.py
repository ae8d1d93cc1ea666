# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A light look at compose files: enough to judge a package before an install. What runs is resolved by compose, on the host."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ...module_utils.common.findings import Finding
from ...module_utils.common.rules import finding
from ..packages.profile import Profile
from ..parsing.env_file import MAX_TOTAL, Outgrown, interpolate, references, resolve_env
from ..parsing.report import Report
from ..parsing.yaml_file import load_yaml


@dataclass(frozen=True)
class ComposeFiles:
    """``services``: name -> settings as written, of all files, later ones laid over earlier ones. ``used``: variable -> needs a value.

    ``sections`` are the other top sections likewise; ``places``: ``services.main`` -> file and field.
    ``included``: entries of ``include`` with their place. ``passes_all``: some service hands the whole env file to its container.
    ``values``: variables as they are without an operator.
    """

    services: Mapping[str, Mapping[str, Any]]
    used: Mapping[str, bool]
    passes_all: bool
    values: Mapping[str, str]
    places: Mapping[str, str] = field(default_factory=dict)
    sections: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()
    included: tuple[tuple[str, Any], ...] = ()

    def text(self, value: Any) -> str | None:
        """A scalar with its variables filled, ``None`` where one has no value yet."""
        if isinstance(value, bool):
            return "true" if value else "false"
        return interpolate(str(value), self.values) if isinstance(value, (str, int, float)) else None


def read_compose(profile: Profile) -> ComposeFiles:
    services: dict[str, dict[str, Any]] = {}
    sections: dict[str, dict[str, Any]] = {}
    places: dict[str, str] = {}
    used: dict[str, bool] = {}
    findings: list[Finding] = []
    passed: set[str] = set()
    included: list[tuple[str, Any]] = []
    for name in profile.compose_files:
        path = profile.compose_path(name)
        report = Report(posixpath.join(profile.compose_dir, name))
        document = load_yaml(path.read_bytes(), report) if path.is_file() else {}
        findings += report.findings
        for scalar in _scalars(document):
            for variable, needed in references(scalar).items():
                used[variable] = used.get(variable, False) or needed
        listed = document.get("include") if isinstance(document, Mapping) else None
        included += [(f"{report.file}: include", item) for item in (listed if isinstance(listed, list) else [])]
        for section, entries in (document if isinstance(document, Mapping) else {}).items():
            for item, settings in (entries if isinstance(entries, Mapping) else {}).items():
                if section == "services" and isinstance(settings, Mapping):
                    services[item] = {**services.get(item, {}), **settings}
                elif section != "services":
                    sections.setdefault(section, {})[item] = settings
                places.setdefault(f"{section}.{item}", f"{report.file}: {section}.{item}")
    for settings in services.values():
        passed.update(env_files(settings))
        for variable in _taken_over(settings):
            used.setdefault(variable, False)
    raw = profile.env_values
    for variable in [name for name in raw if name in used]:
        _follow(variable, raw, used)
    defaults = {option.target: option.default_text for option in profile.options if option.default_text is not None}
    passes_all = bool(passed & {posixpath.normpath(name) for name in profile.env_files})
    try:
        values = resolve_env(raw, defaults)
    except Outgrown:
        values = defaults
        findings.append(outgrown(profile.name))
    return ComposeFiles(services, used, passes_all, values, places, sections, tuple(findings), tuple(included))


def outgrown(profile: str) -> Finding:
    message = f"variables that multiply each other become more than {MAX_TOTAL >> 20} MiB"
    return finding("PKG-018", f"profile {profile}", message, "Look for chains like A=${B}${B} in the .env.")


def env_files(settings: Mapping[str, Any]) -> list[str]:
    """Files whose variables a service's container gets, relative to the compose file's folder."""
    declared = settings.get("env_file")
    items = declared if isinstance(declared, list) else [declared]
    names = [item.get("path") if isinstance(item, Mapping) else item for item in items]
    return [posixpath.normpath(name) for name in names if isinstance(name, str) and name]


def environment(settings: Mapping[str, Any]) -> dict[str, Any]:
    """A service's ``environment``, both notations; ``None`` for a variable taken over from outside."""
    declared = settings.get("environment")
    if isinstance(declared, Mapping):
        return dict(declared)
    found: dict[str, Any] = {}
    for item in declared if isinstance(declared, list) else []:
        name, equals, value = str(item).partition("=")
        found[name] = value if equals else None
    return found


def _taken_over(settings: Mapping[str, Any]) -> list[str]:
    return [name for name, value in environment(settings).items() if value is None]


def _follow(variable: str, raw: Mapping[str, str], used: dict[str, bool]) -> None:
    """What a used variable is put together from is used too."""
    waiting = [variable]
    while waiting:
        for name, needed in references(raw.get(waiting.pop(), "")).items():
            if name not in used:
                used[name] = needed
                waiting.append(name)


def _scalars(value: Any) -> Iterator[str]:
    """Every text in a document, keys included."""
    waiting = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, str):
            yield item
        elif isinstance(item, Mapping):
            waiting += [*item, *item.values()]
        elif isinstance(item, list):
            waiting += item
