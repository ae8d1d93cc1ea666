# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The playbooks of backups, and where the repository's password comes from and goes."""

from __future__ import annotations

import hashlib
import json

import pytest

from tests.core import OLDEST
from tests.integration.controller.controller import Controller, Run
from tests.integration.controller.stand_ins import arguments

CANARY = "canary-of-a-repository-0123456789"


@pytest.fixture
def core() -> str:
    """The newest one runs these playbooks on hosts of the lab."""
    return OLDEST


def asked(controller: Controller, host: str = "h1") -> list[dict[str, object]]:
    path = controller.folder / f"{host}.tmp/asked.memory"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def unseen(controller: Controller, run: Run) -> bool:
    kept = "".join(path.read_text(errors="replace") for path in controller.folder.rglob("*.tmp/**/*") if path.is_file())
    return CANARY not in run.output + controller.log.read_text() + kept


def test_the_password_comes_from_its_source_and_is_sent_unseen(controller: Controller) -> None:
    secret = controller.folder / "backup.password"
    secret.write_text(f"{CANARY}\n")
    secret.chmod(0o600)
    variables = {"avs_backup_password": {"source": "file", "path": str(secret)}, "avs_backup_repository": "/mnt/backup"}
    controller.inventory({"h1": [], "h2": []}, variables)
    run = controller.playbook("backup", "-vvv", avs_backup=["a-avs-1"], json_output=False)
    assert run.code == 0, run.output
    assert asked(controller) == [{"state": "taken", "repository": "/mnt/backup", "password": digest(CANARY), "check": False}]
    assert "create backup a-avs-1" in run.output and unseen(controller, run)
    run = controller.playbook("backup", "--check", avs_backup_all=True, avs_backup_verify=True)
    # Looked for, and not sent; that there is one is said.
    assert run.code == 0 and [(item["password"], item["check"], item["said"]) for item in asked(controller)[1:]] == [
        (digest(""), True, {"password_given": True})
    ]
    secret.unlink()
    run = controller.playbook("backup", "--check", avs_backup_all=True)
    assert run.code != 0 and len(asked(controller)) == 2 and "backup.password" in run.output


def test_it_is_proven_where_that_is_asked_for(controller: Controller) -> None:
    controller.inventory({"h1": []}, {"avs_backup_password": CANARY})
    run = controller.playbook("backup", avs_backup_all=True, avs_backup_verify=True)
    assert run.code == 0 and [item["state"] for item in asked(controller)] == ["taken", "verified"]
    assert unseen(controller, run)
    assert run.tasks("h1")["Say what was backed up, and what nobody knows"]["msg"] == [
        "h1 a-avs-1 started: create backup a-avs-1",
        "h1 a-avs-1: backup 0123456789ab of 3.0 MiB, 1.0 MiB of them new; 0.5 s of copying while it was down",
        "h1 a-avs-1: not in it: data/cache (cache)",
        "h1 a-avs-1: copied to offsite: nothing new",
        "h1 a-avs-1: backup 0123456789ab was restored aside and is what was saved: 7 files, 3.0 MiB",
    ]
    run = controller.playbook("backup", "--check", avs_backup_all=True)
    assert run.tasks("h1")["Say what was backed up, and what nobody knows"]["msg"] == ["h1 a-avs-1: would create backup a-avs-1"]


def test_one_that_fails_hides_nothing_of_others(controller: Controller) -> None:
    controller.inventory({"h1": [], "h2": []}, {"avs_backup_password": CANARY})
    (controller.folder / "h1.tmp").mkdir()
    (controller.folder / "h1.tmp/fails.memory").touch()
    run = controller.playbook("backups")
    lines = run.tasks("h1")["Print the backups"]["msg"]
    assert run.code != 0 and "wrong password" in run.tasks("h1")["Ask for the backups"]["msg"]
    assert [line.split()[:2] for line in lines if "avs-1" in line] == [["h1", "a-avs-1"], ["h2", "a-avs-1"]]
    run = controller.playbook("backup", avs_backup_all=True, avs_backup_verify=True)
    assert run.code != 0 and [item["state"] for item in asked(controller)] == ["listed", "taken", "verified"]


def test_a_misspelt_variable_is_said_and_puts_no_other_backup_back(controller: Controller) -> None:
    controller.inventory({"h1": []}, {"avs_backup_password": CANARY, "avs_backup_kep": {"last": 3}})
    run = controller.playbook("backup", avs_backup_all=True, avs_backup_verfy=True, json_output=False)
    said = " ".join(run.output.split())
    assert run.code == 0 and "did you mean avs_backup_keep?" in said and "did you mean avs_backup_verify?" in said
    run = controller.playbook("restore", avs_restore="a-avs-1", avs_restore_confirm=True, avs_restore_bakup="0123456789ab")
    assert run.code != 0 and len(asked(controller)) == 1 and "Rename it to avs_restore_backup." in run.output


