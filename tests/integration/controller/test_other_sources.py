# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Secrets of the environment, of a terminal and of AWS in real playbook runs: delivered, told from those of before, and refused in time."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.core import OLDEST
from tests.integration.controller.controller import Controller, Run, entry
from tests.integration.secrets_manager import SecretsManager
from tests.integration.terminal import CTRL_C
from tests.unit.support.keystores import keystore

PASSWORD = {"source": "prompt", "name": "ecdsa", "prompt": "Password of ecdsa \u3164"}
TYPED = "canary-typed pass"
# What is no matter of Ansible's own facilities is tried on one core.
once = pytest.mark.parametrize("core", [OLDEST])


@pytest.fixture(scope="module")
def manager() -> Iterator[SecretsManager]:
    made = SecretsManager()
    yield made
    made.stop()


def secrets_of(tag: str, manager: SecretsManager) -> tuple[dict[str, Any], dict[str, str]]:
    """An instance with an option of the environment, a key of AWS and a key whose password is typed; and the run's environment."""
    manager.put(f"avs/{tag}", {"key": keystore("bn254", "canary-aws"), "password": "canary-aws-password"})
    keys = [
        {"name": "bls", "kind": "bn254", "source": "aws", "secret_id": f"avs/{tag}", "field": "key", "password_field": "password"},
        {"name": "ecdsa", "kind": "ecdsa", "source": "env", "variable": "AVS_ECDSA", "password": PASSWORD},
    ]
    own = {"AVS_ECDSA": keystore("ecdsa", "canary-env"), "AVS_RPC": "canary-token\n", **manager.environment}
    return entry(tag, keys=keys, options={"rpc-token": {"source": "env", "name": "AVS_RPC"}}), own


def held(controller: Controller, host: str = "h") -> dict[str, str]:
    """Secret -> value, of the one instance of a stand-in host."""
    (found,) = json.loads((controller.folder / f"{host}.memory").read_text()).values()
    return {name: value for name, (_version, value) in found["secrets"].items()}


def test_all_three_deliver_and_a_second_run_changes_nothing(controller: Controller, manager: SecretsManager) -> None:
    instance, environment = secrets_of("op1", manager)
    other, _environment = secrets_of("op2", manager)
    # Two hosts want the typed password: it is asked for once.
    other["keys"] = [{"name": "ecdsa", "kind": "ecdsa", "source": "aws", "secret_id": "avs/op2", "field": "key2", "password": PASSWORD}]
    other["keys"].insert(
        0, {"name": "bls", "kind": "bn254", "source": "aws", "secret_id": "avs/op2-bls", "password": {"source": "env", "name": "AVS_RPC"}}
    )
    manager.put("avs/op2", {"key2": keystore("ecdsa", "canary-two")})
    manager.put("avs/op2-bls", keystore("bn254", "canary-three"))
    controller.inventory({"h": [instance], "h2": [other]}, manager.variables)

    check, echoed = controller.typed([TYPED], "--check", "-vvvv", **environment)
    assert check.code == 0 and not (controller.folder / "h.memory").exists(), check.output
    run, more = controller.typed([TYPED], "-vvvv", "--diff", **environment)
    assert run.code == 0 and "changed: [h]" in run.output and "changed: [h2]" in run.output, run.output
    assert held(controller) == {
        "option.rpc-token": "canary-token",
        "key.bls.keystore": keystore("bn254", "canary-aws"),
        "key.bls.password": "canary-aws-password",
        "key.ecdsa.keystore": environment["AVS_ECDSA"],
        "key.ecdsa.password": TYPED,
    }
    assert held(controller, "h2")["key.ecdsa.password"] == TYPED and held(controller, "h2")["key.bls.password"] == "canary-token"
    assert run.output.count("Password of ecdsa") == 1 and "Password of ecdsa \\u3164 (hidden):" in run.output
    assert "the variable AVS_RPC of the controller's environment holds a secret" in run.output and "SEC-006" in run.output

    again, last = controller.typed([TYPED], **environment)
    assert again.code == 0 and "changed=0" in again.output and "changed: [h" not in again.output and "SEC-006" not in again.output
    places = {"output": check.output + run.output + again.output, "echo": echoed + more + last, "files": controller.left_behind()}
    assert [place for place, text in places.items() if "canary" in text] == []


