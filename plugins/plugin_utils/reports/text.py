# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rows as text: a table for a terminal, CSV for a spreadsheet."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from typing import Any

from ...module_utils.common.harmless import harmless

NONE = "-"
# Ansible's YAML output breaks long lines at single spaces, and a row of a table is one line.
_UNBROKEN = "\u00a0"
# What a spreadsheet takes a cell for a formula by (in full width too), whatever space stands before it; a number is one.
_FORMULA = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")
_NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?\Z")


def text_table(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """Lines separated by newlines, columns by two spaces. What a cell holds draws no line of its own, and moves no cursor."""
    lines = [[one_line(cell) or NONE for cell in row] for row in (columns, *rows)]
    for cells in lines:
        cells[-1:] = [cell.replace(" ", _UNBROKEN) for cell in cells[-1:]]
    widths = [max(len(cells[column]) for cells in lines) for column in range(len(columns))]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip() for cells in lines)


def csv_text(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """A line a row, every cell in quotes: no separator a spreadsheet may choose divides one. A cell that would be a formula starts with
    an apostrophe."""
    out = io.StringIO()
    writer = csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\n")
    writer.writerows([_defused(one_line(cell)) for cell in row] for row in (columns, *rows))
    return out.getvalue()


def one_line(cell: Any) -> str:
    """A value as one line of text, harmless for a terminal."""
    text = "" if cell is None else "true" if cell is True else "false" if cell is False else str(cell)
    return harmless(" ".join(text.split()))


def _defused(cell: str) -> str:
    return f"'{cell}" if cell.startswith(_FORMULA) and not _NUMBER.match(cell) else cell
