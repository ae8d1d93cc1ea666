# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""avs_instances: what is accepted, and what is said of everything else."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.restaking.avs.plugins.plugin_utils.inventory.entries import Entry, labels, parse_instances

from tests.unit.support.fakes import entry


def one(**changes: Any) -> Entry:
    entries, findings = parse_instances([entry(**changes)])
    assert [item.as_line() for item in findings] == []
    return entries[0]


def problems(*items: Any) -> dict[str, str]:
    """Place -> message of every finding; asserts that they are errors and carry a remedy."""
    _entries, findings = parse_instances(list(items))
    assert all(item.severity == "error" and item.id == "INV-001" and item.remedy for item in findings)
    return {item.place: item.message for item in findings}


def test_a_full_entry() -> None:
    parsed = one(
        commit="a" * 40,
        state="stopped",
        ports={9092: "loopback", "API_PORT": "10.0.0.1"},
        exceptions=[{"service": "node", "allow": ["cap:SYS_NICE", "network_host"], "reason": "the vendor asked"}],
        limits={"node": {"memory": "2g", "cpus": 1.5, "pids": 512}},
        gate_timeout=60,
        require_checksum=True,
    )
    assert (parsed.place, parsed.package, parsed.tag, parsed.state) == ("avs_instances[0]", "demo-avs", "op1", "stopped")
    assert parsed.ports == {"9092": "loopback", "API_PORT": "10.0.0.1"}
    assert parsed.limits == {"node": {"memory": "2g", "cpus": 1.5, "pids": 512}}
    assert parsed.exceptions[0]["allow"] == ["cap:SYS_NICE", "network_host"]
    assert (parsed.gate_timeout, parsed.require_checksum, parsed.commit) == (60, True, "a" * 40)
    assert [(key.name, key.kind, key.origin()) for key in parsed.keys] == [
        ("bls", "bn254", "secret/avs/op1/bls field keystore"),
        ("ecdsa", "ecdsa", "operators/avs/op1/ecdsa field keystore"),
    ]
    assert parsed.label() == "demo-avs v1.0.0, profile hoodi, demo-avs-op1"


@pytest.mark.parametrize(
    "package", ["demo-avs", "core/demo-avs", {"git": "https://git.example.org/x.git"}, {"path": "../pkg"}, {"archive": "x.tar.gz"}]
)
def test_sources_of_a_package(package: Any) -> None:
    assert one(package=package).package == package


def test_credentials_of_an_address_are_not_shown() -> None:
    parsed = one(package={"git": "https://bot:canary@git.example.org/x.git"})
    assert "canary" not in parsed.label() and parsed.label("demo-avs-op1").endswith(", demo-avs-op1")


def test_a_folder_needs_no_version() -> None:
    assert one(package={"path": "/srv/pkg"}, version=None).version is None


def test_an_absent_entry_needs_package_and_tag_alone() -> None:
    entries, findings = parse_instances([{"package": "demo-avs", "tag": "op1", "state": "absent", "purge": True}])
    assert findings == [] and entries[0].purge


