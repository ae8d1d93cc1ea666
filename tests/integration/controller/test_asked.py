# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a playbook is asked for: ids as a person writes them, what was left out, and what is meant by nobody."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from tests.core import OLDEST
from tests.integration.controller.controller import Controller, Run


@pytest.fixture
def core() -> str:
    """The newest one runs these playbooks on hosts of the lab."""
    return OLDEST


def node(name: str) -> dict[str, Any]:
    return {"id": name, "state": "started", "phase": "committed", "health": {"status": "healthy", "detail": "well"}}


@pytest.fixture
def fleet(controller: Controller) -> Controller:
    controller.inventory({"h1": [], "h2": []}, {})
    controller.tells("h1", node("a-avs-1"), node("b-avs-2"))
    controller.tells("h2", node("c-avs-3"))
    return controller


def said(run: Run) -> Any:
    """The message of the last task that was not skipped on the first host."""
    return list(run.tasks("h1").values())[-1]["msg"]


def told(run: Run) -> Any:
    """The lines of the report, which stands in a result on its own."""
    return next(task["msg"] for task in run.tasks("h1").values() if isinstance(task.get("msg"), list))


@pytest.mark.parametrize("ids", ["a-avs-1, a-avs-1", ["a-avs-1", "a-avs-1"]])
def test_ids_as_a_text_and_as_a_list(fleet: Controller, ids: Any) -> None:
    run = fleet.playbook("verify", avs_verify=ids)
    assert run.code == 0 and told(run) == ["h1 a-avs-1 started: as it should be"], run.output


@pytest.mark.parametrize(("playbook", "step"), [("stop", "stop"), ("start", "start"), ("restart", "start")])
def test_an_id_as_a_text_is_a_list_of_one(fleet: Controller, playbook: str, step: str) -> None:
    run = fleet.playbook(playbook, "--check", **{f"avs_{playbook}": "a-avs-1"})
    assert run.code == 0 and told(run) == [f"h1 a-avs-1: would {step} container node"], run.output


@pytest.mark.parametrize("playbook", ["verify", "stop", "start", "restart"])
def test_an_id_no_host_has(fleet: Controller, playbook: str) -> None:
    run = fleet.playbook(playbook, "--check", **{f"avs_{playbook}": ["no-such"]})
    assert run.code != 0 and said(run) == "no host that answered has no-such; restaking.avs.status lists what there is"


@pytest.mark.parametrize(
    ("playbook", "extra", "words"),
    [
        ("stop", {"avs_stop": ["a-avs-1"]}, ["confirm with -e avs_stop_confirm=true"]),
        ("stop", {"avs_stop_confirm": True}, ["Say what to stop"]),
        ("stop", {}, ["Say what to stop", "confirm with"]),
        ("stop", {"avs_stop": ["a-avs-1"], "avs_stop_all": True, "avs_stop_confirm": True}, ["Say what to stop"]),
        ("stop", {"avs_stop": {"a-avs-1": 1}, "avs_stop_confirm": True}, ["Say what to stop"]),
        ("stop", {"avs_stop": 5, "avs_stop_confirm": True}, ["Say what to stop"]),
        ("stop", {"avs_stop_key": 0x5F8C1A, "avs_stop_confirm": True}, ["Write avs_stop_key in quotes"]),
        ("restart", {"avs_restart": ["a-avs-1"]}, ["confirm with -e avs_restart_confirm=true"]),
        ("restart", {"avs_restart_confirm": True}, ["Say what to restart"]),
        ("start", {}, ["Say what to start"]),
        ("start", {"avs_start": ["a-avs-1"], "avs_start_all": True}, ["Say what to start"]),
        ("uninstall", {"avs_uninstall": "a-avs-1"}, ["confirm with -e avs_uninstall_confirm=true"]),
        ("uninstall", {"avs_uninstall_confirm": True}, ["Name the instances"]),
        ("logs", {"avs_logs": {"a": 1}}, ["Name the instances"]),
        ("logs", {"avs_logs": ""}, ["Name the instances"]),
        ("packages", {"avs_profile": "hoodi"}, ["Say of which package hoodi is a profile"]),
        ("status", {"avs_status_fail": ["unhealthy", "sick"]}, ["avs_status_fail has sick: use some of unhealthy, starting, unknown"]),
        ("status", {"avs_status_fail": 5}, ["avs_status_fail has 5"]),
    ],
)
def test_what_was_left_out_is_asked_for_and_nothing_else(fleet: Controller, playbook: str, extra: dict[str, Any], words: list[str]) -> None:
    run = fleet.playbook(playbook, **extra)
    message = said(run)
    assert run.code != 0 and all(word in message for word in words), message
    for other in {"Say what to", "confirm with", "in quotes"} - {
        word for word in ("Say what to", "confirm with", "in quotes") if word in str(words)
    }:
        assert other not in message, message


