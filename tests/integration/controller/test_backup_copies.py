# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where copies of backups are, and what lets one in there, come from the inventory; nothing secret of that is seen."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.core import OLDEST
from tests.integration.controller.controller import Controller
from tests.integration.controller.test_backup import CANARY, asked, digest, unseen


@pytest.fixture
def core() -> str:
    return OLDEST


def written(controller: Controller, name: str, content: str) -> dict[str, str]:
    path: Path = controller.folder / name
    path.write_text(content)
    path.chmod(0o600)
    return {"source": "file", "path": str(path)}


def test_what_lets_one_in_comes_from_its_source_and_is_sent_unseen(controller: Controller) -> None:
    key = f"-----BEGIN KEY-----\n{CANARY}\n-----END KEY-----\n"
    sftp = {"name": "offsite", "repository": "sftp:avs@h:/srv", "known_hosts": "h ssh-ed25519 AAAA"}
    bucket = {"name": "bucket", "repository": "s3:https://h/b", "user": "AKIA", "password": f"{CANARY}-too"}
    copies = [{**sftp, "secret": written(controller, "ssh", key)}, {**bucket, "secret": written(controller, "s3", f"{CANARY}-s3\n")}]
    controller.inventory({"h1": []}, {"avs_backup_password": CANARY, "avs_backup_copies": copies})
    run = controller.playbook("backup", "-vvv", avs_backup_all=True, json_output=False)
    assert run.code == 0, run.output
    # The module has its default.
    sftp, bucket = ({**copy, "prune": "here"} for copy in (sftp, bucket))
    sent = [{**sftp, "secret": digest(key.rstrip("\n"))}, {**bucket, "secret": digest(f"{CANARY}-s3"), "password": digest(f"{CANARY}-too")}]
    assert [(item["copies"], item["copy"]) for item in asked(controller)] == [(sent, None)] and unseen(controller, run)
    run = controller.playbook("restore", "--check", avs_restore="a-avs-1", avs_restore_from="offsite")
    # Looked for, and not sent.
    assert run.code == 0 and [(item["copies"], item["copy"]) for item in asked(controller)[1:]] == [
        ([sftp, {name: value for name, value in bucket.items() if name != "password"}], "offsite")
    ]
    assert controller.playbook("backups", avs_backups_from="bucket").code == 0 and asked(controller)[2]["copy"] == "bucket"
    (controller.folder / "ssh").unlink()
    run = controller.playbook("backup", "--check", avs_backup_all=True)
    assert run.code != 0 and len(asked(controller)) == 3 and "copies[0].secret" in run.output


@pytest.mark.parametrize("wrong", [{"source": "nowhere"}, {"source": "file"}, ["x"]])
def test_what_is_nowhere_is_refused(controller: Controller, wrong: object) -> None:
    copies = [{"name": "a", "repository": "/mnt/a"}, {"name": "b", "repository": "/mnt/b", "password": wrong}]
    controller.inventory({"h1": []}, {"avs_backup_password": CANARY, "avs_backup_copies": copies})
    run = controller.playbook("backup", avs_backup_all=True)
    assert run.code != 0 and asked(controller) == [] and "copies[1].password" in run.output and unseen(controller, run)


@pytest.mark.parametrize(
    ("wrong", "place"),
    [
        ([{"name": "a", "repository": "/mnt/a", "secrt": CANARY}], "copies[0].secrt"),
        ([{"name": "a", "repository": f"rest:https://u:{CANARY}@h/"}], "copies[0].repository"),
        ([f"name=a repository=/mnt/a secrt={CANARY}"], "copies[0]"),
        ({"name": "a", "repository": "/mnt/a", "secret": CANARY}, "copies"),
    ],
)
def test_what_is_no_copy_is_refused_and_not_sent(controller: Controller, wrong: object, place: str) -> None:
    """Of what nobody knows nobody knows either that it is secret: a host would show it with its answer, and keep it with the module."""
    controller.inventory({"h1": []}, {"avs_backup_copies": wrong})
    extra = json.dumps({"avs_hosts_group": "all", "avs_become": False, "avs_backup_all": True})
    play = "- import_playbook: restaking.avs.backup\n"
    run = controller.play("-vvv", "-e", extra, play=play, json_output=False, ANSIBLE_KEEP_REMOTE_FILES="1")
    assert run.code != 0 and asked(controller) == [] and unseen(controller, run), run.output
    assert f"{place}: " in run.output and "avs_backup_copies is not as it should be" in run.output
