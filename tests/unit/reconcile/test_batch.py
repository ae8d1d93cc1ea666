# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whole runs over an engine in memory: what they do, what they say, and what they leave alone."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.restaking.avs.plugins.module_utils.transaction import call

from tests.unit.support.cuts import fingerprint
from tests.unit.support.memory_host import GATEWAY, ID, IMAGE, OTHER, PACKAGE, SECRETS, MemoryHost, acted, image, rules_of, second
from tests.unit.support.memory_world import Container


def test_what_is_announced_is_done_and_once(memory_host: MemoryHost) -> None:
    host, spec = memory_host, memory_host.spec()
    before = fingerprint(host)
    announced = host.well(spec, check=True)
    assert fingerprint(host) == before
    done = host.well(spec)
    assert acted(done) == acted(announced)
    assert acted(done) == [
        "create files data/work", "create files release", "create keys node", "create keys secrets", "create volume avs-x_node-data",
        "create network avs-x_inner", "create network avs-x_jobs", "create network avs-x_outer", "create container gateway",
        "create container job", "create container node",
    ]  # fmt: skip
    assert host.states() == {"gateway": "running", "job": "exited", "node": "running"}
    assert host.state()["phase"] == "committed" and host.half_files() == [] and os.listdir(host.scratch) == []
    ids, asked = host.ids(), len(host.engine.asked)
    again = host.call(spec)
    assert not again["changed"] and again["instances"][0]["actions"] == []
    assert host.ids() == ids
    # One listing of the engine is all there is to a run that finds nothing to do.
    assert [words[0] for words in host.engine.asked[asked:]] == ["ps"]


def test_hidden_values_and_keys_reach_the_node_and_nobody_else(memory_host: MemoryHost) -> None:
    host = memory_host
    result = json.dumps(host.call(host.spec(), diff=True))
    assert host.container("node").service["environment"]["TOKEN"] == SECRETS["option.token"]
    keys = Path(host.store.instance(ID).keys, "node")
    assert host.container("node").mounts["/keys"] == ("bind", str(keys))
    assert {name: (keys / name).read_text() for name in ("bls.json", "bls.password")} == {
        "bls.json": SECRETS["key.bls.keystore"], "bls.password": SECRETS["key.bls.password"]}  # fmt: skip
    written = "".join(path.read_text() for path in Path(host.store.root).rglob("*") if path.is_file() and path.name != "host.key")
    for value in (SECRETS["option.token"], SECRETS["key.bls.password"]):
        assert value not in result and value not in written and not any(value in word for line in host.engine.asked for word in line)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"env": {"MODE": "fast"}}, ["gateway"]),
        ({"env": {"WAIT": "5"}}, ["node"]),
        ({"limits": {"job": {"memory": "32m"}}}, ["job"]),
        ({"env": {"NOBODY": "reads"}}, []),
    ],
)
def test_an_option_replaces_who_reads_it(memory_host: MemoryHost, changes: dict[str, Any], expected: list[str]) -> None:
    host = memory_host
    host.well(host.spec())
    before, cache = host.ids(), host.container("node").mounts["/cache"]
    spec = host.spec(**changes)
    announced = host.well(spec, check=True, diff=True)
    done = host.well(spec)
    assert acted(done) == acted(announced) == ["update files release", *(f"recreate container {name}" for name in expected)]
    after = host.ids()
    assert sorted(name for name in after if after[name] != before[name]) == [f"avs-{ID}-{name}" for name in expected]
    assert host.container("node").mounts["/cache"] == cache
    assert host.states() == {"gateway": "running", "job": "exited", "node": "running"}


def test_differences_name_secrets_and_show_none(memory_host: MemoryHost) -> None:
    host = memory_host
    first = host.call(host.spec(), check=True, diff=True)["diff"]
    assert [part["before"] for part in first] == [""] * len(first) and len(first) >= 5
    host.well(host.spec())
    assert host.call(host.spec(), diff=True)["diff"] == []
    shown = host.call(host.spec(env={"MODE": "fast"}), check=True, diff=True)["diff"]
    assert [part["before_header"] for part in shown] == [f"{ID}: options", f"{ID}: compose.json services.gateway"]
    assert "MODE=fast" in shown[0]["after"] and '"MODE": "plain"' in shown[1]["before"] and '"MODE": "fast"' in shown[1]["after"]
    Path(host.store.instance(ID).current, "compose.json").write_text("not what was written")
    told = host.call(host.spec(env={"WAIT": "5"}), check=True, diff=True)["diff"]
    node = next(part for part in told if part["before_header"].endswith("services.node"))
    assert node["before"] == "" and "<secret option.token>" in node["after"] and SECRETS["option.token"] not in json.dumps(told)


