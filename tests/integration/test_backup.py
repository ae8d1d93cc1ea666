# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A node's data is saved by a playbook, listed, proven, and put back as it was; the password comes from the store."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
from pathlib import Path
from typing import Any

import hvac
import pytest

from tests.integration.power import ids, running
from tests.integration.quick_keys import quicken_at
from tests.integration.runbooks import follow as followed
from tests.integration.support import Fleet, Host, Result
from tests.integration.test_pages import run

ID = "demo-avs-save"
PASSWORD = "a-password-of-a-repository"
HERE = f"/var/backups/avs/{ID}"
VARIABLES = {
    "avs_backup_repository": "/var/backups/avs",
    "avs_backup_password": {"source": "vault", "path": "avs/save/backup", "field": "password"},
    "avs_backup_acknowledged": {ID: []},
    # The first one is proven, and stays.
    "avs_backup_keep": {"last": 1},
}
# A backup on its way is stopped as soon as it says how far it is, and goes on later.
PAUSED = """
for i in $(seq 600); do
  pid=$(grep -ohE '"pid": [0-9]+' /run/avs/*/backup/progress.json 2>/dev/null | grep -oE '[0-9]+') && kill -STOP "$pid" && break
  sleep 0.05
done
(sleep 12; kill -CONT "$pid") >/dev/null 2>&1 </dev/null &
"""
# What is at work is killed while the node is down for it; then it is waited for to run again, by nobody's order.
KILLED = f"""
for i in $(seq 1200); do [ "$(docker ps -q --filter label=avs.instance={ID} | wc -l)" -lt 2 ] && pkill -KILL -f '[s]ystem.detached' && break; sleep 0.05; done
for i in $(seq 300); do sleep 0.2; [ "$(docker ps -q --filter label=avs.instance={ID} | wc -l)" = 2 ] && echo runs && break; done
journalctl --no-pager --quiet --unit 'avs-cut@*' --since -120s
"""
MINE = "/var/lib/avs/instances/demo-avs-save/data"
RUNBOOKS = "docs/runbooks/backup.md"


@pytest.fixture(scope="module")
def host(fleet: Fleet) -> Host:
    return fleet.first


@pytest.fixture(scope="module")
def placed(fleet: Fleet, host: Host, demo: Any, vault: hvac.Client) -> dict[str, list[dict[str, Any]]]:
    vault.secrets.kv.v2.create_or_update_secret(path="avs/save/backup", secret={"password": PASSWORD}, mount_point="secret")
    fleet.variables.update(VARIABLES)
    host.run(
        "rm -rf /var/backups/avs /var/backups/avs.lost; command -v restic >/dev/null || { apt-get -q update && apt-get -q -y install restic; }"
    )
    entries = {host.name: [demo("save")]}
    result = fleet.play("site", entries)
    assert result.code == 0, result.output[-3000:]
    return entries


def play(fleet: Fleet, placed: dict[str, Any], playbook: str, *arguments: str, **extra: Any) -> Result:
    result = fleet.play(playbook, placed, *arguments, parse=False)
    assert PASSWORD not in result.output
    for word, value in extra.items():
        assert bool(result.code) == bool(value) if word == "fails" else value in result.output, result.output[-3000:]
    return result


def listed(fleet: Fleet, placed: dict[str, Any]) -> list[dict[str, Any]]:
    play(fleet, placed, "backups", "-e", "avs_backups_format=json", "-e", "avs_backups_file=backups.json", fails=False)
    report = json.loads((fleet.folder / "backups.json").read_text())
    rows: list[dict[str, Any]] = report["backups"]
    return rows


def kept(host: Host, *more: str) -> list[dict[str, Any]]:
    """What the host's own program lists."""
    rows: list[dict[str, Any]] = json.loads(host.run(shlex.join(["avsctl", "backups", ID, "--json", *more])))["instances"][0]["backups"]
    return rows


def test_it_is_saved_and_proven_by_playbooks(fleet: Fleet, host: Host, placed: dict[str, Any]) -> None:
    made = ids(host)
    one = json.dumps({"avs_backup": [ID]})
    play(fleet, placed, "backup", "-e", one, "--check", fails=False)
    assert host.run("find /var/backups/avs -type f 2>/dev/null | head -1 || true") == ""
    play(fleet, placed, "backup", "-e", one, "-e", "avs_backup_verify=true", fails=False)
    assert ids(host) == made and len(running(host, ID)) == 2
    (row,) = listed(fleet, placed)
    assert row["instance"] == ID and row["verified"]
    install = fleet.play("install", placed)
    assert install.code == 0 and install.stats[host.name]["changed"] == 0
    assert not host.run(f"grep -rlF {PASSWORD} /var/lib/avs /var/backups/avs /etc 2>/dev/null || true").strip()
    # That of all others is opened in a moment.
    quicken_at(host.run, HERE, PASSWORD)


