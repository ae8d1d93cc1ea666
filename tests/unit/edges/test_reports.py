# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reports over a fleet: what was done, what is off, and what nobody knows, each once and harmless for a terminal."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.restaking.avs.plugins.filter.control_report import control_report
from ansible_collections.restaking.avs.plugins.filter.log_lines import log_lines
from ansible_collections.restaking.avs.plugins.filter.verify_report import verify_report
from ansible_collections.restaking.avs.plugins.modules.instance_control import _brief

STOPPED = {
    "id": "node-a",
    "state": "stopped",
    "hold": {"by": "x"},
    "error": None,
    "actions": [{"action": "stop", "kind": "container", "name": "node"}],
}


def seen(**more: Any) -> dict[str, Any]:
    return {
        "id": "node-a",
        "phase": "committed",
        "state": "started",
        "hold": None,
        "health": {"status": "healthy", "detail": "ok"},
        "containers": [],
        **more,
    }


def test_what_was_done_and_who_could_not_be_reached() -> None:
    results = {
        "b": {"instances": [STOPPED], "unknown": ["node-z"], "unsure": ["node-q"]},
        "a": {"unreachable": True, "msg": "timed out\n\x1b[31m"},
        "c": {"failed": True, "msg": "told by its task"},
        "d": {},
    }
    report = control_report(results, ["node-a", "node-z"])
    assert report["told"] == ["b node-a held: stop container node"]
    assert [line.partition(";")[0] for line in report["problems"]] == [
        "a could not be reached",
        "b: nothing tells which keys node-q has",
        "c failed, as its task says",
        "d did not answer",
        "no host that answered has node-z",
    ]
    # Why is told by its task, once; who it was is not lost among many.
    assert "told by its task" not in str(report)
    assert "\x1b" not in str(report) and "\n" not in "".join(report["problems"])


def test_what_failed_is_told_once() -> None:
    report = control_report({"a": {"failed": True, "instances": [{**STOPPED, "error": "x"}]}}, [])
    assert report == {"told": ["a node-a held: failed"], "problems": [], "nowhere": []}


def test_check_mode_says_what_would_be_done() -> None:
    idle = {**STOPPED, "id": "node-b", "actions": []}
    report = control_report({"a": {"instances": [STOPPED, idle]}}, "node-a, node-b,node-a", True)
    assert report == {"told": ["a node-a: would stop container node", "a node-b held: nothing to do"], "problems": [], "nowhere": []}
    assert control_report({"a": {"instances": []}}, "node-a")["nowhere"][0].startswith("no host that answered has node-a;")
    nobody = control_report({"a": {"instances": []}}, key="0x5f")
    assert nobody["told"] == [] and nobody["problems"] == nobody["nowhere"] and "with the key 0x5f;" in nobody["nowhere"][0]
    assert control_report({"a": {"instances": [STOPPED]}}, key="0x5f")["nowhere"] == []


def test_of_a_failed_task_an_entry_is_short() -> None:
    error = "node-a waits for its secrets\n  key.bls: gone"
    entry = {**STOPPED, "error": error, "images": {"x": "y"}, "keystores": {"bls": {}}, "findings": [{"id": "KEY-003"}], "waiting": True}
    assert _brief(entry) == {**STOPPED, "error": "node-a waits for its secrets", "findings": [], "waiting": True}


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        (seen(), []),
        (seen(state="stopped"), []),
        (seen(state="stopped", hold={"by": "x"}), []),
        (seen(state="absent", phase="absent"), []),
        (seen(health={"status": "unhealthy", "detail": "node is exited"}), ["is unhealthy: node is exited"]),
        (seen(phase="damaged", health={"status": "unknown", "detail": "no JSON"}), ["is unknown: no JSON"]),
        (seen(state="stopped", containers=[{"state": "running"}]), ["is to be down, and runs"]),
        (
            seen(drift=[{"service": "(files)", "what": "compose.json", "wanted": "as it was installed", "found": "changed, or gone"}]),
            ["compose.json: changed, or gone since it was installed"],
        ),
        (seen(drift=[{"service": "node", "what": "memory", "wanted": "1", "found": "2"}]), ["node: memory is 2, was made as 1"]),
    ],
)
def test_what_is_off(entry: dict[str, Any], words: list[str]) -> None:
    report = verify_report({"a": {"instances": [entry]}})
    assert report["problems"] == [f"a node-a: {word}" for word in words]
    assert report["told"][0].endswith("off" if words else "as it should be")


def test_a_host_that_does_not_answer_and_an_id_nobody_has() -> None:
    report = verify_report({"a": {"unreachable": True, "msg": "timed out"}, "b": {"instances": [seen(phase=None)]}}, ["node-a"])
    assert report["told"] == []
    assert report["problems"][0] == "a did not answer: timed out" and "no host that answered has node-a" in report["problems"][-1]


def test_ids_as_a_text_and_a_host_that_never_had_the_instance() -> None:
    results = {"a": {"instances": [seen()]}, "b": {"instances": [seen(phase=None)]}}
    assert verify_report(results, "node-a,node-a") == {"told": ["a node-a started: as it should be"], "problems": [], "nowhere": []}


def test_of_a_host_that_failed_the_first_line_is_told() -> None:
    report = verify_report({"a": {"failed": True, "msg": "Task failed: there is no engine\n  engine: there is no engine -> install one"}})
    assert report["problems"] == ["a did not answer: there is no engine"]


def logged(name: str, moment: str) -> dict[str, Any]:
    lines = [{"service": "node", "time": moment, "text": "x\n\x1b"}]
    return {"rc": 0, "stdout": json.dumps({"id": name, "lines": lines})}


def test_logs_of_many_hosts_and_what_kept_others_from_telling() -> None:
    wrong = {"rc": 2, "stdout": json.dumps({"failed": True, "msg": "argument --since: 'bad' is no time"}), "msg": "non-zero return code"}
    report = log_lines(
        {
            "b": {"results": [logged("node-a", "2"), {"rc": 5, "stdout": json.dumps({"failed": True, "msg": "no such instance"})}]},
            "a": {"results": [logged("node-b", "1")]},
            "c": {"results": [wrong, wrong]},
            "d": {"results": [{"rc": 2, "msg": "Error executing command.", "stdout": ""}]},
            "e": {"results": [{"unreachable": True, "msg": "told by its task"}]},
            "f": {"results": [{"rc": 1, "stdout": "no JSON", "msg": "non-zero return code"}]},
        }
    )
    assert report["lines"] == ["1 a node-b node | x\\n\\x1b", "2 b node-a node | x\\n\\x1b"] and report["ids"] == ["node-a", "node-b"]
    assert report["problems"] == ["c: argument --since: 'bad' is no time", "f: non-zero return code"] and report["without"] == ["d"]


@pytest.mark.parametrize("report", [control_report, log_lines, verify_report])
def test_anything_else_is_refused(report: Any) -> None:
    with pytest.raises(AnsibleFilterError):
        report(["x"])
