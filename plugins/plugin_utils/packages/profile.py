# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``profile.yml`` with its ``runtime.yml`` and the compose files it starts."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from ...module_utils.common.findings import WARNING, Finding
from ..parsing import schema
from ..parsing.env_file import parse_env
from ..parsing.report import Report, shown
from ..parsing.schema import Field, list_of, record
from ..parsing.yaml_file import MAX_BYTES, load_mapping
from .compose_reach import check_reach
from .manifest import Manifest, Requirements, parse_plugin, parse_requirements
from .options import VERBATIM, Option, parse_options
from .renames import check_renames
from .runtime import COMPOSE_FILE, ENV_FILE, RULES, Runtime, parse_runtime, with_health

FIELDS = ("name", "options", "monitoring", "api", "hardware_requirements_overrides", "plugin_overrides")
# What compose itself looks for, in its order, beside the name the format prescribes.
COMPOSE_NAMES = (COMPOSE_FILE, "docker-compose.yaml", "compose.yaml", "compose.yml")

_TARGETS = list_of(record({
    "service": Field(schema.service, required=True),
    "port": Field(schema.port, required=True),
    "path": Field(schema.url_path, required=True),
}))  # fmt: skip
_API = record({"service": Field(schema.service, required=True), "port": Field(schema.port, required=True)})

Read = Callable[[str], bytes | None]


@dataclass(frozen=True)
class Checkout:
    """A stored tree that a profile's compose files lie in; ``folder`` is theirs, relative to ``tree``."""

    tree: Path
    tree_sha256: str
    folder: str
    commit: str | None = None
    source: str = ""


@dataclass(frozen=True)
class Profile:
    """One profile, ready for an instance. ``compose_files`` and ``env_files`` are relative to ``compose_dir``, that to ``tree``.

    ``requirements`` and ``plugin`` hold for this profile, overrides applied; ``env_values`` is the package's ``.env`` as written.
    """

    name: str
    options: tuple[Option, ...]
    api: Mapping[str, Any] | None
    monitoring: Mapping[str, Any]
    requirements: Requirements
    plugin: Mapping[str, str] | None
    runtime: Runtime
    tree: Path
    tree_sha256: str
    compose_dir: str
    compose_files: tuple[str, ...]
    env_files: tuple[str, ...]
    compose_profiles: tuple[str, ...]
    findings: tuple[Finding, ...] = ()
    env_values: Mapping[str, str] = field(default_factory=dict)
    commit: str | None = None
    source: str = ""

    def compose_path(self, name: str) -> Path:
        return self.tree / self.compose_dir / name

    def as_dict(self) -> dict[str, Any]:
        """The shape ``package_info`` documents."""
        return {
            "options": [option.as_dict() for option in self.options],
            "monitoring": dict(self.monitoring),
            "api": dict(self.api) if self.api else None,
            "hardware_requirements": self.requirements.as_dict(),
            "plugin": dict(self.plugin) if self.plugin else None,
            "runtime": asdict(self.runtime),
            "tree_sha256": self.tree_sha256,
            "compose": {
                "dir": self.compose_dir,
                "files": list(self.compose_files),
                "env_files": list(self.env_files),
                "profiles": list(self.compose_profiles),
            },
        }


