# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A node goes to a new host as the page says, with its height; its old host starts nothing any more."""

from __future__ import annotations

import json
import shlex
import subprocess
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import hvac
import pytest

from tests.integration.power import running, unit
from tests.integration.quick_keys import quicken_at
from tests.integration.support import Fleet, Host, Result
from tests.tools.blocks import ROOT, blocks_of

ID = "demo-avs-move"
PASSWORD = "a-password-of-a-moving-repository"
FOLDER = "/mnt/backup/avs"
VARIABLES = {"avs_backup_repository": FOLDER, "avs_backup_password": {"source": "vault", "path": "avs/move/backup", "field": "password"}}
COPIES = [{"name": "offsite", "repository": FOLDER}]
NOWHERE = {"avs_backup_repository": "/mnt/nowhere/avs"}
HEIGHT = "import json, urllib.request as u; print(json.load(u.urlopen('http://127.0.0.1:8180/height'))['height'])"
RESTIC = f"rm -rf {FOLDER}; command -v restic >/dev/null || {{ apt-get -q update && apt-get -q -y install restic; }}"


def page() -> list[str]:
    """The commands of the page's section, in their order."""
    text = (ROOT / "docs" / "backup.md").read_text().partition("## Restore on a new host")[2].partition("\n## ")[0]
    return [line for block in blocks_of(text, "docs/backup.md") for line in block.text.splitlines()]


class Move:
    """Two hosts, called as the page calls them, and the lists their instances are in."""

    def __init__(self, fleet: Fleet, entry: dict[str, Any]) -> None:
        self.fleet, self.entry = fleet, entry
        self.old, self.new = list(fleet.hosts.values())[:2]
        self.lists: dict[str, list[dict[str, Any]]] = {self.old.name: [entry], self.new.name: []}

    def moved(self) -> None:
        self.lists = {self.old.name: [], self.new.name: [self.entry]}

    def play(self, command: str, *more: str) -> Result:
        words = shlex.split(command.replace("demo-avs-op1", ID).replace("host1", self.old.name).replace("host2", self.new.name))
        assert words[:3:2] == ["ansible-playbook", "-i"], words
        result = self.fleet.play(words[1].rpartition(".")[2], self.lists, *words[4:], *more, parse=False)
        assert PASSWORD not in result.output
        return result

    def carry(self, command: str) -> None:
        """A pipe between two hosts."""
        ours = command.replace("demo-avs-op1", ID)
        give, take = (shlex.split(part)[2:] for part in ours.split(" | "))
        packed = subprocess.run([*self.old.ssh(), *give], capture_output=True, check=True, timeout=60).stdout
        subprocess.run([*self.new.ssh(), *take], input=packed, check=True, timeout=60)


def height(host: Host) -> int:
    return int(host.run(f"python3 -c {shlex.quote(HEIGHT)}"))


def place(host: Host) -> str:
    return host.run(f"docker volume inspect -f '{{{{.Mountpoint}}}}' avs-{ID}_node-data").strip()


@pytest.fixture(scope="module")
def move(fleet: Fleet, demo: Any, vault: hvac.Client) -> Move:
    vault.secrets.kv.v2.create_or_update_secret(path="avs/move/backup", secret={"password": PASSWORD}, mount_point="secret")
    fleet.variables.update(VARIABLES)
    with ThreadPoolExecutor() as pool:
        list(pool.map(lambda host: host.run(RESTIC), fleet.hosts.values()))
    found = Move(fleet, demo("move"))
    result = fleet.play("install", found.lists)
    assert result.code == 0, result.output[-3000:]
    return found


def test_it_is_restored_on_a_new_host_by_the_page(move: Move) -> None:
    old, new = move.old, move.new
    stop, backup, carry, look, restore, copied, dead = page()[:7]
    reached = height(old)
    old.run(f"cd {place(old)}; echo x >odd; chown 12345:12345 odd; chmod 4755 odd")
    assert move.play(stop).code == 0 and move.play(backup).code == 0
    # What is done with a key as restic makes it: test_backup.py.
    quicken_at(old.run, f"{FOLDER}/{ID}", PASSWORD)
    move.carry(carry)
    move.moved()
    # Out of reach, and not named dead: nothing is changed anywhere.
    before = new.snapshot(), old.snapshot()
    away = {**old.variables, "ansible_host": "127.9.9.9", "ansible_ssh_common_args": "-o ConnectTimeout=2"}
    move.fleet.hosts[old.name] = Host(old.name, away)
    refused = move.play(restore)
    assert refused.code and "avs_ack_old_host_dead" in refused.output and "could not be reached" in refused.output, refused.output[-3000:]
    # Named dead it would do, from a copy as well as from the repository.
    named = move.play(f"{dead} --check", "-e", json.dumps({"avs_restore_from": "offsite", "avs_backup_copies": COPIES, **NOWHERE}))
    assert named.code == 0 and "create container" in named.output, named.output[-3000:]
    assert copied == f"{restore} -e avs_restore_from=offsite"
    move.fleet.hosts[old.name] = old
    assert move.play(look).code == 0
    assert (new.snapshot(), old.snapshot()) == before
    done = move.play(restore, "-e", json.dumps({"avs_restore_owners": {"12345": 23456}}))
    assert done.code == 0, done.output[-3000:]
    assert len(running(new, ID)) == 2 and height(new) >= reached > 0
    assert new.run(f"stat -c '%u:%g %a' {place(new)}/odd").strip() == "23456:23456 4755"
    assert not old.run(f"ls -A /run/avs/{ID} | grep -v backup || true").strip()
    again = move.fleet.play("install", move.lists)
    assert again.code == 0 and again.stats[new.name]["changed"] == 0, again.output[-3000:]


def test_its_old_host_starts_it_no_more(move: Move) -> None:
    old = move.old
    back = page()[-1]
    refused = move.play(back.partition(" -e avs_start_take_back")[0])
    assert refused.code and "moved to" in refused.output and "belongs to another host" in refused.output, refused.output[-3000:]
    assert "belongs to another host" in old.run(f"avsctl start {ID} 2>&1 || true")
    old.run(f"avsctl recover; systemctl start avs@{ID}; avsctl up {ID}", check=False)
    assert unit(old, ID) != "active" and not running(old, ID)
    # On its list again: a key that runs on the new one is refused there.
    listed = move.fleet.play("install", {old.name: [move.entry], move.new.name: []})
    assert listed.code and not running(old, ID) and "is used by" in listed.message(old.name), listed.output[-3000:]
    assert len(running(move.new, ID)) == 2
