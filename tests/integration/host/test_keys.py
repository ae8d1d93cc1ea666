# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keys on a real engine: a store that moved, bytes that are no text, and a package that says nothing of its keys."""

from __future__ import annotations

import copy
import hashlib
import json
import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.restaking.avs.plugins.module_utils.common.contents import visible_form
from ansible_collections.restaking.avs.plugins.module_utils.common.findings import Finding
from ansible_collections.restaking.avs.plugins.plugin_utils.fetching.cache import Cache
from ansible_collections.restaking.avs.plugins.plugin_utils.inventory.entries import parse_instances
from ansible_collections.restaking.avs.plugins.plugin_utils.inventory.key_use import claimed_uses, public_uses, shared_keys
from ansible_collections.restaking.avs.plugins.plugin_utils.inventory.spec import Built, build_specs
from ansible_collections.restaking.avs.plugins.plugin_utils.packages.package import PackageRequest, load_package
from ansible_collections.restaking.avs.plugins.plugin_utils.secrets.base import Need
from ansible_collections.restaking.avs.plugins.plugin_utils.secrets.file import File
from ansible_collections.restaking.avs.plugins.plugin_utils.secrets.forms import form_problems

from tests.integration.host.support import IMAGE, Bench, docker
from tests.integration.host.test_lifecycle import actions
from tests.lab.keystores import make_keystore
from tests.unit.support.sources import surroundings


def stored_at(store: str, spec: dict[str, Any], versions: dict[str, int]) -> dict[str, Any]:
    """A spec whose secrets come from a store that numbers versions."""
    moved = copy.deepcopy(spec)
    for name, secret in moved["secrets"].items():
        secret["ref"] = {"version": f"vault:{store}:secret/avs/op1/{name}#{versions.get(name, 1)}@2026-01-01T00:00:00Z:value"}
    return moved


def untouched(bench: Bench) -> dict[str, str]:
    """What a container is: its id, when it was started, its labels."""
    return {
        name: docker("inspect", "-f", "{{.Id}} {{.State.StartedAt}} {{json .Config.Labels}}", found)
        for name, found in bench.containers().items()
    }


def test_a_store_that_moved_restarts_nothing(bench: Bench, tree: Path, keys: dict[str, str]) -> None:
    spec = bench.spec("moved", tree, keys)
    old, new = stored_at("0000", spec, {}), stored_at("1111", spec, {"key.bls.keystore": 9})
    assert bench.call([old])["changed"] is True
    containers, digest = untouched(bench), bench.store.instance(spec["id"]).state().spec_digest
    files = {path: what for path, what in bench.files().items() if path.startswith(bench.store.run)}

    renewed = bench.call([new], diff=True)
    assert (renewed["changed"], actions(renewed)) == (False, []) and renewed["instances"][0]["error"] is None
    assert untouched(bench) == containers
    state = bench.store.instance(spec["id"]).state()
    assert state.spec_digest == digest and state.secrets["key.bls.keystore"].alias.startswith("vault:1111:")
    assert {path: what.split()[-1] for path, what in bench.files().items() if path in files} == {
        path: what.split()[-1] for path, what in files.items()
    }

    # From now on both addresses are known to be the same: the values are not asked for again. `held` is what a single call ends with.
    for again in (bench.call([new]), bench.call([new], check=True)):
        assert again["changed"] is False and "held" in again
    assert untouched(bench) == containers

    # The store moves on once more, then a key is rotated in it: that is a change.
    assert bench.call([stored_at("2222", spec, {})])["changed"] is False and untouched(bench) == containers
    bench.values[spec["id"]]["key.bls.password"] = "another password"
    rotated = bench.call([stored_at("2222", spec, {"key.bls.password": 2})])
    assert rotated["changed"] is True and ("keys", "node", "update") in actions(rotated)


