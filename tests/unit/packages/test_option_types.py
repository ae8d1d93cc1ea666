# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import re
import time
from typing import Any

import pytest
from ansible_collections.restaking.avs.plugins.plugin_utils.packages.option_types import TYPES, Invalid, check_value
from ansible_collections.restaking.avs.plugins.plugin_utils.parsing.spelling import Respelled, Rewritten
from hypothesis import given
from hypothesis import strategies as st

ACCEPTED = [
    ("int", 5, {}, "5"), ("int", "-5", {}, "-5"), ("int", "+5", {}, "+5"), ("int", 1, {"min_value": 1, "max_value": 1}, "1"),
    ("int", 10**30, {}, str(10**30)), ("int", 3, {"min_value": 3}, "3"), ("int", 3, {"max_value": 3}, "3"),
    ("float", 1.5, {}, "1.5"), ("float", "1.50", {}, "1.50"), ("float", 3, {}, "3"), ("float", "-.5", {}, "-.5"),
    ("float", 0.1, {"min_value": 0.1, "max_value": 0.1}, "0.1"), ("float", 1e22, {}, "1" + "0" * 22),
    *[("bool", text, {}, "true") for text in ("true", "TRUE", "True", "t", "T", "1", 1, True)],
    *[("bool", text, {}, "false") for text in ("false", "FALSE", "False", "f", "F", "0", 0, False)],
    ("str", "", {}, ""), ("str", "a b=c#d'\"$x\\", {}, "a b=c#d'\"$x\\"), ("str", 8080, {}, "8080"), ("str", -5, {}, "-5"),
    ("str", "xabcx", {"re2_regex": "abc"}, "xabcx"), ("str", "abc", {"re2_regex": "^[a-c]+$"}, "abc"),
    ("port", 1, {}, "1"), ("port", "65535", {}, "65535"),
    ("path_dir", "/var/lib", {}, "/var/lib"), ("path_dir", "data/..db/x..", {}, "data/..db/x.."), ("path_dir", "./a", {}, "./a"),
    ("path_file", "/a/k.json", {"format": ".json"}, "/a/k.json"), ("path_file", "k.json", {"format": "json"}, "k.json"),
    ("path_file", "k", {}, "k"),
    ("uri", "https://example.org:8545/a?b=c#d", {"uri_scheme": ["http", "https"]}, "https://example.org:8545/a?b=c#d"),
    ("uri", "HTTPS://x", {"uri_scheme": ["https"]}, "HTTPS://x"), ("uri", "mailto:a@b.c", {}, "mailto:a@b.c"),
    ("uri", "http://[2001:db8::1]:80/%20", {}, "http://[2001:db8::1]:80/%20"), ("uri", "urn:a:b", {}, "urn:a:b"),
    ("select", "b", {"options": ["a", "b"]}, "b"), ("select", 1, {"options": ["1", "2"]}, "1"),
    ("id", "op1", {}, "op1"),
]  # fmt: skip

REFUSED = [
    ("int", "", {}), ("int", "5.0", {}), ("int", 5.0, {}), ("int", True, {}), ("int", "0x10", {}), ("int", "1_000", {}),
    ("int", "٣", {}), ("int", " 5", {}), ("int", "5\n", {}), ("int", 0, {"min_value": 1}), ("int", 2, {"max_value": 1}), ("int", [], {}),
    ("float", "nan", {}), ("float", float("nan"), {}), ("float", "inf", {}), ("float", float("-inf"), {}), ("float", "1,5", {}),
    ("float", True, {}), ("float", "", {}), ("float", ".", {}), ("float", "1e999", {}), ("float", 0.09, {"min_value": 0.1}),
    *[("bool", text, {}) for text in ("yes", "no", "on", "tRUE", "2", "", 2, 1.0, "y")],
    ("str", "a\nb", {}), ("str", "a\0b", {}), ("str", {}, {}), ("str", "\ud800", {}), ("str", "x" * 131072, {}),
    ("str", True, {}), ("str", 1.1, {}), ("id", 1.1, {}), ("str", Respelled(18, "0x12"), {}), ("str", 2**160 - 1, {}),
    ("str", Rewritten("2026-01-01T10:00:00"), {}), ("select", 1.1, {"options": ["1.1", "1.10"]}), ("select", Respelled(8, "010"), {"options": ["8"]}),
    ("str", "xyz", {"re2_regex": "abc"}), ("str", "xabc", {"re2_regex": "^abc"}),
    ("port", 0, {}), ("port", 65536, {}), ("port", "http", {}), ("port", 80.0, {}), ("port", True, {}), ("port", "-1", {}),
    *[("path_dir", text, {}) for text in ("", "a b", "/a/../b", "..", "a\tb", "a\x7f", "a\xa0b", 5)],
    ("path_file", "/a/k.txt", {"format": "json"}), ("path_file", "kjson", {"format": "json"}),
    *[("uri", text, {}) for text in ("", "example.org", "//x/y", "1http://x", "http://a b", "http://[::1", "http://x/%zz", "http://é", "http://[nope]/")],
    ("uri", "ftp://x", {"uri_scheme": ["http", "https"]}),
    ("select", "c", {"options": ["a", "b"]}), ("select", "", {"options": ["a"]}),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "value", "rules", "text"), ACCEPTED)