@once
def test_every_kind_of_bad_input_is_told_at_once_before_anything_changes(controller: Controller, manager: SecretsManager) -> None:
    manager.put("avs/gone", "canary")
    manager.client.delete_secret(SecretId="avs/gone")
    (controller.folder / "files").mkdir()
    (controller.folder / "files/p2p").write_text("x")

    def aws(tag: str, **reference: str) -> dict[str, Any]:
        return entry(tag, keys=[], options={"rpc-token": {"source": "aws", **reference}})

    instances = [
        entry("a", options={"rpc-token": {"source": "env", "name": "AVS_LOST"}}, keys=[
            {"name": "bls", "kind": "bn254", "source": "env", "variable": "AVS_EMPTY", "password": {"source": "env", "name": "AVS_LOST"}},
            {"name": "ecdsa", "kind": "ecdsa", "source": "prompt", "password": {"source": "prompt"}},
        ]),
        aws("b", secret_id="avs/lost"),
        aws("c", secret_id="avs/gone"),
        aws("d", secret_id="arn:aws:secretsmanager:us-east-1:123456789012:secret:x-AbCdEf"),
        entry("e", keys=[{"name": "bls", "kind": "bn254", "source": "aws", "secret_id": "x"}], options={}),
    ]  # fmt: skip
    controller.inventory({"h": instances}, manager.variables)
    for arguments in ((), ("--check",)):
        run = controller.play(*arguments, AVS_EMPTY=" ", **manager.environment)
        found = errors(run)
        for place, words in (
            ("[0].options.rpc-token", "the variable AVS_LOST is not in the environment of ansible-playbook"),
            ("[0].keys.bls", "the variable AVS_EMPTY is empty"),
            ("[0].keys.ecdsa", "this run has no terminal to ask on"),
            ("[1].options.rpc-token", "there is no secret avs/lost in the region eu-central-1"),
            ("[2].options.rpc-token", "avs/gone is scheduled for deletion"),
            ("[3].options.rpc-token", "is of the region us-east-1"),
            ("[4].keys.bls.password_field", "is missing: the node needs the key's password"),
        ):
            assert any(words in text for text in found.get(f"avs_instances{place}", ())), (place, found)
        assert not (controller.folder / "h.memory").exists() and "canary" not in run.output


def errors(run: Run) -> dict[str, list[str]]:
    result = run.outcome("h")
    assert result["failed"] is True and result["changed"] is False
    found: dict[str, list[str]] = {}
    for item in result["findings"]:
        if item["severity"] == "error":
            found.setdefault(item["place"], []).append(item["message"])
    return found


@once
def test_values_that_will_not_do_are_told_before_anything_changes(controller: Controller, manager: SecretsManager) -> None:
    manager.put("avs/form", {"key": keystore("ecdsa", "canary"), "list": "x"})
    keys = [
        {"name": "bls", "kind": "bn254", "source": "aws", "secret_id": "avs/form", "field": "key", "password_field": "lost"},
        {"name": "ecdsa", "kind": "ecdsa", "source": "env", "variable": "AVS_ECDSA", "password": {"source": "env", "name": "AVS_RPC"}},
    ]
    manager.put("avs/url", "canary is no keystore")
    controller.inventory(
        {"h": [entry("f", keys=keys, options={"rpc-token": {"source": "aws", "secret_id": "avs/form", "field": "f"}})]}, manager.variables
    )
    run = controller.play(AVS_ECDSA="canary is no keystore", AVS_RPC="canary", **manager.environment)
    found = errors(run)
    assert "has no field f" in found["avs_instances[0].options.rpc-token"][0]
    assert sorted(found["avs_instances[0].keys.bls"])[1].startswith("what key.bls.keystore leads to is a keystore of kind ecdsa, not bn254")
    assert "has no field lost" in sorted(found["avs_instances[0].keys.bls"])[0]
    assert found["avs_instances[0].keys.ecdsa"] == ["what key.ecdsa.keystore leads to is not a keystore: it is no JSON"]
    assert not (controller.folder / "h.memory").exists() and "canary" not in run.output


