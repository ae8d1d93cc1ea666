# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The action plugin in real playbook runs against a real OpenBao."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.integration.controller.conftest import Canaries, on_the_oldest
from tests.integration.controller.controller import PLAY, Controller, entry
from tests.integration.controller.openbao import LOGIN, REVOKE, OpenBao, reads
from tests.unit.support.keystores import keystore

TOKEN = re.compile(r"\bs\.[A-Za-z0-9]{20,}")


def test_one_login_one_read_of_each_secret_and_nothing_left(
    controller: Controller, approle: dict[str, Any], canaries: Canaries, bao: OpenBao
) -> None:
    hosts = {f"h{number}": [entry(canaries.put(f"t{number}"))] for number in range(4)}
    controller.inventory(hosts, approle)
    tokens = bao.tokens()

    check = controller.play("--check", "--diff", "-vvvv", json_output=False)
    assert check.code == 0, check.output
    # Values are judged on the controller, and not sent.
    assert (check.asked[0], check.asked[-1]) == (LOGIN, REVOKE) and len(check.asked) == 2 + 12 + 12
    assert len(reads(check.asked, "metadata")) == len(set(reads(check.asked, "data"))) == 12
    assert json.loads((controller.folder / "h0.calls.memory").read_text())["secrets"] == {}

    install = controller.play("--diff", "-vvvv", json_output=False)
    assert install.code == 0 and "+t" not in install.output and "+demo-avs-t1" in install.output, install.output
    assert install.asked.count(LOGIN) == 1 and install.asked[-1] == REVOKE
    assert len(set(reads(install.asked, "metadata"))) == len(reads(install.asked, "metadata")) == 12
    assert len(set(reads(install.asked, "data"))) == len(reads(install.asked, "data")) == 12

    again = controller.play()
    assert again.code == 0 and again.outcome("h2")["changed"] is False
    assert reads(again.asked, "data") == [] and again.asked.count(LOGIN) == 1 and again.asked[-1] == REVOKE

    assert bao.tokens() == tokens
    assert canaries.found_in(check.output + install.output + again.output + controller.left_behind()) == []
    assert approle["ansible_hashi_vault_secret_id"] not in check.output + install.output + controller.left_behind()
    assert list((controller.folder / "tmp").iterdir()) == []


@on_the_oldest
def test_a_new_version_of_a_secret_is_a_change(controller: Controller, approle: dict[str, Any], canaries: Canaries, bao: OpenBao) -> None:
    controller.inventory({"h": [entry(canaries.put("rotated"))]}, approle)
    assert controller.play().outcome("h")["changed"] is True
    bao.put("avs/rotated/rpc", token="another-token-of-the-node")
    assert controller.play().outcome("h")["changed"] is True
    calls = json.loads((controller.folder / "h.calls.memory").read_text())
    assert "option.rpc-token" in calls["secrets"]["demo-avs-rotated"]
    assert controller.play().outcome("h")["changed"] is False


@on_the_oldest
def test_a_secret_deleted_with_its_history_and_written_anew_is_a_change(
    controller: Controller, approle: dict[str, Any], canaries: Canaries, bao: OpenBao
) -> None:
    controller.inventory({"h": [entry(canaries.put("anew"))]}, approle)
    assert controller.play().outcome("h")["changed"] is True
    bao.client().secrets.kv.v2.delete_metadata_and_all_versions(path="avs/anew/rpc", mount_point="secret")
    assert bao.put("avs/anew/rpc", token="another-token-of-the-node") == 1
    assert controller.play().outcome("h")["changed"] is True


@on_the_oldest
def test_a_policy_without_metadata(controller: Controller, canaries: Canaries, bao: OpenBao) -> None:
    role = bao.role(["data-only"], token_no_default_policy=True)
    controller.inventory(
        {"h": [entry(canaries.put("plain"))]},
        {"ansible_hashi_vault_auth_method": "approle", **{f"ansible_hashi_vault_{name}": value for name, value in role.items()}},
    )
    assert controller.play().code == 0
    again = controller.play("-vvvv", json_output=False)
    assert again.code == 0 and "changed=0" in again.output and again.asked.count(LOGIN) == 1
    assert canaries.found_in(again.output + controller.left_behind()) == []


