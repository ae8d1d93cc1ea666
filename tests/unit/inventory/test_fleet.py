# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Keys and wishes of the play's other hosts."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.restaking.avs.plugins.module_utils.common.contents import as_text
from ansible_collections.restaking.avs.plugins.module_utils.common.errors import InputError
from ansible_collections.restaking.avs.plugins.module_utils.common.keystores import record_of
from ansible_collections.restaking.avs.plugins.plugin_utils.inventory.entries import parse_instances
from ansible_collections.restaking.avs.plugins.plugin_utils.inventory.fleet import Fleet, references_of, survey
from ansible_collections.restaking.avs.plugins.plugin_utils.inventory.key_use import Use, claimed_uses, public_uses, shared_keys, uses_of
from ansible_collections.restaking.avs.plugins.plugin_utils.inventory.roll_call import Turn
from ansible_collections.restaking.avs.plugins.plugin_utils.secrets.connection import Connection, connection
from ansible_collections.restaking.avs.plugins.plugin_utils.secrets.run_folder import RunFolder
from ansible_collections.restaking.avs.plugins.plugin_utils.secrets.sources import merged_wishes, wishes_of

from tests.unit.support.fakes import entry
from tests.unit.support.keystores import keystore, web3

TOKEN = {"ansible_hashi_vault_url": "http://one", "ansible_hashi_vault_token": "canary-t"}


@pytest.fixture(autouse=True)
def no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("VAULT_ADDR", "VAULT_TOKEN", "VAULT_NAMESPACE"):
        monkeypatch.delenv(name, raising=False)


def store(**variables: str) -> Connection:
    named = {name.removeprefix("ansible_hashi_vault_"): value for name, value in {**TOKEN, **variables}.items()}
    return connection(named.get, {})


def test_paths_of_started_instances() -> None:
    entries, _findings = parse_instances([entry(), entry(tag="op2", state="stopped"), entry(tag="op3", state="absent")])
    wishes = wishes_of(references_of(entries), TOKEN.get)
    assert wishes == {
        "vault": {store().digest: [["operators", "avs/op1/ecdsa", 3], ["secret", "avs/op1/bls", 0], ["secret", "avs/op1/rpc", 0]]}
    }


def test_wishes_of_every_source_and_of_passwords_that_lie_elsewhere() -> None:
    keys = [
        {"name": "a", "kind": "bn254", "source": "file", "keystore": "a.json", "password": {"source": "env", "name": "A_PASSWORD"}},
        {"name": "b", "kind": "ecdsa", "source": "env", "variable": "B_KEY", "password": {"source": "aws", "secret_id": "b", "field": "p"}},
        {"name": "c", "kind": "ecdsa", "source": "aws", "secret_id": "c", "version_stage": "AWSPENDING", "password_field": "p"},
    ]
    entries, findings = parse_instances([entry(keys=keys, options={"x": {"source": "prompt"}})])
    assert findings == []
    one = wishes_of(references_of(entries), {"avs_aws_region": "eu-central-1"}.get)
    two = wishes_of(references_of(entries), {"avs_aws_region": "us-east-1"}.get)
    assert one["env"] == {"": ["A_PASSWORD", "B_KEY"]} and one["file"] == one["prompt"] == {}
    assert list(one["aws"].values()) == [[["b", "", ""], ["c", "", "AWSPENDING"]]]
    merged = merged_wishes(one, two, one)
    assert merged["env"] == {"": ["A_PASSWORD", "B_KEY"]} and len(merged["aws"]) == 2 and json.loads(json.dumps(merged)) == merged


