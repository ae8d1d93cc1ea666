# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Values as YAML makes them, on their way into the parsers."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any

import pytest
import yaml
from ansible.template import trust_as_template
from ansible_collections.restaking.avs.plugins.plugin_utils.inventory.entries import parse_instances
from ansible_collections.restaking.avs.plugins.plugin_utils.inventory.fleet import survey
from ansible_collections.restaking.avs.plugins.plugin_utils.parsing.plain import plain
from ansible_collections.restaking.avs.plugins.plugin_utils.parsing.report import kind_of

from tests.unit.support.fakes import entry


class Other:
    """Nothing YAML knows."""

    def __repr__(self) -> str:
        return "canary"


def holding_itself() -> Any:
    return yaml.safe_load("&a {inner: [*a, *a]}")


def deep(levels: int) -> Any:
    return [deep(levels - 1)] if levels else []


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (yaml.safe_load("2026-01-01"), "2026-01-01"),
        (yaml.safe_load("2026-01-01T10:20:30Z"), "2026-01-01T10:20:30+00:00"),
        (datetime.time(10, 20), "10:20:00"),
        ({datetime.date(2026, 1, 1): 1}, {"2026-01-01": 1}),
        ({"b", "a", "c"}, ["a", "b", "c"]),
        ((1, [2.5, None, True]), [1, [2.5, None, True]]),
    ],
)
def test_what_has_a_plain_form(given: Any, expected: Any) -> None:
    assert plain(given) == expected


def test_a_date_without_quotes_is_the_text_it_was_written_as() -> None:
    entries, findings = parse_instances(plain([entry(options=yaml.safe_load("{since: 2026-01-01}"))]))
    assert findings == [] and entries[0].options == {"since": "2026-01-01"}


@pytest.mark.parametrize(
    ("value", "kind"),
    [(b"canary", "bytes"), (Other(), "Other"), (1 << 20_000, "number too large")],
    # Python refuses to write the number, even as the name of a test.
    ids=["bytes", "object", "number"],
)
def test_what_has_none_is_a_wrong_type_at_its_place(value: Any, kind: str) -> None:
    _entries, findings = parse_instances(plain([entry(), entry(tag="op2", options={"since": value}, version=value, commit=value)]))
    assert {item.place: item.message for item in findings} == {
        "avs_instances[1].options.since": f"a {kind} is not the value of an option",
        "avs_instances[1].version": f"<{kind}> is not a version like v1.2.3",
        "avs_instances[1].commit": f"<{kind}> is not a commit (40 small hex digits)",
    }
    assert all(item.id == "INV-001" and item.remedy and "canary" not in item.as_line() for item in findings)


@pytest.mark.parametrize("value", [holding_itself(), {("a", "b"): 1}, {1 << 20_000: 1}, deep(200)])
def test_odd_shapes_are_reported_too(value: Any) -> None:
    for item in (value, {**entry(), "tag": value}, {**entry(), "limits": value}, {**entry(), "options": {"a": value}}):
        _entries, findings = parse_instances(plain([item]))
        assert findings and all(found.place.startswith("avs_instances[0]") for found in findings)


def test_a_hosts_keys_are_surveyed_beside_its_dates() -> None:
    hosts: Mapping[str, Any] = {"h1": {"avs_instances": [entry(options={"since": datetime.date(2026, 1, 1)})]}}
    assert len(survey(hosts, ("h1",), hosts.__getitem__)["uses"]) == 2


def test_ansibles_own_types_become_builtins() -> None:
    tagged = trust_as_template("text")
    assert {type(tagged)} != {str}
    found = plain({tagged: [tagged, (1, 2.5, True, None)]})
    assert found == {"text": ["text", [1, 2.5, True, None]]}
    assert {type(item) for item in (*found, found["text"][0])} == {str}
    assert kind_of(plain({"x": object()})["x"]) == "object"