def test_hosts_have_a_schedule_where_the_inventory_has_one(controller: Controller) -> None:
    controller.inventory({"h1": []}, {"avs_backup_password": CANARY, "avs_backup_repository": "/mnt/backup"})
    run = controller.playbook("install")
    assert run.code == 0 and asked(controller) == [] and not [name for name in run.tasks("h1") if "back up" in name]
    for given in ({"avs_backup_schedule": "daily"}, {"avs_backup_schedules": {"a-avs-1": "daily"}}):
        run = controller.playbook("install", "-vvv", json_output=False, **given)
        assert run.code == 0 and unseen(controller, run), run.output
    assert asked(controller) == [{"state": None, "repository": "/mnt/backup", "password": digest(CANARY), "check": False}] * 2
    run = controller.playbook("install", "--check", avs_backup_schedule="daily")
    assert run.code == 0 and asked(controller)[2:] == [{"state": None, "repository": "/mnt/backup", "password": digest(""), "check": True}]


@pytest.mark.parametrize("wrong", [{"source": "nowhere"}, {"source": "file"}, ["x"], {"source": "file", "path": "/x", "more": 1}])
def test_a_password_that_is_nowhere_is_refused(controller: Controller, wrong: object) -> None:
    controller.inventory({"h1": []}, {"avs_backup_password": wrong})
    run = controller.playbook("backup", avs_backup_all=True)
    assert run.code != 0 and asked(controller) == [] and "is not as it should be" in run.output


def test_what_to_back_up_is_said_once(controller: Controller) -> None:
    controller.inventory({"h1": []}, {})
    for extra, why in (
        ({}, "Say what to back up"),
        ({"avs_backup": ["a-avs-1"], "avs_backup_all": True}, "leave one of them out"),
        ({"avs_backup": {"a-avs-1": 1}}, "neither a list of ids nor a text"),
    ):
        run = controller.playbook("backup", **extra)
        assert run.code != 0 and why in run.output
    assert asked(controller) == []
    run = controller.playbook("backup", avs_backup="a-avs-1, b-avs-1")
    assert run.code != 0 and "no host that answered has b-avs-1;" in run.output


def test_places_that_are_left_behind_are_named_for_a_run(controller: Controller) -> None:
    controller.inventory({"h1": []}, {"avs_backup_schedule": "daily"})
    left = ["/mnt/backup/avs", "s3:https://s3.example.org/avs"]
    for given in (left, ",".join(left)):
        assert controller.playbook("backup", avs_backup_all=True, avs_ack_backups_left=given).code == 0
        assert asked(controller)[-1]["said"] == {"backups_left": left}
    # What every run does has no such option.
    assert "backups_left" not in arguments("backup_schedule")["argument_spec"]


def test_what_is_of_another_type_is_named_by_its_variable(controller: Controller) -> None:
    """All at once, and before a host is asked."""
    wrong = {
        "avs_backup_classes": ["x"],
        "avs_backup_max_stop": "1h",
        "avs_backup_prove": "weekly",
        "avs_backup_acknowledged": ["/mnt"],
        "avs_backup_keep": 3,
        "avs_ack_backups_left": {"x": 1},
    }
    controller.inventory({"h1": []}, {**wrong, "avs_backup_password": CANARY})
    run = controller.playbook("backup", avs_backup_all=True)
    assert run.code != 0 and all(f"{name}: is no " in run.output for name in wrong) and asked(controller) == [] and unseen(controller, run)
    # As `-e name='{...}'` gives them, they are texts.
    fine = {
        "avs_backup_classes": "{}",
        "avs_backup_max_stop": "600",
        "avs_backup_prove": "7",
        "avs_backup_acknowledged": "{}",
        "avs_backup_keep": '{"last": 3}',
        "avs_ack_backups_left": "/mnt",
    }
    assert controller.playbook("backup", avs_backup_all=True, **fine).code == 0
    run = controller.playbook("restore", "--check", avs_restore="a-avs-1", avs_restore_acknowledged={"x": 1})
    assert run.code != 0 and "avs_restore_acknowledged: is no list" in run.output


