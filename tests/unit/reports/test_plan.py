# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a run would do, made of what it says in check mode."""

from __future__ import annotations

from typing import Any

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.restaking.avs.plugins.filter.plan_rows import FilterModule, plan_rows
from ansible_collections.restaking.avs.plugins.filter.rows_report import rows_report

DECLARED = [
    {"package": "core/demo-avs", "version": "v1.0.0", "tag": "one", "options": {"x": object()}},
    {"package": {"path": "/p"}, "tag": "two", "state": "stopped"},
]
PRESENT = {"instances": [{"id": "demo-avs-one", "version": "v0.9.0", "state": "started", "phase": "committed"},
                         {"id": "gone-x", "phase": "absent"}, {"id": "asked-y", "phase": None}]}  # fmt: skip


def action(action: str, kind: str, name: str) -> dict[str, str]:
    return {"action": action, "kind": kind, "name": name}


def problem(place: str, message: str, severity: str = "error") -> dict[str, str]:
    return {"id": "X-1", "severity": severity, "place": place, "message": message, "remedy": "r"}


def verdicts(rows: list[dict[str, Any]]) -> dict[str, str]:
    return {row["id"]: row["plan"] for row in rows}


def test_what_would_be_done() -> None:
    steps = [
        action("pull", "image", "r/x"),
        action("create", "container", "a"),
        action("create", "network", "n"),
        action("create", "container", "b"),
    ]
    result = {
        "changed": True,
        "instances": [
            {"id": "demo-avs-one", "version": "v1.0.0", "state": "started", "actions": steps},
            {"id": "other-two", "version": None, "state": "stopped", "actions": []},
        ],
        "unlisted": ["demo-avs-old"],
    }
    rows = plan_rows(result, "h", DECLARED, PRESENT)
    assert verdicts(rows) == {
        "demo-avs-one": "pull image r/x; create container a, b; create network n",
        "other-two": "nothing to do",
        "demo-avs-old": "not in the inventory, left alone",
    }
    assert rows[0]["installed"] == {"version": "v0.9.0", "state": "started"} and rows[0]["wanted"] == {
        "version": "v1.0.0",
        "state": "started",
    }
    assert [row["verdict"] for row in rows] == ["change", "nothing", "unlisted"] and rows[1]["installed"] is None
    table = rows_report(rows, "plan").splitlines()
    assert table[0].split() == ["host", "instance", "installed", "wanted", "plan"]
    assert table[1].startswith("h     demo-avs-one  v0.9.0 started  v1.0.0 started  pull\u00a0image")


def test_what_is_held_stays_whatever_is_wanted() -> None:
    hold = {"since": "s", "by": "b", "reason": "disk is replaced"}
    entry = {"id": "demo-avs-one", "version": "v0.9.0", "state": "stopped", "hold": hold, "actions": []}
    (row,) = plan_rows({"instances": [entry]}, "h", DECLARED, {"instances": [{**entry, "phase": "committed"}]})
    assert row["installed"] == {"version": "v0.9.0", "state": "held"} and row["wanted"] == {"version": "v1.0.0", "state": "started"}
    assert (row["verdict"], row["plan"]) == ("nothing", "nothing to do; held down since s by b: disk is replaced")


def test_what_the_controller_refuses() -> None:
    found = [problem("avs_instances[0].options.main-port", "80800 is no port"), problem("demo-avs-one: pkg/manifest.yml", "is odd"),
             problem("avs_instances[0].tag", "is long", "warning")]  # fmt: skip
    rows = plan_rows({"failed": True, "msg": "m", "instances": [], "findings": found}, "h", DECLARED, PRESENT)
    assert verdicts(rows) == {
        "demo-avs-one": "refused: options.main-port: 80800 is no port; pkg/manifest.yml: is odd",
        "avs_instances[1] (tag two)": "waits: others of this host are refused",
    }
    assert rows[0]["wanted"] == {"version": "v1.0.0", "state": "started"} and rows[1]["wanted"]["state"] == "stopped"


def test_the_tenth_entry_is_not_the_first() -> None:
    declared = [{"package": "p", "tag": f"t{number}"} for number in range(11)]
    rows = plan_rows(
        {"failed": True, "instances": [], "findings": [problem("avs_instances[10]", "bad"), problem("p-t1.keys", "k")]}, "h", declared
    )
    assert [row["id"] for row in rows if row["verdict"] == "refused"] == ["p-t1", "p-t10"]


def test_what_the_host_refuses_of_one_while_others_go_on() -> None:
    held = "demo-avs-one was not changed: others of this call are refused, and what is changed is changed together with them"
    result = {
        "failed": True,
        "msg": "2 of 3 instances failed on h",
        "instances": [
            {"id": "demo-avs-one", "version": "v0.9.0", "state": "started", "actions": [], "error": held},
            {"id": "other-two", "state": "stopped", "actions": [], "error": "other-two was refused; nothing of it was changed"},
            {"id": "up-again", "state": "started", "actions": [action("start", "container", "n")], "error": None},
        ],
        "findings": [problem("other-two: services.n", "is privileged")],
        "unlisted": [],
    }
    assert verdicts(plan_rows(result, "h", DECLARED)) == {
        "demo-avs-one": "waits: others of this host are refused",
        "other-two": "refused: services.n: is privileged",
        "up-again": "start container n",
    }


@pytest.mark.parametrize(
    ("result", "reason"),
    [
        ({"findings": [problem("engine", "is not there")]}, "engine: is not there"),
        ({"findings": [], "msg": "the module died\nat line 5"}, "the module died"),
        ({}, "nothing is known of why"),
    ],
)
def test_what_stands_in_the_way_of_all(result: dict[str, Any], reason: str) -> None:
    rows = plan_rows({"failed": True, **result}, "h", DECLARED)
    assert verdicts(rows) == {
        "demo-avs-one": "waits: others of this host are refused",
        "avs_instances[1] (tag two)": "waits: others of this host are refused",
        "(host)": f"refused: {reason}",
    }


@pytest.mark.parametrize("declared", ["text", [1, None, "x"], [{"tag": "t"}], [{}], None])
def test_odd_inventories_are_for_the_run_to_judge(declared: Any) -> None:
    rows = plan_rows(
        {"failed": True, "findings": [problem("avs_instances[0]", "is odd"), problem("avs_instances", "is odd")]}, "h", declared
    )
    assert rows and all(row["verdict"] in ("refused", "waits") for row in rows)


def test_text_of_strangers_is_harmless() -> None:
    rows = FilterModule().filters()["plan_rows"]({"failed": True, "findings": [problem("x", "\x1b[2J")]}, "h", [])
    assert rows[0]["plan"] == "refused: x: \\x1b[2J"


def test_a_report_is_of_a_kind_that_is_known() -> None:
    with pytest.raises(AnsibleFilterError, match="no kind of report"):
        rows_report([], "nothing")
    with pytest.raises(AnsibleFilterError, match="use one of table"):
        rows_report(None, "plan", "xml")
    assert rows_report(None, "plan") == ""