def test_a_moved_store_and_a_host_that_restarted(bench: Bench, tree: Path, keys: dict[str, str]) -> None:
    spec = bench.spec("reboot", tree, keys)
    bench.call([stored_at("0000", spec, {})])
    assert bench.call([stored_at("1111", spec, {})])["changed"] is False
    shutil.rmtree(bench.store.instance(spec["id"]).run)
    assert bench.call([stored_at("1111", spec, {})])["changed"] is True
    again = bench.call([stored_at("1111", spec, {})])
    assert again["changed"] is False and "held" in again


def test_from_a_file_to_a_store_and_back(bench: Bench, tree: Path, keys: dict[str, str]) -> None:
    spec = bench.spec("file", tree, keys)
    bench.call([spec])
    containers = untouched(bench)
    for source in (stored_at("0000", spec, {}), bench.spec("file", tree, keys), stored_at("1111", spec, {})):
        assert bench.call([source])["changed"] is False
        assert untouched(bench) == containers


def test_keys_an_older_library_recorded_are_compared(bench: Bench, tree: Path, keys: dict[str, str]) -> None:
    """It wrote no marks, and no id where the keystore spells its name in another way than it knew."""
    public = json.loads(keys["key.bls.keystore"])["pubKey"]
    first = bench.spec("older", tree, keys)
    bench.call([first])
    own = bench.store.instance(first["id"])
    state = own.state()
    older = state.keys["bls"].without("marks").but(public_id=None)
    own.write_state(state.but(keys={**state.keys, "bls": older}))
    (entry,) = bench.call([first])["instances"]
    theirs = [{"id": "other", "state": "started", "keystores": {"bls": {"kind": "bn254", "fingerprint": "", "public_id": public}}}]
    found = shared_keys(public_uses("h1", [entry]), public_uses("h2", theirs))
    assert [item.place for item in found] == [f"{first['id']}.keys.bls"]


MANIFEST = "name: {name}\nversion: v1.0.0\nprofiles: [net]\nupgrade: optional\n"
PROFILE = """
name: net
options:
  - {name: bls-key, target: NODE_BLS_KEY_PATH, type: path_file, help: The key of the node}
  - {name: bls-password, target: NODE_BLS_KEY_PASSWORD, type: str, help: The password of the key, hidden: true}
  - {name: private-key, target: NODE_PRIVATE_KEY, type: str, help: The key that pays, hidden: true}
"""
COMPOSE = f"""
x-node: &node
  image: {IMAGE}
  user: "1000:1000"
  entrypoint: [python3, -m, http.server, "8080", --directory, /tmp]
services:
  node:
    <<: *node
    environment:
      BLS_PASSWORD: ${{NODE_BLS_KEY_PASSWORD}}
      PRIVATE_KEY: ${{NODE_PRIVATE_KEY}}
    volumes: ["${{NODE_BLS_KEY_PATH}}:/keys/bls.json:readonly"]
  proxy:
    <<: *node
    environment:
      BLS_PASSWORD: ${{NODE_BLS_KEY_PASSWORD}}
"""
# The gate asks the node; nothing else is said, as native packages of before say nothing.
RUNTIME = "schema: 1\nhealth: {type: tcp, service: node, port: 8080, timeout: 60}\n"


class Files:
    """Keys from files, as the action plugin reads them."""

    def __init__(self, folder: Path) -> None:
        self.source = File(surroundings(folder))

    def identify(self, needs: Sequence[Need]) -> tuple[dict[Need, dict[str, Any]], list[Finding]]:
        return self.source.identify(needs)[0], []

    def value(self, need: Need) -> str:
        value = self.source.values([need])[0][need]
        assert form_problems(need, value) == []
        return value


@pytest.fixture
def native(bench: Bench, tmp_path: Path) -> Path:
    root = tmp_path / "package"
    for name, content in (
        ("manifest.yml", MANIFEST.format(name=bench.name)), ("net/profile.yml", PROFILE), ("net/docker-compose.yml", COMPOSE), ("net/.env", ""),
        ("net/runtime.yml", RUNTIME),
    ):  # fmt: skip
        (root / "pkg" / name).parent.mkdir(parents=True, exist_ok=True)
        (root / "pkg" / name).write_text(content)
    return root


