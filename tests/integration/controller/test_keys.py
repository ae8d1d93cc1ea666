# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Keys and their files in real playbook runs: what is refused before anything is sent, in words that hold no secret."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.integration.controller.conftest import Canaries, on_the_oldest
from tests.integration.controller.controller import PLAY, Controller, Run, entry
from tests.unit.support.keystores import keystore, number

NOTHING = "- hosts: localhost\n  gather_facts: false\n  tasks: []\n"


def key_files(folder: Path, canary: str, **contents: str) -> list[dict[str, Any]]:
    """Keys of the example package in files: sound ones, unless ``contents`` says otherwise."""
    folder.mkdir(parents=True, exist_ok=True)
    found = []
    for name, kind in (("bls", "bn254"), ("ecdsa", "ecdsa")):
        for suffix, text in ((".json", keystore(kind, f"{canary}-{name}")), (".password", f"{canary}-password\n")):
            (folder / f"{name}{suffix}").write_text(contents.get(f"{name}{suffix}", text))
            (folder / f"{name}{suffix}").chmod(0o600)
        found.append({"name": name, "kind": kind, "source": "file", "keystore": f"{name}.json", "password_file": f"{name}.password"})
    return found


def told(run: Run, host: str = "h") -> dict[str, str]:
    """Place -> message of the errors of a refused run; nothing was sent."""
    result = run.outcome(host)
    assert result["failed"] is True and result["changed"] is False and "canary" not in run.output
    # The stand-in of a host cannot try the rest out without values, which it was right not to be sent.
    return {item["place"]: item["message"] for item in result["findings"] if item["severity"] == "error" and item["place"]}


def folder_inventory(controller: Controller, instances: list[dict[str, Any]], variables: dict[str, Any] | None = None) -> Path:
    """The inventory as a folder, as most people have it."""
    controller.inventory({"h": instances}, variables or {})
    path = controller.folder / "inventory.yml"
    text = path.read_text()
    path.unlink()
    path.mkdir()
    (path / "hosts.yml").write_text(text)
    return path


