# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The playbook ``prune``: confirmed, announced, told, and nothing the second time."""

from __future__ import annotations

import json

import pytest

from tests.core import OLDEST
from tests.integration.controller.controller import Controller


@pytest.fixture
def core() -> str:
    """The newest one runs these playbooks on hosts of the lab."""
    return OLDEST


def test_it_is_confirmed_announced_and_told(controller: Controller) -> None:
    controller.inventory({"h1": [], "h2": []}, {})
    mark = controller.folder / "h1.tmp/pruned.memory"
    run = controller.playbook("prune")
    assert run.code != 0 and "confirm with -e avs_prune_confirm=true" in run.output and "Remove unused images" not in run.output
    run = controller.playbook("prune", "--check")
    assert run.code == 0 and not mark.exists() and run.data["stats"]["h1"]["changed"] == 1
    assert run.tasks("h1")["Print what was removed"]["msg"][-1] == "h2: 1048576 bytes (1.0 MiB)"
    run = controller.playbook("prune", "--limit", "h1", avs_prune_confirm=True, avs_prune_format="json", avs_prune_file="pruned.json")
    (thing,) = json.loads((controller.folder / "pruned.json").read_text())["things"]
    assert run.code == 0 and mark.exists() and (thing["host"], thing["bytes"], thing["removed"]) == ("h1", 1048576, True)
    run = controller.playbook("prune", avs_prune_confirm=True)
    assert run.code == 0 and run.data["stats"]["h1"]["changed"] == 0 and run.data["stats"]["h2"]["changed"] == 1
