# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.restaking.avs.plugins.module_utils import jsonconfig, keyfiles
from ansible_collections.restaking.avs.plugins.module_utils.canonical import tree_digest
from ansible_collections.restaking.avs.plugins.module_utils.engine import Container
from ansible_collections.restaking.avs.plugins.module_utils.errors import HostError
from ansible_collections.restaking.avs.plugins.module_utils.identity import spec_digest
from ansible_collections.restaking.avs.plugins.module_utils.reconcile import entry_of, look, need, read_specs, unlisted
from ansible_collections.restaking.avs.plugins.module_utils.resolve import Resolved
from ansible_collections.restaking.avs.plugins.module_utils.settled import health_of, needed_secrets, why_work
from ansible_collections.restaking.avs.plugins.module_utils.shape import compose_text, pin, shape
from ansible_collections.restaking.avs.plugins.module_utils.store import InstanceStore, Store
from ansible_collections.restaking.avs.plugins.module_utils.versions import version_problems

from tests.unit.host.models import CURRENT, SCRATCH, bind, layout, model, spec

ME = f"{os.getuid()}:{os.getgid()}"
SECRETS = {"option.token": {"ref": {"version": "v#1"}, "env": ["T"], "services": []}}
VIEW = {"bls.json": {"secret": "option.token", "owner": ME}}


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(str(tmp_path / "lib"), str(tmp_path / "run"), str(tmp_path / "locks"))


def installed(store: Store) -> tuple[InstanceStore, dict[str, Any], list[Container]]:
    """An instance with one container, one secret and one key file, as a run leaves it."""
    own = store.instance("demo-avs-op1")
    own.make()
    (Path(own.releases) / "1-v1.0.0").mkdir(parents=True)
    own.switch("1-v1.0.0")
    keyfiles.write_secrets(own, {"option.token": "t"}, {"option.token": "v#1"}, {"option.token": "AVS_SECRET_1"})
    keyfiles.place_view(own, "node", VIEW, {"option.token": "t"})
    state = {
        "phase": "committed",
        "desired": "started",
        "committed_at": "2026-01-01T00:00:00Z",
        "spec_digest": spec_digest(spec(secrets=SECRETS), {"option.token": "v#1"}),
        "release": "1-v1.0.0",
        "package": {"name": "demo-avs", "version": "v1.0.0", "commit": "a" * 40, "tree_sha256": "t" * 64},
        "profile": "hoodi",
        "containers": {"node": {"name": "avs-demo-avs-op1-node", "spec": "s", "ends": False, "image": "i"}},
        "secrets": {"option.token": {"identity": "v#1"}},
        "views": {"node": VIEW},
        "volumes": ["avs-demo-avs-op1_d"],
        "keys": {},
    }
    own.write_state(state)
    return own, state, [Container("id", "avs-demo-avs-op1-node", "running", "demo-avs-op1", "node", "s", "Up 1 minute")]


def reason(store: Store, wanted: dict[str, Any], containers: list[Container]) -> str | None:
    own = store.instance("demo-avs-op1")
    return why_work(wanted, own.state(), containers, own, store.host_key())


def test_an_instance_as_it_was_committed_is_no_work(store: Store) -> None:
    _own, _state, containers = installed(store)
    assert reason(store, spec(secrets=SECRETS), containers) is None


def test_whatever_differs_is_work(store: Store) -> None:
    own, state, containers = installed(store)
    wanted = spec(secrets=SECRETS)
    (one,) = containers
    other = [Container(one.id, one.name, one.state, one.instance, one.service, "other")]
    down = [Container(one.id, one.name, "exited", one.instance, one.service, one.spec, "Exited (0) 1 minute ago")]
    assert reason(store, spec(secrets=SECRETS, env={"A": "1"}), containers) == "the spec changed"
    newer = {"option.token": {**SECRETS["option.token"], "ref": {"version": "v#2"}}}
    assert reason(store, spec(secrets=newer), containers) == "the spec changed"
    assert reason(store, wanted, []) == "containers differ"
    assert (
        reason(store, wanted, [*containers, Container("x", "half", "created", "demo-avs-op1", "node", "s")])
        == "containers differ"
    )
    assert reason(store, wanted, other) is not None
    assert reason(store, wanted, down) is not None
    for change in ({"phase": "applying"}, {"desired": "stopped"}, {"release": "2-v1.0.0"}):
        own.write_state({**state, **change})
        assert reason(store, wanted, containers) is not None
    own.write_state(state)
    os.unlink(Path(own.keys) / "node" / "..v1" / "bls.json")
    assert reason(store, wanted, containers) == "key files are not in place"
    os.unlink(Path(own.run) / "secrets.env")
    assert reason(store, wanted, containers) == "secrets are not in place"