def test_accepts(kind: str, value: Any, rules: dict[str, Any], text: str) -> None:
    assert check_value(kind, value, rules).text == text


@pytest.mark.parametrize(("kind", "value", "rules"), REFUSED)
def test_refuses(kind: str, value: Any, rules: dict[str, Any]) -> None:
    with pytest.raises(Invalid):
        check_value(kind, value, rules)


@given(st.integers(), st.integers(), st.integers())
def test_int_bounds_are_inclusive(value: int, low: int, high: int) -> None:
    inside = low <= value <= high
    try:
        assert check_value("int", value, {"min_value": low, "max_value": high}).value == value
    except Invalid:
        assert not inside
    else:
        assert inside


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_float_keeps_its_value(value: float) -> None:
    checked = check_value("float", value, {"min_value": value, "max_value": value})
    assert float(checked.text) == value
    assert re.fullmatch(r"-?[0-9]+(\.[0-9]+)?", checked.text)


@given(st.text(alphabet=st.characters(exclude_categories=("Cs",))))
def test_str_takes_everything_but_nul_and_newline(value: str) -> None:
    if "\0" in value or "\n" in value:
        with pytest.raises(Invalid):
            check_value("str", value, {})
    else:
        assert check_value("str", value, {}).text == value


@given(st.integers())
def test_port_range(value: int) -> None:
    if 1 <= value <= 65535:
        assert check_value("port", value, {}).value == value
    else:
        with pytest.raises(Invalid):
            check_value("port", value, {})


@given(st.text())
def test_path_never_leaves_or_breaks_a_line(value: str) -> None:
    try:
        text = check_value("path_dir", value, {}).text
    except Invalid:
        return
    assert text and ".." not in text.split("/") and not re.search(r"\s|[\x00-\x1f\x7f]", text)


@given(st.lists(st.text(alphabet="abc", min_size=1), min_size=1), st.text(alphabet="abc"))
def test_select_is_membership(choices: list[str], value: str) -> None:
    try:
        check_value("select", value, {"options": choices})
    except Invalid:
        assert value not in choices
    else:
        assert value in choices


@given(st.sampled_from(sorted(TYPES)), st.one_of(st.text(), st.integers(), st.booleans(), st.floats(), st.none(), st.lists(st.integers())))
def test_no_value_raises_anything_but_invalid(kind: str, value: Any) -> None:
    try:
        checked = check_value(kind, value, {"options": ["a"]} if kind == "select" else {})
    except Invalid:
        return
    assert "\n" not in checked.text and "\0" not in checked.text


@given(st.text(min_size=4, alphabet="qxz!"), st.sampled_from(sorted(TYPES)))
def test_messages_never_repeat_the_value(value: str, kind: str) -> None:
    rules = {"options": ["a"]} if kind == "select" else {"re2_regex": "^$"} if kind in ("str", "id") else {"uri_scheme": ["http"]}
    try:
        check_value(kind, value, rules)
    except Invalid as error:
        assert value not in str(error)


@pytest.mark.parametrize(("kind", "value", "rules"), [
    ("str", "a" * 100_000 + "b", {"re2_regex": "^(a+)+$"}),
    ("uri", "http://" + "a" * 100_000 + "[", {}),
    ("uri", "a:" + "%20" * 30_000 + "%", {}),
    ("path_dir", "../" * 40_000, {}),
])  # fmt: skip
def test_hostile_values_take_linear_time(kind: str, value: str, rules: dict[str, Any]) -> None:
    started = time.monotonic()
    with pytest.raises(Invalid):
        check_value(kind, value, rules)
    assert time.monotonic() - started < 2


def test_re2_has_no_backreferences() -> None:
    with pytest.raises(Invalid, match="RE2"):
        check_value("str", "aa", {"re2_regex": r"(a)\1"})


@pytest.mark.parametrize("value", [True, False, 1.1, Respelled(18, "0x12"), Rewritten("2026-01-01T10:00:00"), 2**160 - 1])
def test_a_value_that_yaml_changed_is_to_be_quoted(value: Any) -> None:
    with pytest.raises(Invalid) as caught:
        check_value("str", value, {})
    assert caught.value.remedy == "Write it in quotes."


@pytest.mark.parametrize("kind", ["select", "uri", "path_dir", "path_file"])
@pytest.mark.parametrize("value", [False, 1.1, Respelled(18, "0x12")])
def test_so_is_one_of_the_other_types_that_are_text(kind: str, value: Any) -> None:
    with pytest.raises(Invalid) as caught:
        check_value(kind, value, {"options": ["no", "1.10", "0x12"]})
    assert caught.value.remedy.startswith("Write it in quotes")


def test_a_boolean_that_is_a_choice_is_that_choice() -> None:
    assert check_value("select", True, {"options": ["true", "false"]}).text == "true"


def test_numbers_stay_numbers() -> None:
    assert check_value("int", Respelled(18, "0x12"), {}).text == "18" and check_value("port", Respelled(80, "0x50"), {}).value == 80
