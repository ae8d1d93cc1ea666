# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Entries and packages become specs."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.restaking.avs.plugins.module_utils.common.errors import InputError
from ansible_collections.restaking.avs.plugins.module_utils.common.findings import Finding, errors_of
from ansible_collections.restaking.avs.plugins.module_utils.common.rules import finding
from ansible_collections.restaking.avs.plugins.plugin_utils.inventory.entries import Entry, parse_instances
from ansible_collections.restaking.avs.plugins.plugin_utils.inventory.spec import Built, build_specs
from ansible_collections.restaking.avs.plugins.plugin_utils.packages.package import Package
from ansible_collections.restaking.avs.plugins.plugin_utils.secrets.file import FileRequest
from ansible_collections.restaking.avs.plugins.plugin_utils.secrets.literal import LiteralRequest
from ansible_collections.restaking.avs.plugins.plugin_utils.secrets.vault_requests import SecretPath, SecretRequest

from tests.unit.support.fakes import Numbered, entry, package, profile


def build(*items: dict[str, Any], offered: Package | None = None, references: Any = None) -> Built:
    entries, findings = parse_instances(list(items))
    return build_specs(entries, lambda _entry: offered or package(), references or Numbered(), findings)


def problems(*items: dict[str, Any], **changes: Any) -> list[Finding]:
    return errors_of(build(*items, **changes).findings)


def test_a_whole_spec() -> None:
    built = build(entry(ports={"8080": "public"}, limits={"node": {"pids": 5}}, gate_timeout=30))
    (spec,) = built.specs
    assert json.loads(json.dumps(spec)) == spec
    assert {name: spec[name] for name in ("schema", "id", "tag", "state", "purge", "profile")} == {
        "schema": 1, "id": "demo-avs-op1", "tag": "op1", "state": "started", "purge": False, "profile": "hoodi",
    }  # fmt: skip
    assert spec["package"] == {
        "name": "demo-avs", "version": "v1.0.0", "commit": "c" * 40, "spec_version": "v0.1", "upgrade": "optional",
        "tree_sha256": "ab" * 32, "source": "https://git.example.org/avs/demo-avs.git",
    }  # fmt: skip
    assert spec["compose"] == {"dir": "pkg/hoodi", "files": ["docker-compose.yml"], "env_files": [".env"], "profiles": []}
    assert spec["env"] == {"MAIN_PORT": "8080", "RPC_URL": "https://rpc.example.org"}
    assert spec["secrets"] == {
        "option.rpc-token": {"ref": {"version": "0"}, "env": ["RPC_TOKEN"], "services": None},
        "key.bls.keystore": {"ref": {"version": "1"}, "env": [], "services": ["node"]},
        "key.bls.password": {"ref": {"version": "2"}, "env": [], "services": ["node"]},
        "key.ecdsa.keystore": {"ref": {"version": "3"}, "env": [], "services": ["node"]},
        "key.ecdsa.password": {"ref": {"version": "4"}, "env": ["ECDSA_PASSWORD"], "services": ["node"]},
    }
    assert spec["keys"] == [
        {
            "name": "bls", "kind": "bn254", "source": "vault", "keystore": "key.bls.keystore", "password": "key.bls.password",
            "keystore_env": None, "password_file_env": None, "folder_env": "KEYS_DIR", "mount": None, "services": ["node"], "owner": None,
        },
        {
            "name": "ecdsa", "kind": "ecdsa", "source": "vault", "keystore": "key.ecdsa.keystore", "password": "key.ecdsa.password",
            "keystore_env": "ECDSA_FILE", "password_file_env": None, "folder_env": None, "mount": None, "services": ["node"],
            "owner": "1000:1000",
        },
    ]  # fmt: skip
    assert spec["health"] == {"type": "node_api", "service": "node", "port": 8080, "timeout": 30}
    assert spec["requirements"] == {"min_cpu_cores": 2, "min_ram": 1024, "min_free_space": 2048, "stop": True}
    assert (spec["ports"], spec["limits"], spec["exceptions"]) == ({"8080": "public"}, {"node": {"pids": 5}}, [])
    assert spec["privileges"]["node"]["user"] == "1000:1000"
    assert spec["api"] == {"service": "node", "port": 8080} and spec["plugin"] == {"image": "example.org/plugin:v1"}
    assert spec["findings"] == []


def test_what_no_host_would_understand_is_said_here() -> None:
    odd = package(profiles={"hoodi": profile(api={"service": 5, "port": 1})})
    with pytest.raises(InputError, match=r"avs_instances\[0\]: .*: api\.service is not a text"):
        build(entry(), offered=odd)