def test_a_network_that_is_made_otherwise_takes_whoever_is_in_it(memory_host: MemoryHost) -> None:
    host = memory_host
    host.well(host.spec())
    before, net = host.ids(), host.world.networks[f"avs-{ID}_outer"]["Id"]
    done = host.well(host.spec({**PACKAGE, "networks": {**PACKAGE["networks"], "outer": {"internal": True}}}))
    assert acted(done) == ["update files release", "recreate network avs-x_outer", "recreate container gateway"]
    network = host.world.networks[f"avs-{ID}_outer"]
    assert network["Id"] != net and network["Internal"]
    assert [name for name, ident in host.ids().items() if before[name] != ident] == [f"avs-{ID}-gateway"]


def test_what_the_package_gives_up_goes(memory_host: MemoryHost) -> None:
    host = memory_host
    host.well(host.spec())
    services = {name: service for name, service in PACKAGE["services"].items() if name != "gateway"}
    done = host.well(host.spec({**PACKAGE, "services": services}))
    assert acted(done) == ["update files release", "remove network avs-x_outer", "remove container gateway"]
    assert host.states() == {"job": "exited", "node": "running"} and f"avs-{ID}_outer" not in host.world.networks


def test_stopped_started_and_gone(memory_host: MemoryHost) -> None:
    host, spec = memory_host, memory_host.spec()
    host.well(spec)
    ids, data = host.ids(), host.world.volumes[f"avs-{ID}_node-data"]["Made"]
    assert acted(host.well(host.stopped(), check=True)) == ["stop container gateway", "stop container node"]
    assert acted(host.well(host.stopped())) == ["stop container gateway", "stop container node"]
    assert not host.call(host.stopped())["changed"]
    # Whatever the policy of its containers, the engine brings back nothing that was stopped.
    host.world.reboot()
    assert host.states() == {"gateway": "exited", "job": "exited", "node": "exited"}
    assert acted(host.well(spec)) == ["start container gateway", "start container node"]
    assert host.ids() == ids
    (unnamed,) = (name for name in host.world.volumes if len(name) == 64)
    gone = host.well(host.gone())
    assert gone["state"] == "absent" and gone["kept"] == {
        "volumes": sorted([f"avs-{ID}_node-data", unnamed]),
        "data": f"{host.store.root}/instances/{ID}/data",
    }
    assert not host.project() and not os.path.exists(host.store.instance(ID).run) and not host.call(host.gone())["changed"]
    host.well(spec)
    assert host.world.volumes[f"avs-{ID}_node-data"]["Made"] == data
    host.well(host.gone(purge=True))
    assert not os.path.exists(host.store.instance(ID).root) and not host.world.volumes
    assert not host.call(host.gone(purge=True))["changed"]