def test_a_job_that_ended_well_is_no_work(store: Store) -> None:
    own, state, (one,) = installed(store)
    state["containers"]["node"]["ends"] = True
    own.write_state(state)
    ended = Container(one.id, one.name, "exited", one.instance, one.service, one.spec, "Exited (0) 1 minute ago")
    assert reason(store, spec(secrets=SECRETS), [ended]) is None


def test_stopped(store: Store) -> None:
    wanted = {"id": "demo-avs-op1", "state": "stopped", "package": {"name": "demo-avs"}}
    assert reason(store, wanted, []) is None
    own, state, containers = installed(store)
    assert reason(store, wanted, containers) == "is running"
    assert reason(store, wanted, []) == "is to be kept stopped"
    own.write_state({**state, "desired": "stopped"})
    assert reason(store, wanted, []) is None


def test_absent(store: Store) -> None:
    wanted = {"id": "demo-avs-op1", "state": "absent", "package": {"name": "demo-avs"}}
    assert reason(store, wanted, []) is None
    assert reason(store, {**wanted, "purge": True}, []) is None
    own, state, containers = installed(store)
    assert reason(store, wanted, containers) == "has containers"
    assert reason(store, wanted, []) == "has keys"
    os.rename(own.run, own.run + "-away")
    assert reason(store, wanted, []) == "has files"
    own.write_state({**state, "phase": "absent"})
    assert reason(store, wanted, []) == "has files"
    for name in ("releases", "current"):
        os.rename(own.path(name), own.path(f"was-{name}"))
    assert reason(store, wanted, []) is None
    assert reason(store, {**wanted, "purge": True}, []) == "has files"


def test_needs_name_what_the_host_does_not_have(store: Store) -> None:
    assert need(look(spec(secrets=SECRETS), store, [], None), store) == {"tree": True, "secrets": ["option.token"]}
    own, _state, _containers = installed(store)
    tree = Path(own.current) / "tree"
    tree.mkdir()
    (tree / "compose.yml").write_text("services: {}")
    wanted = spec(secrets=SECRETS)
    wanted["package"] = {**wanted["package"], "tree_sha256": tree_digest(str(tree))}
    assert need(look(wanted, store, [], None), store) == {"tree": False, "secrets": []}
    (tree / "compose.yml").write_text("services: {changed: by hand}")
    assert need(look(wanted, store, [], None), store) == {"tree": True, "secrets": []}
    newer = {**SECRETS, "option.token": {"ref": {"version": "v#2"}}, "other": {"ref": {"nonce": "00", "mac": "x"}}}
    assert needed_secrets(spec(secrets=newer), own) == ["option.token", "other"]
    stopped = {"id": "demo-avs-op1", "state": "stopped", "package": {"name": "demo-avs"}}
    assert need(look(stopped, store, [], None), store) == {"tree": False, "secrets": []}


def test_unlisted_instances(store: Store) -> None:
    own, state, containers = installed(store)
    assert unlisted(store, containers, {"demo-avs-op1"}) == []
    assert unlisted(store, [], set()) == ["demo-avs-op1"]
    own.write_state({**state, "phase": "absent"})
    assert unlisted(store, [], set()) == []
    assert unlisted(store, containers, set()) == ["demo-avs-op1"]


def test_entries_of_a_removed_instance_say_what_was_kept(store: Store) -> None:
    removed = {
        "phase": "absent",
        "package": {"name": "demo-avs", "version": "v1.0.0"},
        "volumes": ["v"],
        "kept_data": "/d",
    }
    found = entry_of({"id": "demo-avs-op1"}, removed, [])
    assert (found["state"], found["kept"], found["images"]) == ("absent", {"volumes": ["v"], "data": "/d"}, {})


