# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A package: fetched, verified, parsed, judged."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ...module_utils.common.errors import InputError
from ...module_utils.common.findings import ERROR, Finding, by_severity, errors_of
from ...module_utils.common.names import is_version
from ...module_utils.common.rules import finding
from ..fetching import checksums
from ..fetching.cache import Cache
from ..fetching.git_url import parse_git_url
from ..fetching.repository import Repository
from ..fetching.snapshot import PACKAGE_FOLDER, Snapshot, snapshot
from ..fetching.tree import FILE, Entry, FileTree, FolderTree
from ..parsing.report import Report
from ..taps.locate import Located, PackageRequest, locate
from ..taps.tap import TapConfig
from .key_material import key_material
from .manifest import Manifest, Requirements, parse_manifest
from .profile import Checkout, Profile, Read, load_profile
from .runtime import Runtime

__all__ = ["Inspection", "Package", "PackageRequest", "inspect_package", "load_package"]


@dataclass(frozen=True)
class Package:
    """``commit``: of the repository, for an adapter of the repository it pins; ``None`` for a folder or an archive.

    ``versions`` are the released ones, newest first. ``findings`` are those of the whole package, its profiles' included.
    """

    name: str
    version: str | None
    commit: str | None
    spec_version: str
    upgrade: str | None
    source: str
    profiles: Mapping[str, Profile]
    requirements: Requirements
    plugin: Mapping[str, str] | None
    findings: tuple[Finding, ...]
    versions: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """``package`` as the module ``package_info`` returns it."""
        return {
            "name": self.name,
            "version": self.version,
            "commit": self.commit,
            "spec_version": self.spec_version,
            "upgrade": self.upgrade,
            "source": self.source,
            "hardware_requirements": self.requirements.as_dict(),
            "plugin": dict(self.plugin) if self.plugin else None,
            "profiles": {name: profile.as_dict() for name, profile in self.profiles.items()},
        }


@dataclass(frozen=True)
class Inspection:
    """What could be found out; ``package`` is ``None`` where there is nothing to go on with."""

    label: str
    package: Package | None
    findings: tuple[Finding, ...]


def counted(label: str, findings: Sequence[Finding]) -> InputError:
    """Findings as one error, headed like ``mock-avs v5.5.2: 2 problems``."""
    return InputError(f"{label}: {len(findings)} problem{'' if len(findings) == 1 else 's'}", findings)


def load_package(request: PackageRequest, taps: Sequence[TapConfig], cache: Cache) -> Package:
    """A package fit to be installed. Raises ``InputError`` with every error of the package that could be found."""
    inspection = inspect_package(request, taps, cache)
    errors = errors_of(inspection.findings)
    if errors or inspection.package is None:
        raise counted(inspection.label, errors)
    return inspection.package


def inspect_package(request: PackageRequest, taps: Sequence[TapConfig], cache: Cache) -> Inspection:
    """As ``load_package``, for one who wants to know: never raises for what is wrong with the package."""
    label = request.label
    try:
        located = locate(request, taps, cache)
        loader = _Loader(located, request, cache)
        package = loader.load()
    except InputError as error:
        found = error.findings or [finding("SRC-001", label, error.message)]
        return Inspection(label, None, tuple(found))
    if package is not None:
        label = f"{package.name} {package.version}" if package.version else package.name or label
    return Inspection(label, package, tuple(by_severity(loader.findings)))


