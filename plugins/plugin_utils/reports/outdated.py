# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How far behind its tap each installed instance is, and what an upgrade would bring."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from ...module_utils.common.errors import InputError
from ...module_utils.common.findings import Finding
from ...module_utils.common.names import is_name, is_profile, is_version, version_key
from ...module_utils.common.words import UPGRADES
from ..fetching.cache import Cache
from ..fetching.tree import FILE, FileTree
from ..packages.manifest import parse_manifest
from ..packages.notes import changes, read_notes
from ..packages.peek import runtime_at
from ..parsing.report import Report
from ..taps.locate import Located, PackageRequest, locate
from ..taps.offer import offer_of
from ..taps.tap import Tap, TapConfig, open_tap
from . import deadlines

# Versions between two whose manifests are read, the newest ones.
_MOST = 20
_SOURCES = {"git": "a git repository of its own", "path": "a folder", "archive": "an archive"}


@dataclass
class Taps:
    """Configured taps, each opened once."""

    configs: Sequence[TapConfig]
    cache: Cache
    _opened: dict[str, Tap] = field(default_factory=dict)
    _known: dict[str, dict[str, Any] | None] = field(default_factory=dict)
    _news: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    _times: dict[tuple[str, str, str], list[str]] = field(default_factory=dict)
    now: datetime = field(default_factory=lambda: datetime.now(UTC))

    def offer(self, package: str) -> dict[str, Any] | None:
        """What the first tap that has a package offers of it: ``tap``, ``name``, ``versions`` (newest first), ``upgrades`` as far as the tap
        says, ``notes``. Raises ``InputError``, also for a tap before it that cannot be read."""
        if package not in self._known:
            self._known[package] = self._look(package)
        return self._known[package]

    def _look(self, package: str) -> dict[str, Any] | None:
        wanted, _slash, name = package.rpartition("/")
        for config in self.configs:
            if wanted not in ("", config.name):
                continue
            tap = self._opened.get(config.name) or open_tap(config, self.cache)
            self._opened[config.name] = tap
            if name in tap.names():
                findings = list[Finding](tap.findings)
                return {**offer_of(tap, name, self.cache, findings), "tap": config.name, "name": name, "findings": findings}
        return None

    def news(self, offer: Mapping[str, Any], installed: str) -> dict[str, Any]:
        """What lies between an installed version and the newest: ``upgrade``, the most urgent of them, and ``versions``, each with its
        ``upgrade`` and ``changes``. Raises ``InputError``."""
        label = f"{offer['tap']}/{offer['name']}"
        if (label, installed) not in self._news:
            self._news[label, installed] = self._between(label, offer, installed)
        return self._news[label, installed]

    def _between(self, label: str, offer: Mapping[str, Any], installed: str) -> dict[str, Any]:
        versions = [version for version in offer["versions"] if version_key(version) > version_key(installed)]
        newest = locate(PackageRequest(label, versions[0]), self.configs, self.cache)
        told = changes(read_notes(newest.files, newest.folder if newest.adapter else ""), installed, versions[0])
        found = []
        for number, version in enumerate(versions):
            upgrade = (offer.get("upgrades") or {}).get(version)
            if upgrade is None and number < _MOST:
                at = newest if number == 0 else locate(PackageRequest(label, version), self.configs, self.cache)
                upgrade = _urgency(at)
            found.append({"version": version, "upgrade": upgrade, "changes": told.get(version, [])})
        urgencies = [item["upgrade"] for item in found if item["upgrade"] in UPGRADES]
        return {"upgrade": max(urgencies, key=UPGRADES.index, default=None), "versions": found}

    def times(self, offer: Mapping[str, Any], installed: str, profile: str) -> list[str]:
        """Until when a node of this version has to be upgraded, as it says itself, or as newer ones say it of themselves: what holds for
        them holds for it, too. A version that cannot be read says nothing."""
        label = f"{offer['tap']}/{offer['name']}"
        if (label, installed, profile) not in self._times:
            newer = [version for version in offer["versions"] if version_key(version) > version_key(installed)]
            found = [self._time(label, version, profile) for version in (installed, *newer[:_MOST])]
            self._times[label, installed, profile] = [time for time in found if time]
        return self._times[label, installed, profile]

    def _time(self, label: str, version: str, profile: str) -> str | None:
        try:
            runtime, report = runtime_at(locate(PackageRequest(label, version), self.configs, self.cache), profile, version)
        except InputError:
            return None
        return None if report.has_errors("upgrade_before") else (runtime.upgrade_before or {}).get("time")


