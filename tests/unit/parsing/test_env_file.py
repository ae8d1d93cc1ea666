# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""YAML from strangers, and compose's .env dialect."""

from __future__ import annotations

import time
import tracemalloc

import pytest
from ansible_collections.restaking.avs.plugins.plugin_utils.parsing.env_file import (
    Outgrown,
    interpolate,
    parse_env,
    references,
    resolve_env,
)
from hypothesis import given
from hypothesis import strategies as st


@pytest.mark.parametrize(("text", "values"), [
    ("A=1\nB = 2\nexport C=3\nD: 4\n", {"A": "1", "B": "2", "C": "3", "D": "4"}),
    ("A=a=b==c\n", {"A": "a=b==c"}),
    ("A='it''s'\n", {"A": "it"}),
    ("A='$x # no'\nB=\"$x # no\" # yes\n", {"A": "$$x # no", "B": "$x # no"}),
    ("A=x # comment\nB=x#y\n#C=1\n  # D=1\n", {"A": "x", "B": "x#y"}),
    ("A=\nB=''\nC=\"\"\n", {"A": "", "B": "", "C": ""}),
    ('A="a\\"b\\\\c\\nd\\$e"\n', {"A": 'a"b\\c\nd$$e'}),
    ('A="line 1\nline 2"\nB=2\n', {"A": "line 1\nline 2", "B": "2"}),
    ("\ufeffA=1\r\nB=2\r\n", {"A": "1", "B": "2"}),
    ("not a line\n=x\n1A=2\n", {}),
    ("A=1\nA=2\n", {"A": "2"}),
    ('A="open\n', {"A": "open\n"}),
])  # fmt: skip
def test_env_files(text: str, values: dict[str, str]) -> None:
    assert parse_env(text.encode()) == values


@pytest.mark.parametrize(("text", "result"), [
    ("$A/${A}/$$A", "1/1/$A"), ("${B:-x}", "x"), ("${B-x}", ""), ("${N:-${A}}", "1"), ("${N-}", ""), ("${A:+y}", "y"), ("${B:+y}", ""), ("${B+y}", "y"),
    ("${N:?needed}", None), ("${A:?needed}", "1"), ("${N}", None), ("$N", None), ("${A", None), ("plain", "plain"), ("${N:-${M:-${A}}}", "1"),
])  # fmt: skip
def test_interpolation(text: str, result: str | None) -> None:
    assert interpolate(text, {"A": "1", "B": ""}) == result


def test_references_know_which_need_a_value() -> None:
    assert references("${A} $B ${C:-x} ${D:?e} $$E ${F:-${G}} ${A:-x}") == {
        "A": True,
        "B": True,
        "C": False,
        "D": True,
        "F": False,
        "G": True,
    }


def test_chains_follow_the_order_of_lines() -> None:
    raw = parse_env(b"HOME_=/h\nKEYS=${HOME_}/keys\nLATE=${NEXT}\nNEXT=1\n")
    assert resolve_env(raw, {}) == {"HOME_": "/h", "KEYS": "/h/keys", "LATE": "", "NEXT": "1"}
    assert resolve_env(raw, {"HOME_": "$x", "NEW": "n"}) == {"HOME_": "$x", "KEYS": "$x/keys", "LATE": "", "NEXT": "1", "NEW": "n"}


def test_chains_that_double_stay_small() -> None:
    raw = {"A0": "x" * 100, **{f"A{n}": f"${{A{n - 1}}}" * 10 for n in range(1, 40)}}
    started = time.monotonic()
    assert all(len(value) <= 131_071 for value in resolve_env(raw, {}).values())
    assert time.monotonic() - started < 2


def test_many_values_that_double_are_too_much_together() -> None:
    raw = {"A0": "x" * 60_000, **{f"A{n}": "${A0}${A0}" for n in range(1, 2000)}}
    with pytest.raises(Outgrown):
        resolve_env(raw, {})


def test_references_are_not_put_together_before_they_are_counted() -> None:
    """What ``${A}`` a million times stands for would be 100 GB."""
    tracemalloc.start()
    assert interpolate("${A}" * 200_000, {"A": "x" * 131_071}) is None
    assert tracemalloc.get_traced_memory()[1] < 50 << 20
    tracemalloc.stop()


@pytest.mark.parametrize("line", ['"', "'", '"\\', "A='", '\\"'])
def test_quotes_take_time_in_proportion(line: str) -> None:
    """A quote that is closed megabytes later, or never."""
    text = f"A={line}\n" + "x\n" * 400_000
    started = time.monotonic()
    parse_env(text.encode())
    assert time.monotonic() - started < 10


@pytest.mark.parametrize(("text", "value"), [
    ('A="1\n2\n3"x', "1\n2\n3"), ('A="1\\\n2"', "1\\\n2"), ('A="1\n\n"', "1\n\n"), ("A='1\n2", "1\n2"), ('A="', ""), ('A="\n"', "\n"),
])  # fmt: skip
def test_quotes_over_lines(text: str, value: str) -> None:
    assert parse_env(text.encode()) == {"A": value}


@given(st.binary())
def test_no_env_file_raises(data: bytes) -> None:
    resolve_env(parse_env(data), {})