def load_profile(
    name: str, place: str, read: Read, manifest: Manifest, checkout: Callable[[Runtime, Report], Checkout | None]
) -> tuple[Profile | None, list[Finding]]:
    """``read`` hands out files of the profile's folder ``place`` (its path as findings name it), ``checkout`` the tree of its compose files.

    Returns the profile, or ``None`` where there is no way to go on, and every finding.
    """
    report = Report(f"{place}/profile.yml")
    runtime_report = Report(f"{place}/runtime.yml", RULES)
    data = read("profile.yml")
    if data is None:
        report.add("PKG-006", "", f"is missing: manifest.yml lists the profile {name}")
    fields = load_mapping(data, report, VERBATIM) if data is not None else {}
    report.unknown_fields(fields, FIELDS)
    if not isinstance(fields.get("name"), (str, type(None))):
        report.add("PKG-002", "name", f"{shown(fields['name'])} is not a text")
    options = parse_options(fields.get("options"), report)
    targets = _targets(fields.get("monitoring"), report)
    api = _API(fields["api"], "api", report) if fields.get("api") not in (None, {}) else None
    if api is not None and None in api.values():
        api = None
    requirements, plugin = manifest.requirements, manifest.plugin
    if fields.get("hardware_requirements_overrides") is not None:
        requirements = parse_requirements(fields["hardware_requirements_overrides"], "hardware_requirements_overrides", report)
    plugin = parse_plugin(fields.get("plugin_overrides"), "plugin_overrides", report) or plugin
    runtime = parse_runtime(read("runtime.yml"), runtime_report)
    check_renames(runtime.renames, {option.name for option in options}, runtime_report)
    if not runtime.contact:
        runtime_report.add("OPS-001", "contact", "names no way to reach the AVS team")
    health = with_health(runtime, api, runtime_report)
    metrics = [*runtime.metrics, *(target for target in targets if target not in runtime.metrics)]
    runtime = replace(runtime, health=health, metrics=metrics)
    where = checkout(runtime, runtime_report)
    if data is None or where is None:
        return None, [*report.findings, *runtime_report.findings]
    compose_report = Report("")
    compose_files = _compose_files(where, runtime, compose_report)
    env_files = _env_files(where, runtime, compose_report)
    check_reach(where.tree, where.folder, compose_files, compose_report)
    findings = [*report.findings, *runtime_report.findings, *compose_report.findings]
    profile = Profile(
        name=name,
        options=options,
        api=api,
        monitoring={"targets": targets},
        requirements=requirements,
        plugin=plugin,
        runtime=runtime,
        tree=where.tree,
        tree_sha256=where.tree_sha256,
        compose_dir=where.folder,
        compose_files=compose_files,
        env_files=env_files,
        compose_profiles=tuple(runtime.compose["profiles"]),
        findings=tuple(findings),
        env_values=_env_values(where, env_files),
        commit=where.commit,
        source=where.source,
    )
    return profile, findings


def _targets(declared: Any, report: Report) -> list[dict[str, Any]]:
    if declared is None:
        return []
    if not isinstance(declared, Mapping):
        report.add("PKG-002", "monitoring", f"{shown(declared)} is not a mapping")
        return []
    report.unknown_fields(declared, ("targets",), "monitoring")
    if declared.get("targets") is None:
        return []
    return [target for target in _TARGETS(declared["targets"], "monitoring.targets", report) if None not in target.values()]


def _exists(where: Checkout, name: str) -> bool:
    return (where.tree / where.folder / name).is_file()


def _compose_files(where: Checkout, runtime: Runtime, report: Report) -> tuple[str, ...]:
    files = tuple(runtime.compose["files"])
    missing = [name for name in files if not _exists(where, name)]
    if missing == [COMPOSE_FILE] and files == (COMPOSE_FILE,):
        other = next((name for name in COMPOSE_NAMES if _exists(where, name)), None)
        if other:
            report.add("PKG-017", posixpath.join(where.folder, other), f"is not named {COMPOSE_FILE}", f"Rename it to {COMPOSE_FILE}.")
            return (other,)
    for name in missing:
        report.add("PKG-006", posixpath.join(where.folder, name), "is missing: there is nothing to start")
    return files


def _env_files(where: Checkout, runtime: Runtime, report: Report) -> tuple[str, ...]:
    """Those that exist; the conventional ``.env`` may be absent, one that ``runtime.yml`` names may not."""
    files = tuple(runtime.compose["env_files"])
    for name in files:
        if not _exists(where, name):
            optional = files == (ENV_FILE,)
            report.add("PKG-006", posixpath.join(where.folder, name), "is missing", severity=WARNING if optional else None)
        elif (where.tree / where.folder / name).stat().st_size > MAX_BYTES:
            report.add("PKG-001", posixpath.join(where.folder, name), f"is larger than {MAX_BYTES} bytes")
    return tuple(name for name in files if _exists(where, name))


def _env_values(where: Checkout, env_files: tuple[str, ...]) -> dict[str, str]:
    values: dict[str, str] = {}
    for name in env_files:
        path = where.tree / where.folder / name
        if path.stat().st_size <= MAX_BYTES:
            values.update(parse_env(path.read_bytes()))
    return values