def outdated_rows(host: str, present: Sequence[Mapping[str, Any]], declared: Sequence[Any], taps: Taps) -> list[dict[str, Any]]:
    """One row an installed instance: ``host``, ``id``, ``package``, ``tap``, ``installed``, ``newest``, ``behind`` (``null`` where that is not
    known), ``upgrade``, ``versions``, ``note``, and until when it has to be upgraded (``deadlines.told``)."""
    rows = []
    for item in sorted(present, key=lambda item: str(item.get("id"))):
        if not item.get("phase") or item.get("phase") == "absent":
            continue
        row: dict[str, Any] = {
            "host": host,
            "id": str(item.get("id")),
            "package": item.get("package"),
            "tap": None,
            "installed": item.get("version"),
            "newest": None,
            "behind": None,
            "upgrade": None,
            "versions": [],
            "note": "",
            "upgrade_before": None,
            "time_left": None,
            "findings": [],
        }
        try:
            row.update(_compared(row, _source(row, declared), taps, item.get("profile")))
        except InputError as error:
            found = error.findings[0] if error.findings else None
            row["note"] = f"not known: {found.place}: {found.message}" if found and found.place else f"not known: {error.message}"
        rows.append(row)
    return rows


def _source(row: Mapping[str, Any], declared: Sequence[Any]) -> Any:
    """The package as the inventory names it; by the recorded name where the instance is in no inventory."""
    tag = row["id"].removeprefix(f"{row['package']}-") if row["package"] else None
    for entry in declared:
        if not isinstance(entry, Mapping):
            continue
        package = entry.get("package")
        if isinstance(package, str) and f"{package.rpartition('/')[2]}-{entry.get('tag')}" == row["id"]:
            return package
        if isinstance(package, Mapping) and tag is not None and str(entry.get("tag")) == tag:
            return package
    return row["package"]


def _compared(row: Mapping[str, Any], package: Any, taps: Taps, profile: Any) -> dict[str, Any]:
    if isinstance(package, Mapping):
        kind = next(iter(package), "")
        return {"note": f"from {_SOURCES.get(str(kind), 'no tap')}: no tap to compare with"}
    if not isinstance(package, str) or package.count("/") > 1 or not all(is_name(part) for part in package.split("/")):
        return {"note": "what is recorded names no package"}
    offer = taps.offer(package)
    if offer is None:
        return {"note": f"{package} is in none of the taps {', '.join(config.name for config in taps.configs) or '(there is none)'}"}
    newest, installed = next(iter(offer["versions"]), None), row["installed"]
    found = {"tap": offer["tap"], "newest": newest, "note": _warned(offer["findings"])}
    if newest is None:
        return {**found, "note": found["note"] or "the tap offers no version"}
    if not is_version(installed):
        return {**found, "note": "which version is installed is not known"}
    if is_profile(profile):
        found |= deadlines.told(f"{row['host']}: {row['id']}", taps.times(offer, installed, profile), taps.now)
    if version_key(newest) <= version_key(installed):
        ahead = "newer than the newest of its tap" if version_key(newest) < version_key(installed) else ""
        return {**found, "behind": False, "note": found["note"] or ahead}
    return {**found, "behind": True, **taps.news(offer, installed)}


def _warned(findings: Sequence[Finding]) -> str:
    """What is to be said of the tap's answer: that it is an old one."""
    return next((f"{item.place}: {item.message}" for item in findings if item.id in ("SRC-001", "TAP-002")), "")


def _urgency(located: Located) -> str | None:
    """``upgrade`` as the tap's index or the manifest of a version says, ``None`` where neither does."""
    return located.upgrade or _of_manifest(located.files, located.folder)


def _of_manifest(files: FileTree, folder: str) -> str | None:
    path = f"{folder}/manifest.yml" if folder else "manifest.yml"
    if not any(entry.path == path and entry.kind == FILE for entry in files.entries(folder)):
        return None
    return parse_manifest(next(files.read([path]))[1], Report(path), None).upgrade
