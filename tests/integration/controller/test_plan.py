# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The playbook ``plan``: one line an instance, nothing done, and a failure only where something is refused."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.core import OLDEST
from tests.integration.controller.controller import Controller, Run
from tests.integration.controller.test_cores import entry as small
from tests.integration.controller.test_cores import package


@pytest.fixture
def core() -> str:
    """The newest one runs these playbooks on hosts of the lab."""
    return OLDEST


STEPS = [{"action": "create", "kind": "container", "name": "node"}]


def lines(run: Run, host: str = "h1") -> list[list[str]]:
    return [[cell.replace("\u00a0", " ") for cell in re.split(" {2,}", line)] for line in run.tasks(host)["Print the plan"]["msg"]]


@pytest.fixture
def root(controller: Controller) -> Path:
    controller.tells("h1", {"id": "small-a", "version": "v0.9.0", "state": "started", "phase": "committed"}, steps=STEPS)
    controller.tells("h2", steps=STEPS)
    return package(controller.folder)


def test_what_would_be_done_and_is_not(controller: Controller, root: Path) -> None:
    controller.inventory({"h1": [small(root)], "h2": [small(root, "b")]}, {})
    for arguments in ((), ("--check",)):
        run = controller.playbook("plan", *arguments)
        assert run.code == 0, run.output
        assert lines(run) == [
            ["host", "instance", "installed", "wanted", "plan"],
            ["h1", "small-a", "v0.9.0 started", "v1.0.0 started", "create container node"],
            ["h2", "small-b", "-", "v1.0.0 started", "create container node"],
        ]
        assert all(stats["changed"] == 0 for stats in run.data["stats"].values())
        assert not (controller.folder / "h1.tmp" / "host.memory").exists()
    assert controller.playbook("install").code == 0
    run = controller.playbook("plan", "--limit", "h2", avs_plan_format="json", avs_plan_file="plan.json")
    assert run.code == 0
    (row,) = json.loads((controller.folder / "plan.json").read_text())["instances"]
    assert (row["id"], row["verdict"], row["actions"]) == ("small-b", "nothing", [])


def test_what_is_refused_fails_at_the_end(controller: Controller, root: Path) -> None:
    controller.inventory({"h1": [small(root, profile="other"), small(root, "c")], "h2": [small(root, "b")]}, {})
    run = controller.playbook("plan")
    assert run.code == 2
    plans = {line[1]: line[-1] for line in lines(run)[1:]}
    # Packages by path have no name before they are read.
    assert "small has no profile other" in plans["avs_instances[0] (tag a)"] and "waits" in plans["avs_instances[1] (tag c)"]
    assert plans["small-b"] == "create container node"
    assert "Fail where something is refused" in run.tasks("h2") and not run.tasks("h2")["Fail where something is refused"].get("failed")


def test_a_host_without_an_engine(controller: Controller, root: Path) -> None:
    bare: dict[str, Any] = {
        "id": "OPS-004",
        "severity": "error",
        "place": "engine",
        "message": "there is no engine",
        "remedy": "Install one.",
    }
    controller.tells("h1", failed=True, msg="there is no engine", refuse={"msg": "no engine", "findings": [bare]})
    controller.inventory({"h1": [small(root)], "h2": []}, {})
    run = controller.playbook("plan")
    assert run.code == 2 and lines(run)[-1][-1] == "refused: engine: there is no engine"


def test_what_was_asked_wrong(controller: Controller, root: Path) -> None:
    controller.inventory({"h1": [small(root)]}, {})
    run = controller.playbook("plan", avs_plan_format="xml")
    assert run.code != 0 and "use one of table, json, csv" in run.output and "Ask for the steps" not in run.output
