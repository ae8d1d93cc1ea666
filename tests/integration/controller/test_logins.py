# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Logins at a real OpenBao in real playbook runs: one a run, and none left when it ends, however it ends."""

from __future__ import annotations

import os
import re
import signal
import time
from typing import Any

import pytest

from tests.integration.controller.conftest import Canaries
from tests.integration.controller.controller import PLAY, Controller, entry
from tests.integration.controller.openbao import LOGIN, REVOKE, OpenBao, reads

TOKEN = re.compile(r"\bs\.[A-Za-z0-9]{20,}")


def test_a_given_token_is_used_and_left_alive(controller: Controller, canaries: Canaries, bao: OpenBao) -> None:
    token = bao.token()
    controller.inventory({"h": [entry(canaries.put("given"))]}, {"ansible_hashi_vault_token": "{{ hidden }}", "hidden": token})
    run = controller.play("-vvvv", json_output=False)
    assert run.code == 0 and LOGIN not in run.asked and REVOKE not in run.asked
    assert bao.client(token).auth.token.lookup_self()["data"]["policies"] == ["avs", "default"]
    assert token not in run.output + controller.left_behind()


def test_the_environment_serves_as_connection(controller: Controller, canaries: Canaries, bao: OpenBao) -> None:
    controller.inventory({"h": [entry(canaries.put("env"))]}, {})
    text = (controller.folder / "inventory.yml").read_text()
    (controller.folder / "inventory.yml").write_text("\n".join(line for line in text.splitlines() if "hashi_vault" not in line))
    run = controller.play(VAULT_ADDR=bao.url, VAULT_TOKEN=bao.token())
    assert run.code == 0, run.output


def test_a_wrong_login(controller: Controller, approle: dict[str, Any], canaries: Canaries) -> None:
    wrong = {**approle, "ansible_hashi_vault_secret_id": "canary-not-the-one"}
    controller.inventory({"h": [entry(canaries.put("login"))]}, wrong)
    run = controller.play("-vvv", json_output=False)
    assert run.code != 0 and "refuses the approle login at auth/approle" in run.output
    assert run.asked == [LOGIN] and "canary-not-the-one" not in run.output


def test_waves_and_free_hosts_share_a_login(controller: Controller, approle: dict[str, Any], canaries: Canaries, bao: OpenBao) -> None:
    hosts = {f"h{number}": [entry(canaries.put(f"w{number}"))] for number in range(3)}
    controller.inventory(hosts, approle)
    tokens = bao.tokens()
    waves = controller.play(play=PLAY.replace("  tasks:", "  serial: 1\n  tasks:"))
    assert waves.code == 0 and waves.asked.count(LOGIN) == 1 and len(reads(waves.asked, "metadata")) == 9
    free = controller.play(play=PLAY.replace("  tasks:", "  strategy: free\n  tasks:"))
    assert free.code == 0 and free.asked.count(LOGIN) == 1 and bao.tokens() == tokens


def test_a_failed_run_is_revoked_too(controller: Controller, approle: dict[str, Any], canaries: Canaries, bao: OpenBao) -> None:
    tokens = bao.tokens()
    controller.inventory({"h": [entry(canaries.put("failing"), options={"main-port": 0})]}, approle)
    run = controller.play()
    assert run.code != 0 and run.asked[-1] == REVOKE and bao.tokens() == tokens


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_run_that_is_cut_leaves_no_login_behind(
    controller: Controller, approle: dict[str, Any], canaries: Canaries, bao: OpenBao, number: signal.Signals
) -> None:
    tokens, before = bao.tokens(), len(bao.audit())
    controller.inventory({"h": [entry(canaries.put("cut"))]}, approle)
    run = controller.start("-e", "wait=30")
    while "read secret/data/avs/cut/bls" not in bao.paths(before):
        assert run.poll() is None, run.communicate()
        time.sleep(0.1)
    os.killpg(run.pid, number)
    output = "".join(run.communicate(timeout=30))
    assert run.returncode != 0
    # A process that is killed cannot revoke, but the token lay in its memory alone and ends with its lease.
    assert bao.tokens() == tokens + (number != signal.SIGINT)
    assert canaries.found_in(output + controller.left_behind()) == []
    assert TOKEN.search(bao.root) and not TOKEN.search(controller.left_behind())
