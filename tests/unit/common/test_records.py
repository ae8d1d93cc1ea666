# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Records: what is given stays given, what is odd is named by its place, and nothing can be set afterwards."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from ansible_collections.restaking.avs.plugins.module_utils.common import records
from ansible_collections.restaking.avs.plugins.module_utils.common.findings import Finding
from ansible_collections.restaking.avs.plugins.module_utils.common.records import (
    Odd,
    Record,
    item,
    many,
    nullable,
    plain,
    table,
    text,
    whole,
)


class Inner(Record):
    size: int | None = item(nullable(whole), default=None)


class Outer(Record):
    name: str = item(text)
    parts: Sequence[Inner] = item(many(Inner.read), default=())
    named: Mapping[str, Inner] = item(table(Inner.read), default={})


class Loose(Record, loose=True):
    name: str = item(text, default="nobody")


@pytest.mark.parametrize(
    "document",
    [
        {"name": "a"},
        {"name": "a", "parts": [], "named": {}},
        {"parts": [{"size": 1}, {"size": None}, {}], "name": "a", "named": {"x": {"size": 2}}},
    ],
)
def test_what_was_read_is_written_as_it_came(document: dict[str, Any]) -> None:
    read = Outer.read(document)
    assert read.as_dict() == document and list(read.as_dict()) == list(document)
    assert Outer.read(read.as_dict()) == read


def test_what_a_document_left_out_has_its_default_and_stays_out() -> None:
    read = Outer.read({"name": "a"})
    assert (read.parts, read.named) == ((), {})
    assert read.but(parts=(Inner(size=1),)).as_dict() == {"name": "a", "parts": [{"size": 1}]}
    assert read.but(named={}).without("named") == read
    assert Inner() != Inner(size=None) and Inner(size=1) == Inner(size=1) and Inner() != Outer(name="a")
    assert repr(Inner(size=1)) == "Inner(size=1)"


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ([], "is not a mapping"),
        ({}, "name is missing"),
        ({"name": 1}, "name is not a text"),
        ({"name": None}, "name is not a text"),
        ({"name": "a", "more": 1}, "more is not known here"),
        ({"name": "a", "parts": {}}, "parts is not a list"),
        ({"name": "a", "parts": [{}, {"size": "5"}]}, "parts.1.size is not a whole number"),
        ({"name": "a", "named": {"x": {"size": True}}}, "named.x.size is not a whole number"),
        ({"name": "a", "named": []}, "named is not a mapping"),
        ({"name": "a", "named": {"x": 5}}, "named.x is not a mapping"),
    ],
)
def test_what_is_odd_is_named_by_its_place(document: Any, words: str) -> None:
    with pytest.raises(Odd) as caught:
        Outer.read(document)
    assert str(caught.value) == words


@pytest.mark.parametrize(
    ("reader", "good", "bad"),
    [
        ("text", ["", "a"], [None, 1, True, [], {}]),
        ("whole", [0, -1], [None, 1.5, True, "1"]),
        ("number", [0, 1.5], [None, True, "1"]),
        ("flag", [True, False], [None, 0, "true"]),
        ("port", [80, "PORT"], [None, True, 1.5, []]),
        ("anything", [None, {}, 1], []),
    ],
)
def test_readers(reader: str, good: list[Any], bad: list[Any]) -> None:
    read = getattr(records, reader)
    assert [read(value) for value in good] == good
    for value in bad:
        with pytest.raises(Odd):
            read(value)


def test_words_and_findings() -> None:
    assert records.one_of("a", "b")("a") == "a"
    for odd in ("c", None, ["a"], 1):
        with pytest.raises(Odd, match="is not one of a, b"):
            records.one_of("a", "b")(odd)
    found = Finding("OPS-001", "error", "here", "is wrong", "Mend it.")
    assert records.finding_of(found.as_dict()) == found and plain((found,)) == [found.as_dict()]
    with pytest.raises(Odd):
        records.finding_of("x")


def test_a_loose_record_keeps_what_it_does_not_know() -> None:
    read = Loose.read({"later": [1], "name": "a"})
    assert read.name == "a" and read.but(name="b").as_dict() == {"later": [1], "name": "b"}


def test_a_record_is_made_whole_and_stays_as_it_is() -> None:
    with pytest.raises(TypeError, match="Outer: name"):
        Outer()
    with pytest.raises(TypeError, match="Outer: more"):
        Outer(name="a", more=1)
    with pytest.raises(AttributeError, match=r"Outer\.name cannot be set"):
        Outer(name="a").name = "b"


def test_what_python_puts_into_a_class_is_no_field() -> None:
    """From 3.13 on: names of attributes that methods set."""

    class Newer(Record):
        __static_attributes__ = ()
        name: str = item(text)

    assert Newer.read({"name": "a"}).as_dict() == {"name": "a"}


def test_what_is_stated() -> None:
    assert records.stated({"a": None, "b": [None, {"c": None, "d": 0}], "e": ""}) == {"b": [{"d": 0}], "e": ""}


@pytest.mark.parametrize(
    ("document", "newer"),
    [
        ({}, None),
        ({"schema": 1}, None),
        ({"schema": 0}, None),
        ({"schema": 2}, 2),
        ({"schema": "1"}, "1"),
        ({"schema": True}, True),
        ([], None),
    ],
)
def test_which_schema_is_read(document: Any, newer: object) -> None:
    assert records.newer_than(document, 1) is newer
