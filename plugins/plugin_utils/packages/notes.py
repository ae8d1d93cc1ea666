# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a package's release notes say of the versions between two."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from ...module_utils.common.names import is_version, version_key
from ..fetching.snapshot import is_notes
from ..fetching.tree import FileTree

# Bytes of notes that are read, lines of a version and characters of a line that are shown: enough for a person, and no more.
_LARGEST, _LINES, _WIDTH = 512 << 10, 40, 300
# "## v1.2.0 - 2026-01-01", "## [1.2.0]", "# Version 1.2.0", and "v1.2.0" above a line of dashes.
_VERSION = r"(?:release|version)?\s*\[?v?(?P<version>\d{1,6}\.\d{1,6}\.\d{1,6}(?:-[0-9A-Za-z.-]{1,60})?)\]?(?![0-9.])"
_HEADING = re.compile(rf"\s{{0,3}}#{{1,6}}\s*{_VERSION}", re.IGNORECASE)
_TITLE = re.compile(rf"\s{{0,3}}{_VERSION}", re.IGNORECASE)
_RULE = re.compile(r"\s{0,3}(?:-{3,}|={3,}|\^{3,}|~{3,})\s*\Z")


def read_notes(files: FileTree, folder: str) -> str:
    """The text of the release notes beside a package, empty where there are none. ``folder``: of an adapter, empty for a native package.

    Raises ``InputError`` where the package's files cannot be read.
    """
    prefix = f"{folder}/" if folder else ""
    entries = [replace(entry, path=entry.path.removeprefix(prefix)) for entry in files.entries(folder) if entry.path.startswith(prefix)]
    chosen = sorted(
        (entry for entry in entries if is_notes(entry) and entry.size <= _LARGEST), key=lambda entry: (entry.path.count("/"), entry.path)
    )
    return next(files.read([prefix + chosen[0].path]))[1].decode("utf-8", "replace") if chosen else ""


def changes(text: str, after: str, upto: str) -> dict[str, list[str]]:
    """Version -> what its notes say, newest first, for the versions above ``after`` up to ``upto``. Lines as they stand, empty ones left
    out."""
    found: dict[str, list[str]] = {}
    for version, lines in _sections(text):
        if is_version(version) and version_key(after) < version_key(version) <= version_key(upto):
            known = found.setdefault(version, [])
            known += lines[: _LINES - len(known)]
    return {version: found[version] for version in sorted(found, key=version_key, reverse=True)}


def _sections(text: str) -> Iterator[tuple[str, list[str]]]:
    version, lines = "", list[str]()
    rows = text.splitlines()
    for number, row in enumerate(rows):
        below = rows[number + 1] if number + 1 < len(rows) else ""
        heading = _HEADING.match(row) or (_TITLE.match(row) if _RULE.match(below) else None)
        if heading:
            yield version, lines
            version, lines = f"v{heading['version']}", []
        elif row.strip() and not _RULE.match(row):
            lines.append(row.rstrip()[:_WIDTH])
    yield version, lines
