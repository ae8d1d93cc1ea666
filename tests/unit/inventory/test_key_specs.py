# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Keys of a package that says nothing of its keys: the operator does."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.restaking.avs.plugins.module_utils.common.findings import errors_of
from ansible_collections.restaking.avs.plugins.plugin_utils.inventory.entries import parse_instances
from ansible_collections.restaking.avs.plugins.plugin_utils.inventory.key_use import shared_keys, uses_of
from ansible_collections.restaking.avs.plugins.plugin_utils.inventory.spec import Built, build_specs
from ansible_collections.restaking.avs.plugins.plugin_utils.secrets.aws import AwsRequest, AwsSecret
from ansible_collections.restaking.avs.plugins.plugin_utils.secrets.env import EnvRequest
from ansible_collections.restaking.avs.plugins.plugin_utils.secrets.file import FileRequest
from ansible_collections.restaking.avs.plugins.plugin_utils.secrets.prompt import PromptRequest
from ansible_collections.restaking.avs.plugins.plugin_utils.secrets.vault_requests import SecretPath, SecretRequest

from tests.unit.support.fakes import Numbered, entry, package, profile

# As native packages have them: the path of the key and its password are options, nothing says that they are a key's.
NATIVE = [
    {"name": "bls-key", "target": "NODE_BLS_KEY_PATH", "type": "path_file", "help": "Key"},
    {"name": "bls-password", "target": "NODE_BLS_KEY_PASSWORD", "type": "str", "help": "Password", "hidden": True},
    {"name": "ecdsa", "target": "NODE_PRIVATE_KEY", "type": "str", "help": "Private key", "hidden": True},
    {"name": "port", "target": "PORT", "type": "port", "help": "Port", "default": 80},
]
BLS = {
    "name": "bls", "kind": "bn254", "source": "vault", "path": "avs/op1/bls", "keystore_env": "NODE_BLS_KEY_PATH", "password_env": "NODE_BLS_KEY_PASSWORD",
    "mount": "/keys", "services": ["node"],
}  # fmt: skip
RAW = {"name": "ecdsa", "kind": "ecdsa", "source": "vault", "path": "avs/op1/ecdsa", "field": "key", "value_env": "NODE_PRIVATE_KEY"}


def build(*keys: dict[str, Any], runtime: bytes = b"schema: 1\n", references: Numbered | None = None, **changes: Any) -> Built:
    given = entry(keys=list(keys), **{"options": {}, **changes})
    entries, findings = parse_instances([given])
    native = package(profiles={"hoodi": profile(runtime=runtime, options=NATIVE)})
    return build_specs(entries, lambda _entry: native, references or Numbered(), findings)


def problems(*keys: dict[str, Any], **changes: Any) -> dict[str, str]:
    built = build(*keys, **changes)
    return {item.place.removeprefix("avs_instances[0]."): item.message for item in errors_of(built.findings)}


def test_the_operator_says_how_a_key_reaches_the_node() -> None:
    references = Numbered()
    built = build(BLS, RAW, references=references)
    assert built.findings == ()
    (spec,) = built.specs
    assert spec["keys"] == [
        {"name": "bls", "kind": "bn254", "source": "vault", "keystore": "key.bls.keystore", "password": "key.bls.password",
         "keystore_env": "NODE_BLS_KEY_PATH", "password_file_env": None, "folder_env": None, "mount": "/keys", "services": ["node"], "owner": None},
        {"name": "ecdsa", "kind": "ecdsa", "source": "vault", "keystore": "key.ecdsa.keystore", "password": None,
         "keystore_env": None, "password_file_env": None, "folder_env": None, "mount": None, "services": [], "owner": None},
    ]  # fmt: skip
    wiring = {name: (secret["env"], secret["services"]) for name, secret in spec["secrets"].items()}
    assert wiring == {
        "key.bls.keystore": ([], ["node"]),
        "key.bls.password": (["NODE_BLS_KEY_PASSWORD"], ["node"]),
        "key.ecdsa.keystore": (["NODE_PRIVATE_KEY"], []),
    }
    # The options that named the paths and passwords need no value, and leave none in the environment.
    assert spec["env"] == {"PORT": "80"}
    requests = {need.name: (need.request, need.line) for need in references.needs}
    assert requests["key.ecdsa.keystore"] == (SecretRequest(SecretPath("secret", "avs/op1/ecdsa"), "key"), True)
    assert requests["key.bls.keystore"][1] is False and requests["key.bls.password"][1] is True


def test_files() -> None:
    references = Numbered()
    raw = {"name": "ecdsa", "kind": "ecdsa", "source": "file", "keystore": "key", "value_env": "NODE_PRIVATE_KEY"}
    opaque = {"name": "p2p", "kind": "file", "source": "file", "keystore": "p2p", "mount": "/id", "owner": "7:7"}
    bls = {**BLS, "source": "file", "keystore": "bls.json", "password_file": "bls.password"}
    del bls["path"]
    (spec,) = build(raw, opaque, bls, references=references).specs
    requests = {need.name: need.request for need in references.needs}
    assert requests["key.ecdsa.keystore"] == FileRequest("key", password=True)
    assert requests["key.p2p.keystore"] == FileRequest("p2p", opaque=True)
    assert (spec["keys"][1]["mount"], spec["keys"][1]["owner"], spec["keys"][1]["password"]) == ("/id", "7:7", None)


