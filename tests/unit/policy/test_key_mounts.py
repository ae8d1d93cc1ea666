# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.restaking.avs.plugins.module_utils.common.keystores import public_id
from ansible_collections.restaking.avs.plugins.module_utils.common.records import plain
from ansible_collections.restaking.avs.plugins.module_utils.policy.key_mounts import place_keys, variables
from ansible_collections.restaking.avs.plugins.module_utils.policy.key_owners import settle_owners

from tests.unit.support.models import KEYS, bind, model, told, typed


def key(name: str = "bls", **changes: Any) -> dict[str, Any]:
    base = {
        "name": name,
        "kind": "bn254",
        "keystore": f"key.{name}.keystore",
        "password": f"key.{name}.password",
        "keystore_env": None,
        "password_file_env": None,
        "folder_env": None,
        "mount": None,
        "services": [],
        "owner": None,
    }
    return {**base, **changes}


def folder_bind(target: str, **more: Any) -> dict[str, Any]:
    return {"type": "bind", "source": f"{KEYS}/node", "target": target, "read_only": True, "bind": {"create_host_path": False}, **more}


USER = {"privileges": {"node": {"user": "1000:100"}}}


def test_variables_get_paths_below_the_key_folder() -> None:
    keys = [key(folder_env="KEYS_DIR"), key("ecdsa", keystore_env="ECDSA", password_file_env="ECDSA_PASSWORD")]
    assert variables(typed(keys=keys).keys, KEYS) == {
        "KEYS_DIR": f"{KEYS}/KEYS_DIR",
        "ECDSA": f"{KEYS}/ECDSA",
        "ECDSA_PASSWORD": f"{KEYS}/ECDSA_PASSWORD",
    }


def test_a_folder_shows_every_key_with_its_password() -> None:
    keys = [key(folder_env="KEYS_DIR"), key("ecdsa", folder_env="KEYS_DIR", owner="5:6"), key("jwt", folder_env="KEYS_DIR", password=None)]
    result = place_keys(typed(keys=keys, **USER), model(node={"volumes": [bind(f"{KEYS}/KEYS_DIR", "/keys", read_only=True)]}), KEYS)
    assert result.model["services"]["node"]["volumes"] == [folder_bind("/keys")]
    assert plain(result.views) == {
        "node": {
            "bls.json": {"secret": "key.bls.keystore", "owner": "1000:100"},
            "bls.password": {"secret": "key.bls.password", "owner": "1000:100"},
            "ecdsa.json": {"secret": "key.ecdsa.keystore", "owner": "5:6"},
            "ecdsa.password": {"secret": "key.ecdsa.password", "owner": "5:6"},
            "jwt.json": {"secret": "key.jwt.keystore", "owner": "1000:100"},
        }
    }
    assert result.findings == []


def test_a_writable_key_folder_becomes_read_only() -> None:
    result = place_keys(typed(keys=[key(folder_env="K")]), model(node={"volumes": [bind(f"{KEYS}/K", "/keys")]}), KEYS)
    assert result.model["services"]["node"]["volumes"][0]["read_only"] is True
    assert told(result.findings) == [("KEY-002", "info", "services.node.volumes")]


def test_single_files_below_a_mount_become_one_folder() -> None:
    keys = [key(keystore_env="BLS", mount="/app/keys"), key("ecdsa", keystore_env="ECDSA", mount="/app/keys", password=None)]
    mounts = [bind(f"{KEYS}/BLS", "/app/keys/bls_key.json"), bind("/srv/x", "/x"), bind(f"{KEYS}/ECDSA", "/app/keys/deep/ecdsa.json")]
    result = place_keys(typed(keys=keys, **USER), model(node={"volumes": mounts}), KEYS)
    assert result.model["services"]["node"]["volumes"] == [folder_bind("/app/keys"), bind("/srv/x", "/x")]
    assert {name: entry.secret for name, entry in result.views["node"].items()} == {
        "bls_key.json": "key.bls.keystore",
        "deep/ecdsa.json": "key.ecdsa.keystore",
    }
    assert result.findings == []