@pytest.mark.parametrize("playbook", ["stop", "verify", "preflight"])
def test_a_group_without_hosts_is_no_success(fleet: Controller, playbook: str) -> None:
    run = fleet.playbook(playbook, avs_hosts_group="nobody", avs_stop_all=True, avs_stop_confirm=True)
    assert run.code != 0 and "There is no host in nobody" in run.output


def test_a_key_nobody_has_is_no_success(fleet: Controller) -> None:
    fleet.tells("h1")
    fleet.tells("h2")
    run = fleet.playbook("stop", avs_stop_key="0x" + "5f" * 20, avs_stop_confirm=True)
    assert run.code != 0 and said(run).startswith("no host that answered has an instance with the key 0x5f5f")


def test_who_asks_and_why_reach_the_host(fleet: Controller) -> None:
    run = fleet.playbook("stop", avs_stop_all=True, avs_stop_confirm=True, avs_stop_reason="disk is replaced")
    given = run.tasks("h2")["Stop them, and hold them down"]["given"]
    assert given["reason"] == "disk is replaced" and "@" in given["holder"] and given["all"] and not given["ids"] and given["key"] is None
    run = fleet.playbook("stop", avs_stop="a-avs-1", avs_stop_confirm=True, awx_user_name="ann")
    assert run.tasks("h1")["Stop them, and hold them down"]["given"]["holder"] == "ann"


def test_the_recap_names_the_host_that_is_off(fleet: Controller) -> None:
    fleet.tells("h2", {**node("c-avs-3"), "health": {"status": "unhealthy", "detail": "node is exited"}})
    run = fleet.playbook("verify")
    assert told(run) == ["h1 a-avs-1 started: as it should be", "h1 b-avs-2 started: as it should be", "h2 c-avs-3 started: off"]
    assert run.tasks("h2")["Say what is off"]["msg"] == "h2 c-avs-3: is unhealthy: node is exited"
    assert run.code != 0 and {host: stats["failures"] for host, stats in run.data["stats"].items()} == {"h1": 0, "h2": 1}


@pytest.mark.parametrize("playbook", ["verify", "stop", "start", "restart"])
def test_the_recap_names_the_host_that_is_gone(fleet: Controller, playbook: str) -> None:
    inventory = yaml.safe_load((fleet.folder / "inventory.yml").read_text())
    inventory["all"]["hosts"]["gone"] = {"ansible_connection": "ssh", "ansible_host": "127.0.0.1", "ansible_port": 1}
    (fleet.folder / "inventory.yml").write_text(yaml.safe_dump(inventory))
    run = fleet.playbook(playbook, "--check", **{f"avs_{playbook}": "a-avs-1"})
    assert run.code != 0 and {host: stats["failures"] for host, stats in run.data["stats"].items()} == {"gone": 1, "h1": 0, "h2": 0}
    last = list(run.tasks("gone").values())[-1]["msg"]
    assert last.startswith(("gone did not answer", "gone could not be reached; what runs there is not known"))