def test_a_survey_groups_paths_by_store_and_login(tmp_path: Path) -> None:
    other = {"ansible_hashi_vault_addr": "http://two", "ansible_hashi_vault_token": "canary-u"}
    hosts: dict[str, Mapping[str, Any]] = {
        "h1": {"avs_instances": [entry()], **TOKEN},
        "h2": {
            "avs_instances": [entry(tag="op2", options={}, keys=[{"name": "b", "kind": "bn254", "source": "vault", "path": "avs/two"}])],
            **TOKEN,
        },
        "h3": {"avs_instances": [entry()], **other},
        "h4": {},
        "h5": {"avs_instances": [entry()]},
    }
    record = json.loads(json.dumps(survey(hosts, hosts, hosts.__getitem__)))
    fleet = Fleet(RunFolder(tmp_path), "h1", record)
    wishes = fleet.wishes([], {}.get)["vault"]
    assert ["secret", "avs/two", 0] in wishes[store().digest] and len(wishes[store().digest]) == 4
    assert len(wishes) == 2
    (bls, _ecdsa) = fleet.shared(parse_instances([entry()])[0])
    assert all(f"demo-avs-op1 on {host}" in bls.message for host in ("h3", "h5")) and "on h1" not in bls.message
    assert "canary" not in json.dumps(record)


def test_a_host_whose_variables_cannot_be_had_is_left_out() -> None:
    def variables(host: str) -> Mapping[str, Any]:
        if host == "broken":
            raise KeyError("needs facts")
        return {"avs_instances": [entry()], **TOKEN}

    record = survey(["broken", "fine"], ["broken", "fine"], variables)
    assert {use["host"] for use in record["uses"]} == {"fine"} and record["wished"] == ["fine"]


class NoStore(dict[str, Any]):
    """Variables of which those of the secret store need facts."""

    def __getitem__(self, name: str) -> Any:
        if name == "ansible_hashi_vault_url":
            raise KeyError("needs facts")
        return super().__getitem__(name)


def test_keys_count_and_wishes_are_a_hosts_own_where_its_store_cannot_be_known_yet(tmp_path: Path) -> None:
    hosts = {"h1": NoStore({"avs_instances": [entry()], **TOKEN}), "h2": {"avs_instances": [entry(tag="op2", keys=[])], **TOKEN}}
    record = survey(hosts, hosts, hosts.__getitem__)
    assert {use["host"] for use in record["uses"]} == {"h1"} and record["wished"] == ["h2"]
    entries, _findings = parse_instances([entry()])

    def never(_name: str) -> Any:
        raise AssertionError("asked once more")

    assert record["wishes"] == {"vault": {store().digest: [["secret", "avs/op1/rpc", 0]]}}
    assert Fleet(RunFolder(tmp_path), "h2", record).wishes(entries, never) == record["wishes"]
    assert len(Fleet(RunFolder(tmp_path), "h1", record).wishes(entries, TOKEN.get)["vault"][store().digest]) == 3


def test_wrong_entries_of_others_are_theirs_to_hear_of() -> None:
    record = survey(["h"], ["h"], lambda _host: {"avs_instances": [entry(tag="X"), entry()], **TOKEN})
    assert len(record["uses"]) == 2


def uses(host: str, *items: dict[str, Any]) -> Any:
    return uses_of(host, parse_instances(list(items))[0])


def test_one_key_twice_on_a_host() -> None:
    mine = uses("h1", entry(), entry(tag="op2"))
    found = shared_keys(mine, [])
    assert {item.place for item in found} == {f"avs_instances[{n}].keys.{key}" for n in (0, 1) for key in ("bls", "ecdsa")}
    assert all(item.id == "KEY-006" and item.severity == "error" for item in found)
    messages = {item.place: item.message for item in found}
    assert "demo-avs-op2 on h1 (avs_instances[1].keys.bls)" in messages["avs_instances[0].keys.bls"]


def test_one_key_on_two_hosts() -> None:
    (_ecdsa, found) = shared_keys(uses("h1", entry()), uses("h2", entry(tag="other")))
    assert "secret/avs/op1/bls field keystore is used by demo-avs-other on h2" in found.message