def test_a_restore_is_confirmed_and_gets_the_password(controller: Controller) -> None:
    controller.inventory({"h1": []}, {"avs_backup_password": CANARY})
    for extra in ({}, {"avs_restore": "a-avs-1"}, {"avs_restore": ["a-avs-1"], "avs_restore_confirm": True}, {"avs_restore_confirm": True}):
        assert controller.playbook("restore", **extra).code != 0
    assert asked(controller) == []
    run = controller.playbook("restore", avs_restore="a-avs-1", avs_restore_confirm=True)
    assert run.code == 0 and [item["password"] for item in asked(controller)] == [digest(CANARY)] and unseen(controller, run)
    said = run.tasks("h1")["Say what was restored, and what nobody knows"]["msg"]
    assert said[1:] == [
        "h1 a-avs-1: put back backup 0123456789ab of 2026-01-01T00:00:00Z",
        "h1 a-avs-1: what was there is kept, and the next restore refused: /d.replaced-0123456789ab",
    ]
    run = controller.playbook("restore", "--check", avs_restore="a-avs-1")
    said = run.tasks("h1")["Say what was restored, and what nobody knows"]["msg"]
    assert said[0].startswith("h1 a-avs-1: would ") and said[1:] == [
        "h1 a-avs-1: would put back backup 0123456789ab of 2026-01-01T00:00:00Z"
    ]
    assert run.code == 0 and [item["password"] for item in asked(controller)][1:] == [digest("")]
    run = controller.playbook("restore", avs_restore="b-avs-1", avs_restore_confirm=True)
    assert (
        run.code != 0 and "no host that answered has b-avs-1" in run.output and "-e avs_restore_to=<host>, also the same one" in run.output
    )


def test_a_restore_is_told_what_a_backup_is(controller: Controller) -> None:
    classes, left = {"a-avs-1": {"signer": "monotonic"}}, {"a-avs-1": ["/mnt/chain"]}
    of_backups = {"avs_backup_repository": "/mnt/backup", "avs_backup_classes": classes, "avs_backup_acknowledged": left}
    controller.inventory({"h1": []}, {"avs_backup_password": CANARY, **of_backups})
    assert controller.playbook("backup", avs_backup=["a-avs-1"]).code == 0
    assert controller.playbook("restore", avs_restore="a-avs-1", avs_restore_confirm=True, avs_restore_acknowledged=["volumes/x"]).code == 0
    backup, restore = asked(controller)
    assert [item["repository"] for item in (backup, restore)] == ["/mnt/backup"] * 2
    assert backup["said"] == {"classes": classes, "acknowledged": left}
    assert restore["said"] == {"classes": classes, "acknowledged": ["volumes/x"], "backup_acknowledged": left}


def test_a_restore_is_of_one_host(controller: Controller) -> None:
    controller.inventory({"h1": [], "h2": [], "h3": []}, {"avs_backup_password": CANARY})
    for host, state in (("h1", "started"), ("h2", "stopped"), ("h3", "absent")):
        controller.tells(host, {"id": "a-avs-1", "state": state})
    for check in ([], ["--check"]):
        run = controller.playbook("restore", *check, avs_restore="a-avs-1", avs_restore_confirm=True)
        assert run.code != 0 and "a-avs-1 is on h1, h2, each with" in run.output and "--limit h1" in run.output, run.output
    assert [asked(controller, host) for host in ("h1", "h2", "h3")] == [[], [], []]
    run = controller.playbook("restore", "--limit", "h2,h3", avs_restore="a-avs-1", avs_restore_confirm=True)
    assert run.code == 0 and [len(asked(controller, host)) for host in ("h1", "h2", "h3")] == [0, 1, 1], run.output
    # Nobody knows what a host has that does not answer.
    (controller.folder / "host_vars").mkdir()
    (controller.folder / "host_vars" / "h3.yml").write_text("{ansible_connection: ssh, ansible_host: 127.0.0.1, ansible_port: 1}\n")
    run = controller.playbook("restore", "--limit", "h2,h3", avs_restore="a-avs-1", avs_restore_confirm=True)
    assert run.code != 0 and [len(asked(controller, host)) for host in ("h2", "h3")] == [2, 1] and "h3 could not be reached" in run.output


def test_backups_are_a_table_or_json(controller: Controller) -> None:
    controller.inventory({"h1": [], "h2": []}, {})
    run = controller.playbook("backups")
    lines = run.tasks("h1")["Print the backups"]["msg"]
    assert run.code == 0 and lines[0].split() == ["host", "instance", "time", "backup", "version", "proven"]
    assert [line.split()[:4] for line in lines if "avs-1" in line] == [
        [host, "a-avs-1", "2026-01-01T00:00:00Z", "0123456789ab"] for host in ("h1", "h2")
    ]
    run = controller.playbook("backups", avs_backups_format="json", avs_backups_file="backups.json", avs_backups_query="")
    found = json.loads((controller.folder / "backups.json").read_text())["backups"]
    assert run.code == 0 and [(item["host"], item["verified"], item["repository"]) for item in found] == [
        ("h1", None, "/r/a-avs-1"),
        ("h2", None, "/r/a-avs-1"),
    ]
    assert controller.playbook("backups", avs_backups_format="xml").code != 0