def test_a_password_in_another_place_than_its_key() -> None:
    references = Numbered()
    way = {"keystore_env": "NODE_BLS_KEY_PATH", "password_env": "NODE_BLS_KEY_PASSWORD"}
    keys: list[dict[str, Any]] = [
        {"name": "bls", "kind": "bn254", "source": "env", "variable": "BLS", "password": {"source": "prompt", "prompt": "BLS"}, **way},
        {"name": "ecdsa", "kind": "ecdsa", "source": "prompt", "value_env": "NODE_PRIVATE_KEY"},
        {"name": "p2p", "kind": "file", "source": "aws", "secret_id": "p2p", "mount": "/id", "password": {"source": "env", "name": "P2P"}},
    ]
    (spec,) = build(*keys, references=references).specs
    assert {need.name: need.request for need in references.needs} == {
        "key.bls.keystore": EnvRequest("BLS"),
        "key.bls.password": PromptRequest("demo-avs-op1 key.bls.password", "BLS"),
        "key.ecdsa.keystore": PromptRequest("demo-avs-op1 key.ecdsa.keystore", "demo-avs-op1 key.ecdsa.keystore"),
        "key.p2p.keystore": AwsRequest(AwsSecret("p2p"), opaque=True),
        "key.p2p.password": EnvRequest("P2P"),
    }
    assert [(key["source"], key["password"]) for key in spec["keys"]] == [
        ("env", "key.bls.password"), ("prompt", None), ("aws", "key.p2p.password"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("reference", "field"),
    [
        ({"source": "env", "variable": "BLS"}, "password"),
        ({"source": "prompt"}, "password"),
        ({"source": "aws", "secret_id": "bls"}, "password_field"),
        ({"source": "file", "keystore": "bls.json"}, "password_file"),
    ],
)
def test_a_password_that_lies_nowhere(reference: dict[str, Any], field: str) -> None:
    key = {"name": "bls", "kind": "bn254", "keystore_env": "NODE_BLS_KEY_PATH", "password_env": "NODE_BLS_KEY_PASSWORD", **reference}
    assert problems(key, RAW) == {f"keys.bls.{field}": "is missing: the node needs the key's password"}


def test_what_does_not_fit() -> None:
    del_path = {name: value for name, value in BLS.items() if name != "path"}
    without_password = {**del_path, "source": "file", "keystore": "bls.json"}
    assert problems(without_password, RAW) == {"keys.bls.password_file": "is missing: the node needs the key's password"}
    found = problems(BLS, RAW, options={"bls-key": "/etc/bls.json", "bls-password": "canary"})
    assert set(found) == {"options.bls-key", "options.bls-password"} and all("filled by key bls already" in text for text in found.values())
    assert "canary" not in str(found)
    twice = {**RAW, "name": "other", "path": "x"}
    assert problems(BLS, RAW, twice) == {"keys.other.value_env": "NODE_PRIVATE_KEY is filled by key ecdsa.value_env already"}
    assert "the package declares no such key" in problems(BLS, {**RAW, "value_env": None})["keys.ecdsa"]


def test_keys_in_one_folder_share_its_variable() -> None:
    first = {"name": "a", "kind": "bn254", "source": "vault", "path": "a", "folder_env": "KEYS"}
    assert problems(BLS, RAW, first, {**first, "name": "b", "path": "b"}) == {}
    assert problems(BLS, RAW, first, {**first, "name": "b", "path": "b", "keystore_env": "KEYS"}) != {}


def test_what_the_package_says_the_operator_does_not_say_again() -> None:
    runtime = b"schema: 1\nkeys: [{name: bls, kind: bn254, keystore: NODE_BLS_KEY_PATH, password: NODE_BLS_KEY_PASSWORD}]\n"
    found = problems(BLS, RAW, runtime=runtime)
    assert "the package says itself" in found["keys.bls"]
    taken = {**RAW, "value_env": "NODE_BLS_KEY_PATH"}
    plain = {name: BLS[name] for name in ("name", "kind", "source", "path")}
    assert "filled by key bls already" in problems(plain, taken, runtime=runtime)["keys.ecdsa.value_env"]


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"mount": "keys"}, "keys[0].mount"),
        ({"mount": "/keys/../etc"}, "keys[0].mount"),
        ({"keystore_env": "not a name"}, "keys[0].keystore_env"),
        ({"services": []}, "keys[0].services"),
        ({"services": "node"}, "keys[0].services"),
        ({"owner": "root"}, "keys[0].owner"),
        ({"value_env": "X"}, "keys[0].value_env"),
        ({"encoding": "base64"}, "keys[0].encoding"),
        ({"keystore_env": None, "mount": None}, "keys[0]"),
    ],
)
def test_fields_that_are_wrong(changes: dict[str, Any], place: str) -> None:
    assert place in problems({**BLS, **changes}, RAW)


def test_a_key_declared_by_the_operator_counts_once_in_the_fleet() -> None:
    entries, _findings = parse_instances([entry(keys=[RAW]), entry(tag="op2", keys=[{**RAW, "value_env": "OTHER"}])])
    assert len(shared_keys(uses_of("h1", entries), [])) == 2