def build(bench: Bench, root: Path, folder: Path, tag: str, keys: list[dict[str, Any]]) -> Built:
    entry = {"package": {"path": str(root)}, "profile": "net", "tag": tag, "keys": [{**key, "source": "file"} for key in keys]}
    entries, findings = parse_instances([entry])
    files = Files(folder)
    built = build_specs(
        entries, lambda _entry: load_package(PackageRequest({"path": str(root)}), [], Cache(folder / "cache", None)), files, findings
    )
    assert [item.as_line() for item in built.findings if item.severity == "error"] == []
    for name, needs in built.needs.items():
        bench.values[name] = {need.name: files.value(need) for need in needs.values()}
    bench.trees.update(built.trees)
    return built


def held_in_files(bench: Bench, value: str) -> list[str]:
    """Files on the disk that hold a value."""
    found = []
    for root in (bench.store.root, bench.store.locks):
        for path in Path(root).rglob("*"):
            if path.is_file() and not path.is_symlink() and value.encode() in path.read_bytes():
                found.append(str(path))
    return found


def test_a_package_that_says_nothing_of_its_keys(bench: Bench, native: Path, tmp_path: Path) -> None:
    keystore, public = make_keystore("bn254", "canary-password", None, 4096)
    private, opaque = hashlib.sha256(os.urandom(8)).hexdigest(), bytes(range(256)) + b"canary-opaque"
    (tmp_path / "bls.json").write_text(keystore)
    (tmp_path / "bls.password").write_text("canary-password\n")
    (tmp_path / "private").write_text(f"0x{private}\n")
    (tmp_path / "p2p").write_bytes(opaque)
    keys = [
        {"name": "bls", "kind": "bn254", "keystore": "bls.json", "password_file": "bls.password", "keystore_env": "NODE_BLS_KEY_PATH",
         "password_env": "NODE_BLS_KEY_PASSWORD", "mount": "/keys", "services": ["node"]},
        {"name": "private", "kind": "ecdsa", "keystore": "private", "value_env": "NODE_PRIVATE_KEY", "services": ["node"]},
        {"name": "p2p", "kind": "file", "keystore": "p2p", "mount": "/id", "services": ["node"]},
    ]  # fmt: skip
    built = build(bench, native, tmp_path, "native", keys)
    (spec,) = built.specs
    check = bench.call([spec], check=True, diff=True)
    done = bench.call([spec], diff=True)
    assert [entry["error"] for entry in done["instances"]] == [None]

    node, proxy = (f"avs-{spec['id']}-{service}" for service in ("node", "proxy"))
    assert docker("exec", node, "cat", "/keys/bls.json") == keystore
    assert docker("exec", node, "sha256sum", "/id/p2p.json").split()[0] == hashlib.sha256(opaque).hexdigest()
    assert docker("exec", node, "printenv", "BLS_PASSWORD", "PRIVATE_KEY").split() == ["canary-password", f"0x{private}"]
    kept = docker("exec", proxy, "env"), docker("exec", proxy, "find", "/keys", "/id", "-type", "f", check=False)
    assert "canary" not in kept[0] and kept[1] == "", kept
    mounts = {mount["Destination"]: mount for mount in json.loads(docker("inspect", "-f", "{{json .Mounts}}", node))}
    assert {"/keys", "/id"} <= set(mounts) and not any(mounts[place]["RW"] for place in ("/keys", "/id"))
    assert all(mounts[place]["Source"].startswith(bench.store.run) for place in ("/keys", "/id"))

    (entry,) = done["instances"]
    assert entry["keystores"]["bls"]["public_id"] == public
    warned = {item["place"].rpartition(".")[2] for item in entry["findings"] if item["id"] == "KEY-011"}
    assert warned == {"p2p"} and entry["keystores"]["private"]["public_id"].startswith("0x")
    secret = [keystore, private, "canary-password", "canary-opaque", visible_form(bench.values[spec["id"]]["key.p2p.keystore"])]
    told = json.dumps([check, done, spec])
    for value in secret:
        assert value not in told and held_in_files(bench, value) == []
    again = bench.call(list(build(bench, native, tmp_path, "native", keys).specs))
    assert again["changed"] is False and "held" in again

    # A second instance with the same bytes is one key too many, whatever its file is called.
    (tmp_path / "copy").write_bytes(opaque)
    other = {"id": "other", "state": "started", "keystores": entry["keystores"]}
    assert {item.place.rpartition(".")[2] for item in shared_keys(public_uses("h1", [entry]), public_uses("h1", [other]))} == {
        "bls",
        "private",
        "p2p",
    }


