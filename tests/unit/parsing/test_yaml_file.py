# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""YAML from strangers, and compose's .env dialect."""

from __future__ import annotations

import json
import re
import time
from typing import Any

import pytest
import yaml
from ansible_collections.restaking.avs.plugins.plugin_utils.parsing.report import Report
from ansible_collections.restaking.avs.plugins.plugin_utils.parsing.yaml_file import Plain, check_limits, load_yaml
from hypothesis import given
from hypothesis import strategies as st


def parse(text: str, verbatim: frozenset[str] = frozenset()) -> tuple[Any, list[str]]:
    report = Report("f.yml")
    value = load_yaml(text.encode(), report, verbatim)
    return value, [item.place for item in report.findings]


# PyYAML leaves 0E0 unquoted, which YAML 1.1 reads as text; YAML 1.2, compose and we read a number.
TEXTS = st.text(st.characters(exclude_categories=("Cs",))).filter(lambda text: not re.fullmatch(r"[-+]?\d+[eE][-+]?\d+", text))


PLAIN_DATA = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**29), 10**29) | TEXTS,
    lambda inner: st.lists(inner) | st.dictionaries(TEXTS, inner),
    max_leaves=20,
)


@given(PLAIN_DATA)
def test_plain_data_is_read_as_pyyaml_writes_it(data: Any) -> None:
    value, problems = parse(yaml.safe_dump(data, sort_keys=False))
    assert problems == [] and json.dumps(value) == json.dumps(data)


@given(st.text())
def test_no_text_raises(text: str) -> None:
    report = Report("f.yml")
    load_yaml(text.encode("utf-8", "surrogatepass"), report)


@pytest.mark.parametrize(("text", "value"), [
    ("1000:1000", "1000:1000"), ("0700", "0700"), ("0x1F", "0x1F"), ("2027-01-15", "2027-01-15"), ("1_000", "1_000"), ("yes", True), ("Off", False),
    ("~", None), ("1.5", 1.5), ("1e3", 1000.0), ("'1'", "1"), ("!!str 1", "1"), (".inf", ".inf"), ("-7", -7),
])  # fmt: skip
def test_scalars(text: str, value: Any) -> None:
    parsed, problems = parse(f"a: {text}")
    assert problems == [] and parsed == {"a": value} and type(parsed["a"]) is type(value)


def test_merge_keys_and_anchors() -> None:
    value, problems = parse("base: &b {x: 1, y: 2}\nuse: {<<: *b, y: 3}\nboth: {<<: [*b, {z: 4}]}")
    assert problems == []
    assert value["use"] == {"x": 1, "y": 3} and value["both"] == {"x": 1, "y": 2, "z": 4}


def test_verbatim_keys_keep_the_spelling() -> None:
    value, _problems = parse("default: 1.10\nother: 1.10\nnested: {default: [yes, 5]}", frozenset(("default",)))
    assert value["default"] == "1.10" and isinstance(value["default"], Plain) and value["default"].value == 1.1
    assert value["other"] == 1.1
    assert value["nested"]["default"] == ["yes", "5"] and value["nested"]["default"][0].value is True


BOMB = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "\n".join(f"{chr(98 + n)}: &{chr(98 + n)} [{','.join(['*' + chr(97 + n)] * 9)}]" for n in range(9))


@pytest.mark.parametrize("text", [
    BOMB, "[" * 100_000, "a: " + "[" * 50 + "]" * 50, "{" * 10_000, "- " * 10_000, "a: 1\na: 2", "a: &x {b: *x}", "a: *nowhere", "? [a]\n: b",
    "!!python/object/apply:os.system [ls]", "a: !!binary aGk=", "a: !custom b", "<<: 5", "x" * (1 << 21), "a\tb: [", "%YAML 9.9\n---\n- x: [",
    "[" + "1," * 60_000 + "]",
])  # fmt: skip
def test_hostile_documents_are_refused_quickly(text: str) -> None:
    started = time.monotonic()
    value, problems = parse(text)
    assert value is None and len(problems) == 1
    assert time.monotonic() - started < 3


def limits(text: str) -> list[str]:
    report = Report("f.yml")
    check_limits(text.encode(), report)
    return [f"{item.place}: {item.message}" for item in report.findings]


BOMB = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 9))


@pytest.mark.parametrize(
    "text", [BOMB, "[" * 60 + "]" * 60, "[" * 42 + "x" + "]" * 42, "- x\n" * 60_000, "a: " + "x" * (2 << 20), "[" * 100_000]
)
def test_the_limits_are_those_of_the_format(text: str) -> None:
    """Said in the same words as by who reads the file."""
    started = time.monotonic()
    report = Report("f.yml")
    load_yaml(text.encode(), report)
    assert limits(text) == [f"{item.place}: {item.message}" for item in report.findings]
    assert len(limits(text)) == 1
    assert time.monotonic() - started < 5


@pytest.mark.parametrize(
    "text",
    ["", "a: 1\n---\nb: 2\n", "a: [", "a: !reset []\n", "a: !x y\n", "a: 1\na: 2\n", "[" * 41 + "]" * 41, "a: &a [*a]", "a: *gone", "\0", "x: &x {y: *x}"],
)  # fmt: skip
def test_what_is_within_the_limits_is_left_to_its_reader(text: str) -> None:
    assert limits(text) == []