@on_the_oldest
def test_secrets_that_cannot_be_had(controller: Controller, approle: dict[str, Any], canaries: Canaries, bao: OpenBao) -> None:
    tag = canaries.put("broken")
    newest = bao.put("avs/broken/rpc", token="deleted soon")
    keys = [
        {"name": "bls", "kind": "bn254", "source": "vault", "path": "avs/none"},
        {"name": "ecdsa", "kind": "ecdsa", "source": "vault", "path": "elsewhere/ecdsa"},
    ]
    bao.client().secrets.kv.v2.delete_latest_version_of_secret(path="avs/broken/rpc", mount_point="secret")
    controller.inventory({"h": [entry(tag, keys=keys)]}, approle)
    outcome = controller.play().outcome("h")
    assert outcome["failed"] and outcome["changed"] is False
    lines = outcome["msg"].splitlines()
    assert lines[0].endswith("profile hoodi, tag broken: 3 problems") and lines[-1] == "nothing was changed on h"
    assert "  keys.bls: there is no secret at secret/avs/none" in lines[1]
    assert "  keys.ecdsa: permission denied to read secret/elsewhere/ecdsa" in lines[2] and "capabilities" in lines[2]
    assert f"  options.rpc-token: version {newest} of secret/avs/broken/rpc was deleted" in lines[3]
    assert {item["id"] for item in outcome["findings"] if item["severity"] == "error"} == {"SEC-002", "SEC-003"}


@on_the_oldest
def test_a_field_that_is_not_there(controller: Controller, approle: dict[str, Any], canaries: Canaries) -> None:
    reference = {"source": "vault", "path": "avs/fieldless/rpc", "field": "tokn"}
    controller.inventory({"h": [entry(canaries.put("fieldless"), options={"rpc-token": reference})]}, approle)
    run = controller.play()
    assert "secret/avs/fieldless/rpc has no field tokn" in run.outcome("h")["msg"]
    assert "there are: token" in run.outcome("h")["msg"] and canaries.found_in(run.output) == []


@on_the_oldest
def test_every_problem_of_every_host_and_entry(controller: Controller, approle: dict[str, Any], canaries: Canaries) -> None:
    first = entry(canaries.put("one"), options={"main-port": 80800, "no-such": 1})
    second = {"package": "x", "tag": "Y", "colour": "red"}
    controller.inventory({"h": [first, second]}, approle)
    outcome = controller.play().outcome("h")
    message = outcome["msg"]
    for words in (
        "options.main-port: 80800 is not a port",
        "options.no-such: the profile has no such option",
        "options.rpc-token: a value is required (hidden option)",
        "avs_instances[1]: 4 problems",
        "colour: is not a field of the format",
        "tag: 'Y' is not a tag",
    ):
        assert words in message, message


@on_the_oldest
def test_one_key_on_two_hosts(controller: Controller, approle: dict[str, Any], canaries: Canaries) -> None:
    tag = canaries.put("shared")
    controller.inventory({"h1": [entry(tag)], "h2": [entry(tag)], "h3": [entry(canaries.put("own"))]}, approle)
    run = controller.play()
    assert run.code != 0
    assert "keys.bls: secret/avs/shared/bls field keystore is used by tag shared on h2" in run.outcome("h1")["msg"]
    assert "on h1" in run.outcome("h2")["msg"]
    assert run.outcome("h3")["changed"] is True
    limited = controller.play("--limit", "h1")
    assert "is used by tag shared on h2" in limited.outcome("h1")["msg"]


@on_the_oldest
def test_one_key_stored_twice(controller: Controller, approle: dict[str, Any], canaries: Canaries, bao: OpenBao) -> None:
    """Another path, the same key: seen by the public id, before it is sent."""
    first, second = canaries.put("origin"), canaries.put("copy")
    stored = bao.client().secrets.kv.v2.read_secret_version(path="avs/origin/bls", raise_on_deleted_version=False)["data"]["data"]
    bao.put("avs/copy/bls", **stored)
    controller.inventory({"h": [entry(first), entry(second)]}, approle)
    outcome = controller.play().outcome("h")
    assert outcome["failed"] and "demo-avs-copy.keys.bls" in outcome["msg"] and "nothing was changed on h" in outcome["msg"]


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({"ANSIBLE_KEEP_REMOTE_FILES": "1"}, "ANSIBLE_KEEP_REMOTE_FILES keeps module arguments in files"),
        ({"ANSIBLE_DEBUG": "1"}, "ANSIBLE_DEBUG prints module arguments"),
    ],
)
def test_where_arguments_would_be_kept_no_secret_is_sent(
    controller: Controller, approle: dict[str, Any], canaries: Canaries, environment: dict[str, str], words: str
) -> None:
    controller.inventory({"h": [entry(canaries.put("kept"))]}, approle)
    run = controller.play(json_output=False, **environment)
    assert run.code != 0 and words in run.output
    assert reads(run.asked, "data") == [] and run.asked[-1] == REVOKE
    assert canaries.found_in(run.output + controller.left_behind()) == []


