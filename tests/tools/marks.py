# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A generated part inside a page that is written by hand."""

from __future__ import annotations

from pathlib import Path


class NoMarks(Exception):
    """The page has no place for the generated part."""


def between(path: Path, begin: str, end: str, part: str, text: str | None = None) -> str:
    """The page, or its ``text`` so far, with ``part`` between its two marks; raises ``NoMarks``."""
    text = path.read_text(encoding="utf-8") if text is None else text
    first, last = text.find(begin), text.find(end)
    if first < 0 or last < first:
        raise NoMarks(f"{path}: the lines {begin.strip()!r} and {end.strip()!r} are missing")
    return f"{text[: first + len(begin)]}\n{part}\n{text[last:]}"