def test_its_host_saves_it_on_a_schedule(fleet: Fleet, host: Host, placed: dict[str, Any]) -> None:
    """The timer's own unit; without the password it waits; killed while the node is down, it is started again."""
    timer, unit, made = f"avs-backup@{ID}.timer", f"avs-backup@{ID}.service", ids(host)
    on = ("-e", json.dumps({"avs_backup_schedule": "daily", "avs_backup_random_delay": 600, "avs_backup_max_stop": 900}))
    wrong = fleet.play("install", placed, "-e", "avs_backup_schedule=nonsense")
    assert wrong.code != 0 and "is no calendar text of systemd" in wrong.output
    assert not host.run(f"ls /etc/systemd/system | grep {timer} || true").strip()
    first, again = fleet.play("install", placed, *on), fleet.play("install", placed, *on)
    assert (first.code, again.code) == (0, 0), first.output[-3000:]
    assert first.stats[host.name]["changed"] == 1 and again.stats[host.name]["changed"] == 0
    assert host.run(f"systemctl is-active {timer}; systemctl is-enabled {timer}").split() == ["active", "enabled"]
    host.run(f"systemctl start {unit}")
    told = json.loads(host.run("avsctl status --json", check=False))["instances"][0]["backup"]
    assert (told["schedule"], told["problem"], told["waiting"]) == ("daily", None, False) and told["age"] < 60 and told["size"] > 0
    assert ids(host) == made and len(running(host, ID)) == 2
    host.run(f"rm /run/avs/{ID}/backup/password; systemctl start {unit}")
    assert "waits" in host.run("avsctl ls", check=False) and host.run(f"systemctl is-failed {unit}", check=False).strip() == "inactive"
    brought = fleet.play("install", placed, *on)
    assert brought.code == 0 and brought.stats[host.name]["changed"] == 1
    down = f"until ! docker ps -q --filter label=avs.instance={ID} --filter label=avs.service=node | grep -q .; do sleep 0.05; done"
    host.run(f"systemctl start --no-block {unit}; timeout 60 sh -c '{down}'; systemctl kill -s KILL {unit}")
    host.run(f"timeout 60 sh -c 'while systemctl is-active {unit} | grep -q ing; do sleep 0.2; done'")
    assert ids(host) == made and len(running(host, ID)) == 2
    assert "was cut before its end" in host.run("avsctl status", check=False)
    never = fleet.play("install", placed, "-e", "avs_backup_schedule=never")
    assert never.code == 0 and never.stats[host.name]["changed"] == 1
    assert host.run(f"ls /etc/systemd/system | grep {timer} || systemctl is-active {timer} || true").strip() == "inactive"


def test_it_is_put_back_as_it_was(fleet: Fleet, host: Host, placed: dict[str, Any]) -> None:
    made = ids(host)
    height = "docker exec avs-demo-avs-save-node cat /data/height 2>/dev/null || true"
    before = host.run(height)
    host.run(f"avsctl backup {ID}")
    assert len(kept(host)) == 2
    follow(fleet, host, "Restore here")
    assert ids(host) == made and len(running(host, ID)) == 2
    assert host.run(height) >= before
    install = fleet.play("install", placed)
    assert install.code == 0 and install.stats[host.name]["changed"] == 0
    assert host.run("avsctl verify", check=False).count("differs") == 0


