# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One node through its life, each step announced by check mode, done, and done again without a change."""

from __future__ import annotations

import copy
import json
import shutil
import socket
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.restaking.avs.plugins.module_utils.common.errors import HostError
from ansible_collections.restaking.avs.plugins.module_utils.status.read import read_instances

from tests.integration.host.support import IMAGE, Bench, docker


def actions(result: dict[str, Any]) -> list[tuple[str, str, str]]:
    return [(item["kind"], item["name"], item["action"]) for entry in result["instances"] for item in entry["actions"]]


def step(bench: Bench, *specs: dict[str, Any]) -> list[tuple[str, str, str]]:
    """Announce, do, announce nothing, do nothing; returns what was done."""
    before, containers = bench.files(), bench.containers()
    announced = bench.call(list(specs), check=True, diff=True)
    assert bench.files() == before
    assert bench.containers() == containers
    done = bench.call(list(specs), diff=True)
    assert [entry["error"] for entry in done["instances"]] == [None] * len(specs)
    assert actions(done) == actions(announced)
    assert done["changed"] is announced["changed"] is bool(actions(done))
    assert done["diff"] == announced["diff"]
    for check in (True, False):
        again = bench.call(list(specs), check=check)
        assert (again["changed"], actions(again)) == (False, [])
    return actions(done)


def changed(spec: dict[str, Any], **env: str) -> dict[str, Any]:
    return {**copy.deepcopy(spec), "env": {**spec["env"], **env}}


def bare(spec: dict[str, Any], state: str, purge: bool = False) -> dict[str, Any]:
    """All a controller sends of an instance that is not to run."""
    package = {"name": spec["package"]["name"]}
    return {"schema": 1, "id": spec["id"], "tag": spec["tag"], "state": state, "purge": purge, "package": package}


def asked(spec: dict[str, Any], path: str) -> Any:
    with urllib.request.urlopen(f"http://127.0.0.1:{spec['env']['MAIN_PORT']}{path}", timeout=5) as answer:
        return json.load(answer)


@pytest.fixture(scope="module")
def spec(bench: Bench, tree: Path, keys: dict[str, str]) -> dict[str, Any]:
    return bench.spec("a", tree, keys)


def test_install(bench: Bench, spec: dict[str, Any]) -> None:
    name = spec["id"]
    assert step(bench, spec) == [
        ("files", "data/data/work", "create"),
        ("files", "release", "create"),
        ("keys", "node", "create"),
        ("keys", "secrets", "create"),
        ("volume", f"avs-{name}_node-data", "create"),
        ("network", f"avs-{name}_avs", "create"),
        ("container", "gateway", "create"),
        ("container", "node", "create"),
    ]
    assert {item["name"] for item in asked(spec, "/keys")["keys"]} == {"bls", "ecdsa"}


def test_the_containers_are_confined(bench: Bench, spec: dict[str, Any]) -> None:
    for container in json.loads(docker("inspect", *bench.containers().values())):
        config = container["HostConfig"]
        assert config["CapDrop"] == ["ALL"]
        assert "no-new-privileges:true" in config["SecurityOpt"]
        assert config["ReadonlyRootfs"] is True
        assert config["Memory"] > 0
        assert config["PidsLimit"] == 4096
        assert config["LogConfig"] == {"Type": "json-file", "Config": {"max-size": "10m", "max-file": "3"}}
        assert {binding["HostIp"] for bindings in config["PortBindings"].values() for binding in bindings} == {"127.0.0.1"}
        assert not [mount for mount in container["Mounts"] if str(bench.memory) in mount["Source"] and mount["RW"]]


def test_no_secret_is_on_a_disk(bench: Bench, spec: dict[str, Any]) -> None:
    for path in Path(bench.store.root).rglob("*"):
        if path.is_file():
            text = path.read_text(errors="replace")
            for secret, value in bench.values[spec["id"]].items():
                assert value not in text, (path, secret)
                assert json.dumps(value)[1:-1] not in text, (path, secret)


def test_an_option_recreates_its_service_alone(bench: Bench, spec: dict[str, Any]) -> None:
    before = bench.containers()
    assert step(bench, changed(spec, GATEWAY_TIMEOUT="7.5")) == [("files", "release", "update"), ("container", "gateway", "recreate")]
    after = bench.containers()
    assert [name for name in after if after[name] != before[name]] == [f"avs-{spec['id']}-gateway"]
    releases = Path(bench.store.instance(spec["id"]).releases)
    assert sorted(path.name for path in releases.iterdir()) == ["1-v1.0.0", "2-v1.0.0"]
    assert (releases / "1-v1.0.0/tree/pkg/manifest.yml").samefile(releases / "2-v1.0.0/tree/pkg/manifest.yml")
    step(bench, spec)


def test_what_does_not_touch_a_container_changes_none(bench: Bench, spec: dict[str, Any]) -> None:
    before = bench.containers()
    assert step(bench, {**spec, "health": {**spec["health"], "timeout": 31}}) == [("files", "release", "update")]
    assert bench.containers() == before
    step(bench, spec)


