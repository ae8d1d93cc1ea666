# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A real AVS goes to its next version, which drops variables and ports; that is said before."""

from __future__ import annotations

from typing import Any

from tests.eigenda import eigenda_files
from tests.integration.support import Fleet
from tests.integration.test_side_by_side import eigenda

ID = "eigenda-mainnet"
VARIABLES = {"avs_backup_password": "of-the-repository-of-a-real-avs", "avs_upgrade": [ID], "avs_upgrade_poll": 1}
GONE = {"- port da-node 32005/tcp", "- port reverse-proxy 32004/tcp", "- option v1-dispersal-port: port, default '32005'",
        "- option v1-retrieval-port: port, default '32004'", "- option runtime-mode: select, default 'v1-and-v2'",
        "- variable NODE_INTERNAL_DISPERSAL_PORT", "- variable NODE_INTERNAL_RETRIEVAL_PORT",
        "- variable NODE_EIGENDA_SERVICE_MANAGER"}  # fmt: skip


def test_what_it_drops_is_said_and_dropped(fleet: Fleet, keys: Any) -> None:
    eigenda_files("2.6.0")
    host, new = fleet.first, eigenda(fleet, keys, "mainnet", 0)
    image = f"{fleet.facts['lab_registry']}/eigenda-node"
    old = {**new, "version": "v2.6.0", "options": {**new["options"], "image": f"{image}:2.6.0"}}
    placed = fleet.play("site", {host.name: [old]}, variables=VARIABLES)
    assert placed.code == 0, placed.output[-3000:]
    before = host.run("docker ps --format '{{.Names}} {{.Ports}}'")
    assert "32005" in before and "32004" in before
    check = fleet.play("upgrade", {host.name: [new]}, "--check", variables=VARIABLES)
    (told,) = [
        task["hosts"][host.name]["msg"]
        for play in check.plays
        for task in play["tasks"]
        if task["task"]["name"].endswith("Say what became of each")
    ]
    assert told[0] == f"{host.name} {ID}: would go v2.6.0 -> v2.7.0"
    assert {line.strip() for line in told} >= GONE and any(line.startswith("    image of da-node on the host: ") for line in told)
    assert host.run("docker ps --format '{{.Names}} {{.Ports}}'") == before
    done = fleet.play("upgrade", {host.name: [new]}, variables=VARIABLES)
    assert done.code == 0, done.output[-3000:]
    after = host.run("docker ps --format '{{.Names}} {{.Ports}}'")
    assert "32006" in after and "32005" not in after and "32004" not in after
    again = fleet.play("install", {host.name: [new]}, variables=VARIABLES)
    assert again.code == 0 and again.stats[host.name]["changed"] == 0