class _Loader:
    """Carries what one load has found out."""

    def __init__(self, located: Located, request: PackageRequest, cache: Cache) -> None:
        self.located = located
        self.request = request
        self.cache = cache
        self.findings: list[Finding] = list(located.findings)
        self.files = located.files
        self.native: Snapshot | None = None
        self.trees: dict[str, Snapshot | None] = {}

    def load(self) -> Package | None:
        located = self.located
        if not located.adapter:
            self.native = snapshot(located.files, PACKAGE_FOLDER, self.cache, located.commit)
            self.files = FolderTree(self.native.tree)
            self._check_native(self.native)
        folder = posixpath.join(located.folder, "") if located.folder else ""
        report = Report(f"{folder}manifest.yml")
        entries = {entry.path: entry for entry in self.files.entries(located.folder)}
        data = _read(self.files, entries, f"{folder}manifest.yml")
        if data is None:
            report.add("PKG-006", "", "is missing: this is no package", "Check path or address; a package has pkg/manifest.yml.")
            self.findings += report.findings
            return None
        version = located.version
        manifest = parse_manifest(data, report, version)
        if located.adapter:
            version = self._adapter_version(manifest, report)
            self.findings += key_material(self.files, [entry for path, entry in entries.items() if path.startswith(folder)])
        profiles: dict[str, Profile] = {}
        for name in manifest.profiles:
            profile, found = load_profile(name, f"{folder}{name}", self._reader(entries, f"{folder}{name}"), manifest, self._checkout)
            self.findings += found
            if profile is not None:
                profiles[name] = profile
        for path in entries:
            parts = path.removeprefix(folder).split("/")
            if path.startswith(folder) and parts[1:] == ["profile.yml"] and parts[0] not in manifest.profiles:
                report.add(
                    "PKG-006",
                    "profiles",
                    f"does not list {parts[0]}, which has a profile.yml",
                    "List the profile, or remove its folder.",
                    "warning",
                )
        if located.adapter and not self._has_notes(entries, folder):
            report.add("UPG-002", "", "there are no release notes")
        self.findings += report.findings
        if not manifest.name:
            return None
        commits = {profile.commit for profile in profiles.values()}
        sources = {profile.source for profile in profiles.values()}
        return Package(
            name=manifest.name,
            version=version,
            commit=(commits.pop() if len(commits) == 1 else None) if located.adapter else located.commit,
            spec_version=manifest.spec_version,
            upgrade=located.upgrade or manifest.upgrade,
            source=sources.pop() if located.adapter and len(sources) == 1 else located.source,
            profiles=profiles,
            requirements=manifest.requirements,
            plugin=manifest.plugin,
            findings=tuple(by_severity(self.findings)),
            versions=located.versions or ((version,) if version else ()),
        )

    def _reader(self, entries: Mapping[str, Entry], folder: str) -> Read:
        return lambda name: _read(self.files, entries, f"{folder}/{name}")

    def _check_native(self, native: Snapshot) -> None:
        report = Report(checksums.FILE)
        if native.checksums is None:
            severity = ERROR if self.request.require_checksum else None
            report.add("PKG-014", "", "is missing: nothing vouches for the package's files", severity=severity)
        else:
            listed = checksums.parse_checksums(native.checksums, report)
            present = [path for path in native.digests if path.startswith(f"{PACKAGE_FOLDER}/")]
            checksums.compare_checksums(listed, native.digests, present, report)
        if not native.notes:
            self.findings.append(finding("UPG-002", "CHANGELOG.md", "there are no release notes"))
        self._compare_tree(native, self.located.tree_sha256, "the tap's index")
        self.findings += report.findings
        self.findings += key_material(FolderTree(native.tree), FolderTree(native.tree).entries())

    def _compare_tree(self, taken: Snapshot, expected: str | None, who: str) -> None:
        if expected not in (None, taken.tree_sha256):
            self.findings.append(finding("PKG-013", "tree_sha256", f"{who} says {expected}, the files have {taken.tree_sha256}"))

    def _adapter_version(self, manifest: Manifest, report: Report) -> str | None:
        """The folder's version; of an adapter without version folders, the one its manifest states."""
        if any(version == self.located.version for version in self.located.versions):
            return self.located.version
        stated = f"v{manifest.node_version.removeprefix('v')}" if manifest.node_version else None
        if not isinstance(self.request.package, str) and self.located.version is None:
            return stated if is_version(stated) else None
        if not isinstance(self.request.package, str) and stated is None:
            return self.located.version
        if stated is None or not is_version(stated):
            report.add(
                "PKG-004",
                "node_version",
                "is missing: it says which version an adapter without version folders is",
                "Add node_version: 1.2.3.",
            )
            return self.located.version
        if self.located.version not in (None, stated):
            report.add("INV-002", "node_version", f"there is no version {self.located.version}", f"Choose {stated}.")
        return stated

    def _has_notes(self, entries: Mapping[str, Entry], folder: str) -> bool:
        own = any(path.removeprefix(folder).lower().startswith(("changelog", "release")) for path in entries if path.startswith(folder))
        return own or any(taken is not None and taken.notes for taken in self.trees.values())

    def _checkout(self, runtime: Runtime, report: Report) -> Checkout | None:
        """The stored tree of a profile's compose files. What is wrong with it goes to the findings."""
        source = runtime.source
        if not self.located.adapter:
            if source is not None:
                report.add(
                    "PKG-016", "source", "is for adapters: a package's compose files lie beside its profile.yml", "Remove the section."
                )
            if self.native is None:
                return None
            folder = posixpath.dirname(report.file)
            return Checkout(self.native.tree, self.native.tree_sha256, folder, self.located.commit, self.located.source)
        if source is None:
            report.add("PKG-016", "source", "is missing: it says where an adapter's compose files are")
            return None
        if not source["git"] or not source["commit"]:
            return None
        if self.request.commit not in (None, source["commit"]):
            report.add("SRC-002", "source.commit", f"the adapter pins {source['commit']}, the inventory {self.request.commit}")
            return None
        taken, address = self._upstream(source, report)
        if taken is None:
            return None
        self._compare_tree(taken, source["tree_sha256"], f"{report.file}: source")
        folder = "" if source["path"] == "." else posixpath.normpath(source["path"])
        return Checkout(taken.tree, taken.tree_sha256, folder, source["commit"], address)

    def _upstream(self, source: Mapping[str, Any], report: Report) -> tuple[Snapshot | None, str]:
        try:
            url = parse_git_url(source["git"], self.located.local, "source.git")
            key = f"{url.url} {source['commit']}"
            if key not in self.trees:
                self.trees[key] = None
                repository = Repository(url, self.cache)
                repository.fetch(source["commit"])
                tree = repository.tree(source["commit"])
                self.trees[key] = taken = snapshot(tree, "", self.cache, source["commit"])
                self.findings += key_material(FolderTree(taken.tree), FolderTree(taken.tree).entries())
            return self.trees[key], url.url
        except InputError as error:
            for item in error.findings:
                report.add(item.id, f"source: {item.place}", item.message, item.remedy)
            return None, ""


def _read(files: FileTree, entries: Mapping[str, Entry], path: str) -> bytes | None:
    entry = entries.get(path)
    if entry is None:
        return None
    if entry.kind != FILE:
        raise InputError(f"{path} is a {entry.kind}", [finding("SRC-003", path, f"is a {entry.kind}, only regular files are allowed")])
    return next(files.read([path]))[1]