def test_a_changed_declaration_reaches_a_folder_that_is_there(bench: Bench, spec: dict[str, Any]) -> None:
    work = Path(bench.store.instance(spec["id"]).data, "data/work")
    declared = [{"path": "data/work", "owner": "1000:1001", "mode": "0750"}]
    done = [("files", "data/data/work", "update"), ("files", "release", "update")]
    assert step(bench, {**spec, "directories": declared}) == done
    assert (work.stat().st_gid, work.stat().st_mode & 0o777) == (1001, 0o750)
    assert step(bench, spec) == done


def test_a_folder_a_killed_install_left_gets_its_owner(bench: Bench, tree: Path, keys: dict[str, str]) -> None:
    spec = bench.spec("cut", tree, keys)
    work = Path(bench.store.instance(spec["id"]).data, "data/work")
    work.mkdir(0o700, parents=True)
    assert ("files", "data/data/work", "update") in step(bench, spec)
    assert work.stat().st_uid == 1000
    step(bench, bare(spec, "absent", purge=True))


def test_a_new_key_reaches_the_node_that_uses_it(bench: Bench, spec: dict[str, Any], tree: Path, keys: dict[str, str]) -> None:
    from tests.lab.keystores import make_keystore

    before = asked(spec, "/keys")
    password = "another-password"
    rotated = {**keys, "key.bls.password": password, "key.bls.keystore": make_keystore("bn254", password, None, 4096)[0]}
    fresh = bench.spec("a", tree, rotated)
    assert step(bench, fresh) == [
        ("files", "release", "update"),
        ("keys", "node", "update"),
        ("keys", "secrets", "update"),
        ("container", "node", "recreate"),
    ]
    assert asked(spec, "/keys") != before
    bench.spec("a", tree, keys)
    step(bench, spec)
    assert asked(spec, "/keys") == before


def test_a_key_that_is_dropped_leaves_the_folder(bench: Bench, spec: dict[str, Any], tree: Path, keys: dict[str, str]) -> None:
    one = {name: value for name, value in keys.items() if ".bls." in name}
    done = step(bench, bench.spec("a", tree, one))
    assert ("keys", "node", "update") in done
    seen = docker("exec", f"avs-{spec['id']}-node", "ls", "-A", "/keys").split()
    assert [name for name in seen if not name.startswith("..")] == ["bls.json", "bls.password"]
    bench.spec("a", tree, keys)
    step(bench, spec)


def test_a_key_that_a_killed_rotation_left_goes(bench: Bench, spec: dict[str, Any]) -> None:
    left = Path(bench.store.instance(spec["id"]).keys) / "node" / "..v0"
    left.mkdir()
    (left / "bls.json").write_text("rotated out")
    assert step(bench, spec) == [("keys", "node", "update")]
    assert not left.exists()


@pytest.mark.parametrize("harm", ["removed", "stopped", "killed", "paused"])
def test_a_container_somebody_took_away_comes_back(bench: Bench, spec: dict[str, Any], harm: str) -> None:
    node = f"avs-{spec['id']}-node"
    before = bench.containers()
    docker(*{"removed": ["rm", "-f"], "stopped": ["stop"], "killed": ["kill"], "paused": ["pause"]}[harm], node)
    assert step(bench, spec) == [("container", "node", "create" if harm == "removed" else "start")]
    after = bench.containers()
    assert [name for name in after if after[name] != before[name]] == ([node] if harm == "removed" else [])


def test_keys_come_back_after_a_restart_of_the_host(bench: Bench, spec: dict[str, Any]) -> None:
    before = bench.containers()
    docker("stop", *before)
    shutil.rmtree(bench.store.run)
    assert step(bench, spec) == [
        ("keys", "node", "create"),
        ("keys", "secrets", "create"),
        ("container", "gateway", "start"),
        ("container", "node", "start"),
    ]
    assert bench.containers() == before


def test_a_node_that_looks_at_a_vanished_folder_is_recreated(bench: Bench, spec: dict[str, Any]) -> None:
    shutil.rmtree(bench.store.run)
    assert step(bench, spec) == [("keys", "node", "create"), ("keys", "secrets", "create"), ("container", "node", "recreate")]
    assert {item["status"] for item in asked(spec, "/keys")["keys"]} == {"loaded"}


def test_another_version_is_refused(bench: Bench, spec: dict[str, Any]) -> None:
    before, containers = bench.files(), bench.containers()
    other = copy.deepcopy(spec)
    other["package"]["version"] = "v1.1.0"
    with pytest.raises(HostError) as caught:
        bench.call([other])
    assert [item.id for item in caught.value.findings] == ["UPG-005"]
    assert "v1.0.0" in str(caught.value)
    assert "v1.1.0" in str(caught.value)
    assert (bench.files(), bench.containers()) == (before, containers)


