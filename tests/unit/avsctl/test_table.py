# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tables and pages as wide as the terminal."""

from __future__ import annotations

import pytest
from ansible_collections.restaking.avs.plugins.plugin_utils.avsctl.table import cell, labelled, table

HEADER = ("TIME", "EVENT", "DETAILS")
ROWS = [("08:00", "apply", "create container node and some more of it"), ("08:01", "commit", None)]


def test_columns_are_aligned_and_nothing_hangs_over() -> None:
    assert table(HEADER, ROWS, None) == [
        "TIME   EVENT   DETAILS", "08:00  apply   create container node and some more of it", "08:01  commit  -"]  # fmt: skip


def test_a_terminal_that_is_narrow_wraps_the_last_column() -> None:
    lines = table(HEADER, ROWS, 42)
    assert lines == [
        "TIME   EVENT   DETAILS", "08:00  apply   create container node and", "               some more of it", "08:01  commit  -"]  # fmt: skip
    assert max(map(len, lines)) <= 42


def test_on_one_that_is_narrower_each_row_is_a_block() -> None:
    lines = table(HEADER, ROWS, 30)
    assert lines == [
        "08:00", "  event    apply", "  details  create container", "           node and some more", "           of it",
        "08:01", "  event    commit", "  details  -"]  # fmt: skip


@pytest.mark.parametrize("width", range(1, 60))
def test_whatever_the_width_all_of_it_is_there(width: int) -> None:
    said = str(ROWS[0][2]).split()
    assert [word for word in " ".join(table(HEADER, ROWS, width)).split() if word in said] == said


@pytest.mark.parametrize(
    ("value", "expected"), [(None, "-"), ("", "-"), (0, "0"), ("a\nb\tc", "a b c"), ("\x1b[2J\u202e", "\\x1b[2J\\u202e"), (" ", "-")]
)
def test_a_cell_is_harmless_and_in_one_line(value: object, expected: str) -> None:
    assert cell(value) == expected


def test_wide_characters_count_as_two() -> None:
    assert table(("A", "B"), [("\u4e2d\u6587", "x"), ("abc", "y")], None) == ["A     B", "\u4e2d\u6587  x", "abc   y"]


def test_labels_stand_above_each_other() -> None:
    assert labelled([("a", "1"), ("label", "2 3 4")], None) == ["  a      1", "  label  2 3 4"]
    assert labelled([("label", "22 33 44")], 15) == ["  label  22 33", "         44"]
    assert labelled([], None) == []
