# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The packages entries ask for, each loaded once however many entries ask for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from ..fetching.cache import Cache
from ..packages.package import Package, PackageRequest, load_package
from ..taps.tap import TapConfig
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

    def _source(self, package: str | Mapping[str, str]) -> str | Mapping[str, str]:
        """Folders and archives from the inventory's folder, addresses as they are."""
        if isinstance(package, str) or "git" in package:
            return package
        return {kind: str(self._base / Path(path).expanduser()) for kind, path in package.items()}