def test_where_each_secret_is_asked_for() -> None:
    references = Numbered()
    built = build(entry(), references=references)
    requests = {need.name: (need.place, need.request) for need in references.needs}
    assert requests == {
        "option.rpc-token": ("avs_instances[0].options.rpc-token", SecretRequest(SecretPath("secret", "avs/op1/rpc"), "token")),
        "key.bls.keystore": ("avs_instances[0].keys.bls", SecretRequest(SecretPath("secret", "avs/op1/bls"), "keystore")),
        "key.bls.password": ("avs_instances[0].keys.bls", SecretRequest(SecretPath("secret", "avs/op1/bls"), "password")),
        "key.ecdsa.keystore": ("avs_instances[0].keys.ecdsa", SecretRequest(SecretPath("operators", "avs/op1/ecdsa", 3), "keystore")),
        "key.ecdsa.password": ("avs_instances[0].keys.ecdsa", SecretRequest(SecretPath("operators", "avs/op1/ecdsa", 3), "password")),
    }
    assert built.needs["demo-avs-op1"]["key.bls.keystore"] in references.needs


def test_fields_of_the_store_can_be_named() -> None:
    references = Numbered()
    keys = entry()["keys"]
    keys[0].update(field="ks", password_field="pw")
    build(entry(keys=keys), references=references)
    assert [need.request.field for need in references.needs if need.name.startswith("key.bls")] == ["ks", "pw"]  # type: ignore[union-attr]


def test_files() -> None:
    references = Numbered()
    keys = [
        {"name": "bls", "kind": "bn254", "source": "file", "keystore": "bls.json", "password_file": "bls.password"},
        {"name": "ecdsa", "kind": "ecdsa", "source": "file", "keystore": "e.json", "password_file": "e.password"},
        {"name": "tls", "kind": "file", "source": "file", "keystore": "tls.pem"},
    ]
    (spec,) = build(entry(keys=keys), references=references).specs
    requests = {need.name: need.request for need in references.needs}
    assert requests["key.bls.keystore"] == FileRequest("bls.json")
    assert requests["key.bls.password"] == FileRequest("bls.password", password=True)
    assert "key.tls.password" not in requests and spec["keys"][2]["password"] is None


def test_a_hidden_option_in_clear_is_warned_of_and_kept_to_itself() -> None:
    references = Numbered()
    built = build(entry(options={"rpc-url": "https://x.example.org", "rpc-token": "canary"}), references=references)
    request = next(need.request for need in references.needs if need.name == "option.rpc-token")
    assert isinstance(request, LiteralRequest) and request.value.reveal() == "canary"
    assert [item.id for item in built.findings] == ["SEC-004"]
    assert built.specs[0]["findings"][0]["id"] == "SEC-004"
    assert "canary" not in repr(built) and "canary" not in json.dumps(built.specs)


def test_an_open_option_may_be_a_secret_too() -> None:
    options = {**entry()["options"], "rpc-url": {"source": "file", "path": "url"}}
    references = Numbered()
    (spec,) = build(entry(options=options), references=references).specs
    assert "RPC_URL" not in spec["env"] and spec["secrets"]["option.rpc-url"]["env"] == ["RPC_URL"]
    assert FileRequest("url", password=True) in [need.request for need in references.needs]


def test_a_missing_key() -> None:
    (found,) = problems(entry(keys=entry()["keys"][:1]))
    assert (found.id, found.place) == ("KEY-009", "avs_instances[0].keys")
    assert "ecdsa" in found.message and "name: ecdsa, kind: ecdsa" in found.remedy


def test_unknown_keys_and_wrong_kinds() -> None:
    keys = entry()["keys"]
    keys[0]["kind"] = "bls12381"
    keys.append({"name": "other", "kind": "file", "source": "vault", "path": "x"})
    found = {item.place: item.message for item in problems(entry(keys=keys))}
    assert found == {
        "avs_instances[0].keys.bls.kind": "the package declares kind bn254, not bls12381",
        "avs_instances[0].keys.other": "the package declares no such key",
    }


def test_a_key_file_without_the_password_the_node_needs() -> None:
    keys = [{"name": "bls", "kind": "bn254", "source": "file", "keystore": "bls.json"}, entry()["keys"][1]]
    (found,) = problems(entry(keys=keys))
    assert found.place == "avs_instances[0].keys.bls.password_file"