def test_a_file_without_a_mount_stays_a_single_file() -> None:
    keys = [key(keystore_env="BLS", password_file_env="PASS")]
    mounts = [bind(f"{KEYS}/BLS", "/etc/bls.json"), bind(f"{KEYS}/PASS", "/etc/pass")]
    result = place_keys(typed(keys=keys), model(node={"volumes": mounts}), KEYS)
    assert [(mount["source"], mount["target"], mount["read_only"]) for mount in result.model["services"]["node"]["volumes"]] == [
        (f"{KEYS}/node/bls.json", "/etc/bls.json", True),
        (f"{KEYS}/node/bls.password", "/etc/pass", True),
    ]
    assert told(result.findings) == [("KEY-002", "warning", "services.node.volumes")] * 2


def test_a_key_is_kept_from_services_it_is_not_for() -> None:
    keys = [key(folder_env="K", services=["node"])]
    mounts = {"volumes": [bind(f"{KEYS}/K", "/keys", read_only=True)]}
    result = place_keys(typed(keys=keys), model(node=mounts, proxy=mounts), KEYS)
    assert "volumes" not in result.model["services"]["proxy"]
    assert list(result.views) == ["node"]
    assert ("KEY-004", "info", "services.proxy.volumes") in told(result.findings)


def test_a_file_in_the_folder_variable() -> None:
    result = place_keys(typed(keys=[key(folder_env="K")]), model(node={"volumes": [bind(f"{KEYS}/K/bls.password", "/p")]}), KEYS)
    assert result.model["services"]["node"]["volumes"][0]["source"] == f"{KEYS}/node/bls.password"
    assert list(result.views["node"]) == ["bls.password"]
    wrong = place_keys(typed(keys=[key(folder_env="K")]), model(node={"volumes": [bind(f"{KEYS}/K/other.json", "/p")]}), KEYS)
    assert ("PKG-019", "error", "services.node.volumes") in told(wrong.findings)


def test_nobody_mounts_the_folder_of_all_keys() -> None:
    result = place_keys(typed(keys=[key(folder_env="K")]), model(node={"volumes": [bind(KEYS, "/keys")]}), KEYS)
    assert ("PKG-019", "error", "services.node.volumes") in told(result.findings)


def test_two_keys_cannot_have_one_name() -> None:
    keys = [key(keystore_env="A", mount="/a"), key("other", keystore_env="B", mount="/b")]
    mounts = [bind(f"{KEYS}/A", "/a/key.json"), bind(f"{KEYS}/B", "/b/key.json")]
    result = place_keys(typed(keys=keys), model(node={"volumes": mounts}), KEYS)
    assert ("PKG-019", "error", "services.node.volumes") in told(result.findings)


def test_a_key_no_service_mounts_is_told() -> None:
    result = place_keys(typed(keys=[key(folder_env="K")]), model(node={}), KEYS)
    assert told(result.findings) == [("PKG-012", "warning", "keys.bls")]


def test_a_key_of_which_only_the_mount_is_known_lies_there() -> None:
    keys = [key(mount="/keys/", services=["node"]), key("jwt", mount="/keys", password=None, services=["node"], owner="5:6")]
    result = place_keys(typed(keys=keys, **USER), model(node={"volumes": [bind("/srv/x", "/x")]}, proxy={}), KEYS)
    assert result.model["services"]["node"]["volumes"] == [bind("/srv/x", "/x"), folder_bind("/keys")]
    assert "volumes" not in result.model["services"]["proxy"]
    assert plain(result.views) == {
        "node": {
            "bls.json": {"secret": "key.bls.keystore", "owner": "1000:100"},
            "bls.password": {"secret": "key.bls.password", "owner": "1000:100"},
            "jwt.json": {"secret": "key.jwt.keystore", "owner": "5:6"},
        }
    }
    assert result.findings == []


def test_a_mount_for_nobody_in_particular_is_everybodys() -> None:
    result = place_keys(typed(keys=[key(mount="/keys")]), model(node={}, proxy={}), KEYS)
    assert [name for name, service in result.model["services"].items() if service["volumes"]] == ["node", "proxy"]
    assert told(result.findings) == [("KEY-004", "warning", "keys.bls")]