def test_bytes_that_change_are_a_change(bench: Bench, native: Path, tmp_path: Path) -> None:
    keys = [
        {"name": "p2p", "kind": "file", "keystore": "p2p", "mount": "/id", "services": ["node"]},
        {
            "name": "bls",
            "kind": "file",
            "keystore": "p2p",
            "password_file": "p",
            "keystore_env": "NODE_BLS_KEY_PATH",
            "password_env": "NODE_BLS_KEY_PASSWORD",
        },
        {"name": "private", "kind": "file", "keystore": "p", "value_env": "NODE_PRIVATE_KEY"},
    ]
    (tmp_path / "p").write_text("x1234567\n")
    for content in (b"\xff\x00one", b"\xff\x00two", b"text\n", b"text"):
        (tmp_path / "p2p").write_bytes(content)
        (spec,) = build(bench, native, tmp_path, "bytes", keys).specs
        assert bench.call([spec])["changed"] is True
        read = docker("exec", f"avs-{spec['id']}-node", "sha256sum", "/id/p2p.json", "/keys/bls.json").split()
        assert read[0] == read[2] == hashlib.sha256(content).hexdigest()
        assert bench.call([spec])["changed"] is False


@pytest.mark.parametrize("listed", [True, False])
def test_a_node_whose_record_is_damaged_still_has_its_key(bench: Bench, tree: Path, keys: dict[str, str], listed: bool) -> None:
    spec = bench.spec(f"dark-{listed}".lower(), tree, keys)
    bench.call([spec])
    own = bench.store.instance(spec["id"])
    newcomers = claimed_uses("h2", {"other": {"key.bls.keystore": keys["key.bls.keystore"]}}, {"other": {"bls": "bn254"}})

    def told() -> dict[str, Any]:
        answer = bench.call([spec] if listed else [], check=True)
        assert [entry["keystores"] for entry in answer["instances"]] == [{}] * listed
        (found,) = [entry for entry in answer["held"] if entry["id"] == spec["id"]]
        return found

    Path(own.state_file).write_text("not json")
    found = told()
    assert "unknown" not in found and len(shared_keys(newcomers, public_uses("h1", [found]))) == 1
    # Without the values in memory the files of the services are left, and it is said that there may be more.
    (Path(own.run) / "secrets.json").write_text("{")
    found = told()
    assert found["unknown"] is True and len(shared_keys(newcomers, public_uses("h1", [found]))) == 1
    shutil.rmtree(own.run)
    assert told() == {"id": spec["id"], "state": "started", "keystores": {}, "unknown": True}


def test_a_node_that_never_came_up_has_its_key_too(bench: Bench, tree: Path, keys: dict[str, str]) -> None:
    """Its containers run, and nothing was committed."""
    spec = bench.spec("sick", tree, keys, health={"type": "tcp", "service": "node", "port": 1, "timeout": 3})
    assert bench.call([spec])["instances"][0]["error"]
    (found,) = [entry for entry in bench.call([])["held"] if entry["id"] == spec["id"]]
    newcomers = claimed_uses("h2", {"other": {"key.bls.keystore": keys["key.bls.keystore"]}}, {"other": {"bls": "bn254"}})
    assert len(shared_keys(newcomers, public_uses("h1", [found]))) == 1