@pytest.mark.parametrize(
    ("changes", "place", "message"),
    [
        ({"colour": 1}, "colour", "is not a field of the format"),
        ({"package": None}, "package", "is missing"),
        ({"package": "../x"}, "package", "is not a package"),
        ({"package": {"git": "a", "path": "b"}}, "package", "is not a source of a package"),
        ({"version": None}, "version", "is missing"),
        ({"version": "1.0"}, "version", "'1.0' is not a version like v1.2.3"),
        ({"version": 1.0}, "version", "1.0 is not a version like v1.2.3"),
        ({"commit": "abc"}, "commit", "is not a commit"),
        ({"profile": None}, "profile", "is missing"),
        ({"profile": "../x"}, "profile", "is not the name of a profile"),
        ({"tag": None}, "tag", "is missing"),
        ({"tag": "Op_1"}, "tag", "is not a tag"),
        ({"tag": 7}, "tag", "7 is not a tag"),
        ({"state": "running"}, "state", "'running' is not one of started, stopped, absent"),
        ({"purge": True}, "purge", "only an absent instance is purged"),
        ({"purge": "yes"}, "purge", "'yes' is not true or false"),
        ({"options": [1]}, "options", "is not a mapping"),
        ({"options": {"x": [1]}}, "options.x", "a list is not the value of an option"),
        ({"options": {"x": {"path": "a"}}}, "options.x.source", "is missing"),
        ({"options": {"x": {"source": "gcp"}}}, "options.x.source", "'gcp' is not one of vault, aws, file, env, prompt"),
        ({"options": {"x": {"source": "env"}}}, "options.x.name", "is missing"),
        ({"options": {"x": {"source": "env", "name": "RPC-TOKEN"}}}, "options.x.name", "is not the name of a variable of the environment"),
        ({"options": {"x": {"source": "env", "name": "PATH"}}}, "options.x.name", "is not the name of a variable of the environment that holds a secret"),
        ({"options": {"x": {"source": "env", "name": "LD_PRELOAD"}}}, "options.x.name", "is not the name of a variable"),
        ({"options": {"x": {"source": "env", "name": "X", "encoding": "base64"}}}, "options.x.encoding", "is not a field"),
        ({"options": {"x": {"source": "prompt", "prompt": "two\nlines"}}}, "options.x.prompt", "is not a text on one line"),
        ({"options": {"x": {"source": "prompt", "confirm": "yes"}}}, "options.x.confirm", "is not true or false"),
        ({"options": {"x": {"source": "prompt", "name": ""}}}, "options.x.name", "is not the name of a question"),
        ({"options": {"x": {"source": "aws"}}}, "options.x.secret_id", "is missing"),
        ({"options": {"x": {"source": "aws", "secret_id": "a b"}}}, "options.x.secret_id", "is not the name or ARN of a secret"),
        ({"options": {"x": {"source": "aws", "secret_id": "a", "version_id": "7"}}}, "options.x.version_id", "is not a version id"),
        ({"options": {"x": {"source": "aws", "secret_id": "a", "version_stage": ""}}}, "options.x.version_stage", "is not a staging label"),
        ({"options": {"x": {"source": "vault", "path": "a"}}}, "options.x.field", "is missing"),
        ({"options": {"x": {"source": "vault", "path": "../a", "field": "f"}}}, "options.x.path", "is not a path in the store"),
        ({"options": {"x": {"source": "vault", "path": "a", "field": "f", "version": 0}}}, "options.x.version", "0 is not"),
        ({"keys": {}}, "keys", "is not a list"),
        ({"keys": [{"name": "a", "kind": "rsa", "source": "vault", "path": "x"}]}, "keys[0].kind", "'rsa' is not one of"),
        ({"keys": [{"name": "a", "kind": "file", "source": "vault"}]}, "keys[0].path", "is missing"),
        ({"keys": [{"name": "a", "kind": "file", "source": "file"}]}, "keys[0].keystore", "is missing"),
        ({"keys": [{"name": "a", "kind": "file", "source": "vault", "path": "x", "keystore": "y"}]}, "keys[0].keystore", "is not a field"),
        ({"keys": [{"name": "a", "kind": "file", "source": "vault", "path": p} for p in "xy"]}, "keys[1].name", "stands there twice"),
        ({"keys": [{"name": "a", "kind": "bn254", "source": "env"}]}, "keys[0].variable", "is missing"),
        ({"keys": [{"name": "a", "kind": "bn254", "source": "env", "variable": "A", "encoding": "base64"}]}, "keys[0].encoding", "only a key of kind file"),
        ({"keys": [{"name": "a", "kind": "bn254", "source": "prompt", "path": "x"}]}, "keys[0].path", "is not a field"),
        ({"keys": [{"name": "a", "kind": "bn254", "source": "prompt", "password": "x"}]}, "keys[0].password", "is not a mapping"),
        ({"keys": [{"name": "a", "kind": "bn254", "source": "prompt", "password": {"source": "env"}}]}, "keys[0].password.name", "is missing"),
        ({"keys": [{"name": "a", "kind": "bn254", "source": "vault", "path": "x", "password_field": "p", "password": {"source": "prompt"}}]},
         "keys[0].password", "password_field says already where the password is"),
        ({"ports": {"70000": "public"}}, "ports.70000", "is not a container port"),
        ({"ports": {"80": "everywhere"}}, "ports.80", "is not loopback, public or an IP address"),
        ({"exceptions": [{"service": "node", "allow": ["root"], "reason": "x"}]}, "exceptions[0].allow[0]", "is not a grant"),
        ({"exceptions": [{"service": "node", "allow": ["docker_sock"]}]}, "exceptions[0].reason", "is missing"),
        ({"limits": {"node": {"memory": "lots"}}}, "limits.node.memory", "is not a size"),
        ({"limits": {"node": {"cpus": 0}}}, "limits.node.cpus", "is not a number of processors"),
        ({"limits": {"node": {"pids": "many"}}}, "limits.node.pids", "is not a number of processes"),
        ({"gate_timeout": 0}, "gate_timeout", "0 is not a number of seconds"),
    ],
)  # fmt: skip
def test_a_wrong_field_is_named(changes: dict[str, Any], place: str, message: str) -> None:
    found = problems(entry(**changes))
    assert message in found[f"avs_instances[0].{place}"]
    assert len(found) == 1


