# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Install, no change, one change, stop, remove: what an operator does all year, each announced by check mode first."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.integration.support import Fleet, Host


def actions(result: dict[str, Any]) -> dict[str, list[dict[str, str]]]:
    return {entry["id"]: entry["actions"] for entry in result["instances"]}


def announced(fleet: Fleet, host: Host, entries: list[dict[str, Any]]) -> dict[str, list[dict[str, str]]]:
    """What ``--check --diff`` says will be done; asserts that it did nothing."""
    before = host.snapshot()
    result = fleet.play("install", {host.name: entries}, "--check", "--diff")
    assert result.code == 0, result.output[-4000:]
    assert host.snapshot() == before
    return actions(result.reconcile(host.name))


def converge(fleet: Fleet, host: Host, entries: list[dict[str, Any]]) -> dict[str, Any]:
    """Check, run, and assert that the run did what the check announced, and that a second run changes nothing."""
    plan = announced(fleet, host, entries)
    result = fleet.play("install", {host.name: entries})
    assert result.code == 0, result.output[-4000:]
    done = result.reconcile(host.name)
    assert actions(done) == plan
    assert announced(fleet, host, entries) == {f"{entry['package']}-{entry['tag']}": [] for entry in entries}
    again = fleet.play("install", {host.name: entries})
    assert again.code == 0 and again.stats[host.name]["changed"] == 0, again.output[-4000:]
    assert len(again.tasks(host.name)) <= 6, again.tasks(host.name)
    return done


@pytest.fixture(scope="module")
def state() -> dict[str, Any]:
    return {}


def test_one_instance_from_nothing(fleet: Fleet, demo: Any, state: dict[str, Any]) -> None:
    host = fleet.first
    state["one"] = demo("one")
    done = converge(fleet, host, [state["one"]])
    assert done["changed"]
    health = host.run("curl -s -o /dev/null -w '%{http_code}' http://127.0.0.1:8080/eigen/node/health")
    assert health == "200"
    served = host.run("curl -s http://127.0.0.1:8080/keys")
    assert "bls" in served and "ecdsa" in served


def test_a_second_instance_leaves_the_first_alone(fleet: Fleet, demo: Any, state: dict[str, Any]) -> None:
    host = fleet.first
    before = host.containers()
    state["two"] = demo("two", 1, profile="mainnet")
    converge(fleet, host, [state["one"], state["two"]])
    after = host.containers()
    assert {name: after[name] for name in before} == before


def test_an_option_recreates_only_its_service(fleet: Fleet, state: dict[str, Any]) -> None:
    host = fleet.first
    before = host.containers()
    state["one"] = {**state["one"], "options": {**state["one"]["options"], "gateway-timeout": 7.5}}
    converge(fleet, host, [state["one"], state["two"]])
    after = host.containers()
    assert set(after) == set(before)
    assert [name for name in after if after[name] != before[name]] == ["avs-demo-avs-one-gateway"]


def test_a_container_that_was_removed_comes_back(fleet: Fleet, state: dict[str, Any]) -> None:
    host = fleet.first
    before = host.containers()
    host.run("docker rm -f avs-demo-avs-two-node")
    converge(fleet, host, [state["one"], state["two"]])
    after = host.containers()
    assert [name for name in after if after[name] != before.get(name)] == ["avs-demo-avs-two-node"]


def test_a_changed_version_is_refused(fleet: Fleet, state: dict[str, Any]) -> None:
    host = fleet.first
    before = host.snapshot()
    result = fleet.play("install", {host.name: [{**state["one"], "version": "v1.1.0"}, state["two"]]})
    assert result.code != 0
    message = result.message(host.name)
    assert "demo-avs-one" in message and "v1.0.0" in message and "v1.1.0" in message
    assert host.snapshot() == before


def test_stop_and_start(fleet: Fleet, state: dict[str, Any]) -> None:
    host = fleet.first
    before = host.containers()
    converge(fleet, host, [{**state["one"], "state": "stopped"}, state["two"]])
    running = host.run("docker ps --format '{{.Names}}'").split()
    assert not [name for name in running if name.startswith("avs-demo-avs-one-")]
    converge(fleet, host, [state["one"], state["two"]])
    assert host.containers() == before


def test_the_height_survives_removal_and_reinstallation(fleet: Fleet, state: dict[str, Any]) -> None:
    host = fleet.first
    others = {name: cid for name, cid in host.containers().items() if "-two-" in name}
    volume = host.run("docker volume ls -q | grep avs-demo-avs-one").strip()
    converge(fleet, host, [{**state["one"], "state": "absent"}, state["two"]])
    assert host.containers() == others
    assert volume in host.run("docker volume ls -q").split()
    converge(fleet, host, [state["one"], state["two"]])
    assert volume in host.run("docker volume ls -q").split()


def test_purge_leaves_nothing(fleet: Fleet, state: dict[str, Any]) -> None:
    host = fleet.first
    converge(fleet, host, [{**state["one"], "state": "absent", "purge": True}, state["two"]])
    assert "demo-avs-one" not in host.snapshot()


def test_unlisted_instances_are_reported_and_left(fleet: Fleet, state: dict[str, Any]) -> None:
    host = fleet.first
    before = host.snapshot()
    result = fleet.play("install", {host.name: []})
    assert result.code == 0, result.output[-4000:]
    assert result.reconcile(host.name)["unlisted"] == ["demo-avs-two"]
    assert host.snapshot() == before


def test_an_uninstall_of_one_says_nothing_of_the_others(fleet: Fleet, state: dict[str, Any]) -> None:
    host = fleet.first
    converge(fleet, host, [state["one"], state["two"]])
    others = {name: cid for name, cid in host.containers().items() if "-two-" in name}
    wanted = {"avs_uninstall": ["demo-avs-one"], "avs_uninstall_confirm": True}
    result = fleet.play("uninstall", {host.name: []}, "-e", json.dumps(wanted))
    assert result.code == 0, result.output[-4000:]
    outcome = next(found for play in result.plays for task in play["tasks"] for found in task["hosts"].values() if "unlisted" in found)
    assert outcome["unlisted"] == [] and "INV-003" not in result.output
    assert host.containers() == others