def test_a_list_every_host_gets_from_the_command_line(tmp_path: Path) -> None:
    """Nobody wrote the other host's entry: how a key moves is no help."""
    entries, _findings = parse_instances([entry()])
    hosts: dict[str, Mapping[str, Any]] = {name: {"avs_instances": [entry()], **TOKEN} for name in ("h1", "h2")}
    record = survey(hosts, hosts, hosts.__getitem__)
    assert {item.remedy.partition(" ")[0] for item in Fleet(RunFolder(tmp_path), "h1", record).shared(entries)} == {"Give"}
    given = Fleet(RunFolder(tmp_path), "h1", {**record, "extra": True})
    assert all("is an extra variable (-e)" in item.remedy and "host_vars" in item.remedy for item in given.shared(entries))
    # What one list gives twice to one host is that list's own fault.
    twice, _findings = parse_instances([entry(), entry(tag="op2")])
    assert {item.remedy.partition(" ")[0] for item in given.shared(twice)} == {"Give"}


@pytest.mark.parametrize("state", ["absent", "stopped", "started"])
def test_a_key_moves_in_two_runs(state: str) -> None:
    """The other host may be out of reach and still run its node, whatever is asked of it in the same run."""
    assert shared_keys(uses("h1", entry()), uses("h2", entry(state=state))) != []
    assert shared_keys(uses("h1", entry()), uses("h2", entry(state="absent", keys=[]))) == []


def test_versions_and_spelling_do_not_make_another_key() -> None:
    def with_path(tag: str, **changes: Any) -> dict[str, Any]:
        return entry(tag=tag, keys=[{"name": "b", "kind": "bn254", "source": "vault", "path": "avs/x", **changes}])

    same = shared_keys(uses("h", with_path("a"), with_path("b", path="/avs/x/", version=2, mount_point="secret", field="keystore")), [])
    assert len(same) == 2
    assert shared_keys(uses("h", with_path("a"), with_path("b", field="other")), []) == []


@pytest.mark.parametrize(
    "change", [{"path": "avs//x"}, {"path": "/avs///x//"}, {"path": "avs%2Fx"}, {"mount_point": "secret/"}, {"mount_point": "/secret"}]
)
def test_spellings_the_store_takes_for_one_path_are_one_key(change: dict[str, Any]) -> None:
    key = {"name": "b", "kind": "bn254", "source": "vault", "path": "avs/x"}
    assert len(shared_keys(uses("h", entry(tag="a", keys=[key]), entry(tag="b", keys=[{**key, **change}])), [])) == 2


def test_one_file_by_two_names_is_one_key(tmp_path: Path) -> None:
    (tmp_path / "files").mkdir()
    (tmp_path / "files/k.json").write_text("{}")
    (tmp_path / "link.json").symlink_to("files/k.json")
    found = {"k.json": "files/k.json", "files/k.json": "files/k.json", "other.json": "link.json", str(tmp_path / "link.json"): "link.json"}

    def find(name: str) -> str | None:
        return str(tmp_path / found[name]) if name in found else None

    def with_file(name: str, tag: str) -> dict[str, Any]:
        return entry(tag=tag, keys=[{"name": "b", "kind": "file", "source": "file", "keystore": name}])

    hosts = {"h1": {"avs_instances": [with_file("k.json", "a")]}}
    record = survey(hosts, hosts, hosts.__getitem__, find)
    for name in found:
        fleet = Fleet(RunFolder(tmp_path), "h2", record, find)
        (clash,) = fleet.shared(parse_instances([with_file(name, "b")])[0])
        assert clash.id == "KEY-006" and "on h1" in clash.message
    assert Fleet(RunFolder(tmp_path), "h2", record, find).shared(parse_instances([with_file("none.json", "b")])[0]) == []


