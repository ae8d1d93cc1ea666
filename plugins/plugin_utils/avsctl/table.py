# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Columns that are aligned, as wide as the terminal, and no wider."""

from __future__ import annotations

import shutil
import sys
import textwrap
import unicodedata
from collections.abc import Iterable, Sequence

from ...module_utils.common.harmless import harmless

# Between columns.
_GAP = "  "
# A last column narrower than this is no use: each row is then a block of its own.
_NARROWEST = 24
NONE = "-"


def room() -> int | None:
    """Columns of the terminal, ``None`` where nobody looks at one: what is read by a program is not wrapped."""
    return shutil.get_terminal_size().columns if sys.stdout is not None and sys.stdout.isatty() else None


def cell(value: object) -> str:
    """Text of strangers as one word of a table: harmless, in one line, never empty."""
    return NONE if value is None else harmless(" ".join(str(value).split())) or NONE


def table(header: Sequence[str], rows: Iterable[Sequence[object]], width: int | None) -> list[str]:
    """Lines of a table with a header. Where ``width`` is too narrow the last column is wrapped, or each row becomes a block."""
    cells = [[cell(value) for value in row] for row in rows]
    widths = [max(map(_wide, column)) for column in zip(header, *cells)]
    before = sum(widths[:-1]) + len(_GAP) * (len(widths) - 1)
    if width is None or before + widths[-1] <= width:
        return [_row(row, widths) for row in (header, *cells)]
    if width - before >= _NARROWEST:
        return [line for row in (header, *cells) for line in _wrapped(row, widths, width - before)]
    return [line for row in cells for line in _block(header, row, width)]


def labelled(pairs: Iterable[tuple[str, object]], width: int | None, indent: int = 2) -> list[str]:
    """``label  text``, the texts below each other, wrapped behind their labels."""
    found = [(label, cell(value)) for label, value in pairs]
    longest = max((len(label) for label, _text in found), default=0)
    lines = []
    for label, text in found:
        first = f"{' ' * indent}{label.ljust(longest)}{_GAP}"
        lines += folded(first, text, width)
    return lines


def _row(row: Sequence[str], widths: Sequence[int]) -> str:
    return _GAP.join(text + " " * (width - _wide(text)) for text, width in zip(row, widths)).rstrip()


def _wrapped(row: Sequence[str], widths: Sequence[int], last: int) -> list[str]:
    head = _row(row[:-1], widths[:-1])
    start = sum(widths[:-1]) + len(_GAP) * (len(widths) - 1)
    first = head + " " * (start - _wide(head))
    return folded(first, row[-1], start + last)


def _block(header: Sequence[str], row: Sequence[str], width: int) -> list[str]:
    return [*folded("", row[0], width), *labelled(zip(map(str.lower, header[1:]), row[1:]), width)]


def folded(first: str, text: str, width: int | None) -> list[str]:
    """``text`` behind ``first``; what does not fit goes below it. A word that is too long (a digest) is not cut: it is to be copied."""
    start = _wide(first)
    if width is None or start + _wide(text) <= width:
        return [(first + text).rstrip()]
    parts = textwrap.wrap(text, max(width - start, 1), break_long_words=False, break_on_hyphens=False)
    return [((first if number == 0 else " " * start) + part).rstrip() for number, part in enumerate(parts)]


def _wide(text: str) -> int:
    """Columns of a terminal a text takes: some characters two, marks on the one before none."""
    if text.isascii():
        return len(text)
    return sum(0 if unicodedata.combining(char) else 2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text)