def test_keys_that_went_with_the_memory_are_placed_before_the_node_starts(memory_host: MemoryHost) -> None:
    host, spec = memory_host, memory_host.spec()
    host.well(spec)
    ids = host.ids()
    host.docker("stop", "-t", "1", f"avs-{ID}-node")
    host.world.start(host.container("node"))
    for path in sorted(Path(host.store.run).rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()
    host.world.reboot()
    assert host.states()["node"] == "exited"
    assert acted(host.well(spec)) == ["create keys node", "create keys secrets", "start container node"]
    assert host.ids() == ids and host.states()["node"] == "running"


def test_of_secrets_nobody_has_nothing_is_said(memory_host: MemoryHost) -> None:
    host = memory_host
    package = {"services": {"gateway": GATEWAY}, "networks": {"inner": {}, "outer": {}}}
    spec = {**host.spec(package), "secrets": {}, "keys": [], "directories": [], "volumes": {}}
    files, networks = ["create files release"], [f"create network avs-x_{name}" for name in ("inner", "outer")]
    assert acted(host.well(spec, check=True)) == acted(host.well(spec)) == [*files, *networks, "create container gateway"]
    assert os.path.isfile(host.store.instance(ID).secrets_env)
    # A host that was started anew has an empty /run. Nothing of the instance was in there, so there is nothing to do.
    shutil.rmtree(host.store.run)
    assert not host.call(spec)["changed"]
    host.docker("stop", "-t", "1", f"avs-{ID}-gateway")
    assert acted(host.well(spec)) == ["start container gateway"] and os.path.isfile(host.store.instance(ID).secrets_env)
    gone = [*files, *networks, "create container gateway"]
    assert acted(host.well(host.gone())) == [line.replace("create", "remove") for line in gone]
    assert not os.path.exists(host.store.instance(ID).run)
    # What is left of a run that was cut is told of: it is all there was to do.
    os.makedirs(host.store.instance(ID).run)
    assert acted(host.well(host.gone())) == ["remove keys secrets"] and not host.call(host.gone())["changed"]


def test_a_successor_gets_its_name_and_a_second_one_goes(memory_host: MemoryHost) -> None:
    host, spec = memory_host, memory_host.spec()
    host.well(spec)
    ids, node = host.ids(), host.container("node")
    host.world.rename(node, f"{node.id[:12]}_{node.name}")
    assert acted(host.well(spec)) == [] and host.ids() == ids
    twin = Container(**{**vars(node), "id": host.world.new_id("container"), "name": f"{node.id[:12]}_{node.name}", "state": "created"})
    host.world.containers[twin.id] = twin
    host.well(spec)
    assert host.ids() == ids and not host.call(spec)["changed"]


def test_images_are_pulled_once_before_anything_stops(memory_host: MemoryHost) -> None:
    host = memory_host
    host.world.registry[IMAGE] = host.world.images.pop(IMAGE)
    assert "pull image registry.example.org/demo-avs:1.0.0" in acted(host.well(host.spec(), check=True)) and not host.world.images
    assert host.well(host.spec(), second(host))["actions"][0] == {"kind": "image", "name": IMAGE, "action": "pull"}
    asked = [" ".join(words[:2]) for words in host.engine.asked]
    assert asked.count("pull --quiet") == 1 and asked.index("pull --quiet") < next(
        n for n, words in enumerate(asked) if words == "compose --ansi"
    )
    assert host.state()["images"] == {IMAGE: image()["RepoDigests"][0]}


def test_an_artifact_is_an_own_copy_of_each(memory_host: MemoryHost) -> None:
    host = memory_host
    content = b"points" * 100
    item = {
        "url": "https://example.org/g1.point",
        "sha256": hashlib.sha256(content).hexdigest(),
        "path": "work/g1.point",
        "size": len(content),
    }
    Path(host.store.artifacts).mkdir(parents=True)
    Path(host.store.artifacts, item["sha256"]).write_bytes(content)
    done = host.well(host.spec(artifacts=[item]), second(host, artifacts=[item]))
    assert "create files data/work/g1.point" in acted(done)
    placed = [Path(host.store.instance(name).data, "work/g1.point") for name in (ID, OTHER)]
    assert [path.read_bytes() for path in placed] == [content] * 2 and placed[0].stat().st_ino != placed[1].stat().st_ino
    assert os.listdir(host.store.artifacts) == [] and not host.call(host.spec(artifacts=[item]), second(host, artifacts=[item]))["changed"]


def test_rules_of_an_older_release_are_kept_until_asked_for(memory_host: MemoryHost) -> None:
    host, spec = memory_host, memory_host.spec()
    host.well(spec)
    host.by_older_rules(spec)
    ids = host.ids()
    assert "OPS-013" in rules_of(host.well(spec))
    host.docker("stop", "-t", "1", f"avs-{ID}-node")
    assert acted(host.well(spec)) == ["start container node"] and host.ids() == ids and host.state()["transform"] == 2
    renewed = host.well(spec, renew=True)
    assert acted(renewed) == ["update files release"] and host.ids() == ids and host.state()["transform"] > 2
    assert "OPS-013" not in rules_of(renewed)


def test_others_are_left_alone_and_named(memory_host: MemoryHost) -> None:
    host = memory_host
    host.well(host.spec(), second(host))
    for labels in ({"avs.instance": ID, "avs.service": "node"}, {"avs.instance": "../x"}):
        stranger = Container(host.world.new_id("container"), f"stranger{len(labels)}", IMAGE, labels, dict(GATEWAY), {}, {})
        host.world.containers[stranger.id] = stranger
    result = host.call(host.spec())
    assert result["unlisted"] == [OTHER] and not result["changed"]
    assert sorted(item["id"] for item in result["findings"] if item["id"] in ("INV-003", "OPS-010")) == ["INV-003", "OPS-010", "OPS-010"]
    assert [item["id"] for item in result["held"]] == [OTHER]


def test_a_call_is_answered_whoever_passes_it_on(memory_host: MemoryHost, monkeypatch: pytest.MonkeyPatch) -> None:
    host, logged = memory_host, list[str]()
    monkeypatch.setattr(call, "Engine", lambda _run: host.engine.connect())
    monkeypatch.setattr("syslog.syslog", logged.append)
    monkeypatch.setattr("syslog.openlog", lambda *_arguments: None)
    result = call.answer({"document": {"schema": 2, "log": True, "holder": "me"}}, host.engine, "a test")
    assert result["failed"] and not result["changed"] and "schema 2" in result["msg"] and logged == ["0 instances, for me, by a test"]