def test_it_goes_on_on_the_host_when_the_run_is_killed_and_the_next_one_joins_it(fleet: Fleet, host: Host, placed: dict[str, Any]) -> None:
    one = json.dumps({"avs_backup": [ID]})
    made = f"avsctl history {ID} | grep -c 'operation: backup' || true"
    before = int(host.run(made))
    inventory = fleet.write_inventory(placed, {})
    line = ["ansible-playbook", "restaking.avs.backup", "-i", str(inventory), "-e", one]
    cut = subprocess.Popen(
        line, env=fleet.environment(), cwd=fleet.folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    try:
        # It waits until the next run is there, however quick this host is.
        host.run(PAUSED)
    finally:
        os.killpg(cut.pid, signal.SIGKILL)
        cut.wait()
    said = host.run("avsctl status || true; systemctl list-units --no-legend 'avs-work-*'; cat /run/avs/.work/*/order.json")
    assert "at work since" in said and "avs-work-" in said and PASSWORD not in said, said
    play(fleet, placed, "backup", "-e", one, "-e", "avs_backup_poll=2", fails=False, said="begun by somebody else")
    assert int(host.run(made)) == before + 1 and len(running(host, ID)) == 2


def test_what_killed_work_has_stopped_runs_again(fleet: Fleet, host: Host, placed: dict[str, Any]) -> None:
    """By systemd, which sees its scope end. Nobody orders it."""
    made, one = ids(host), json.dumps({"avs_backup": [ID]})
    watch = subprocess.Popen([*host.ssh(), KILLED], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, text=True)
    failed = play(fleet, placed, "backup", "-e", one, fails=True)
    said, _none = watch.communicate(timeout=180)
    assert "ended without a result" in failed.output and said.startswith("runs\n") and "avs-cut@" in said, (failed.output[-3000:], said)
    assert ids(host) == made and len(running(host, ID)) == 2
    again = fleet.play("install", placed)
    assert again.code == 0 and again.stats[host.name]["changed"] == 0, again.output[-3000:]
    play(fleet, placed, "backup", "-e", one, fails=False)


def follow(fleet: Fleet, host: Host, runbook: str) -> None:
    followed(fleet, host, RUNBOOKS, runbook, {"demo-avs-op1": ID, "/mnt/backup/avs": "/var/backups/avs"})


@pytest.fixture(scope="module")
def offsite(fleet: Fleet, host: Host) -> dict[str, Any]:
    """The lab host's own sshd, for a key that may do nothing but sftp."""
    key: Path = fleet.folder / "offsite"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    public = key.with_suffix(".pub").read_text().strip()
    host.run(f"rm -rf /var/backups/offsite; echo 'restrict,command=\"internal-sftp\" {public}' >> /root/.ssh/authorized_keys")
    known = host.run("cut -d' ' -f1,2 /etc/ssh/ssh_host_ed25519_key.pub").strip()
    where = {"name": "offsite", "repository": "sftp:root@127.0.0.1:/var/backups/offsite/avs", "password": "a copy's own"}
    return {**where, "secret": {"source": "file", "path": str(key)}, "known_hosts": f"127.0.0.1 {known}"}


def test_it_is_copied_to_a_server_that_is_known(fleet: Fleet, host: Host, placed: dict[str, Any], offsite: dict[str, Any]) -> None:
    fleet.variables["avs_backup_copies"] = [offsite]
    play(fleet, placed, "backup", "-e", json.dumps({"avs_backup": [ID]}), fails=False)
    here = kept(host)
    quicken_at(host.run, f"/var/backups/offsite/avs/{ID}", offsite["password"])
    # Of the two there, the first was not proven there.
    assert len(here) == 2 and [item["id"] for item in kept(host, "--from", "offsite")] == [here[1]["id"]]
    assert "restored aside" in host.run(f"avsctl prove {ID} --from offsite")
    # Lines before are the same in every key.
    key = (fleet.folder / "offsite").read_text().splitlines()[-2]
    assert not host.run(f"grep -rlF {key} /var/lib/avs /var/backups /etc 2>/dev/null || true").strip()
    known = f"/run/avs/{ID}/backup/copies/offsite/known_hosts"
    host.run(f"cp -p {known} /run/known && sed -i s/127.0.0.1/elsewhere/ {known}")
    # ssh's own words may come too late for restic.
    said = host.run(f"avsctl backups {ID} --from offsite 2>&1; mv /run/known {known}")
    assert "unable to start the sftp session" in said and "known hosts the inventory gives it" in said, said


def test_runbooks_are_followed_as_written(fleet: Fleet, host: Host, placed: dict[str, Any], offsite: dict[str, Any], vault: hvac.Client) -> None:  # fmt: skip
    assert fleet.variables["avs_backup_copies"] == [offsite]
    vault.secrets.kv.v2.create_or_update_secret(path="avs/save/backup", secret={"password": "another one"}, mount_point="secret")
    with pytest.raises(AssertionError, match="wrong password"):
        run("ansible-playbook restaking.avs.backups -i inventory", fleet.folder, fleet.environment())
    follow(fleet, host, "Lost password")
    quicken_at(host.run, HERE, "another one")
    follow(fleet, host, "Disk full")
    before = len(kept(host))
    follow(fleet, host, "Moving a repository")
    shown = json.loads(host.run(f"avsctl backups {ID} --json"))["instances"][0]
    assert shown["repository"] == f"/mnt/larger/avs/{ID}" and before == len(shown["backups"]) == 2
    # Whatever became of the repository, the copy goes on.
    assert kept(host, "--from", "offsite")[-1]["id"] == shown["backups"][-1]["id"] and len(running(host, ID)) == 2
    host.run("rm -rf /mnt/larger")
