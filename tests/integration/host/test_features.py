# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What compose files in the wild use: jobs, generated configs, shared namespaces, anonymous volumes, single key files, artifacts."""

from __future__ import annotations

import functools
import hashlib
import http.server
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.restaking.avs.plugins.module_utils.docker.compose import Compose
from ansible_collections.restaking.avs.plugins.module_utils.docker.engine import Done
from ansible_collections.restaking.avs.plugins.module_utils.reconcile import way_back
from ansible_collections.restaking.avs.plugins.module_utils.status.read import read_instances

from tests.integration.host.support import IMAGE, Bench, docker
from tests.integration.host.test_lifecycle import bare, step
from tests.integration.host.test_refusals import refused

COMPOSE = f"""
x-python: &python
  image: {IMAGE}
  init: true
  stop_grace_period: 1s
services:
  migrate:
    <<: *python
    entrypoint: [python3, -c, "open('/job/migrated', 'a').write('once\\\\n')"]
    volumes: ["./state:/job"]
  node:
    <<: *python
    container_name: vendor-node
    entrypoint: [python3, -m, http.server, "${{PORT}}", --directory, /srv]
    environment: {{DOLLARS: "a$$b", BOTH: "${{NAME}}-$${{NAME}}"}}
    depends_on: {{migrate: {{condition: service_completed_successfully}}}}
    ports: ["${{OUTSIDE}}:${{PORT}}"]
    volumes:
      - /anonymous
      - ${{KEYSTORE}}:/keys/node.json
      - ./config:/srv/config:ro
      - ./files/big.bin:/srv/big.bin
      - ./notes.txt:/srv/notes.txt:readonly
      - named:/named
    networks: {{inner: {{aliases: [api]}}}}
  side:
    <<: *python
    network_mode: service:node
    entrypoint: [python3, -c, "import time; time.sleep(100000)"]
  extra:
    <<: *python
    profiles: [more]
    entrypoint: [python3, -c, "import time; time.sleep(100000)"]
    mem_reservation: 4000g
    memswap_limit: 64m
  never:
    <<: *python
    profiles: [other]
networks:
  inner: {{name: vendor-network, driver_opts: {{com.docker.network.driver.mtu: "${{MTU}}"}}}}
volumes:
  named: {{name: vendor-volume, driver_opts: {{type: tmpfs, device: tmpfs, o: "size=${{SIZE}}"}}}}
"""


@pytest.fixture(scope="module")
def wild(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("wild")
    folder = root / "setup"
    (folder / "config").mkdir(parents=True)
    (folder / "docker-compose.yml").write_text(COMPOSE)
    (folder / "settings.env").write_text("PORT=8000\nNAME=vendor # ours\nOUTSIDE=${PORT}\nMTU=1450\nSIZE=1m\n")
    (folder / "config" / "app.json").write_text('{"rpc": "vendor", "deep": {"kept": true, "name": "?"}}')
    (folder / "notes.txt").write_text("first")
    return root


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, bytes]]:
    """Where a large file can be had, and what it holds."""
    folder = tmp_path_factory.mktemp("served")
    content = b"0123456789" * 30_000
    (folder / "big.bin").write_bytes(content)
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/big.bin", content
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def spec(bench: Bench, wild: Path, served: tuple[str, bytes], keys: dict[str, str]) -> dict[str, Any]:
    found = bench.spec("w", wild, {"key.ecdsa.keystore": keys["key.ecdsa.keystore"]})
    secrets = {"key.ecdsa.keystore": found["secrets"]["key.ecdsa.keystore"]}
    bench.values[found["id"]] = {"key.ecdsa.keystore": keys["key.ecdsa.keystore"]}
    key = {**found["keys"][0], "folder_env": None, "keystore_env": "KEYSTORE", "password": None, "mount": None} if found["keys"] else {}
    url, content = served
    digest = hashlib.sha256(content).hexdigest()
    return {
        **found,
        "compose": {"dir": "setup", "files": ["docker-compose.yml"], "env_files": ["settings.env"], "profiles": ["more"]},
        "env": {"OUTSIDE": found["env"]["MAIN_PORT"], "NAME": 'it\'s $5 "#1"'},
        "secrets": secrets,
        "keys": [key],
        "privileges": {
            "migrate": {"user": "0:0"},
            "node": {"user": "1000:1000", "ports": {"OUTSIDE": "loopback"}},
            "side": {},
            "extra": {},
        },
        "directories": [],
        "artifacts": [{"url": url, "sha256": digest, "path": "files/big.bin", "size": len(content)}],
        "configs": [{"path": "config/app.json", "format": "json", "merge": {"rpc": "${NAME}", "deep": {"name": "p${PORT}"}, "n": 5}}],
        "health": {"type": "http", "service": "node", "port": "PORT", "path": "/notes.txt", "status": [200], "timeout": 20},
        "metrics": [{"service": "node", "port": "PORT", "path": "/metrics"}],
        "volumes": {},
    }


