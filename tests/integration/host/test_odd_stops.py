# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Stops and starts by hand where something odd was typed, or nobody takes what is said."""

from __future__ import annotations

import subprocess

import pytest

from tests.integration.host.handmade import SLEEP, service, spec, tree
from tests.integration.host.machine import Machine
from tests.integration.host.support import Bench


@pytest.fixture(scope="module")
def machine(bench: Bench, tmp_path_factory: pytest.TempPathFactory) -> Machine:
    found = Machine(bench, tmp_path_factory.mktemp("machine"))
    found.keep()
    return found


@pytest.fixture(scope="module")
def node(bench: Bench, machine: Machine, tmp_path_factory: pytest.TempPathFactory) -> str:
    wanted = spec(bench, "odd", tree(tmp_path_factory.mktemp("odd"), {"node": service(SLEEP, init=True)}), ["node"])
    assert not bench.call([wanted]).get("failed")
    return str(wanted["id"])


def shell(machine: Machine, line: str) -> subprocess.CompletedProcess[str]:
    return machine.run(["sh", "-c", line])


def test_a_reason_that_is_not_in_utf_8_stops_it_all_the_same(machine: Machine, bench: Bench, node: str) -> None:
    done = shell(machine, f"avsctl stop {node} --reason \"$(printf 'Gr\\366\\337e')\"")
    assert (done.returncode, done.stderr) == (0, "") and bench.running() == []
    assert "Gr\\udcf6\\udcdfe" in machine.avsctl("status", node).stdout
    assert machine.avsctl("start", node).returncode == 0 and len(bench.running()) == 1


@pytest.mark.parametrize("command", ["ls", "status", "history", "stop", "start"])
def test_closed_outputs(machine: Machine, node: str, command: str) -> None:
    words = command if command == "ls" else f"{command} {node}"
    for closed in (">&-", "2>&-", "<&- >&- 2>&-"):
        done = shell(machine, f"avsctl {words} {closed}")
        assert (done.returncode, done.stderr) == (0, ""), (command, closed)
    assert machine.avsctl("start", node).returncode == 0


def test_messages_that_nobody_takes(machine: Machine) -> None:
    for closed in ("2>/dev/full", "2>&-"):
        done = shell(machine, f"avsctl status no-such {closed}")
        assert (done.returncode, done.stdout) == (5, "")