def test_a_connection_without_standard_input(controller: Controller, approle: dict[str, Any], canaries: Canaries) -> None:
    plugins = controller.folder / "connection_plugins"
    plugins.mkdir()
    (plugins / "plain.py").write_text(
        "from ansible.plugins.connection.local import Connection as Local, DOCUMENTATION\n"
        "DOCUMENTATION = DOCUMENTATION.replace('name: local', 'name: plain')\n"
        "class Connection(Local):\n    transport = 'plain'\n    has_pipelining = False\n"
    )
    controller.inventory({"h": [entry(canaries.put("files"))]}, {**approle, "ansible_connection": "plain"})
    run = controller.play()
    assert "the connection plain cannot pass a module through its standard input" in run.outcome("h")["msg"]
    assert reads(run.asked, "data") == []


def test_arguments_with_secrets_never_are_a_file(controller: Controller, approle: dict[str, Any], canaries: Canaries) -> None:
    """Pipelining is switched on for the second call, whatever the configuration says."""
    controller.inventory({"h": [entry(canaries.put("stdin"))]}, approle)
    run = controller.play("-vvvv", json_output=False, ANSIBLE_PIPELINING="0")
    assert run.code == 0
    assert run.output.count("AnsiballZ_instances.py") > 0
    # What a shell gets by its input is no file on the host: the second call is started by one that only names the interpreter.
    assert canaries.found_in(controller.left_behind()) == []


def test_a_module_that_dies_shows_no_secret(controller: Controller, approle: dict[str, Any], canaries: Canaries) -> None:
    controller.inventory({"h": [entry(canaries.put("dead"))]}, approle)
    run = controller.play("-e", "die=true", "-vvvv", json_output=False)
    assert run.code != 0 and "the module failed on h: died over" in run.output and "***" in run.output
    assert canaries.found_in(run.output + controller.left_behind()) == []


def test_files(controller: Controller, canaries: Canaries) -> None:
    files = controller.folder / "files"
    files.mkdir()
    for name in ("bls", "ecdsa"):
        canaries.values[name] = f"canary-{name}-0123456789"
        (files / f"{name}.json").write_text(keystore({"bls": "bn254"}.get(name, name), f"{canaries.values[name]}-cipher"))
        (files / f"{name}.password").write_text(f"{canaries.values[name]}\n")
        (files / f"{name}.json").chmod(0o600)
        (files / f"{name}.password").chmod(0o644 if name == "bls" else 0o600)
    kinds = {"bls": "bn254", "ecdsa": "ecdsa"}
    keys = [
        {"name": name, "kind": kind, "source": "file", "keystore": f"{name}.json", "password_file": f"{name}.password"}
        for name, kind in kinds.items()
    ]
    controller.inventory({"h": [entry("files", keys=keys, options={"rpc-token": "canary-in-clear"})]}, {})
    install = controller.play("-vvvv", json_output=False, ANSIBLE_PIPELINING="0")
    assert install.code == 0 and install.asked == []
    assert "other users may read bls.password (mode 0644)" in install.output
    assert "other users may read ecdsa" not in install.output
    assert "a hidden option's value stands in the inventory in clear" in install.output
    # References of files are MACs, which with their nonce would let a weak password be guessed: no file holds them either.
    assert "AnsiballZ_instances.py" not in install.output
    again = controller.play()
    assert again.outcome("h")["changed"] is False
    (files / "ecdsa.password").write_text("canary-changed\n")
    assert controller.play().outcome("h")["changed"] is True
    left = controller.left_behind(but=[path.name for path in files.iterdir()])
    assert canaries.found_in(install.output + left) == [] and "canary-in-clear" not in install.output


