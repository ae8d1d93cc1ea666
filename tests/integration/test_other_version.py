# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Nodes go to other versions by playbooks, keep what they have stored, and come back where that fails."""

from __future__ import annotations

import shlex
from typing import Any

import pytest

from tests.eigenda import eigenda_files
from tests.integration.support import Fleet, Host, Result
from tests.integration.test_side_by_side import eigenda

NODE = "demo-avs-goes"
PASSWORD = "of-the-repository-of-a-node-that-goes"
HEIGHT = "import json, urllib.request as u; print(json.load(u.urlopen('http://127.0.0.1:8080/height'))['height'])"


@pytest.fixture(scope="module")
def host(fleet: Fleet) -> Host:
    fleet.variables["avs_backup_password"] = PASSWORD
    return fleet.first


class Node:
    """One entry of the inventory, and the playbooks that are run with it."""

    def __init__(self, fleet: Fleet, host: Host, entry: dict[str, Any]) -> None:
        self.fleet, self.host, self.entry = fleet, host, entry
        self.id = f"{entry['package']}-{entry['tag']}"

    def play(self, playbook: str, version: str, *arguments: str, **extra: Any) -> Result:
        own = {self.host.name: [{**self.entry, "version": version}]}
        return self.fleet.play(playbook, own, *arguments, variables=extra)

    def upgrade(self, version: str, *arguments: str) -> Result:
        return self.play("upgrade", version, *arguments, avs_upgrade=[self.id], avs_upgrade_poll=2)

    def height(self) -> int:
        """Of the demo node: what it has stored is its chain."""
        return int(self.host.run(f"python3 -c {shlex.quote(HEIGHT)}"))

    def keys(self) -> str:
        """What the node sees of its keys."""
        return self.host.run(f"find -L /run/avs/{self.id}/keys -type f -not -path '*/..*' -exec sha256sum {{}} + | sort")

    def told(self, result: Result, task: str = "Say what became of each") -> list[str]:
        found = [one for play in result.plays for one in play["tasks"] if one["task"]["name"].endswith(task)]
        return list(found[-1]["hosts"][self.host.name]["msg"])


@pytest.fixture(scope="module")
def node(fleet: Fleet, host: Host, demo: Any) -> Node:
    found = Node(fleet, host, demo("goes"))
    result = found.play("site", "v1.0.0")
    assert result.code == 0, result.output[-3000:]
    return found


def test_it_is_said_done_and_left_alone(node: Node) -> None:
    before, reached, seen = node.host.containers(), node.height(), node.keys()
    check = node.upgrade("v1.1.0", "--check", "--diff")
    assert check.code == 0, check.output[-3000:]
    told = node.told(check)
    assert told[0] == f"{node.host.name} {NODE}: would go v1.0.0 -> v1.1.0" and any("+ port node 4001/tcp" in line for line in told)
    assert node.host.containers() == before
    done = node.upgrade("v1.1.0")
    assert done.code == 0, done.output[-3000:]
    (line,) = node.told(done)
    assert line.startswith(f"{node.host.name} {NODE}: v1.0.0 -> v1.1.0, backup ") and "down for" in line
    assert node.height() >= reached and node.keys() == seen != ""
    after = node.host.containers()
    again = node.upgrade("v1.1.0")
    assert again.code == 0 and again.stats[node.host.name]["changed"] == 0 and node.host.containers() == after
    assert node.play("install", "v1.1.0").stats[node.host.name]["changed"] == 0


def test_over_a_migration_and_back_from_one_that_is_never_well(node: Node) -> None:
    done = node.upgrade("v2.0.0")
    assert done.code == 0, done.output[-3000:]
    reached = node.height()
    failed = node.upgrade("v2.1.0")
    assert failed.code == 2, failed.output[-3000:]
    (line,) = node.told(failed)
    assert "v2.0.0 -> v2.1.0 failed at GATE" in line and line.endswith("v2.0.0 runs again")
    assert node.play("verify", "v2.0.0").code == 0
    assert node.play("install", "v2.0.0").stats[node.host.name]["changed"] == 0
    # The migration of this one fails half way.
    failed = node.upgrade("v2.2.0")
    assert failed.code == 2 and "failed at MIGRATE" in node.told(failed)[0] and node.play("verify", "v2.0.0").code == 0
    assert node.height() >= reached > 0


def test_back_on_purpose(node: Node) -> None:
    refused = node.play("rollback", "v2.0.0", avs_rollback=[NODE])
    assert refused.code == 2 and "discards what was stored since" in node.told(refused, "Say what that would discard")[1]
    done = node.play("rollback", "v2.0.0", avs_rollback=[NODE], avs_rollback_confirmed=True)
    assert done.code == 0, done.output[-3000:]
    assert node.told(done)[0].startswith(f"{node.host.name} {NODE}: v2.0.0 -> v1.1.0, backup ")
    assert node.play("install", "v1.1.0").stats[node.host.name]["changed"] == 0


def test_a_real_avs_and_what_it_drops(fleet: Fleet, host: Host, keys: Any) -> None:
    eigenda_files("2.6.0")
    entry = eigenda(fleet, keys, "mainnet", 0)
    registry = fleet.facts["lab_registry"]
    old = {**entry, "options": {**entry["options"], "image": f"{registry}/eigenda-node:2.6.0"}}
    avs = Node(fleet, host, old)
    placed = avs.play("site", "v2.6.0")
    assert placed.code == 0, placed.output[-3000:]
    avs.entry = entry
    check = avs.upgrade("v2.7.0", "--check")
    assert check.code == 0, check.output[-3000:]
    told = [line.strip() for line in avs.told(check)]
    assert {"- port da-node 32005/tcp", "- port reverse-proxy 32004/tcp", "- variable NODE_EIGENDA_SERVICE_MANAGER"} <= set(told)
    done = avs.upgrade("v2.7.0")
    assert done.code == 0, done.output[-3000:]
    ports = host.run("docker ps --filter label=avs.instance=eigenda-mainnet --format '{{.Ports}}'")
    assert "32006" in ports and "32005" not in ports and "32004" not in ports
