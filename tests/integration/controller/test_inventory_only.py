# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The controller's half alone, as ``site`` checks it before a host is touched."""

from __future__ import annotations

import json
from typing import Any

from tests.integration.controller.conftest import Canaries
from tests.integration.controller.controller import PLAY, Controller, entry
from tests.integration.controller.test_cores import entry as small
from tests.integration.controller.test_cores import package

ONLY = PLAY + "        inventory_only: true\n"
BARE = {"id": "OPS-004", "severity": "error", "place": "engine", "message": "there is no engine", "remedy": "Install one."}


def test_a_sound_inventory_costs_no_call(controller: Controller, approle: dict[str, Any], canaries: Canaries) -> None:
    controller.inventory(
        {"h": [entry(canaries.put("sound"))]}, {**approle, "ansible_connection": "ssh", "ansible_host": "127.0.0.1", "ansible_port": 1}
    )
    for arguments in ((), ("--check",)):
        run = controller.play(*arguments, play=ONLY)
        outcome = run.outcome("h")
        assert run.code == 0 and outcome["changed"] is False and "instances" not in outcome, run.output
        # Whether the secrets are there is asked, what they are is not.
        assert [path for path in run.asked if "/data/" in path] == [] and any("/metadata/avs/sound/bls" in path for path in run.asked)


def test_what_the_controller_can_tell_is_told_of_a_host_without_an_engine(controller: Controller, approle: dict[str, Any]) -> None:
    (controller.folder / "refusal.json").write_text(json.dumps({"msg": "no engine", "findings": [BARE]}))
    play = ONLY.replace('settings: "{{ {', "settings: \"{{ {'refuse': lookup('file', folder ~ '/refusal.json') | from_json, ")
    root = package(controller.folder)
    entries = [small(root), small(root, "b", options={"word": "w", "choice": "three"}), entry("nowhere"), small(root, "c", profile="other")]
    controller.inventory({"h": entries}, approle)
    message = controller.play("--check", play=play).outcome("h")["msg"]
    for words in (
        "is not one of one, 1.10",
        "there is no secret at secret/avs/nowhere/bls",
        "small has no profile other",
        "nothing was changed on h",
    ):
        assert words in message, message
    assert "engine" not in message


def test_what_the_host_finds_wrong_with_the_rest_is_told_with_it(controller: Controller) -> None:
    taken = {**BARE, "id": "NET-002", "place": "small-a", "message": "port 80 is taken"}
    (controller.folder / "refusal.json").write_text(json.dumps({"msg": "no", "findings": [taken]}))
    play = ONLY.replace('settings: "{{ {', "settings: \"{{ {'refuse': lookup('file', folder ~ '/refusal.json') | from_json, ")
    root = package(controller.folder)
    controller.inventory({"h": [small(root), small(root, "c", profile="other")]}, {})
    message = controller.play(play=play).outcome("h")["msg"]
    assert "small has no profile other" in message and "port 80 is taken" in message


def test_site_checks_before_it_touches_the_host(controller: Controller) -> None:
    """Check mode, so that this machine is safe from a `site` that would not."""
    root = package(controller.folder)
    controller.inventory({"h": [small(root, profile="other")]}, {"avs_hosts_group": "all", "avs_become": False})
    run = controller.play("--check", "-e", "avs_hosts_group=all", play="- import_playbook: restaking.avs.site\n")
    assert run.code != 0
    data = json.loads(run.output[run.output.index("{\n") :])
    done = [task for play in data["plays"] for task in play["tasks"] if not task["hosts"].get("h", {}).get("skipped")]
    assert [task["task"]["name"] for task in done] == ["restaking.avs.node : Check what the inventory says of the instances"]
    assert "small has no profile other" in done[0]["hosts"]["h"]["msg"]