def test_delegation_uses_the_host_of_the_inventory(controller: Controller, approle: dict[str, Any], canaries: Canaries) -> None:
    controller.inventory({"h": [entry(canaries.put("away"))], "other": []}, approle)
    play = PLAY.replace("- hosts: all", "- hosts: h") + "      delegate_to: other\n"
    assert controller.play(play=play).outcome("h")["changed"] is True
    assert (controller.folder / "h.memory").exists()
    controller.inventory({"h": [entry("away", options={"main-port": 0})], "other": []}, approle)
    assert "nothing was changed on other" in controller.play(play=play).outcome("h")["msg"]


@on_the_oldest
def test_stopping_needs_no_store(controller: Controller, canaries: Canaries) -> None:
    controller.inventory({"h": [{**entry("x"), "package": "demo-avs", "version": "v1.0.0", "state": "stopped"}]}, {})
    run = controller.play()
    assert run.outcome("h")["changed"] is True and run.asked == []


@on_the_oldest
def test_a_sealed_and_an_absent_store(controller: Controller, approle: dict[str, Any], canaries: Canaries, tmp_path: Path) -> None:
    folder = tmp_path / "bao"
    folder.mkdir()
    other = OpenBao(folder)
    other.start()
    try:
        role = {f"ansible_hashi_vault_{name}": value for name, value in other.role().items()}
        controller.store = other
        controller.inventory({"h": [entry("sealed")]}, {"ansible_hashi_vault_auth_method": "approle", **role})
        other.client().sys.seal()
        sealed = controller.play().outcome("h")["msg"].splitlines()
        assert len(sealed) == 3 and f"the secret store {other.url} is sealed" in sealed[1]
    finally:
        other.stop()
    gone = controller.play().outcome("h")["msg"]
    assert f"keys.bls, keys.ecdsa, options.rpc-token: the secret store {other.url} cannot be reached" in gone


def test_values_and_files_encrypted_by_ansible_vault(controller: Controller, approle: dict[str, Any], canaries: Canaries) -> None:
    from ansible.parsing.vault import VaultLib, VaultSecret

    lock = VaultLib([("default", VaultSecret(b"lock"))])
    (controller.folder / "lock").write_text("lock")
    files = controller.folder / "files"
    files.mkdir()
    for name in ("bls.json", "bls.password"):
        canaries.values[name] = f"canary-{name}-0123456789"
        content = keystore("bn254", canaries.values[name]) if name == "bls.json" else canaries.values[name]
        (files / name).write_bytes(lock.encrypt(content.encode()))
        (files / name).chmod(0o644)
    keys = [
        {"name": "bls", "kind": "bn254", "source": "file", "keystore": "bls.json", "password_file": "bls.password"},
        {"name": "ecdsa", "kind": "ecdsa", "source": "vault", "path": "avs/locked/ecdsa"},
    ]
    canaries.put("locked")
    options = {"rpc-token": "canary-locked-option"}
    controller.inventory({"h": [entry("locked", keys=keys, options=options)]}, approle)
    inventory = controller.folder / "inventory.yml"
    text = inventory.read_text()
    for plain in ("canary-locked-option", approle["ansible_hashi_vault_secret_id"]):
        locked = lock.encrypt(plain.encode()).decode().rstrip().replace("\n", "\n" + " " * 40)
        text = text.replace(f" {plain}\n", f" !vault |\n{' ' * 40}{locked}\n")
    inventory.write_text(text)
    run = controller.play("--vault-password-file", "lock", "-vvvv", json_output=False)
    assert run.code == 0, run.output
    memory = json.loads((controller.folder / "h.memory").read_text())["demo-avs-locked"]["secrets"]
    assert memory["option.rpc-token"][1] == "canary-locked-option"
    assert memory["key.bls.password"][1] == canaries.values["bls.password"]
    assert "other users may read" not in run.output
    assert canaries.found_in(run.output + controller.left_behind()) == []
    assert "canary-locked-option" not in run.output + controller.left_behind()
    again = controller.play("--vault-password-file", "lock")
    assert again.outcome("h")["changed"] is False