@pytest.mark.parametrize(
    ("status", "state", "expected"),
    [
        ("Up 1 minute", {}, "healthy"),
        ("Up 1 minute (unhealthy)", {}, "unhealthy"),
        ("Up 1 second (health: starting)", {}, "starting"),
        ("Up 1 minute", {"phase": "applying"}, "unknown"),
    ],
)
def test_health_without_asking(status: str, state: dict[str, str], expected: str) -> None:
    known = {"phase": "committed", "committed_at": "x", **state}
    assert health_of(known, [Container("i", "n", "running", "x", "node", "s", status)])["status"] == expected
    assert health_of(known, [])["status"] == "unknown"
    assert health_of(None, [])["status"] == "unknown"


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ({"schema": 2, "specs": []}, "schema 2"),
        ({"schema": 1, "specs": [{"id": "../x", "state": "absent"}]}, "not a valid id"),
        ({"schema": 1, "specs": [{"id": "a", "state": "absent"}, {"id": "a", "state": "absent"}]}, "listed twice"),
        ({"schema": 1, "specs": [{"id": "a", "state": "started", "env": {}}]}, "lacks compose"),
    ],
)
def test_documents_that_cannot_be_understood(document: dict[str, Any], words: str) -> None:
    with pytest.raises(HostError) as caught:
        read_specs(document)
    assert words in str(caught.value)


PACKAGE = {"name": "demo-avs", "version": "v1.0.0", "commit": "a" * 40}


@pytest.mark.parametrize(
    ("state", "package", "rules"),
    [
        (None, {}, []),
        ({"package": PACKAGE, "profile": "hoodi"}, {}, []),
        ({"package": PACKAGE, "profile": "hoodi"}, {"version": "v1.1.0"}, ["UPG-005"]),
        ({"package": PACKAGE, "profile": "hoodi"}, {"version": "v0.9.0"}, ["UPG-005"]),
        ({"package": PACKAGE, "profile": "hoodi"}, {"commit": "b" * 40}, ["UPG-005"]),
        ({"package": PACKAGE, "profile": "mainnet"}, {}, ["INV-001"]),
        ({"package": PACKAGE, "profile": "hoodi"}, {"commit": None, "tree_sha256": "other"}, []),
        (
            {"package": PACKAGE, "phase": "absent", "volumes": ["v"], "profile": "hoodi"},
            {"version": "v1.1.0"},
            ["UPG-005"],
        ),
        ({"package": PACKAGE, "phase": "absent", "volumes": [], "kept_data": None}, {"version": "v1.1.0"}, []),
        ({"package": PACKAGE, "phase": "applying", "profile": "hoodi"}, {"version": "v1.1.0"}, ["UPG-005"]),
    ],
)
def test_versions_change_on_purpose_only(
    state: dict[str, Any] | None, package: dict[str, Any], rules: list[str]
) -> None:
    wanted = spec()
    wanted["package"] = {**wanted["package"], **package}
    found = version_problems(wanted, state)
    assert [item.id for item in found] == rules
    if rules == ["UPG-005"] and "version" in package:
        assert "v1.0.0" in found[0].message
        assert package["version"] in found[0].message


def resolved(found: dict[str, Any], **changes: Any) -> Resolved:
    return Resolved(
        **{
            "model": found,
            "values": {},
            "tokens": {"option.token": "avs00x0x"},
            "configs": {},
            "findings": [],
            **changes,
        }
    )


def labels(
    wanted: dict[str, Any],
    found: dict[str, Any],
    content: str = "c",
    identity: str = "1",
    lock: dict[str, str] | None = None,
    **more: Any,
) -> dict[str, str]:
    shaped = shape(wanted, resolved(found, **more), layout(), 1 << 30, "tag")
    _pinned, containers = pin(
        shaped,
        lock or {"demo:1.0.0": "demo@sha256:1"},
        {"option.token": identity, "key.bls.keystore": identity},
        lambda path: content + path,
    )
    return {name: item.spec for name, item in containers.items()}


def test_a_label_changes_with_what_its_container_is_made_of_and_nothing_else() -> None:
    wanted = spec(secrets=SECRETS)
    here = f"{SCRATCH}/pkg/hoodi"
    found = model(
        node={"environment": {"T": "avs00x0x"}, "volumes": [bind(f"{here}/peers.json", read_only=True)]}, other={}
    )
    before = labels(wanted, found)
    assert labels(wanted, found) == before
    for changed in (
        labels(wanted, found, content="d"),
        labels(wanted, found, identity="2"),
        labels(
            wanted, {**found, "services": {**found["services"], "node": {**found["services"]["node"], "user": "5"}}}
        ),
        labels({**wanted, "limits": {"node": {"pids": 5}}}, found),
    ):
        assert changed["node"] != before["node"]
        assert changed["other"] == before["other"]
    assert labels(wanted, found, lock={"demo:1.0.0": "demo@sha256:2"})["other"] != before["other"]
    assert (
        labels(
            {
                **wanted,
                "metrics": [{"service": "node", "port": 1}],
                "health": {"type": "tcp", "service": "node", "port": 1},
            },
            found,
        )
        == before
    )


