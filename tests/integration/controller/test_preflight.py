# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The playbook ``preflight``: everything that is wrong with an inventory, of hosts nobody can reach."""

from __future__ import annotations

from typing import Any

import pytest

from tests.core import OLDEST
from tests.integration.controller.controller import Controller, entry
from tests.integration.controller.test_cores import entry as small
from tests.integration.controller.test_cores import package


@pytest.fixture
def core() -> str:
    """The newest one runs these playbooks on hosts of the lab."""
    return OLDEST


# A connection would fail at once, and say so.
NOWHERE = {"ansible_connection": "ssh", "ansible_host": "127.0.0.1", "ansible_port": 1}


@pytest.mark.parametrize("arguments", [(), ("--check",)])
def test_a_sound_inventory(controller: Controller, arguments: tuple[str, ...]) -> None:
    root = package(controller.folder)
    controller.inventory({"h1": [small(root), small(root, "b")], "h2": []}, NOWHERE)
    run = controller.playbook("preflight", *arguments)
    assert run.code == 0, run.output
    assert run.tasks("h1")["Say what was checked"]["msg"] == "Nothing is wrong with 2 instances of h1, h2."
    assert all(stats["changed"] == 0 and stats["unreachable"] == 0 for stats in run.data["stats"].values())


def test_every_problem_of_every_host_at_once(controller: Controller, approle: dict[str, Any]) -> None:
    root = package(controller.folder)
    controller.inventory(
        {
            # A sound one among them is what a host would be asked about.
            "h1": [small(root, "b"), small(root, options={"word": "w", "choice": "three"}), small(root, "c", profile="other")],
            "h2": [entry("nowhere")],
            "h3": [small(root, "d")],
        },
        {**approle, **NOWHERE},
    )
    run = controller.playbook("preflight")
    assert run.code == 2
    told = {
        host: run.tasks(host)["restaking.avs.node : Check what the inventory says of the instances"].get("msg", "")
        for host in ("h1", "h2", "h3")
    }
    assert "is not one of one, 1.10" in told["h1"] and "small has no profile other" in told["h1"]
    assert "there is no secret at secret/avs/nowhere/bls" in told["h2"] and told["h3"] == ""
    # Nobody was asked: that would have shown as a host out of reach, or as a problem.
    assert all(stats["unreachable"] == 0 for stats in run.data["stats"].values())
    assert "could not be asked" not in told["h1"] + told["h2"]


def test_a_limit(controller: Controller) -> None:
    root = package(controller.folder)
    controller.inventory({"h1": [small(root, profile="other")], "h2": [small(root, "b")]}, NOWHERE)
    assert controller.playbook("preflight", "--limit", "h2").code == 0
    assert controller.playbook("preflight", "--limit", "h1").code == 2
