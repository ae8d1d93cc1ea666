# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From version to version: which way, which stops, what is refused; and the entry as it would be written on the way."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.restaking.avs.plugins.plugin_utils.inventory.crossing import entry_at, is_newer, refused, way
from ansible_collections.restaking.avs.plugins.plugin_utils.inventory.entries import Entry
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.packages.test_option_values import profile


@pytest.mark.parametrize(
    ("wanted", "installed", "newer"),
    [
        ("v1.1.0", "v1.0.0", True),
        ("v1.10.0", "v1.9.0", True),
        ("v1.0.0", "v1.1.0", False),
        ("v1.1.0", "v1.1.0-rc.1", True),
        ("v1.1.0-rc.1", "v1.1.0", False),
        ("v1.1.0-rc.2", "v1.1.0-rc.10", False),
        ("v1.1.0-rc.1", "v1.1.0-beta", True),
        ("v1.1.0-alpha", "v1.1.0-1", True),
        ("v1.1.0", None, None),
        (None, "v1.1.0", None),
        ("v1.1.0", "1.0.0", None),
        ("v1.1.0+b", "v1.1.0+a", None),
    ],
)
def test_what_is_newer(wanted: str | None, installed: str | None, newer: bool | None) -> None:
    assert is_newer(wanted, installed) is newer
    problem = refused("node-op1", installed, wanted)
    assert (problem is None) == bool(newer) and (problem is None or problem.id == "UPG-008")


def test_what_precedence_calls_equal_is_as_the_tap_lists_it() -> None:
    order = ["v1.1.0+a", "v1.1.0+b"]
    assert is_newer("v1.1.0+b", "v1.1.0+a", order) is True and is_newer("v1.1.0+a", "v1.1.0+b", order) is False
    assert is_newer("v1.1.0+c", "v1.1.0+a", order) is None
    # A tap's order is no way around precedence.
    assert is_newer("v1.0.0", "v1.1.0+a", ["v1.1.0+a", "v1.0.0"]) is False


def path(installed: str, wanted: str, declared: dict[str, list[str]], *more: str) -> tuple[str, ...]:
    return way(installed, wanted, [*declared, *more], lambda version: declared.get(version, []))


@pytest.mark.parametrize(
    ("declared", "expected"),
    [
        # Nothing is migrated between, or the wanted version knows it all.
        ({}, ["v3.0.0"]),
        ({"v2.0.0": [], "v3.0.0": []}, ["v3.0.0"]),
        ({"v2.0.0": ["v2.0.0"], "v3.0.0": ["v2.0.0", "v3.0.0"]}, ["v3.0.0"]),
        # The wanted one has forgotten it.
        ({"v2.0.0": ["v2.0.0"], "v3.0.0": []}, ["v2.0.0", "v3.0.0"]),
        ({"v2.0.0": ["v2.0.0"], "v2.5.0": ["v2.0.0", "v2.5.0"], "v3.0.0": ["v2.5.0"]}, ["v2.0.0", "v3.0.0"]),
        ({"v1.5.0": ["v1.5.0"], "v2.0.0": ["v2.0.0"], "v3.0.0": ["v3.0.0"]}, ["v1.5.0", "v2.0.0", "v3.0.0"]),
        # Declared by a later one only: that is the stop.
        ({"v2.0.0": [], "v2.0.1": ["v2.0.0"], "v3.0.0": []}, ["v2.0.1", "v3.0.0"]),
        # On the way to a stop, too.
        ({"v1.2.0": ["v1.2.0"], "v2.0.0": ["v2.0.0"], "v3.0.0": ["v1.2.0"]}, ["v1.2.0", "v2.0.0", "v3.0.0"]),
        # Made before, not made yet, or of a version that is its own.
        ({"v0.9.0": ["v0.9.0"], "v2.0.0": ["v1.0.0", "v0.5.0"], "v3.0.0": []}, ["v3.0.0"]),
        ({"v2.0.0": ["v9.0.0"], "v3.0.0": []}, ["v3.0.0"]),
        ({"v4.0.0": ["v4.0.0"], "v3.0.0": []}, ["v3.0.0"]),
    ],
)
def test_which_versions_are_stops(declared: dict[str, list[str]], expected: list[str]) -> None:
    assert list(path("v1.0.0", "v3.0.0", declared)) == expected


VERSIONS = [f"v1.{number}.0" for number in range(8)]


@given(st.dictionaries(st.sampled_from(VERSIONS), st.lists(st.sampled_from(VERSIONS), max_size=4)))
def test_every_migration_is_made_once_on_every_way(declared: dict[str, list[str]]) -> None:
    """Whatever versions declare: the way rises, ends where it has to, and what any version on it could lose was made by then."""
    found = path("v1.0.0", "v1.7.0", declared, *VERSIONS)
    numbers = [VERSIONS.index(version) for version in ("v1.0.0", *found)]
    assert numbers == sorted(set(numbers)) and found[-1] == "v1.7.0"
    at = 0
    for step in numbers[1:]:
        own = set(declared.get(VERSIONS[step], []))
        lost = {
            goal for between in range(at + 1, step) for goal in declared.get(VERSIONS[between], []) if at < VERSIONS.index(goal) <= between
        }
        assert lost <= own
        at = step


def entry(options: dict[str, Any], **more: Any) -> Entry:
    return Entry("avs_instances[0]", "core/demo-avs", "op1", "hoodi", "v3.0.0", options=options, **more)


def test_the_entry_on_the_way_has_the_names_of_that_version() -> None:
    there = profile({"name": "old"}, {"name": "same", "target": "S"})
    own = profile({"name": "newest"}, {"name": "same", "target": "S"}, {"name": "fresh", "target": "F"})
    wanted = replace(own, runtime=replace(own.runtime, renames={"old": "newer", "newer": "newest"}))
    given = entry({"newest": 1, "same": 2, "fresh": 3}, commit="c" * 40, encrypted=frozenset({"newest", "fresh"}))
    found = entry_at(given, "v2.0.0", there, wanted)
    assert found.options == {"old": 1, "same": 2} and found.encrypted == {"old"}
    assert (found.version, found.commit, found.place) == ("v2.0.0", None, given.place)
    # What is written under an old name already stays as it is where that version knows the name.
    assert entry_at(entry({"old": 1}), "v2.0.0", there, wanted).options == {"old": 1}
