# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a person reads of a run: each thing once, the shortest first, whatever the callback."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.integration.controller.controller import PLAY, Controller
from tests.integration.controller.test_cores import entry, package

LOG = "\n".join(f"    line {number} of the log" for number in range(15))
FOUND = {"id": "OPS-006", "severity": "error", "place": "small-a", "message": f"node has exited with code 1; last lines of node:\n{LOG}",
         "remedy": "Read more with docker logs."}  # fmt: skip
FAILED = {
    "id": "small-a", "state": "started", "changed": True, "actions": [{"kind": "container", "name": "node", "action": "create"}],
    "health": {"status": "unhealthy", "detail": "small-a did not become healthy"}, "findings": [FOUND],
    "error": f"small-a did not become healthy\n  small-a: {FOUND['message']} -> {FOUND['remedy']}",
}  # fmt: skip
REFUSE = PLAY.replace('settings: "{{ {', "settings: \"{{ {'refuse': lookup('file', folder ~ '/refusal.json') | from_json, ")
FORMATS = ["json", "yaml"]


def refusing(controller: Controller, **answer: Any) -> str:
    (controller.folder / "refusal.json").write_text(json.dumps(answer))
    return REFUSE


@pytest.mark.parametrize("form", FORMATS)
def test_what_failed_while_it_was_done(controller: Controller, form: str) -> None:
    controller.inventory({"h": [entry(package(controller.folder))]}, {})
    play = refusing(controller, changed=True, msg="1 of 1 instances failed", instances=[FAILED], findings=[FOUND], unlisted=[])
    run = controller.play(play=play, json_output=False, ANSIBLE_CALLBACK_RESULT_FORMAT=form)
    assert run.code != 0
    # Once in the error that Ansible prints, and once in the message of the result, which it prints below that.
    assert run.output.count("line 7 of the log") == 2, run.output
    error = run.output[run.output.index("[ERROR]") : run.output.index("Origin:")].splitlines()
    assert error[0].endswith("1 of 1 instances failed on h") and error[1].endswith("did not become healthy")
    assert error[2] == "  node has exited with code 1; last lines of node:  Read more with docker logs."
    assert "h: small-a: created container node" in run.output
    assert len(run.output.splitlines()) < 100, run.output


@pytest.mark.parametrize("form", FORMATS)
def test_what_a_host_refuses_and_what_the_inventory_gets_wrong(controller: Controller, form: str) -> None:
    root = package(controller.folder)
    controller.inventory({name: [entry(root)] for name in ("h1", "h2")}, {})
    taken = {**FOUND, "id": "NET-002", "message": "port 80 is taken"}
    play = refusing(controller, changed=False, msg="refused", findings=[taken, {**taken, "severity": "warning", "message": "by the way"}])
    run = controller.play(play=play, json_output=False, ANSIBLE_CALLBACK_RESULT_FORMAT=form)
    assert run.output.count("port 80 is taken") == 2 * 3 and "by the way" not in run.output and "PKG-014" not in run.output, run.output
    controller.inventory({"h1": [entry(root, options={"word": "w", "odd": "x"})]}, {})
    run = controller.play(json_output=False, ANSIBLE_CALLBACK_RESULT_FORMAT=form)
    assert run.output.count("the profile has no such option") == 3, run.output
    verbose = controller.play("-v", json_output=False, ANSIBLE_CALLBACK_RESULT_FORMAT=form)
    assert "PKG-014" in verbose.output


def test_a_module_that_died(controller: Controller) -> None:
    controller.inventory({"h": [entry(package(controller.folder))]}, {})
    run = controller.play("-e", "die=true", json_output=False)
    assert run.output.count("died over {}") == 2 and "Traceback" not in run.output, run.output
    # Before the call that may take minutes.
    assert "h: working on small-a; missing images are pulled, and a node has 300 s to become healthy" in run.output
    where = controller.play("-e", "die=true", "-vvv", json_output=False, ANSIBLE_DISPLAY_TRACEBACK="error").output
    assert "<h> Traceback" in where and "RuntimeError: died over {}" in where, where


def test_a_run_that_changes_nothing_says_nothing(controller: Controller) -> None:
    controller.inventory({"h": [entry(package(controller.folder))]}, {})
    assert "h: working on small-a" in controller.play(json_output=False).output
    again = controller.play(json_output=False)
    assert again.code == 0 and "working" not in again.output and "WARNING" not in again.output
    # What a callback prints stays its own.
    assert controller.play(play=PLAY).outcome("h")["changed"] is False
