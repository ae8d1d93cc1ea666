# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The packages entries ask for, each loaded once however many entries ask for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from ...module_utils.common.errors import InputError
from ...module_utils.common.names import version_key
from ..fetching.cache import Cache
from ..packages.notes import changes, read_notes
from ..packages.package import Package, PackageRequest, load_package
from ..packages.peek import runtime_at
from ..taps.locate import Located, locate
from ..taps.tap import Indexed, TapConfig, open_tap
from .entries import Entry


class Offers:
    """``base``: where relative paths of the inventory start."""

    def __init__(self, taps: Sequence[TapConfig], cache: Cache, base: Path) -> None:
        self._taps, self._cache, self._base = taps, cache, base
        self._loaded: list[tuple[PackageRequest, Package]] = []

    def package(self, entry: Entry) -> Package:
        """Raises ``InputError`` with every error of a package that cannot be had."""
        request = PackageRequest(self._source(entry.package), entry.version, entry.commit, entry.require_checksum)
        for known, package in self._loaded:
            if known == request:
                return package
        package = load_package(request, self._taps, self._cache)
        self._loaded.append((request, package))
        return package

    def order(self, entry: Entry) -> tuple[str, ...]:
        """The versions of a package as its tap lists them, the oldest first; empty where no tap lists any. Raises ``InputError``."""
        wanted, _slash, name = entry.package.rpartition("/") if isinstance(entry.package, str) else ("", "", "")
        for config in self._taps if name else ():
            if wanted in ("", config.name):
                found = open_tap(config, self._cache).package(name)
                if found is not None:
                    listed = [version["version"] for version in found.versions] if isinstance(found, Indexed) else []
                    # Of those that are equal by precedence, the one listed last is the newer.
                    return tuple(sorted(listed, key=version_key))
        return ()

    def migrations(self, entry: Entry, version: str) -> tuple[str, ...]:
        """The versions to which a version's package has a migration, for the profile of the entry. Raises ``InputError``."""
        located = self._locate(entry, version)
        runtime, report = runtime_at(located, str(entry.profile), version)
        if report.has_errors("migrations"):
            raise InputError(f"{located.source} {version}: what it migrates cannot be read", report.findings)
        return tuple(str(item["to"]) for item in runtime.migrations)

    def notes(self, entry: Entry, installed: str) -> dict[str, list[str]]:
        """Version -> lines of the release notes, newest first, from above the installed version up to the entry's. Raises ``InputError``."""
        located = self._locate(entry, str(entry.version), entry.commit)
        return changes(read_notes(located.files, located.folder if located.adapter else ""), installed, str(entry.version))

    def _locate(self, entry: Entry, version: str, commit: str | None = None) -> Located:
        return locate(PackageRequest(self._source(entry.package), version, commit), self._taps, self._cache)

    def _source(self, package: str | Mapping[str, str]) -> str | Mapping[str, str]:
        """Folders and archives from the inventory's folder, addresses as they are."""
        if isinstance(package, str) or "git" in package:
            return package
        return {kind: str(self._base / Path(path).expanduser()) for kind, path in package.items()}