def test_a_secret_in_an_inventory_is_refused_and_found_beside_it(controller: Controller) -> None:
    options = {"rpc-token": {"source": "file", "path": "token"}}
    keys = key_files(controller.folder / "kept", "canary")
    (controller.folder / "kept/token").write_text("canary-token\n")
    inventory = folder_inventory(controller, [entry("in", keys=keys, options=options)])
    (controller.folder / "kept").rename(inventory / "files")
    refused = controller.play(json_output=False)
    # Ansible itself has read the files by now, and warns of what it made of them: that is what the refusal is about.
    assert refused.code != 0 and "SEC-005" in refused.output and "makes host names of what is in it" in refused.output
    assert not (controller.folder / "h.memory").exists()
    assert all(
        f"{name} lies in the inventory" in refused.output for name in ("bls.json", "bls.password", "ecdsa.json", "ecdsa.password", "token")
    )

    (inventory / "files").rename(controller.folder / "files")
    collection = controller.folder / "collections/ansible_collections/restaking/avs/playbooks"
    # A folder of its own in place of the link to the project's.
    collection.unlink()
    collection.mkdir()
    (collection / "try.yml").write_text(PLAY)
    (controller.folder / "imported.yml").write_text("- import_playbook: restaking.avs.try\n")
    for arguments in (("restaking.avs.try",), ("imported.yml",)):
        (controller.folder / "h.memory").unlink(missing_ok=True)
        done = controller.play(*arguments, play=NOTHING, json_output=False)
        assert done.code == 0 and "changed: [h]" in done.output and (controller.folder / "h.memory").exists(), done.output
        assert "canary" not in done.output
    listed = subprocess.run(
        [str(Path(sys.executable).parent / "ansible-inventory"), "-i", "inventory.yml", "--list"],
        cwd=controller.folder,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "canary" not in listed.stdout


def test_a_second_inventory_counts_too(controller: Controller) -> None:
    (controller.folder / "more/sub").mkdir(parents=True)
    (controller.folder / "more/hosts.yml").write_text("all: {hosts: {}}\n")
    keys = key_files(controller.folder / "more/sub", "canary")
    for key in keys:
        key.update(keystore=f"more/sub/{key['keystore']}", password_file=str(controller.folder / f"more/sub/{key['password_file']}"))
    # A first run without the second inventory is one that may read them.
    controller.inventory({"h": [entry("two", keys=keys, options={"rpc-token": "x1234567"})]}, {})
    found = told(controller.play("-i", "more", "--limit", "h", ANSIBLE_INVENTORY_UNPARSED_WARNING="0"))
    assert set(found) == {"avs_instances[0].keys.bls", "avs_instances[0].keys.ecdsa"} and all(
        "lies in the inventory" in text for text in found.values()
    )
    assert controller.play().outcome("h")["changed"] is True


@on_the_oldest
@pytest.mark.parametrize("source", ["vault", "file"])
def test_a_keystores_form_is_looked_at_before_anything_is_sent(
    controller: Controller, approle: dict[str, Any], canaries: Canaries, source: str
) -> None:
    wrong = {"bls.json": keystore("ecdsa", "canary"), "ecdsa.json": "canary is no keystore"}
    if source == "file":
        keys = key_files(controller.folder / "files", "canary", **wrong)
        controller.inventory({"h": [entry("form", keys=keys, options={"rpc-token": "x1234567"})]}, {})
    else:
        tag = canaries.put("form")
        for name in ("bls", "ecdsa"):
            canaries.store.put(f"avs/{tag}/{name}", keystore=wrong[f"{name}.json"], password="canary")
        controller.inventory({"h": [entry(tag)]}, approle)
    found = told(controller.play())
    assert found == {
        "avs_instances[0].keys.bls": "what key.bls.keystore leads to is a keystore of kind ecdsa, not bn254",
        "avs_instances[0].keys.ecdsa": "what key.ecdsa.keystore leads to is not a keystore: it is no JSON",
    }
    assert not (controller.folder / "h.memory").exists()


@on_the_oldest
def test_a_password_from_the_store_loses_its_newline(controller: Controller, approle: dict[str, Any], canaries: Canaries) -> None:
    tag = canaries.put("newline")
    canaries.store.put(f"avs/{tag}/bls", keystore=keystore("bn254", "c"), password="with newline\n")
    controller.inventory({"h": [entry(tag)]}, approle)
    assert controller.play().outcome("h")["changed"] is True
    memory = json.loads((controller.folder / "h.memory").read_text())
    assert memory[f"demo-avs-{tag}"]["secrets"]["key.bls.password"][1] == "with newline"


def bls(number: int, copy: int, public: str | None = None) -> str:
    """A BLS keystore of a pair: one key, encrypted once for each of its copies."""
    return keystore("bn254", f"canary-{number}-{copy}", public or point(f"pair {number}"))


def point(seed: str) -> str:
    return f"E([{int(number(f'{seed} x', 31), 16)},{int(number(f'{seed} y', 31), 16)}])"


# Two keystores of one key, for the number of a pair.
CLASHES: dict[str, Callable[[int], tuple[str, str]]] = {
    "re-encrypted": lambda pair: (bls(pair, 1), bls(pair, 2)),
    "publicKey": lambda pair: (bls(pair, 1), bls(pair, 2).replace("pubKey", "publicKey")),
    "public_key": lambda pair: (bls(pair, 1).replace("pubKey", "public_key"), bls(pair, 2)),
    "address with pubKey": lambda pair: (bls(pair, 1), json.dumps({"address": number("a", 20), **json.loads(bls(pair, 2))})),
    "the same content": lambda pair: (bls(pair, 1), json.dumps(json.loads(bls(pair, 1, "E([5,6])")), indent=2)),
}


@on_the_oldest
@pytest.mark.parametrize("second", ["h", "i"])
def test_one_key_in_two_keystores_is_refused_whatever_its_form(controller: Controller, second: str) -> None:
    instances: dict[str, list[dict[str, Any]]] = {}
    for pair, form in enumerate(CLASHES.values()):
        for host, copy, text in zip(("h", second), "ab", form(pair), strict=True):
            own = f"{pair}{copy}"
            keys = key_files(controller.folder / "files" / own, f"canary-{own}", **{"bls.json": text})
            for key in keys:
                key.update(keystore=f"{own}/{key['keystore']}", password_file=f"{own}/{key['password_file']}")
            instances.setdefault(host, []).append(entry(f"op{own}", keys=keys, options={"rpc-token": "x1234567"}))
    controller.inventory(instances, {})
    run = controller.play("--forks", "1")
    assert run.code != 0 and "canary" not in run.output
    told = [item["message"] for item in run.outcome(second)["findings"] if item["id"] == "KEY-006"]
    for pair, form in enumerate(CLASHES):
        assert any(f"is used by demo-avs-op{pair}" in message for message in told), (form, told)
    assert len(told) == len(CLASHES) * (1 if second == "i" else 2), told
    assert not (controller.folder / f"{second}.memory").exists()


def encrypted(folder: Path, content: str, password: str) -> str:
    (folder / f"{password}.pw").write_text(password)
    return subprocess.run(
        [str(Path(sys.executable).parent / "ansible-vault"), "encrypt", "--vault-password-file", f"{password}.pw", "--output", "-"],
        cwd=folder,
        input=content,
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "HOME": str(folder)},
    ).stdout


class Inline(str):
    """A value of the inventory with Ansible's tag."""


yaml.SafeDumper.add_representer(Inline, lambda dumper, value: dumper.represent_scalar("!vault", str(value), style="|"))