def inside(bench: Bench, spec: dict[str, Any], service: str, *command: str) -> str:
    return docker("exec", f"avs-{spec['id']}-{service}", *command)


def inspected(spec: dict[str, Any], service: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(docker("inspect", f"avs-{spec['id']}-{service}"))[0]
    return found


def test_everything_at_once(bench: Bench, spec: dict[str, Any]) -> None:
    done = step(bench, spec)
    assert {name for kind, name, action in done if (kind, action) == ("container", "create")} == {"migrate", "node", "side", "extra"}
    assert ("files", "data/files/big.bin", "create") in done
    assert inspected(spec, "migrate")["State"]["ExitCode"] == 0
    memory = inspected(spec, "extra")["HostConfig"]
    assert memory["MemoryReservation"] == memory["MemorySwap"] == memory["Memory"] > 0


def test_values_reach_the_container_literally(bench: Bench, spec: dict[str, Any]) -> None:
    environment = dict(item.split("=", 1) for item in inspected(spec, "node")["Config"]["Env"])
    assert environment["DOLLARS"] == "a$b"
    assert environment["BOTH"] == 'it\'s $5 "#1"-${NAME}'


def test_generated_config_lies_over_the_packages_folder(bench: Bench, spec: dict[str, Any]) -> None:
    found = json.loads(inside(bench, spec, "node", "cat", "/srv/config/app.json"))
    assert found == {"rpc": 'it\'s $5 "#1"', "deep": {"kept": True, "name": "p8000"}, "n": 5}


def test_names_are_our_own_and_the_vendors_reachable(bench: Bench, spec: dict[str, Any]) -> None:
    network = inspected(spec, "node")["NetworkSettings"]["Networks"]
    assert list(network) == [f"avs-{spec['id']}_inner"]
    assert {"vendor-node", "api"} <= set(network[f"avs-{spec['id']}_inner"]["Aliases"])
    assert bench.volumes() == [f"avs-{spec['id']}_named"]


def test_mounts(bench: Bench, spec: dict[str, Any], keys: dict[str, str]) -> None:
    mounts = {mount["Destination"]: mount for mount in inspected(spec, "node")["Mounts"]}
    assert not mounts["/keys/node.json"]["RW"]
    assert not mounts["/srv/notes.txt"]["RW"]
    assert not mounts["/srv/big.bin"]["RW"]
    assert inside(bench, spec, "node", "cat", "/keys/node.json") == keys["key.ecdsa.keystore"]
    assert inside(bench, spec, "node", "wc", "-c", "/srv/big.bin").split()[0] == "300000"
    assert Path(bench.store.instance(spec["id"]).data, "state/migrated").read_text() == "once\n"


def test_a_service_in_anothers_network_is_asked_there(bench: Bench, spec: dict[str, Any]) -> None:
    asked = {**spec, "health": {**spec["health"], "service": "side"}}
    assert step(bench, asked) == [("files", "release", "update")]
    assert read_instances(bench.engine, [spec["id"]], bench.store)[0]["health"]["status"] == "healthy"
    step(bench, spec)


def test_a_key_of_which_only_the_mount_is_known(bench: Bench, spec: dict[str, Any], keys: dict[str, str]) -> None:
    mounted = {**spec["keys"][0], "keystore_env": None, "mount": "/keys", "services": ["extra"]}
    env = {**spec["env"], "KEYSTORE": "./notes.txt"}
    done = step(bench, {**spec, "env": env, "keys": [mounted]})
    assert {("keys", "extra", "create"), ("container", "extra", "recreate")} <= set(done)
    assert inside(bench, spec, "extra", "cat", "/keys/ecdsa.json") == keys["key.ecdsa.keystore"]
    step(bench, spec)


def test_a_change_moves_anonymous_volumes_and_takes_joined_services_along(bench: Bench, spec: dict[str, Any]) -> None:
    docker("exec", "-u", "0", f"avs-{spec['id']}-node", "sh", "-c", "echo precious >/anonymous/file")
    changed = {**spec, "limits": {"node": {"pids": 200}}}
    done = step(bench, changed)
    assert [(name, action) for kind, name, action in done if kind == "container"] == [("node", "recreate"), ("side", "recreate")]
    assert inside(bench, spec, "node", "cat", "/anonymous/file") == "precious\n"
    assert inspected(spec, "node")["HostConfig"]["PidsLimit"] == 200
    step(bench, spec)


def changed(spec: dict[str, Any], **env: str) -> dict[str, Any]:
    return {**spec, "env": {**spec["env"], **env}}


def mtu(spec: dict[str, Any]) -> str:
    found = json.loads(docker("network", "inspect", f"avs-{spec['id']}_inner"))[0]
    return str(found["Options"]["com.docker.network.driver.mtu"])


MADE_ANEW = [("container", "node", "recreate"), ("container", "side", "recreate")]


def test_a_changed_network_is_made_anew(bench: Bench, spec: dict[str, Any]) -> None:
    docker("exec", "-u", "0", f"avs-{spec['id']}-node", "sh", "-c", "echo kept >/anonymous/file")
    before = bench.containers()
    network = ("network", f"avs-{spec['id']}_inner", "recreate")
    assert step(bench, changed(spec, MTU="1400")) == [("files", "release", "update"), network, *MADE_ANEW]
    assert mtu(spec) == "1400"
    assert inside(bench, spec, "node", "cat", "/anonymous/file") == "kept\n"
    kept = f"avs-{spec['id']}-extra"
    assert bench.containers()[kept] == before[kept]
    step(bench, spec)


def test_a_run_that_fails_after_it_removed_the_network_makes_what_was_there_before(
    bench: Bench, spec: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    before, recreate, refused = mtu(spec), Compose.recreate, [Done(1, "", "error: no such luck")]
    with monkeypatch.context() as patch:
        patch.setattr(Compose, "recreate", lambda *arguments: refused.pop() if refused else recreate(*arguments))
        message = bench.call([changed(spec, MTU="1400")])["msg"]
    assert "no such luck" in message and "what was there before runs again" in message
    assert mtu(spec) == before and bench.call([spec])["changed"] is False
    # One that goes on with what it was about, as after a cut, finds no network.
    with monkeypatch.context() as patch:
        patch.setattr(Compose, "recreate", lambda *_arguments: Done(1, "", "error: cut"))
        patch.setattr(way_back, "keep", lambda *_arguments: False)
        assert "cut" in bench.call([changed(spec, MTU="1400")])["msg"]
    assert docker("network", "ls", "-q", "--filter", f"name=avs-{spec['id']}_inner") == ""
    done = step(bench, changed(spec, MTU="1400"))
    assert done == [("network", f"avs-{spec['id']}_inner", "create"), *MADE_ANEW]
    assert mtu(spec) == "1400"
    step(bench, spec)


def test_a_changed_network_with_somebody_else_in_it(bench: Bench, spec: dict[str, Any]) -> None:
    guest = f"guest-{spec['id']}"
    network = f"avs-{spec['id']}_inner"
    try:
        docker("run", "-d", "--name", guest, "--network", network, "--entrypoint", "sleep", IMAGE, "600")
        assert refused(bench, changed(spec, MTU="1400")) == [("NET-002", f"{spec['id']}: networks.inner")]
    finally:
        docker("rm", "-f", guest)


def test_a_changed_volume_is_refused(bench: Bench, spec: dict[str, Any]) -> None:
    assert refused(bench, changed(spec, SIZE="2m")) == [("UPG-006", f"{spec['id']}: volumes.named")]


def test_a_changed_file_of_the_package_recreates_who_mounts_it(bench: Bench, spec: dict[str, Any], wild: Path) -> None:
    (wild / "setup/notes.txt").write_text("second")
    try:
        fresh = bench.spec("w", wild, bench.values[spec["id"]])
        bench.values[spec["id"]] = {"key.ecdsa.keystore": bench.values[spec["id"]]["key.ecdsa.keystore"]}
        package = {**spec["package"], "tree_sha256": fresh["package"]["tree_sha256"]}
        done = step(bench, {**spec, "package": package})
        assert [(name, action) for kind, name, action in done if kind == "container"] == [("node", "recreate"), ("side", "recreate")]
        assert inside(bench, spec, "node", "cat", "/srv/notes.txt") == "second"
    finally:
        (wild / "setup/notes.txt").write_text("first")


def test_a_service_that_is_dropped_goes(bench: Bench, spec: dict[str, Any]) -> None:
    privileges = {name: stated for name, stated in spec["privileges"].items() if name != "extra"}
    done = step(bench, {**spec, "privileges": privileges, "compose": {**spec["compose"], "profiles": []}})
    assert ("container", "extra", "remove") in done
    step(bench, bare(spec, "absent", purge=True))
    assert list(Path(bench.store.artifacts).iterdir()) == []