def test_a_delegated_task_speaks_of_the_host_it_was_sent_to(tmp_path: Path) -> None:
    nobody: dict[str, Any] = {"uses": [], "wishes": {}, "hosts": []}
    running = {"id": "a-op1", "state": "started", "keystores": {"k": record_of("ecdsa", keystore("ecdsa", "1", "ab" * 20))}}

    def asked(host: str, target: str, answer: Mapping[str, Any]) -> None:
        fleet = Fleet(RunFolder(tmp_path), host, nobody, turn=Turn("task", [], 5, target))
        fleet.answered(answer)
        fleet.review([], {})

    asked("h1", "h1", {"instances": [running]})
    asked("localhost", "h1", {"instances": [], "held": [running]})
    with pytest.raises(InputError):
        asked("localhost", "localhost", {"instances": [], "held": [running]})


def test_files_are_compared_too() -> None:
    def with_file(tag: str) -> dict[str, Any]:
        return entry(tag=tag, keys=[{"name": "b", "kind": "file", "source": "file", "keystore": "x.json"}])

    assert len(shared_keys(uses("h", with_file("a"), with_file("b")), [])) == 2


def test_public_ids_of_running_keys_and_of_those_to_be_sent() -> None:
    running = public_uses("h1", [
        {"id": "demo-avs-op1", "state": "started", "keystores": {"bls": {"kind": "bn254", "public_id": "0xABCD"}, "x": {"public_id": None}}},
        {"id": "demo-avs-op2", "state": "absent", "keystores": {"bls": {"public_id": "0xffff"}}},
    ])  # fmt: skip
    values = {
        "demo-avs-op9": {
            "key.bls.keystore": json.dumps({"pubKey": "abcd"}),
            "key.bls.password": json.dumps({"pubKey": "ffff"}),
            "key.ecdsa.keystore": json.dumps({"address": "FFFF"}),
            "key.odd.keystore": "[1]",
            "key.text.keystore": "-----BEGIN",
            "option.x": json.dumps({"address": "abcd"}),
        }
    }
    sent = claimed_uses("h2", values)
    assert sorted(use.mark for use in sent if use.mark.startswith("the key")) == ["the key abcd", "the key ffff"]
    assert {use.place.rpartition(".")[2] for use in sent if use.mark.startswith("the content")} == {"bls", "ecdsa", "odd", "text"}
    assert not any("BEGIN" in use.mark for use in sent)
    (found,) = shared_keys(sent, running)
    assert found.place == "demo-avs-op9.keys.bls" and "demo-avs-op1 on h1" in found.message


def sent(host: str, instance: str, kind: str, keystore: str) -> list[Use]:
    return claimed_uses(host, {instance: {"key.k.keystore": keystore}}, {instance: {"k": kind}})


def held(host: str, instance: str, kind: str, keystore: str, old: bool = False) -> list[Use]:
    """As a host of this library reports it, or as one of the release before did."""
    record = record_of(kind, keystore)
    if old:
        fields = {"ecdsa": ("address",), "bn254": ("pubKey", "pubkey"), "bls12381": ("pubkey",)}.get(kind, ())
        content = json.loads(keystore) if keystore.startswith("{") else {}
        public = next((content[name] for name in fields if isinstance(content.get(name), str)), None)
        record = {"kind": kind, "fingerprint": record["fingerprint"], "public_id": public}
    return public_uses(host, [{"id": instance, "state": "started", "keystores": {"k": record}}])


POINT = f"E([{int('ab' * 31, 16)},{int('cd' * 31, 16)}])"
CLASHES = {
    "re-encrypted": ("ecdsa", keystore("ecdsa", "one", "ab" * 20), keystore("ecdsa", "two", "0x" + "AB" * 20)),
    "the same file": ("file", "opaque", "opaque"),
    "the same bytes": ("file", as_text(b"\xff\x00"), as_text(b"\xff\x00")),
    "address with pubKey": ("bn254", json.dumps({"address": "ab" * 20, "pubKey": POINT}), json.dumps({"pubKey": POINT})),
    "pubKey with address": ("bn254", json.dumps({"address": "ab" * 20, "pubKey": POINT}), json.dumps({"address": "0x" + "AB" * 20})),
    "publicKey, public_key": (
        "bn254",
        json.dumps({"publicKey": POINT}),
        json.dumps({"public_key": f"0x{'00' + 'ab' * 31}{'00' + 'cd' * 31}"}),
    ),
    "no address, the same content": ("ecdsa", json.dumps(web3("one", version=3)), json.dumps(web3("one", version=3), indent=1)),
    "a bare key": ("ecdsa", "ab" * 32, "0x" + "AB" * 32 + "\n"),
}