def test_what_instance_info_tells(bench: Bench, spec: dict[str, Any]) -> None:
    (found,) = read_instances(bench.engine, [spec["id"]], bench.store)
    assert (found["state"], found["phase"], found["version"]) == ("started", "committed", "v1.0.0")
    assert found["health"] == {"status": "healthy", "detail": "node:8080 is healthy"}
    assert {item["service"]: item["state"] for item in found["containers"]} == {"gateway": "running", "node": "running"}
    assert found["keystores"]["bls"]["fingerprint"].startswith("sha256:")
    docker("pause", f"avs-{spec['id']}-node")
    assert read_instances(bench.engine, [spec["id"]], bench.store)[0]["health"]["status"] == "unhealthy"
    docker("unpause", f"avs-{spec['id']}-node")


def test_stop_and_start(bench: Bench, spec: dict[str, Any]) -> None:
    before = bench.containers()
    assert step(bench, bare(spec, "stopped")) == [("container", "gateway", "stop"), ("container", "node", "stop")]
    assert bench.running() == []
    assert read_instances(bench.engine, [spec["id"]], bench.store)[0]["state"] == "stopped"
    assert step(bench, spec) == [("container", "gateway", "start"), ("container", "node", "start")]
    assert bench.containers() == before


def test_a_process_that_took_a_stopped_nodes_port_is_seen(bench: Bench, spec: dict[str, Any]) -> None:
    step(bench, bare(spec, "stopped"))
    before = bench.files()
    with socket.create_server(("127.0.0.1", int(spec["env"]["MAIN_PORT"]))):
        for check in (True, False):
            with pytest.raises(HostError) as caught:
                bench.call([spec], check=check)
            assert [(item.id, item.place) for item in caught.value.findings] == [("NET-002", f"{spec['id']}: services.node.ports")]
    assert bench.files() == before
    step(bench, spec)


def test_removal_keeps_data_and_a_new_install_finds_it(bench: Bench, spec: dict[str, Any]) -> None:
    volumes = bench.volumes()
    height = asked(spec, "/height")["height"]
    assert height > 0
    gone = step(bench, bare(spec, "absent"))
    assert ("volume", volumes[0], "remove") not in gone
    assert (bench.volumes(), bench.containers(), bench.networks()) == (volumes, {}, [])
    assert not Path(bench.store.instance(spec["id"]).run).exists()
    kept = read_instances(bench.engine, [spec["id"]], bench.store)[0]
    assert (kept["state"], kept["kept"]["volumes"]) == ("absent", volumes)
    assert Path(kept["kept"]["data"]).is_dir()
    other = copy.deepcopy(spec)
    other["package"]["version"] = "v1.1.0"
    with pytest.raises(HostError, match=r"kept data is of v1\.0\.0"):
        bench.call([other])
    back = step(bench, spec)
    assert not [item for item in back if item[0] == "volume" or item[1] == "data/data/work"]
    assert asked(spec, "/height")["height"] >= height


def test_purge_leaves_nothing(bench: Bench, spec: dict[str, Any]) -> None:
    step(bench, bare(spec, "absent", purge=True))
    assert (bench.volumes(), bench.containers(), bench.networks()) == ([], {}, [])
    assert not [path for path in bench.files() if spec["id"] in path]
    assert step(bench, bare(spec, "absent")) == []
    assert step(bench, bare(spec, "stopped")) == []


def test_a_network_hands_its_subnet_to_its_successor(bench: Bench, tree: Path, keys: dict[str, str], tmp_path: Path) -> None:
    def wired(name: str) -> Path:
        copied = tmp_path / name
        shutil.copytree(tree, copied)
        compose = copied / "pkg" / "hoodi" / "docker-compose.yml"
        text = compose.read_text().replace("networks: [avs]", f"networks: [{name}]")
        compose.write_text(text.replace("avs: {}", f"{name}: {{ipam: {{config: [{{subnet: 10.213.78.0/24}}]}}}}"))
        return copied

    first = bench.spec("wired", wired("inner"), keys)
    step(bench, first)
    second = bench.spec("wired", wired("outer"), keys)
    guest, before = f"guest-{first['id']}", bench.containers()
    docker("run", "-d", "--name", guest, "--network", f"avs-{first['id']}_inner", "--entrypoint", "sleep", IMAGE, "600")
    try:
        with pytest.raises(HostError) as caught:
            bench.call([second])
    finally:
        docker("rm", "-f", guest)
    assert [(item.id, guest in item.message) for item in caught.value.findings] == [("NET-002", True)]
    assert bench.containers() == before and len(bench.running()) == len(before)
    assert step(bench, second) == [
        ("files", "release", "update"),
        ("network", f"avs-{first['id']}_inner", "remove"),
        ("network", f"avs-{first['id']}_outer", "create"),
        ("container", "gateway", "recreate"),
        ("container", "node", "recreate"),
    ]
    bench.call([bare(first, "absent", purge=True)])
