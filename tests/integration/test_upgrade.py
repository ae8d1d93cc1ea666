# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A node goes from version to version as the page says, keeps its volume and its keys, and goes back by itself where it has to."""

from __future__ import annotations

import json
import shlex
from typing import Any

import hvac
import pytest

from tests.integration.runbooks import follow
from tests.integration.support import Fleet, Host, Result
from tests.tools.blocks import ROOT, blocks_of

ID = "demo-avs-up"
PASSWORD = "a-password-of-what-is-upgraded"
VARIABLES = {"avs_backup_password": {"source": "vault", "path": "avs/up/backup", "field": "password"}}
HEIGHT = "import json, urllib.request as u; print(json.load(u.urlopen('http://127.0.0.1:8080/height'))['height'])"


def page() -> list[str]:
    """The commands of the page, in their order."""
    text = (ROOT / "docs" / "upgrade.md").read_text()
    lines = [line for block in blocks_of(text, "docs/upgrade.md") for line in block.text.splitlines()]
    return [line for line in lines if line.startswith("ansible-playbook") and "_all" not in line]


class Node:
    """One node on the lab's first host, at whatever version its entry says."""

    def __init__(self, fleet: Fleet, entry: dict[str, Any]) -> None:
        self.fleet, self.entry, self.host = fleet, entry, fleet.first

    def play(self, command: str, *more: str, parse: bool = False) -> Result:
        words = shlex.split(f"{command} -e avs_upgrade_poll=1".replace("demo-avs-op1", ID))
        assert words[:1] + words[2:4] == ["ansible-playbook", "-i", "inventory"], words
        instances = {self.host.name: [self.entry]}
        result = self.fleet.play(words[1].rpartition(".")[2], instances, *words[4:], *more, parse=parse, variables=VARIABLES)
        assert PASSWORD not in result.output
        return result

    def wanted(self, version: str, **options: Any) -> None:
        self.entry = {**self.entry, "version": version, "options": {**self.entry["options"], **options}}

    def follow(self, runbook: str) -> None:
        self.fleet.write_inventory({self.host.name: [self.entry]}, VARIABLES)
        follow(self.fleet, self.host, "docs/runbooks/upgrade.md", runbook, {"demo-avs-op1": ID})

    @property
    def version(self) -> str:
        return str(json.loads(self.host.run(f"cat /var/lib/avs/instances/{ID}/state.json"))["package"]["version"])

    def height(self) -> int:
        return height(self.host)

    def settled(self) -> None:
        result = self.fleet.play("install", {self.host.name: [self.entry]}, variables=VARIABLES)
        assert result.code == 0 and result.stats[self.host.name]["changed"] == 0, result.output[-3000:]


def height(host: Host) -> int:
    return int(host.run(f"python3 -c {shlex.quote(HEIGHT)}"))


@pytest.fixture(scope="module")
def node(fleet: Fleet, demo: Any, vault: hvac.Client) -> Node:
    vault.secrets.kv.v2.create_or_update_secret(path="avs/up/backup", secret={"password": PASSWORD}, mount_point="secret")
    found = Node(fleet, demo("up", options={"fee-share": 0.07}))
    found.host.run("command -v restic >/dev/null || { apt-get -q update && apt-get -q -y install restic; }")
    result = fleet.play("install", {found.host.name: [found.entry]}, variables=VARIABLES)
    assert result.code == 0, result.output[-3000:]
    return found


def test_the_page_is_followed_from_version_to_version(node: Node) -> None:
    outdated, check, take, look_back, go_back = page()
    before, ids = node.height(), node.host.containers()
    node.wanted("v1.1.0")
    shown = node.play(check)
    assert shown.code == 0 and f"{ID}: would go v1.0.0 -> v1.1.0" in shown.output, shown.output[-3000:]
    for words in ("fee-share is called operator-fee", "port node 4001/tcp", "score-window"):
        assert words in shown.output, words
    assert (node.version, node.host.containers()) == ("v1.0.0", ids)
    done = node.play(take)
    assert done.code == 0 and f"{ID}: v1.0.0 -> v1.1.0, backup " in done.output, done.output[-3000:]
    assert node.version == "v1.1.0" and node.height() >= before
    assert "0.07" in node.host.run(f"docker inspect -f '{{{{json .Config.Env}}}}' avs-{ID}-node")
    again = node.play(take, parse=True)
    assert again.code == 0 and again.stats[node.host.name]["changed"] == 0
    node.settled()
    node.wanted("v2.0.0")
    reached = node.height()
    node.follow("Upgrade")
    assert node.version == "v2.0.0" and node.height() >= reached
    node.settled()
    assert node.play(outdated).code == 0
    shown = node.play(look_back)
    assert shown.code == 0 and "discards what was stored since" in shown.output, shown.output[-3000:]
    assert node.play(go_back.replace(" -e avs_rollback_confirmed=true", "")).code != 0 and node.version == "v2.0.0"
    done = node.play(go_back)
    assert done.code == 0 and node.version == "v1.1.0" and node.height() >= reached, done.output[-3000:]
    node.wanted("v1.1.0")
    node.settled()


@pytest.mark.parametrize(
    ("version", "step", "said", "runbook"),
    [("v2.1.0", "GATE", "not healthy", "Failed upgrade"), ("v2.2.0", "MIGRATE", "half migrated", "Migration failed")],
)
def test_what_fails_is_put_back_and_the_run_fails(node: Node, version: str, step: str, said: str, runbook: str) -> None:
    take = page()[2]
    node.wanted("v2.0.0")
    done = node.play(take)
    assert done.code == 0 and node.version == "v2.0.0", done.output[-3000:]
    reached = node.height()
    node.wanted(version)
    failed = node.play(take)
    assert failed.code != 0 and f"failed at {step}" in failed.output and said in failed.output, failed.output[-3000:]
    assert "v2.0.0 runs again" in failed.output and node.version == "v2.0.0" and node.height() >= reached
    node.wanted("v2.0.0")
    node.follow(runbook)
    node.settled()