@pytest.mark.parametrize("form", CLASHES)
@pytest.mark.parametrize("other_host", ["h1", "h2"])
def test_one_key_in_two_instances_in_every_form(form: str, other_host: str) -> None:
    kind, first, second = CLASHES[form]
    for theirs in (sent(other_host, "a-op2", kind, second), held(other_host, "a-op2", kind, second)):
        for mine in (sent("h1", "a-op1", kind, first), held("h1", "a-op1", kind, first)):
            found = shared_keys(mine, theirs)
            assert [item.place for item in found] == ["a-op1.keys.k"] and f"a-op2 on {other_host}" in found[0].message
            assert "opaque" not in found[0].message and "ab" * 32 not in found[0].message


@pytest.mark.parametrize("form", ["re-encrypted", "the same file", "the same bytes", "address with pubKey"])
def test_hosts_of_the_release_before_are_compared_too(form: str) -> None:
    kind, first, second = CLASHES[form]
    assert len(shared_keys(sent("h1", "a-op1", kind, first), held("h2", "a-op2", kind, second, old=True))) == 1


def test_keys_that_differ_are_no_clash() -> None:
    for kind in ("ecdsa", "bn254", "bls12381"):
        assert shared_keys(sent("h1", "a-op1", kind, keystore(kind, "one")), held("h1", "a-op2", kind, keystore(kind, "two"))) == []
    # One instance may be given one key twice, for two purposes.
    twice = claimed_uses("h1", {"a-op1": {"key.a.keystore": "same", "key.b.keystore": "same"}}, {"a-op1": {"a": "file", "b": "file"}})
    assert shared_keys(twice, []) == []
    same = keystore("ecdsa", "one", "ab" * 20)
    roles = claimed_uses("h1", {"a-op1": {"key.a.keystore": same, "key.b.keystore": same}}, {"a-op1": {"a": "ecdsa", "b": "ecdsa"}})
    assert shared_keys(roles, []) == []
    assert len(shared_keys(roles, sent("h2", "a-op1", "ecdsa", same))) == 2


@pytest.mark.parametrize("source", [{"source": "vault", "path": "avs/x"}, {"source": "file", "keystore": "x.json"}])
def test_one_key_for_two_purposes_of_one_instance_is_one_use(source: dict[str, str]) -> None:
    keys = [{"name": name, "kind": "ecdsa", **source} for name in ("signer", "payer")]
    assert shared_keys(uses("h1", entry(keys=keys)), []) == []
    # Of two entries each is told of both keys; also of two that have no more in common than their tag.
    other = {"package": {"path": "/srv/other"}, "version": None}
    pair = uses("h1", entry(keys=keys, **other), entry(keys=keys, package={"path": "/srv/third"}, version=None))
    assert len({use.instance for use in pair}) == 1 and len(shared_keys(pair, [])) == 4
    assert len(shared_keys(uses("h1", entry(keys=keys)), uses("h2", entry(keys=keys)))) == 2


def test_hosts_outside_the_play_count_by_their_keys_alone(tmp_path: Path) -> None:
    record = survey(["h1", "h2"], ["h1"], lambda _host: {"avs_instances": [entry()], **TOKEN})
    assert {use["host"] for use in record["uses"]} == {"h1", "h2"}
    assert len(Fleet(RunFolder(tmp_path), "h1", record).wishes([], {}.get)["vault"][store().digest]) == 3
