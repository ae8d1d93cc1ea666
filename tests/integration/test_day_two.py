# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The playbooks of day two on a host of the lab, one after another, as somebody who looks after a node would run them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.integration.support import Fleet, Host, Result, wipe

IMAGES = "docker image ls -q --no-trunc | sort -u"


@pytest.fixture(scope="module")
def host(fleet: Fleet) -> Host:
    wipe(fleet.first)
    return fleet.first


@pytest.fixture(scope="module")
def node(fleet: Fleet, host: Host, demo: Any) -> dict[str, Any]:
    """The entry of a node that runs."""
    found: dict[str, Any] = demo("two")
    before = fleet.play("plan", {host.name: [found]})
    assert before.code == 0, before.output[-4000:]
    (row,) = rows(fleet, host, "plan", [found])["instances"]
    assert row["installed"] is None and any(step.startswith("create container ") for step in row["actions"]), row
    assert host.containers() == {}
    result = fleet.play("install", {host.name: [found]})
    assert result.code == 0, result.output[-4000:]
    return found


def run(fleet: Fleet, host: Host, playbook: str, entries: list[dict[str, Any]], *arguments: str, **extra: Any) -> Result:
    return fleet.play(playbook, {host.name: entries}, "-e", json.dumps(extra), *arguments)


def rows(fleet: Fleet, host: Host, playbook: str, entries: list[dict[str, Any]], *arguments: str, fails: bool = False, **extra: Any) -> Any:
    """What a playbook found out, and that it changed nothing."""
    before = host.snapshot()
    path = fleet.folder / f"{playbook}.json"
    given = {f"avs_{playbook}_format": "json", f"avs_{playbook}_file": str(path), **extra}
    result = run(fleet, host, playbook, entries, *arguments, **given)
    assert (result.code != 0) is fails, result.output[-4000:]
    assert result.stats[host.name]["changed"] == 0 and host.snapshot() == before
    return json.loads(path.read_text())


def test_nothing_to_do(fleet: Fleet, host: Host, node: dict[str, Any]) -> None:
    (row,) = rows(fleet, host, "plan", [node])["instances"]
    assert (row["id"], row["verdict"], row["plan"]) == ("demo-avs-two", "nothing", "nothing to do")
    assert row["installed"] == row["wanted"] == {"version": "v1.0.0", "state": "started"}


def test_what_would_be_refused(fleet: Fleet, host: Host, node: dict[str, Any]) -> None:
    (row,) = rows(fleet, host, "plan", [{**node, "version": "v1.1.0"}], fails=True)["instances"]
    assert (row["id"], row["verdict"], row["installed"]["version"]) == ("demo-avs-two", "refused", "v1.0.0")
    assert row["plan"] == "refused: version: installed is v1.0.0, wanted is v1.1.0; nothing was changed"


def test_a_change_and_a_stop(fleet: Fleet, host: Host, node: dict[str, Any]) -> None:
    (row,) = rows(fleet, host, "plan", [{**node, "options": {**node["options"], "main-port": 8090}}])["instances"]
    assert row["verdict"] == "change" and any(step.startswith("recreate container ") for step in row["actions"]), row
    (row,) = rows(fleet, host, "plan", [{**node, "state": "stopped"}])["instances"]
    assert row["verdict"] == "change" and row["wanted"]["state"] == "stopped" and "stop container" in row["plan"], row
    (row,) = rows(fleet, host, "plan", [])["instances"]
    assert (row["id"], row["verdict"]) == ("demo-avs-two", "unlisted")


def test_status_and_queries(fleet: Fleet, host: Host, node: dict[str, Any]) -> None:
    query = "instances[].[host, id, health.status]"
    assert rows(fleet, host, "status", [node], avs_status_query=query) == [[host.name, "demo-avs-two", "healthy"]]


@pytest.mark.parametrize("playbook", ["status", "outdated"])
def test_what_is_no_id(fleet: Fleet, host: Host, node: dict[str, Any], playbook: str) -> None:
    result = run(fleet, host, playbook, [node], **{f"avs_{playbook}_ids": ["../etc"]})
    assert result.code != 0 and "not the id of an instance" in result.message(host.name)


def test_what_is_behind(fleet: Fleet, host: Host, node: dict[str, Any]) -> None:
    (row,) = rows(fleet, host, "outdated", [node])["instances"]
    assert (row["tap"], row["installed"], row["newest"], row["behind"], row["upgrade"]) == ("core", "v1.0.0", "v2.2.0", True, "required")
    (second,) = [item for item in row["versions"] if item["version"] == "v1.1.0"]
    assert second["upgrade"] == "recommended" and any("score-window" in line for line in second["changes"])


