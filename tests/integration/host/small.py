# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Packages as small as the docs allow, on the whole way an entry of the inventory takes: parsed, built into a spec, installed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from ansible_collections.restaking.avs.plugins.module_utils.common.findings import errors_of
from ansible_collections.restaking.avs.plugins.plugin_utils.fetching.cache import Cache
from ansible_collections.restaking.avs.plugins.plugin_utils.inventory.entries import Entry, parse_instances
from ansible_collections.restaking.avs.plugins.plugin_utils.inventory.spec import Built, build_specs
from ansible_collections.restaking.avs.plugins.plugin_utils.packages.package import Package, PackageRequest, load_package
from ansible_collections.restaking.avs.plugins.plugin_utils.secrets.base import Need
from ansible_collections.restaking.avs.plugins.plugin_utils.secrets.sources import Sources

from tests.integration.host.support import IMAGE, Bench
from tests.unit.support.sources import surroundings

PROFILE = "net"
# Does nothing, ends at once when it is told to.
IDLE: dict[str, Any] = {"image": IMAGE, "init": True, "stop_grace_period": "1s", "entrypoint": ["sleep", "infinity"]}


@dataclass(frozen=True)
class Small:
    """A package and the entry that asks for it. ``services``: settings laid over those of a container that idles, ``None`` takes one
    away; ``compose``: other top sections; ``runtime``: ``runtime.yml`` without its ``schema``, ``None`` for no file at all; ``files``:
    more files below the profile's folder."""

    services: Mapping[str, Mapping[str, Any]] = field(default_factory=lambda: {"node": {}})
    compose: Mapping[str, Any] = field(default_factory=dict)
    runtime: Mapping[str, Any] | None = None
    profile: Mapping[str, Any] = field(default_factory=dict)
    env: str | None = None
    files: Mapping[str, str] = field(default_factory=dict)
    entry: Mapping[str, Any] = field(default_factory=dict)

    def write(self, root: Path, name: str) -> Path:
        folder = root / "pkg" / PROFILE
        folder.mkdir(parents=True)
        (root / "pkg/manifest.yml").write_text(as_yaml({"version": "0.1.0", "name": name, "upgrade": "optional", "profiles": [PROFILE]}))
        (folder / "profile.yml").write_text(as_yaml({"name": PROFILE, "options": [], **self.profile}))
        (folder / "docker-compose.yml").write_text(as_yaml({"services": self._services(), **self.compose}))
        if self.env is not None:
            (folder / ".env").write_text(self.env)
        if self.runtime is not None:
            (folder / "runtime.yml").write_text(as_yaml({"schema": 1, **self.runtime}))
        for path, text in self.files.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(text)
        return root

    def _services(self) -> dict[str, Any]:
        whole = {name: {**IDLE, **settings} for name, settings in self.services.items()}
        return {name: {key: value for key, value in settings.items() if value is not None} for name, settings in whole.items()}


def as_yaml(data: Any) -> str:
    return yaml.safe_dump(data, sort_keys=False, allow_unicode=True)


class Way:
    """From entries to running instances; ``bench`` is the host at its end, and every package is named after it."""

    def __init__(self, bench: Bench, folder: Path) -> None:
        self.bench, self.folder = bench, folder
        self.cache = Cache(folder / "cache", folder)
        self.sources = Sources(surroundings(folder))

    def built(self, cases: Mapping[str, Small]) -> Built:
        """Specs of the cases, which are named by their tags; errors of the controller stay in ``findings``."""
        given = [self.entry(tag, case) for tag, case in cases.items()]
        entries, findings = parse_instances(given)
        return build_specs(entries, self._load, self.sources, findings)

    def entry(self, tag: str, case: Small) -> dict[str, Any]:
        root = self.folder / tag
        if not root.exists():
            case.write(root, self.bench.name)
        return {"package": {"path": str(root)}, "profile": PROFILE, "tag": tag, **case.entry}

    def specs(self, cases: Mapping[str, Small]) -> list[dict[str, Any]]:
        built = self.built(cases)
        assert [item.as_line() for item in errors_of(built.findings)] == []
        self.bench.trees.update(built.trees)
        for instance, needs in built.needs.items():
            values, problems = self.sources.values(list(needs.values()))
            assert problems == []
            self.bench.values[instance] = {need.name: value for need, value in values.items()}
        return [dict(spec) for spec in built.specs]

    def install(self, cases: Mapping[str, Small]) -> dict[str, dict[str, Any]]:
        """Tag -> the instance's entry in the result. Whatever fails is in it; verification raises ``HostError``."""
        specs = self.specs(cases)
        result = self.bench.call(specs)
        tags = {spec["id"]: spec["tag"] for spec in specs}
        return {tags[entry["id"]]: entry for entry in result["instances"]}

    def _load(self, entry: Entry) -> Package:
        return load_package(PackageRequest(entry.package, entry.version, entry.commit, entry.require_checksum), [], self.cache)


def needs_of(built: Built) -> list[Need]:
    return [need for needs in built.needs.values() for need in needs.values()]
