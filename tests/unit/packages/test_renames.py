# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Options with another name than before: whose value it is, and what a package may say of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.restaking.avs.plugins.plugin_utils.fetching.cache import Cache
from ansible_collections.restaking.avs.plugins.plugin_utils.packages.option_values import Resolved, resolve_options
from ansible_collections.restaking.avs.plugins.plugin_utils.packages.package import PackageRequest, inspect_package
from ansible_collections.restaking.avs.plugins.plugin_utils.packages.renames import check_renames
from ansible_collections.restaking.avs.plugins.plugin_utils.packages.runtime import RULES
from ansible_collections.restaking.avs.plugins.plugin_utils.parsing.report import Report

from tests.unit.packages.test_option_values import PASSWORD, profile
from tests.unit.support.builders import RUNTIME, as_yaml, package_files, write

NEW = {"name": "new", "target": "NEW", "type": "port", "default": 80}


def resolved(renames: Mapping[str, str], values: Mapping[str, Any], *options: dict[str, Any], **more: Any) -> Resolved:
    own = profile(*(options or (NEW,)))
    return resolve_options(replace(own, runtime=replace(own.runtime, renames=renames)), values, "avs_instances[0]", **more)


def rules(found: Resolved) -> list[tuple[str, str, str]]:
    return [(item.id, item.severity, item.place.removeprefix("avs_instances[0].options.")) for item in found.findings]


def test_a_value_under_the_old_name_is_the_new_options() -> None:
    found = resolved({"old": "new"}, {"old": 8080})
    assert found.env == {"NEW": "8080"} and rules(found) == [("UPG-007", "warning", "old")]
    assert found.findings[0].message == "old is called new since this version; the value was taken over"
    # Nothing is said of a name nobody uses; one that was taken back (null) is none.
    assert resolved({"old": "new"}, {}).findings == () and resolved({"old": "new"}, {"old": None}).env == {"NEW": "80"}
    assert rules(resolved({"old": "new"}, {"older": 1})) == [("OPT-003", "error", "older")]


def test_two_values_for_one_option_are_an_error() -> None:
    assert rules(resolved({"old": "new"}, {"old": 8080, "new": 8081})) == [("UPG-007", "error", "old")]
    assert rules(resolved({"a": "new", "b": "new"}, {"a": 1, "b": 2})) == [("UPG-007", "warning", "a"), ("UPG-007", "error", "b")]
    assert rules(resolved({"old": "new"}, {"old": 8080, "new": None})) == [("UPG-007", "warning", "old")]


def test_an_option_that_got_a_new_name_twice() -> None:
    found = resolved({"oldest": "old", "old": "new"}, {"oldest": 8080})
    assert found.env == {"NEW": "8080"} and rules(found) == [("UPG-007", "warning", "oldest")]


def test_a_value_that_is_not_valid_any_more_is_told_where_it_stands() -> None:
    assert rules(resolved({"old": "new"}, {"old": "no port"}))[1:] == [("OPT-001", "error", "old")]


def test_a_secret_stays_one() -> None:
    option = {"name": "new", "target": "NEW", "hidden": True}
    found = resolved({"old": "new"}, {"old": PASSWORD}, option)
    assert list(found.secrets) == ["new"] and found.written == {"new": "old"} and PASSWORD not in repr(found)
    assert rules(found)[1:] == [("SEC-004", "warning", "old")]
    assert rules(resolved({"old": "new"}, {"old": PASSWORD}, option, encrypted={"old"}))[1:] == []


@pytest.mark.parametrize(
    ("renames", "problems"),
    [
        ({"old": "new"}, []),
        ({"oldest": "old", "old": "new"}, []),
        ({"new": "other"}, [("renames.new", "is still an option")]),
        ({"old": "gone"}, [("renames.old", "leads to gone, which is no option")]),
        ({"a": "a"}, [("renames.a", "leads to itself: a -> a")]),
        ({"a": "b", "b": "a"}, [("renames.a", "leads to itself: a -> b -> a"), ("renames.b", "leads to itself: b -> a -> b")]),
        ({"c": "a", "a": "b", "b": "a"}, [("renames.c", "to itself"), ("renames.a", "to itself"), ("renames.b", "to itself")]),
    ],
)
def test_what_a_package_may_say(renames: dict[str, str], problems: list[tuple[str, str]]) -> None:
    report = Report("runtime.yml", RULES)
    check_renames(renames, {"new"}, report)
    assert [(item.id, item.severity) for item in report.findings] == [("PKG-016", "error")] * len(problems)
    for item, (place, text) in zip(report.findings, problems, strict=True):
        assert item.place == f"runtime.yml: {place}" and text in item.message


def test_a_package_with_a_name_that_is_still_an_option_is_refused(tmp_path: Path, cache: Cache) -> None:
    files = package_files()
    path = next(name for name in files if name.endswith("runtime.yml"))
    files[path] = as_yaml({**RUNTIME, "renames": {"main-port": "test-option-int"}})
    found = inspect_package(PackageRequest({"path": str(write(tmp_path / "p", files))}), [], cache).findings
    assert ("PKG-016", "error") in [(item.id, item.severity) for item in found if "renames.main-port" in item.place]