@pytest.mark.parametrize(("version", "remedy"), [
    ("1.0.0", "Write v1.0.0."), ("V1.0.0", "Write v1.0.0."), ("1.0.0-rc.1", "Write v1.0.0-rc.1."),
    ("1.0", None), ("latest", None), (1.0, None), ("", None), (["1.0.0"], None),
])  # fmt: skip
def test_a_version_that_lacks_its_v(version: Any, remedy: str | None) -> None:
    (found,) = parse_instances([entry(version=version)])[1]
    assert found.place == "avs_instances[0].version"
    assert (found.remedy == remedy) if remedy else ("Write v" not in found.remedy and found.remedy)


@pytest.mark.parametrize("name", [5, True, None, "5"])
def test_names_that_are_no_text_are_unknown_fields(name: Any) -> None:
    assert set(problems({**entry(), name: 1})) == {f"avs_instances[0].{name}"}


def test_a_wrong_state_is_no_ground_to_judge_purge() -> None:
    assert set(problems(entry(state="gone", purge=True))) == {"avs_instances[0].state"}


def test_the_address_of_a_package_is_not_shown() -> None:
    found = problems(entry(package={"git": ["https://bot:canary@git.example.org"], "branch": "main"}))
    assert sorted(found) == ["avs_instances[0].package.branch", "avs_instances[0].package.git"]
    assert "canary" not in str(found)


def test_every_problem_of_every_entry_at_once() -> None:
    found = problems(entry(tag="X", colour=1), "text", entry(), entry(state="gone", options=7))
    assert sorted(found) == [
        "avs_instances[0].colour",
        "avs_instances[0].tag",
        "avs_instances[1]",
        "avs_instances[3].options",
        "avs_instances[3].state",
    ]


def test_entries_without_problems_come_through_beside_wrong_ones() -> None:
    entries, _findings = parse_instances([entry(tag="X"), entry(tag="op2")])
    assert [item.place for item in entries] == ["avs_instances[1]"]


@pytest.mark.parametrize("value", [None, {}, "x", 3])
def test_anything_but_a_list(value: Any) -> None:
    entries, findings = parse_instances(value)
    assert entries == [] and "is not a list of instances" in findings[0].message


def test_option_values_are_never_shown() -> None:
    text = "".join(
        item.as_line()
        for item in parse_instances([entry(options={"a": ["canary"], "b": {"source": "x", "v": "canary"}, "c": "canary"})])[1]
    )
    assert text and "canary" not in text
    assert "canary" not in repr(one(options={"rpc-token": "canary"}))


def test_an_entry_is_named_as_far_as_it_can_be_read() -> None:
    well = {"package": "core/demo-avs", "version": "v1.0.0", "profile": "hoodi", "tag": "op1"}
    entries = [
        well,
        {**well, "optoins": {}, "state": "running"},
        {**well, "tag": "../../etc"},
        {**well, "package": 7},
        {**well, "package": {"path": "/srv/demo"}, "version": None, "profile": ["hoodi"]},
        "demo-avs",
        {},
    ]
    assert labels(entries) == {
        "avs_instances[0]": "core/demo-avs v1.0.0, profile hoodi, demo-avs-op1",
        "avs_instances[1]": "core/demo-avs v1.0.0, profile hoodi, demo-avs-op1",
        "avs_instances[2]": "core/demo-avs v1.0.0, profile hoodi, avs_instances[2]",
        "avs_instances[3]": "v1.0.0, profile hoodi, tag op1",
        "avs_instances[4]": "/srv/demo, tag op1",
        "avs_instances[6]": "avs_instances[6]",
    }
    assert labels("demo-avs") == {}