@once
def test_the_same_place_and_the_same_key_in_two_nodes_are_refused(controller: Controller, manager: SecretsManager) -> None:
    one, environment = secrets_of("one", manager)
    two = {**one, "tag": "two"}
    controller.inventory({"h": [one], "h2": [two]}, manager.variables)
    run = controller.play("--limit", "h", **environment)
    found = errors(run)
    assert "aws avs/one field key is used by tag two on h2" in found["avs_instances[0].keys.bls"][0]
    assert "variable AVS_ECDSA is used by tag two on h2" in found["avs_instances[0].keys.ecdsa"][0]
    # Typed ones are known when they are there: by what is in them.
    typed = {"name": "ecdsa", "kind": "ecdsa", "source": "prompt", "password": {"source": "env", "name": "AVS_RPC"}}
    three, four = (
        entry(tag, options={"rpc-token": {"source": "env", "name": "AVS_RPC"}}, keys=[{**typed, "name": "ecdsa"}, bls])
        for tag, bls in (
            (
                tag,
                {
                    "name": "bls",
                    "kind": "bn254",
                    "source": "aws",
                    "secret_id": f"avs/{tag}",
                    "password": {"source": "env", "name": "AVS_RPC"},
                },
            )
            for tag in ("three", "four")
        )
    )
    for tag in ("three", "four"):
        manager.put(f"avs/{tag}", keystore("bn254", f"canary-{tag}"))
    controller.inventory({"h": [three, four]}, manager.variables)
    run, _echoed = controller.typed([keystore("ecdsa", "canary-typed")] * 2, **environment)
    assert (run.code == 2 and "KEY-006" in run.output) or "is used by demo-avs-four" in run.output, run.output
    assert not (controller.folder / "h.memory").exists() and "canary" not in run.output


def test_ctrl_c_ends_the_run(controller: Controller, manager: SecretsManager) -> None:
    instance, environment = secrets_of("cc", manager)
    other = entry("cd", keys=[], options={"rpc-token": {"source": "prompt"}})
    controller.inventory({"h": [instance], "h2": [other]}, manager.variables)
    run, _echoed = controller.typed([CTRL_C], **environment)
    assert run.code != 0 and "interrupted" in run.output.lower() and run.output.count("(hidden") == 1, run.output
    assert not list(controller.folder.glob("*.memory"))


@once
def test_git_does_not_inherit_what_the_inventory_names(controller: Controller, manager: SecretsManager) -> None:
    instance, environment = secrets_of("git", manager)
    seen = controller.folder / "seen"
    programs = controller.folder / "programs"
    programs.mkdir()
    real = shutil.which("git")
    (programs / "git").write_text(f'#!/bin/sh\nenv >>"{seen}"\nexec {real} "$@"\n')
    (programs / "git").chmod(0o755)
    controller.inventory(
        {"h": [{**instance, "package": {"git": f"file://{controller.folder}/lost.git"}, "version": "v1.0.0"}]}, manager.variables
    )
    run = controller.play(PATH=f"{programs}{os.pathsep}{os.environ['PATH']}", AVS_CONTROL="planted", **environment)
    assert run.outcome("h")["failed"] is True
    told = Path(seen).read_text()
    assert "AVS_CONTROL=planted" in told and "canary" not in told and "AVS_RPC" not in told
