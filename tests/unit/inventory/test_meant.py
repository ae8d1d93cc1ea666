# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which entries are meant by ids, and what is wrong with those alone."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.restaking.avs.plugins.plugin_utils.inventory.entries import Entry, parse_instances
from ansible_collections.restaking.avs.plugins.plugin_utils.inventory.meant import Ids, asked
from ansible_collections.restaking.avs.plugins.plugin_utils.inventory.spec import Built, build_specs

from tests.unit.support.fakes import Numbered, entry, package

MINE = "demo-avs-op1"


def chosen(items: list[Any], ids: Ids) -> tuple[list[Entry], list[tuple[str, str]]]:
    entries, findings = parse_instances(items)
    found, wrong = ids.choose(items, entries, findings)
    return found, [(item.id, item.place) for item in wrong]


def built(entries: list[Entry]) -> Built:
    return build_specs(entries, lambda one: package("demo-avs" if one.package_name else "herald"), Numbered(), [])


def test_what_nobody_asked_for_stands_in_nobodys_way() -> None:
    items = [entry(), entry(tag="op2", version="1"), entry(tag="op3"), {"package": "other", "tag": "op1", "surprise": 1}]
    found, wrong = chosen(items, Ids((MINE,)))
    assert [one.tag for one in found] == ["op1"] and wrong == []
    found, wrong = chosen(items, Ids((), True))
    assert len(found) == 2 and {item[1] for item in wrong} >= {"avs_instances[1].version", "avs_instances[3].surprise"}
    # Of one that cannot be read nobody knows.
    assert chosen([entry(), {"package": "demo-avs", "tag": 5}, "x"], Ids((MINE,)))[1] != []


def test_one_that_is_to_be_down() -> None:
    items = [entry(state="stopped"), entry(tag="op2", state="absent")]
    assert chosen(items, Ids((MINE,))) == ([], [("INV-001", "avs_instances[0].state")])
    assert chosen(items, Ids((), True)) == ([], [])


def test_whose_package_is_not_known_before_it_was_read() -> None:
    items = [entry(), entry(package={"path": "/srv/herald"})]
    ids = Ids((MINE, "no-such-1"))
    entries, _wrong = chosen(items, ids)
    assert [one.package_name for one in entries] == ["demo-avs", None]
    everything = built(entries)
    assert [spec["id"] for spec in everything.specs] == [MINE, "herald-op1"]
    mine = ids.only(everything)
    assert [spec["id"] for spec in mine.specs] == [MINE] and len(mine.entries) == 1
    assert ids.unknown(entries, mine) == ["no-such-1"] and Ids((), True).only(everything) is everything


@pytest.mark.parametrize(
    ("ids", "everything", "names"),
    [(["a-1", "b-1", "a-1"], False, ("a-1", "b-1")), ("a-1, b-1,", False, ("a-1", "b-1")), ([], True, ()), (None, True, ())],
)
def test_what_may_be_asked(ids: Any, everything: bool, names: tuple[str, ...]) -> None:
    assert asked(ids, everything) == Ids(names, everything)


@pytest.mark.parametrize(
    ("ids", "everything"), [([], False), ("", False), (["a-1"], True), ({"a": 1}, False), ([["a"]], False), (["../a"], False)]
)
def test_what_may_not(ids: Any, everything: bool) -> None:
    with pytest.raises(ValueError, match=r"ids|instances|id of"):
        asked(ids, everything)