def test_a_key_file_counts_for_the_service_that_sees_it() -> None:
    key = {
        "name": "bls",
        "kind": "bn254",
        "keystore": "key.bls.keystore",
        "password": None,
        "folder_env": "K",
        "services": [],
    }
    wanted = spec(keys=[key], secrets={"key.bls.keystore": {"ref": {"version": "1"}}})
    found = model(node={"volumes": [bind("/run/avs/demo-avs-op1/keys/K", "/keys", read_only=True)]}, other={})
    before, after = labels(wanted, found), labels(wanted, found, identity="2")
    assert before["node"] != after["node"]
    assert before["other"] == after["other"]


def test_tokens_differ_every_run_and_leave_no_trace() -> None:
    wanted = spec(secrets=SECRETS)

    def made(token: str) -> tuple[dict[str, str], str]:
        found = model(node={"environment": {"T": f"x{token}"}})
        shaped = shape(wanted, resolved(found, tokens={"option.token": token}), layout(), 1 << 30, "tag")
        pinned, _containers = pin(shaped, {}, {"option.token": "1"}, lambda path: path)
        return labels(wanted, found, tokens={"option.token": token}), compose_text(pinned)

    assert made("avsAAx0x") == made("avsBBx0x")
    text = made("avsAAx0x")[1]
    assert json.loads(text)["services"]["node"]["environment"] == {"T": "x${AVS_SECRET_1}"}
    assert "avsAA" not in text


def test_health_and_metrics_get_container_ports() -> None:
    wanted = spec(
        health={"type": "node_api", "service": "node", "port": "API"},
        metrics=[{"service": "node", "port": "API", "path": "/m"}],
    )
    shaped = shape(wanted, resolved(model(node={}), values={"API": "9091"}), layout(), 1 << 30, "tag")
    assert (shaped.health["port"], shaped.metrics[0]["port"]) == (9091, 9091)


def test_joined_services() -> None:
    found = model(node={}, side={"network_mode": "service:node", "volumes_from": ["node:ro"]})
    shaped = shape(spec(), resolved(found), layout(), 1 << 30, "tag")
    _pinned, containers = pin(shaped, {}, {}, lambda path: path)
    assert containers["side"].joins == ("node",)


def test_generated_configs(tmp_path: Path) -> None:
    (tmp_path / "c.json").write_text('{"a": {"b": 1, "c": 2}, "d": [1]}')
    (tmp_path / "bad.json").write_text("{")
    wanted = spec(
        configs=[
            {
                "path": "./c.json",
                "format": "json",
                "merge": {"a": {"b": "${X}", "e": 5}, "d": ["${X}", "y"], "n": None},
            },
            {"path": "new.json", "format": "json", "merge": {"k": "${X}"}},
            {"path": "bad.json", "format": "json", "merge": {}},
            {"path": "secret.json", "format": "json", "merge": {"t": "${T}"}},
        ]
    )
    asked = jsonconfig.expressions(wanted)
    assert sorted(asked.values()) == ["${T}", "${X}", "${X}", "y"]
    values = {name: text.replace("${X}", "filled").replace("${T}", "avs00x0x") for name, text in asked.items()}
    found, problems = jsonconfig.render(wanted, str(tmp_path), values, {"option.token": "avs00x0x"})
    assert {name: json.loads(text) for name, text in found.items()} == {
        "c.json": {"a": {"b": "filled", "c": 2, "e": 5}, "d": ["filled", "y"], "n": None},
        "new.json": {"k": "filled"},
    }
    assert sorted(item.place.split("configs.")[1] for item in problems) == ["bad.json", "secret.json"]


def test_a_generated_config_counts_for_its_service() -> None:
    wanted = spec(configs=[{"path": "conf/a.json", "format": "json", "merge": {}}])
    found = model(node={"volumes": [bind(f"{SCRATCH}/pkg/hoodi/conf/a.json", "/a.json")]}, other={})
    before, after = (
        labels(wanted, found, configs={"conf/a.json": "1"}),
        labels(wanted, found, configs={"conf/a.json": "2"}),
    )
    assert before["node"] != after["node"]
    assert before["other"] == after["other"]
    shaped = shape(wanted, resolved(found), layout(), 1 << 30, "tag")
    assert shaped.model["services"]["node"]["volumes"][0]["source"] == f"{CURRENT}/configs/conf/a.json"