def test_what_the_taps_offer(fleet: Fleet, host: Host, node: dict[str, Any]) -> None:
    found = rows(fleet, host, "packages", [node])["packages"]
    (demo,) = [item for item in found if item["package"] == "demo-avs"]
    assert demo["newest"] == "v2.2.0" and [item["id"] for item in demo["installed"]] == ["demo-avs-two"]


def test_the_packages_own_commands(fleet: Fleet, host: Host, node: dict[str, Any]) -> None:
    """The real plugin: pulled by its digest, in the node's volume and with its keys, and gone afterwards."""

    def command(name: str, *arguments: str, **extra: Any) -> Result:
        return run(fleet, host, "plugin", [node], *arguments, avs_plugin=name, avs_plugin_ids="demo-avs-two", **extra)

    def told(result: Result) -> dict[str, Any]:
        results = [task["hosts"].get(host.name) or {} for play in result.plays for task in play["tasks"]]
        found: dict[str, Any] = next(one["instances"][0] for one in results if "instances" in one)
        return found

    containers = host.containers()
    announced = command("export-public-key", "--check")
    assert announced.code == 0 and announced.stats[host.name]["changed"] == 1, announced.output[-4000:]
    assert [one["action"] for one in told(announced)["actions"]] == ["pull", "run"]
    assert sorted(told(announced)["would"]["keys"]) == ["/keys/bls.json", "/keys/bls.password", "/keys/ecdsa.json", "/keys/ecdsa.password"]
    done = command("export-public-key")
    assert done.code == 0 and done.stats[host.name]["changed"] == 1, done.output[-4000:]
    public = {
        name: key["public_id"]
        for name, key in json.loads(host.run("avsctl status demo-avs-two --json"))["instances"][0]["keystores"].items()
    }
    exported = told(done)["output"]
    assert json.loads(exported) and all(value.removeprefix("0x").lower() in exported.lower() for value in public.values() if value), (
        exported,
        public,
    )
    assert json.loads(told(command("fast-sync-on"))["output"])["changed"] is True
    assert json.loads(told(command("fast-sync-on"))["output"])["changed"] is False
    wrong = command("prune", avs_plugin_args=["many"])
    assert wrong.code != 0 and "prune ended with 2; it wrote" in wrong.message(host.name), wrong.output[-4000:]
    assert host.containers() == containers and "avs-command" not in host.run("docker ps -a")


def test_prune_after_a_removal(fleet: Fleet, host: Host, node: dict[str, Any]) -> None:
    mine = "lab-theirs/image:1"
    used = host.run("docker inspect -f '{{.Image}}' $(docker ps -aq --filter label=avs.instance) | sort -u").split()
    # What runs is not touched, nor what somebody else made.
    result = run(fleet, host, "prune", [], avs_prune_confirm=True)
    assert result.code == 0 and set(used) <= set(host.run(IMAGES).split())
    host.run(f"mkdir -p /tmp/theirs && echo x > /tmp/theirs/x && tar -C /tmp/theirs -c x | docker import - {mine}")
    assert run(fleet, host, "uninstall", [], avs_uninstall=["demo-avs-two"], avs_uninstall_confirm=True).code == 0
    volumes = host.run("docker volume ls -q | sort")
    before = host.run(IMAGES).split()
    result = run(fleet, host, "prune", [], avs_prune_confirm=False)
    assert result.code != 0 and host.run(IMAGES).split() == before
    result = run(fleet, host, "prune", [], "--check")
    assert result.code == 0 and result.stats[host.name]["changed"] == 1 and host.run(IMAGES).split() == before
    result = run(fleet, host, "prune", [], avs_prune_confirm=True)
    assert result.code == 0 and result.stats[host.name]["changed"] == 1, result.output[-4000:]
    after = set(host.run(IMAGES).split())
    assert not set(used) & after and host.run(f"docker image ls -q {mine}") and host.run("docker volume ls -q | sort") == volumes
    result = run(fleet, host, "prune", [], avs_prune_confirm=True)
    assert result.code == 0 and result.stats[host.name]["changed"] == 0
    # What was removed is fetched again, by its digest.
    assert fleet.play("install", {host.name: [node]}).code == 0
    host.run(f"docker rmi {mine}")
