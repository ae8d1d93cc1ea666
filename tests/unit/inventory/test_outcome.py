# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from typing import Any

from ansible_collections.restaking.avs.plugins.module_utils.common.findings import Finding
from ansible_collections.restaking.avs.plugins.plugin_utils.inventory.outcome import beginning, done, outcome, steps, told


def test_warnings_of_what_changes_and_those_that_are_always_said() -> None:
    findings = [
        {"id": rule, "severity": severity, "place": place, "message": "m", "remedy": "r"}
        for rule, severity, place in (
            ("KEY-003", "warning", "a-1: services.node"),
            ("KEY-003", "warning", "b-2: services.node"),
            ("INV-003", "warning", "c-3"),
            ("OPS-001", "info", "a-1"),
            ("OPS-012", "warning", "b-2: services.node"),
            ("OPS-017", "warning", "d-4"),
        )
    ]
    instances = [{"id": "a-1", "changed": True}, {"id": "b-2", "changed": False}, {"id": "d-4", "changed": False}]
    result = {"findings": findings, "instances": instances, "changed": True}
    always = ["b-2: services.node: m -> r (OPS-012)", "c-3: m -> r (INV-003)", "d-4: m -> r (OPS-017)"]
    assert told(findings, result) == ["a-1: services.node: m -> r (KEY-003)", *always]
    assert told(findings, {**result, "changed": False}) == always


def test_steps_are_a_part_of_the_diff() -> None:
    gone = {"id": "a-1", "actions": [{"action": "remove", "kind": "container", "name": "node"}], "kept": {"volumes": ["avs-a-1_db"]}}
    (part,) = steps([gone, {"id": "b-2", "actions": []}])
    assert part["after"] == "remove container node\nkeep volume avs-a-1_db\n" and part["before"] == ""


LOG = "node has exited; last lines of node:\n    one\n    two"


def failed() -> dict[str, Any]:
    found = [{"id": "OPS-006", "severity": "error", "place": "a-1", "message": LOG, "remedy": "r"},
             {"id": "PKG-014", "severity": "warning", "place": "a-1", "message": "m", "remedy": "r"}]  # fmt: skip
    entry = {"id": "a-1", "changed": True, "actions": [], "error": f"a-1 failed\n  {LOG}", "findings": found,
             "health": {"status": "unhealthy", "detail": "a-1 failed"}}  # fmt: skip
    return {"failed": True, "changed": True, "msg": f"1 of 1\n{LOG}", "instances": [entry], "findings": found, "unlisted": []}


def test_of_a_failed_task_the_log_is_in_the_message_alone() -> None:
    result = outcome(failed(), brief=True)
    assert str(result).count("    one") == 1 and "    one" in result["msg"]
    assert result["instances"][0]["error"] == "a-1 failed" and result["instances"][0]["findings"] == []
    assert [item["message"] for item in result["findings"]] == ["node has exited; last lines of node:"]
    assert [item["id"] for item in outcome(failed())["findings"]] == ["OPS-006", "PKG-014"]


def test_a_result_has_the_documented_fields_and_foreign_text_is_harmless() -> None:
    answer = {"changed": True, "instances": [{"id": "a", "error": None, "health": {"detail": "\x1b"}}], "findings": [], "diff": [{"after": "\x07"}],
              "add_host": {}, "warnings": ["x"], "exception": "x", "needs": {}, "unlisted": []}  # fmt: skip
    assert outcome(answer) == {
        "changed": True, "unlisted": [], "findings": [], "diff": [{"after": "\\x07"}],
        "instances": [{"id": "a", "error": None, "health": {"detail": "\\x1b"}}],
    }  # fmt: skip


def test_a_line_an_action() -> None:
    entry = {
        "id": "a-1",
        "actions": [{"action": "pull", "kind": "image", "name": "x\x1b"}, {"action": "stop", "kind": "container", "name": "n"}],
    }
    assert done([entry], "h", check=False) == ["h: a-1: pulled image x\\x1b", "h: a-1: stopped container n"]
    assert done([entry], "h", check=True)[1] == "h: a-1: would stop container n"


def test_what_takes_long_is_announced() -> None:
    specs = [{"id": "a-1", "state": "started", "health": {"type": "container", "timeout": 500}}, {"id": "b-2", "state": "absent"}]
    line = beginning({"a-1": {}, "b-2": {}}, specs, "h")
    assert line == "h: working on a-1, b-2; missing images are pulled, and a node has 500 s to become healthy"
    assert beginning({"b-2": {}}, specs, "h") == "h: working on b-2"


def test_what_a_package_lacks_is_told_once_with_the_entries_it_is_meant_by() -> None:
    def lacking(place: str, rule: str = "UPG-002", message: str = "there are no release notes") -> dict[str, str]:
        return Finding(rule, "warning", place, message, "Add it.").as_dict()

    many = [lacking(f"avs_instances[{number}]: CHANGELOG.md") for number in range(12)]
    sums = [lacking(f"avs_instances[{number}]: checksum.txt", "PKG-014", "is missing") for number in (0, 2)]
    other = lacking("avs_instances[1]: pkg/manifest.yml", "PKG-003", "is missing")
    lines = told([*many, *sums, other, lacking("x-1: services.a", "PRIV-003", "runs as root")], {"changed": True, "instances": []})
    assert [line.partition(":")[0] for line in lines if "UPG-002" in line] == [
        ", ".join(f"avs_instances[{number}]" for number in range(10)) + " and 2 more"
    ]
    assert "avs_instances[0], avs_instances[2]: checksum.txt: is missing -> Add it. (PKG-014)" in lines
    assert "avs_instances[1]: pkg/manifest.yml: is missing -> Add it. (PKG-003)" in lines and len(lines) == 4
