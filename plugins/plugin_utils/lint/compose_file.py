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
from ...module_utils.common.names import is_inside
from ...module_utils.common.records import stated
from ...module_utils.common.rules import finding
from ...module_utils.common.spec import InstanceSpec
from ...module_utils.policy.ports import variables
from ..packages.profile import Profile
from ..parsing.env_file import MAX_TOTAL, references
from ..parsing.report import Report
from ..parsing.yaml_file import load_documents

# Compose files one package may be spread over.
_MANY = 100


@dataclass(frozen=True)
class ComposeFiles:
    """``services``: name -> settings as written, of all files, later ones laid over earlier ones. ``used``: variable -> needs a value.

    ``sections`` are the other top sections likewise; ``places``: ``services.main`` -> file and field.
    ``documents``: all of all files; ``texts``: the files.
    ``passes_all``: some service hands the whole env file to its container. ``written``: the files' texts, one after another.
    """

    services: Mapping[str, Mapping[str, Any]]
    used: Mapping[str, bool]
    passes_all: bool
    written: str = ""
    places: Mapping[str, str] = field(default_factory=dict)
    sections: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()
    documents: tuple[Any, ...] = ()
    texts: tuple[str, ...] = ()

    @property
    def includes(self) -> bool:
        """Whether services may come from files that are not looked at here."""
        return any(isinstance(document, Mapping) and document.get("include") for document in self.documents)


def read_compose(profile: Profile) -> ComposeFiles:
    services: dict[str, dict[str, Any]] = {}
    sections: dict[str, dict[str, Any]] = {}
    places: dict[str, str] = {}
    used: dict[str, bool] = {}
    findings: list[Finding] = []
    written: list[str] = []
    documents: list[Any] = []
    for name in profile.compose_files:
        report = Report(posixpath.join(profile.compose_dir, name))
        own, text = _read(profile, name, report)
        written.append(text)
        documents += own
        findings += report.findings
        for part in (*own, *(other for document in own for other in _others(profile, name, document))):
            for scalar in _scalars(part):
                for variable, needed in references(scalar).items():
                    used[variable] = used.get(variable, False) or needed
        sections_of = (pair for document in own if isinstance(document, Mapping) for pair in document.items())
        for section, entries in sections_of:
            for item, settings in (entries if isinstance(entries, Mapping) else {}).items():
                if section == "services" and isinstance(settings, Mapping):
                    services[item] = {**services.get(item, {}), **settings}
                elif section != "services":
                    sections.setdefault(section, {})[item] = settings
                places.setdefault(f"{section}.{item}", f"{report.file}: {section}.{item}")
    for variable in (*(name for settings in services.values() for name in _taken_over(settings)), *_used_elsewhere(profile)):
        used.setdefault(variable, False)
    raw = profile.env_values
    for variable in [name for name in raw if name in used]:
        _follow(variable, raw, used)
    # Where a service reads .env and the package has an example file in its place, the host makes a .env of that.
    env_names = {".env", *(posixpath.normpath(name) for name in profile.env_files)}
    passes_all = any(not env_names.isdisjoint(env_files(settings)) for settings in services.values())
    return ComposeFiles(services, used, passes_all, "\n".join(written), places, sections, tuple(findings), tuple(documents), tuple(written))


def _read(profile: Profile, name: str, report: Report) -> tuple[list[Any], str]:
    path = profile.compose_path(name)
    data = path.read_bytes() if path.is_file() else b""
    return (load_documents(data, report) if data else []), data.decode("utf-8", "replace")


def included(profile: Profile, path: str) -> list[str]:
    """Files of the package that a compose file includes, both relative to the compose folder."""
    documents, _text = _read(profile, path, Report(path))
    found = [
        name
        for document in documents
        for name in _named_files({"include": (document or {}).get("include")} if isinstance(document, Mapping) else {})
    ]
    paths = [posixpath.normpath(posixpath.join(posixpath.dirname(path), name)) for name in found if "$" not in name]
    return [name for name in paths if is_inside(posixpath.join(profile.compose_dir, name).lstrip("/") or ".")]


def _others(profile: Profile, name: str, document: Any) -> Iterator[Any]:
    """Files of the package that compose reads with this one (``extends``, ``include``), and what those name. Their services are the
    host's to judge; here it counts which variables they use."""
    waiting, seen = [(posixpath.dirname(name), document)], {posixpath.normpath(name)}
    while waiting:
        folder, current = waiting.pop()
        for other in _named_files(current):
            path = posixpath.normpath(posixpath.join(folder, other))
            if path not in seen and len(seen) < _MANY and is_inside(posixpath.join(profile.compose_dir, path).lstrip("/") or "."):
                seen.add(path)
                found, _text = _read(profile, path, Report(path))
                waiting += [(posixpath.dirname(path), other_document) for other_document in found]
                yield from found


def _named_files(document: Any) -> list[str]:
    if not isinstance(document, Mapping):
        return []
    found: list[Any] = []
    services = document.get("services")
    for settings in services.values() if isinstance(services, Mapping) else ():
        extends = settings.get("extends") if isinstance(settings, Mapping) else None
        found.append(extends.get("file") if isinstance(extends, Mapping) else None)
    included = document.get("include")
    for entry in included if isinstance(included, list) else ():
        path = entry.get("path") if isinstance(entry, Mapping) else entry
        found += path if isinstance(path, list) else [path]
    return [name for name in found if isinstance(name, str) and name]


def _used_elsewhere(profile: Profile) -> set[str]:
    """Variables that ``runtime.yml`` reads (ports, values of generated files), and those that compose itself obeys."""
    runtime = profile.runtime
    spec = InstanceSpec.read(stated({"id": "", "privileges": runtime.privileges, "health": runtime.health, "metrics": runtime.metrics}))
    merged = (name for config in runtime.configs for scalar in _scalars(config["merge"]) for name in references(scalar))
    return {"COMPOSE_PROFILES", *variables(spec), *merged}


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