def test_an_inline_vault_value_is_not_in_clear(controller: Controller) -> None:
    keys = key_files(controller.folder / "files", "canary")
    token = Inline(encrypted(controller.folder, "canary-token\n", "right"))
    controller.inventory({"h": [entry("inline", keys=keys, options={"rpc-token": token})]}, {})
    done = controller.play("--vault-password-file", "right.pw")
    assert done.code == 0 and done.outcome("h")["changed"] is True
    assert "in clear" not in done.output and "canary" not in done.output
    memory = json.loads((controller.folder / "h.memory").read_text())
    assert memory["demo-avs-inline"]["secrets"]["option.rpc-token"][1] == "canary-token"
    (controller.folder / "wrong.pw").write_text("wrong")
    refused = controller.play("--vault-password-file", "wrong.pw", json_output=False)
    assert refused.code != 0 and "ecrypt" in refused.output and "canary" not in refused.output


def test_files_that_ansible_vault_encrypted_each_have_their_remedy(controller: Controller) -> None:
    keys = key_files(controller.folder / "files", "canary")
    files = controller.folder / "files"
    (files / "bls.json").write_text(encrypted(controller.folder, (files / "bls.json").read_text(), "right"))
    (files / "ecdsa.password").write_text("$ANSIBLE_VAULT;1.1;AES256\nnothing\n")
    (controller.folder / "wrong.pw").write_text("wrong")
    controller.inventory({"h": [entry("vaulted", keys=keys, options={"rpc-token": "x1234567"})]}, {})
    bls, ecdsa = "avs_instances[0].keys.bls", "avs_instances[0].keys.ecdsa"
    found = told(controller.play())
    assert "this run has no vault password" in found[bls] and "this run has no vault password" in found[ecdsa]
    found = told(controller.play("--vault-password-file", "wrong.pw"))
    assert "no vault password of this run opens it" in found[bls]
    found = told(controller.play("--vault-password-file", "right.pw"))
    assert set(found) == {ecdsa} and "is damaged" in found[ecdsa]
    (files / "ecdsa.password").write_text("canary\n")
    assert controller.play("--vault-password-file", "right.pw").outcome("h")["changed"] is True


def test_bytes_of_a_file_reach_the_host_unchanged(controller: Controller, tmp_path: Path) -> None:
    package = controller.folder / "package"
    (package / "pkg/net").mkdir(parents=True)
    (package / "pkg/manifest.yml").write_text("name: opq\nversion: v0.1.0\nprofiles: [net]\nupgrade: optional\n")
    (package / "pkg/net/profile.yml").write_text("name: net\noptions: []\n")
    (package / "pkg/net/.env").write_text("")
    (package / "pkg/net/docker-compose.yml").write_text("services: {node: {image: registry.example.org/demo-avs:1.0.0}}\n")
    (package / "pkg/net/runtime.yml").write_text("schema: 1\nkeys: [{name: p2p, kind: file, mount: /id}]\n")
    content = bytes(range(256))
    (controller.folder / "files").mkdir()
    (controller.folder / "files/p2p").write_bytes(content)
    (controller.folder / "files/p2p").chmod(0o600)
    instance = {"package": {"path": str(package)}, "profile": "net", "tag": "op1"}
    key = {"name": "p2p", "kind": "file", "source": "file", "keystore": "p2p"}
    controller.inventory({"h": [{**instance, "keys": [key]}]}, {})
    done = controller.play("-vvvv", json_output=False)
    assert done.code == 0, done.output
    memory = json.loads((controller.folder / "h.memory").read_text())
    from ansible_collections.restaking.avs.plugins.module_utils.common.contents import as_bytes

    value = memory["opq-op1"]["secrets"]["key.p2p.keystore"][1]
    assert as_bytes(value) == content and value.partition(":")[2] not in done.output
    assert controller.play().outcome("h")["changed"] is False


def test_a_missing_hvac_is_told_with_its_remedy(controller: Controller, approle: dict[str, Any], canaries: Canaries) -> None:
    controller.inventory({"h": [entry(canaries.put("hvac"))]}, approle)
    shadow = controller.folder / "shadow/hvac"
    shadow.mkdir(parents=True)
    (shadow / "__init__.py").write_text("raise ModuleNotFoundError(\"No module named 'hvac'\", name='hvac')\n")
    run = controller.play(PYTHONPATH=str(shadow.parent))
    found = told(run)
    assert found and all("hvac is missing on the controller" in text for text in found.values())
    assert "pip install hvac" in run.output and "Traceback" not in run.output


def test_a_list_from_the_command_line_reaches_every_host(controller: Controller) -> None:
    keys = key_files(controller.folder / "files", "canary")
    listed = json.dumps({"avs_instances": [entry("one", keys=keys, options={})]})
    controller.inventory({"h": [], "other": []}, {})
    refused = controller.play("--limit", "h", "-e", listed)
    result = refused.outcome("h")
    assert result["failed"] is True and not (controller.folder / "h.memory").exists()
    doubled = [item for item in result["findings"] if item["id"] == "KEY-006"]
    assert {item["place"] for item in doubled} == {"avs_instances[0].keys.bls", "avs_instances[0].keys.ecdsa"}
    assert all("tag one on other" in item["message"] and "is an extra variable (-e)" in item["remedy"] for item in doubled)
