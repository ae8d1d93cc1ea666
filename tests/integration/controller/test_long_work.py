# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Work that goes on on a host: asked for until it has ended, whatever becomes of the connection, and of the run."""

from __future__ import annotations

import json
import os
import signal
import time

import pytest

from tests.core import OLDEST
from tests.integration.controller.controller import Controller
from tests.integration.controller.test_backup import CANARY, asked, digest, unseen

FLAKY = '''
DOCUMENTATION = """
name: flaky
short_description: a local host that is out of reach from time to time
description: a local host that is out of reach from time to time
extends_documentation_fragment: connection_pipelining
"""
import os
from ansible.errors import AnsibleConnectionFailure
from ansible.plugins.connection.local import Connection as Local


class Connection(Local):
    transport = "flaky"

    def exec_command(self, *args, **options):
        path = os.path.join("h1.tmp", "lost.memory")
        try:
            with open(path) as handle:
                left = int(handle.read())
        except (FileNotFoundError, ValueError):
            left = 0
        if left:
            with open(path, "w") as handle:
                handle.write(str(left - 1))
            raise AnsibleConnectionFailure("the cable is \\x1b[31mout")
        return super().exec_command(*args, **options)
'''


@pytest.fixture
def core() -> str:
    """The newest one runs these playbooks on hosts of the lab."""
    return OLDEST


def lasts(controller: Controller, **what: object) -> None:
    controller.inventory({"h1": []}, {"avs_backup_password": CANARY, "avs_backup_poll": 1})
    folder = controller.folder / "h1.tmp"
    folder.mkdir(exist_ok=True)
    (folder / "lasts.memory").write_text(json.dumps(what))
    for name in ("jobs.memory", "asked.memory"):
        (folder / name).unlink(missing_ok=True)


def jobs(controller: Controller) -> list[dict[str, object]]:
    return [json.loads(line) for line in (controller.folder / "h1.tmp/jobs.memory").read_text().splitlines()]


def test_it_is_asked_for_until_it_has_ended(controller: Controller) -> None:
    lasts(controller, calls=3)
    run = controller.playbook("backup", avs_backup=["a-avs-1"], json_output=False)
    assert run.code == 0 and "create backup a-avs-1" in run.output and unseen(controller, run), run.output
    # Begun once, by its own name; the password goes there once.
    assert [(job["begin"], job["name"] == jobs(controller)[0]["name"]) for job in jobs(controller)] == [
        (True, True),
        (False, True),
        (False, True),
    ]
    assert [item["password"] for item in asked(controller)] == [digest(CANARY), digest(""), digest("")]
    assert "goes on on the host, also without this run" in run.output
    assert run.output.count("live pass for ") == 2 and "3.0 GiB of 4.0 GiB, about 61 min left" in run.output
    assert "a-avs-1\\x1b" in run.output and "\x1b" not in run.output and "b-avs-1" not in run.output
    # A look is one call, and so is what is not to go on.
    lasts(controller, calls=3)
    assert controller.playbook("restore", "--check", avs_restore="a-avs-1").code == 0 and len(asked(controller)) == 1
    assert controller.playbook("backup", avs_backup=["a-avs-1"], avs_backup_poll=0).code == 0 and len(asked(controller)) == 2


def test_a_connection_that_is_lost_ends_nothing(controller: Controller) -> None:
    (controller.folder / "connection_plugins").mkdir()
    (controller.folder / "connection_plugins" / "flaky.py").write_text(FLAKY)
    lasts(controller, calls=2, lost=2)
    run = controller.playbook("backup", avs_backup=["a-avs-1"], json_output=False, ansible_connection="flaky")
    assert run.code == 0 and run.output.count("is out of reach: ") == 2 and "create backup a-avs-1" in run.output, run.output
    assert "\x1b" not in run.output
    lasts(controller, calls=2, lost=100)
    run = controller.playbook("backup", avs_backup=["a-avs-1"], json_output=False, ansible_connection="flaky")
    assert run.code != 0 and "UNREACHABLE" in run.output and "The work goes on on the host. On the host: `avsctl status`" in run.output


def test_a_run_that_is_ended_says_that_the_work_goes_on(controller: Controller) -> None:
    lasts(controller, calls=1000)
    extra = json.dumps({"avs_hosts_group": "all", "avs_become": False, "avs_backup": ["a-avs-1"]})
    process = controller.start("-e", extra, play="- import_playbook: restaking.avs.backup\n", json_output=False)
    path, until = controller.folder / "h1.tmp/jobs.memory", time.monotonic() + 60
    while not (path.exists() and len(jobs(controller)) > 2) and time.monotonic() < until:
        time.sleep(0.1)
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert process.returncode != 0 and "goes on on the host, also without this run" in out + err