def test_all_problems_of_all_entries_in_one_error() -> None:
    bad = entry(tag="op2", options={"rpc-url": 5, "main-port": 80800, "nope": 1})
    found = [item.place for item in problems(entry(tag="BAD"), bad, entry(tag="op3", profile="nowhere"))]
    assert found == [
        "avs_instances[0].tag",
        "avs_instances[1].options.main-port",
        "avs_instances[1].options.nope",
        "avs_instances[1].options.rpc-token",
        "avs_instances[1].options.rpc-url",
        "avs_instances[2].profile",
    ]


def test_two_instances_with_one_id() -> None:
    (found,) = problems(entry(), entry(keys=entry()["keys"]))
    assert found.place == "avs_instances[1].tag" and "demo-avs-op1 is avs_instances[0] already" in found.message


def test_two_packages_whose_ids_run_into_each_other() -> None:
    (found,) = problems(entry(package="herald-x", tag="1", state="absent"), entry(package="herald", tag="x-1", state="absent"))
    assert (found.id, found.place) == ("INV-001", "avs_instances[1].tag")
    assert "herald-x-1 is avs_instances[0] already, the tag 1 there and x-1 here" in found.message


def test_an_id_is_taken_by_an_entry_something_else_is_wrong_with() -> None:
    found = problems(entry(profile="nowhere"), entry(keys=entry()["keys"]))
    assert [item.place for item in found] == ["avs_instances[0].profile", "avs_instances[1].tag"]


def test_an_id_must_not_grow_too_long() -> None:
    (found,) = problems(entry(tag="t" * 60))
    assert "longer than 63" in found.message


def test_what_is_wrong_with_a_package_is_said_of_the_entry() -> None:
    def load(_entry: Entry) -> Package:
        raise InputError("two problems", [finding("PKG-013", "checksum.txt", "differs"), finding("SRC-001", "", "gone")])

    entries, _findings = parse_instances([entry()])
    built = build_specs(entries, load, Numbered())
    assert built.specs == ()
    assert [item.place for item in built.findings] == ["avs_instances[0]", "avs_instances[0]: checksum.txt"]


def test_what_is_sound_is_built_beside_what_is_not() -> None:
    built = build(entry(), entry(tag="op2", options={**entry()["options"], "nonsense": 1}), entry(tag="op3"))
    assert [spec["id"] for spec in built.specs] == ["demo-avs-op1", "demo-avs-op3"]
    assert [item.tag for item in built.entries] == ["op1", "op3"]
    assert set(built.needs) == {"demo-avs-op1", "demo-avs-op3"}
    assert [item.place for item in errors_of(built.findings)] == ["avs_instances[1].options.nonsense"]


def test_secrets_that_cannot_be_had_make_an_entry_unsound() -> None:
    class Refusing:
        def identify(self, needs: Any) -> Any:
            return {}, [finding("SEC-003", need.place, "gone") for need in needs]

    assert {item.id for item in problems(entry(), references=Refusing())} == {"SEC-003"}


def test_findings_of_other_profiles_stay_out() -> None:
    mine, other = finding("OPS-001", "hoodi/runtime.yml", "a"), finding("OPS-001", "mainnet/runtime.yml", "b")
    whole = finding("UPG-002", "CHANGELOG.md", "none")
    profiles = {"hoodi": profile(findings=(mine,)), "mainnet": profile("mainnet", findings=(other,))}
    built = build(entry(), offered=package(profiles=profiles, findings=(mine, other, whole)))
    assert [item["place"] for item in built.specs[0]["findings"]] == [
        "avs_instances[0]: CHANGELOG.md",
        "avs_instances[0]: hoodi/runtime.yml",
    ]


@pytest.mark.parametrize("state", ["stopped", "absent"])
def test_taking_down_needs_neither_package_nor_store(state: str) -> None:
    def load(_entry: Entry) -> Package:
        raise InputError("the source is out of reach")

    class Silent:
        def identify(self, needs: Any) -> Any:
            assert list(needs) == []
            return {}, []

    entries, _findings = parse_instances([entry(state=state, package="core/demo-avs")])
    built = build_specs(entries, load, Silent())
    assert built.specs == (
        {"schema": 1, "id": "demo-avs-op1", "tag": "op1", "state": state, "purge": False, "package": {"name": "demo-avs"}},
    )
    assert built.trees == {}


def test_the_name_of_a_package_without_one_comes_from_its_manifest() -> None:
    (spec,) = build(entry(state="absent", package={"git": "https://git.example.org/x.git"})).specs
    assert spec["id"] == "demo-avs-op1"
