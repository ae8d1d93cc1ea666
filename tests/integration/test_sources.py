# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The environment, the operator's keyboard and AWS Secrets Manager deliver to a running node, and leave no trace of what they deliver."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.integration.secrets_manager import SecretsManager
from tests.integration.support import Fleet, Typed
from tests.integration.test_leaks import Ground, core, found, made_up
from tests.lab.keystores import make_keystore
from tests.tools.blocks import all_blocks

VARIABLE = "RPC_TOKEN"


@pytest.fixture(scope="module")
def manager() -> Iterator[SecretsManager]:
    made = SecretsManager()
    yield made
    made.stop()


@pytest.fixture(scope="module")
def canaries(fleet: Fleet, manager: SecretsManager) -> dict[str, str]:
    """What the page's example refers to, stored: a token, two passwords, a keystore's encrypted part."""
    values = {"env": made_up(), "aws": made_up(), "prompt": made_up()}
    keystore, _public = make_keystore("bn254", values["aws"], None, 4096)
    manager.put("avs/op1/bls", {"keystore": keystore, "password": values["aws"]})
    encrypted = str(json.loads(keystore)["crypto"]["ciphertext"])
    folder = fleet.folder / "files/op1"
    folder.mkdir(parents=True)
    (folder / "ecdsa.json").write_text(make_keystore("ecdsa", values["prompt"], None, 4096)[0])
    (folder / "ecdsa.json").chmod(0o600)
    fleet.variables.update(manager.variables)
    return {**values, **{f"{name}, in part": core(value) for name, value in values.items()}, "aws key": encrypted}


@pytest.fixture
def instance(demo: Any) -> dict[str, Any]:
    """An instance as docs/secrets.md shows it."""
    (block,) = [block for block in all_blocks("entry") if "source: prompt" in block.text]
    shown = yaml.safe_load(block.text)
    return demo("op1", 70, keys=shown["keys"], options=shown["options"])  # type: ignore[no-any-return]


def test_three_sources_deliver_to_a_running_node_and_leave_no_trace(
    fleet: Fleet, manager: SecretsManager, canaries: dict[str, str], instance: dict[str, Any], tmp_path: Path
) -> None:
    environment = {**manager.environment, VARIABLE: canaries["env"]}
    shown = made_up()
    with Ground(fleet, tmp_path) as ground:
        for moment, expected in (("install", "changed=1"), ("second run", "changed=0")):
            typed = Typed([canaries["prompt"]], planted=shown)
            result, seen = ground.run("install", [instance], more=environment, typed=typed)
            assert result.code == 0, result.output[-6000:]
            recap = result.output.partition("PLAY RECAP")[2]
            if moment == "install":
                ground.plant_container("avs-demo-avs-op1-node")
            assert f" {expected} " in recap, recap
            # The operator put the variable into the environment of ansible-playbook, and Ansible starts other tasks' programs with it.
            where = "controller, environment while it ran"
            seen[where] = seen[where].replace(f"{VARIABLE}={canaries['env']}", "")
            ground.judge(f"during {moment}", seen, canaries)
            assert found({"it": shown}, typed.shown) and not found(canaries, typed.shown)
        places = ground.read()
        ground.judge("after the second run", places, canaries)
    states = fleet.first.run("docker ps --format '{{.Names}} {{.Status}}' --filter label=avs.instance=demo-avs-op1")
    assert "avs-demo-avs-op1-node Up" in states and "unhealthy" not in states

    # Whatever is wrong with them is told before the node is touched: here nobody sits at a terminal, and nothing is in the environment.
    before = fleet.first.snapshot()
    changed = {**instance, "options": {**instance["options"], "gateway-timeout": 4.5}}
    changed["keys"] = [{**key, **({"secret_id": "avs/op1/lost"} if key["source"] == "aws" else {})} for key in instance["keys"]]
    refused = fleet.play("install", {fleet.first.name: [changed]}, environment=manager.environment)
    assert refused.code == 2 and fleet.first.snapshot() == before
    for words in (f"the variable {VARIABLE} is not in the environment", "this run has no terminal", "there is no secret avs/op1/lost"):
        assert words in refused.message(fleet.first.name)