def test_a_mount_beside_a_folder_variable_is_one_folder() -> None:
    keys = [key(folder_env="K"), key("jwt", mount="/keys", password=None)]
    found = model(node={"volumes": [bind(f"{KEYS}/K", "/keys", read_only=True)]})
    result = place_keys(typed(keys=keys), found, KEYS)
    assert result.model["services"]["node"]["volumes"] == [folder_bind("/keys")]
    assert sorted(result.views["node"]) == ["bls.json", "bls.password", "jwt.json"]


def test_a_password_in_the_environment_is_not_in_the_mount_too() -> None:
    secrets = {"key.bls.password": {"ref": {}, "env": ["PASSWORD"], "services": []}}
    result = place_keys(typed(keys=[key(mount="/keys")], secrets=secrets), model(node={}), KEYS)
    assert list(result.views["node"]) == ["bls.json"]


@pytest.mark.parametrize(
    "service",
    [
        {"volumes": [bind("/srv/x", "/keys")]},
        {"volumes": [{"type": "volume", "source": "v", "target": "/keys/"}]},
        {"tmpfs": ["/keys:size=1m"]},
    ],
)
def test_a_mount_that_is_taken_is_refused(service: dict[str, Any]) -> None:
    result = place_keys(typed(keys=[key(mount="/keys")]), model(node=service), KEYS)
    assert told(result.findings) == [("PKG-019", "error", "services.node.volumes")]


def test_a_mount_for_a_service_there_is_not_is_told() -> None:
    result = place_keys(typed(keys=[key(mount="/keys", services=["other"])]), model(node={}), KEYS)
    assert told(result.findings) == [("PKG-012", "warning", "keys.bls")]


def test_composes_own_secrets_become_binds() -> None:
    whole = {
        **model(node={"secrets": [{"source": "bls", "target": "/run/secrets/bls"}, {"source": "other", "target": "o"}]}),
        "secrets": {"bls": {"file": f"{KEYS}/BLS"}, "other": {"file": "/srv/o"}},
    }
    result = place_keys(typed(keys=[key(keystore_env="BLS")]), whole, KEYS)
    assert result.model["secrets"] == {"other": {"file": "/srv/o"}}
    node = result.model["services"]["node"]
    assert node["secrets"] == [{"source": "other", "target": "o"}]
    assert [(mount["source"], mount["target"]) for mount in node["volumes"]] == [(f"{KEYS}/node/bls.json", "/run/secrets/bls")]


@pytest.mark.parametrize(
    ("user", "service_user", "image_user", "owner", "rules"),
    [
        ("1000", None, "5", "1000:1000", []),
        (None, "7:8", "5", "7:8", []),
        ("1:2", "7:8", "", "1:2", []),
        (None, None, "5", "5:5", []),
        (None, None, "", "0:0", []),
        (None, None, "root", "0:0", []),
        (None, "nginx", "5", "0:0", ["KEY-002"]),
        (None, None, "app:app", "0:0", ["KEY-002"]),
    ],
)
def test_key_files_belong_to_whoever_runs_the_service(
    user: str | None, service_user: str | None, image_user: str, owner: str, rules: list[str]
) -> None:
    service = {"volumes": [bind(f"{KEYS}/K", "/keys", read_only=True)], **({"user": service_user} if service_user else {})}
    whole = typed(keys=[key(folder_env="K", password=None)], privileges={"node": {"user": user}})
    result = place_keys(whole, model(node=service), KEYS)
    views, found = settle_owners(whole.id, result.views, {"node": image_user})
    assert plain(views) == {"node": {"bls.json": {"secret": "key.bls.keystore", "owner": owner}}}
    assert [item.id for item in found] == rules


@pytest.mark.parametrize(
    ("kind", "keystore", "expected"),
    [
        ("ecdsa", '{"address": "0xab", "crypto": {}}', "0xab"),
        ("bn254", '{"pubKey": "E([1,2])", "crypto": {}}', "E([1,2])"),
        ("bls12381", '{"pubkey": "93ab"}', "93ab"),
        ("bls12381", '{"pubkey": ""}', None),
        ("ecdsa", "not json", None),
        ("ecdsa", "[1]", None),
        ("file", '{"address": "x"}', None),
    ],
)
def test_public_id(kind: str, keystore: str, expected: str | None) -> None:
    assert public_id(kind, keystore) == expected
