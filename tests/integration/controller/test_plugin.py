# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The playbook plugin: what it asks a host for, and what it tells."""

from __future__ import annotations

from typing import Any

import pytest

from tests.core import OLDEST
from tests.integration.controller.controller import Controller, Run

RUN = "restaking.avs.plugin : Run the command, or ask what there is"


@pytest.fixture
def core() -> str:
    """The newest one runs this playbook on hosts of the lab."""
    return OLDEST


@pytest.fixture
def fleet(controller: Controller) -> Controller:
    controller.inventory({"h1": [], "h2": []}, {})
    controller.tells("h1", {"id": "a-avs-1"})
    controller.tells("h2", {"id": "c-avs-3"})
    return controller


def told(run: Run) -> Any:
    return next(task["msg"] for task in run.tasks("h1").values() if isinstance(task.get("msg"), list))


def given(run: Run, host: str) -> dict[str, Any]:
    found: dict[str, Any] = next(task["given"] for task in run.tasks(host).values() if "given" in task)
    return found


def test_without_a_command_it_is_told_what_there_is(fleet: Controller) -> None:
    run = fleet.playbook("plugin")
    assert run.code == 0 and told(run) == [
        "h1 a-avs-1 started: nothing to do", "h1 a-avs-1: prune (plugin, plugin:1): prune - needs bls",
        "h2 c-avs-3 started: nothing to do", "h2 c-avs-3: prune (plugin, plugin:1): prune - needs bls",
    ], run.output  # fmt: skip
    assert all(given(run, host)["state"] == "listed" and given(run, host)["all"] for host in ("h1", "h2"))


def test_a_command_is_run_where_its_instance_is(fleet: Controller) -> None:
    run = fleet.playbook(
        "plugin", avs_plugin="prune", avs_plugin_ids="a-avs-1", avs_plugin_args=["5"], avs_plugin_confirmed="prune", awx_user_name="ann"
    )
    assert run.code == 0 and told(run) == [
        "h1 a-avs-1 started: run command prune", "h1 a-avs-1: prune ended with 0 after 0.5 s", "h1 a-avs-1: | done", "h1 a-avs-1: | \\x1b[2Jall",
    ], run.output  # fmt: skip
    asked = given(run, "h1")
    assert (asked["ids"], asked["command"], asked["args"], asked["confirmed"], asked["holder"]) == (
        ["a-avs-1"],
        "prune",
        ["5"],
        "prune",
        "ann",
    )
    # It goes on on the host by itself, and is asked for.
    assert asked["job"]["begin"] and asked["poll"] == 10
    assert not given(fleet.playbook("plugin", avs_plugin="prune", avs_plugin_ids=["a-avs-1"], avs_plugin_poll=0), "h1")["job"]


def test_one_that_goes_on_is_asked_for(fleet: Controller) -> None:
    run = fleet.playbook("plugin", avs_plugin="slow", avs_plugin_ids=["a-avs-1"], avs_plugin_poll=1)
    assert run.code == 0 and not given(run, "h1")["job"]["begin"]


def test_check_mode_says_what_would_be_run(fleet: Controller) -> None:
    run = fleet.playbook("plugin", "--check", avs_plugin="prune", avs_plugin_ids=["a-avs-1"])
    assert run.code == 0 and told(run) == [
        "h1 a-avs-1: would run command prune", "h1 a-avs-1: would run in plugin@sha256:1, for 600 s at most: prune",
        *(f"h1 a-avs-1: {name}: none" for name in ("networks", "mounts", "keys")),
    ], run.output  # fmt: skip
    assert given(run, "h1")["check"]


def test_what_fails_is_a_failure(fleet: Controller) -> None:
    run = fleet.playbook("plugin", avs_plugin="fail", avs_plugin_ids=["a-avs-1"])
    assert run.code != 0 and "fail ended with 3; it wrote" in run.output and "no chain here" in run.output
    nowhere = {"avs_plugin": "prune", "avs_plugin_ids": "no-such"}
    for words, extra in {"Say for which instances": {"avs_plugin": "prune"}, "no host that answered has no-such": nowhere}.items():
        run = fleet.playbook("plugin", **extra)
        assert run.code != 0 and words in run.output, run.output
    # A host that is left out runs nothing.
    run = fleet.playbook("plugin", "--limit", "h2", avs_plugin="prune", avs_plugin_ids="a-avs-1")
    assert run.code != 0 and run.tasks("h1") == {} and "no host that answered has a-avs-1" in run.output, run.output
    run = fleet.playbook("plugin", avs_plugin="prune", avs_plugin_ids="a-avs-1", avs_plugin_confirm="prune")
    assert "did you mean avs_plugin_confirmed" in run.output
