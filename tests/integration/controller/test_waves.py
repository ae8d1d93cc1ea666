# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What ``install`` does of several hosts by itself: all are asked, one goes first, the others follow where it got there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.core import OLDEST
from tests.integration.controller.controller import Controller, Run
from tests.integration.controller.test_cores import entry as small
from tests.integration.controller.test_cores import package
from tests.integration.controller.test_new_keys import node

HOSTS = ("h1", "h2", "h3", "h4")
TASK = "restaking.avs.node : Reconcile the instances of this host"
# Who goes in which order does not depend on the core.
pytestmark = pytest.mark.parametrize("core", [OLDEST], indirect=True)


def begun(run: Run) -> list[list[str]]:
    """Hosts that had their turn, batch by batch, after all were asked."""
    return turns(run)[1:]


def turns(run: Run) -> list[list[str]]:
    return [sorted(task["hosts"]) for play in run.data["plays"] for task in play["tasks"] if task["task"]["name"] == TASK]


def changed(run: Run) -> list[str]:
    return sorted(name for name, stats in run.data["stats"].items() if stats["changed"])


def memory(controller: Controller, host: str) -> dict[str, Any]:
    """What a host has."""
    path = controller.folder / f"{host}.tmp" / "host.memory"
    found: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    return found


@pytest.fixture
def root(controller: Controller) -> Path:
    return package(controller.folder)


def test_one_goes_first_and_nobody_is_asked_for_what_is_there(controller: Controller, root: Path) -> None:
    controller.inventory({name: [small(root)] for name in HOSTS}, {})
    run = controller.playbook("install")
    assert run.code == 0 and begun(run) == [["h1"], ["h2", "h3", "h4"]] and changed(run) == list(HOSTS), run.output
    again = controller.playbook("install")
    assert again.code == 0 and begun(again) == [] and changed(again) == [], again.output
    # The host's own answer is the result of the task all the same.
    (asked,) = [task for play in again.data["plays"] for task in play["tasks"] if task["task"]["name"] == TASK]
    assert {name: [item["id"] for item in result["instances"]] for name, result in asked["hosts"].items()} == {
        name: ["small-a"] for name in HOSTS
    }
    # Those that have something to do, and no others, in the inventory's order.
    controller.inventory({name: [small(root, **({"options": {"word": "new"}} if name in ("h2", "h4") else {}))] for name in HOSTS}, {})
    for arguments in (("--check",), ()):
        run = controller.playbook("install", *arguments)
        assert run.code == 0 and begun(run) == [["h2"], ["h4"]] and changed(run) == ["h2", "h4"], run.output


def test_the_others_stay_as_they_are_where_the_first_fails(controller: Controller, root: Path) -> None:
    controller.inventory({name: [small(root)] for name in HOSTS}, {})
    controller.tells("h1", fail="not healthy")
    run = controller.playbook("install")
    assert run.code != 0 and begun(run) == [["h1"]] and changed(run) == [], run.output
    assert [memory(controller, name) for name in HOSTS[1:]] == [{}, {}, {}]
    # Once it is mended, the same run does what is left.
    controller.tells("h1")
    run = controller.playbook("install")
    assert run.code == 0 and begun(run) == [["h1"], ["h2", "h3", "h4"]]


def test_what_would_be_refused_anywhere_is_told_before_anything_is_done(controller: Controller, root: Path) -> None:
    """As far as the inventory tells it. It goes on without those that cannot be right, unless it is told to end with the first."""
    controller.inventory({"h1": [small(root)], "h2": [small(root, profile="other")], "h3": [small(root)]}, {})
    controller.tells(
        "h3", refuse={"msg": "no", "findings": [{"id": "NET-002", "severity": "error", "place": "small-a", "message": "port 80 is taken"}]}
    )
    run = controller.playbook("install", avs_max_fail_percentage=0)
    assert run.code != 0 and begun(run) == [] and memory(controller, "h1") == {}
    assert "small has no profile other" in run.output and "port 80 is taken" in run.output
    run = controller.playbook("install")
    assert run.code != 0 and begun(run) == [["h1"]] and memory(controller, "h1")


def test_a_key_is_compared_with_hosts_whose_turn_is_later(controller: Controller) -> None:
    controller.inventory({"h1": [], "h2": [node(controller, "a", "1a")]}, {})
    assert controller.playbook("install").code == 0
    controller.inventory({"h1": [node(controller, "b", "1a")], "h2": [node(controller, "a", "1a")]}, {})
    for arguments in ((), ("--forks=1",)):
        run = controller.playbook("install", *arguments)
        assert run.code != 0 and "demo-avs-a on h2 has it" in run.output and memory(controller, "h1") == {}, run.output
        assert "KEY-012" not in run.output


def test_waves_are_those_that_are_asked_for(controller: Controller, root: Path) -> None:
    controller.inventory({name: [small(root)] for name in HOSTS}, {})
    run = controller.playbook("install", "--check", avs_serial=2)
    assert run.code == 0 and turns(run) == [list(HOSTS), ["h1", "h2"], ["h3", "h4"]]
    run = controller.playbook("install", avs_serial="100%")
    assert run.code == 0 and turns(run) == [list(HOSTS)] and changed(run) == list(HOSTS)


def test_one_host_is_asked_once(controller: Controller, root: Path) -> None:
    controller.inventory({name: [small(root)] for name in HOSTS}, {})
    run = controller.playbook("install", "--limit", "h3")
    assert run.code == 0 and turns(run) == [["h3"]] and changed(run) == ["h3"]
    assert [stats["ok"] for stats in run.data["stats"].values()] == [2]


def test_each_play_asks_its_own_hosts(controller: Controller, root: Path) -> None:
    """Whatever an earlier one of the same run was told: a host that was not asked has its turn."""
    controller.inventory({name: [small(root)] for name in HOSTS}, {})
    assert controller.playbook("install", "--limit", "h1,h2").code == 0
    plays = "".join(
        f"- import_playbook: restaking.avs.install\n  vars: {{avs_hosts_group: '{group}', avs_become: false}}\n"
        for group in ("h1,h2", "h3", "h3,h4")
    )
    run = controller.play(play=plays)
    assert run.code == 0 and turns(run) == [["h1", "h2"], ["h3"], ["h3", "h4"], ["h4"]] and changed(run) == ["h3", "h4"], run.output
