# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What cannot be done is said, all of it at once, and nothing was touched; what fails later is told without a secret."""

from __future__ import annotations

import copy
import json
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.restaking.avs.plugins.module_utils.common.errors import HostError, LockedError
from ansible_collections.restaking.avs.plugins.module_utils.docker.engine import Engine
from ansible_collections.restaking.avs.plugins.module_utils.reconcile.job import Call
from ansible_collections.restaking.avs.plugins.module_utils.reconcile.reconcile import reconcile
from ansible_collections.restaking.avs.plugins.module_utils.system.lock import Lock
from ansible_collections.restaking.avs.plugins.plugin_utils.avsctl.process import run_command

from tests.integration.host.support import IMAGE, RUN, Bench, docker


def refused(bench: Bench, *specs: dict[str, Any]) -> list[tuple[str, str]]:
    """Rules and places of a call that must not leave a trace."""
    before, containers, volumes = bench.files(), bench.containers(), bench.volumes()
    found = []
    for check in (True, False):
        with pytest.raises(HostError) as caught:
            bench.call(list(specs), check=check)
        found.append(sorted((item.id, item.place) for item in caught.value.findings))
        assert (bench.files(), bench.containers(), bench.volumes()) == (before, containers, volumes)
    assert found[0] == found[1]
    return found[1]


@pytest.fixture
def edited(tree: Path, tmp_path: Path) -> Any:
    """The package with its compose file or another file changed."""

    def make(old: str, new: str, file: str = "docker-compose.yml") -> Path:
        copied = tmp_path / "edited"
        if not copied.exists():
            shutil.copytree(tree, copied)
        path = copied / "pkg" / "hoodi" / file
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new, 1))
        return copied

    return make


@pytest.fixture
def held() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_every_problem_of_every_instance_at_once(bench: Bench, tree: Path, edited: Any, keys: dict[str, str], held: int) -> None:
    one = bench.spec("one", tree, keys)
    one["env"]["MAIN_PORT"] = str(held)
    one["requirements"] = {"min_cpu_cores": 4096, "stop": True}
    bad = edited("restart: unless-stopped", "privileged: true\n    pid: host\n    build: .")
    two = bench.spec("two", bad, keys)
    assert refused(bench, one, two) == [
        ("NET-002", f"{one['id']}: services.node.ports"),
        ("OPS-002", f"{one['id']}: requirements.min_cpu_cores"),
        ("PKG-015", f"{two['id']}: services.node.build"),
        ("PRIV-002", f"{two['id']}: services.node.pid"),
        ("PRIV-002", f"{two['id']}: services.node.privileged"),
    ]


def test_two_new_instances_with_one_port(bench: Bench, tree: Path, keys: dict[str, str]) -> None:
    one, two = bench.spec("one", tree, keys), bench.spec("two", tree, keys)
    two["env"]["GATEWAY_PORT"] = one["env"]["GATEWAY_PORT"]
    assert refused(bench, one, two) == [("NET-002", f"{two['id']}: services.gateway.ports")]


def test_a_subnet_of_somebody_else(bench: Bench, edited: Any, keys: dict[str, str]) -> None:
    taken = json.loads(docker("network", "inspect", "bridge"))[0]["IPAM"]["Config"][0]["Subnet"]
    address = "{ipam: {config: [{subnet: %s}]}}"
    one = bench.spec("one", edited("avs: {}", "avs: " + address % taken), keys)
    assert refused(bench, one) == [("NET-002", f"{one['id']}: networks.avs.ipam")]
    free = edited(taken, "10.213.77.0/24")
    both = [bench.spec("one", free, keys), bench.spec("two", free, keys)]
    assert refused(bench, *both) == [("NET-002", f"{both[1]['id']}: networks.avs.ipam")]


def test_a_container_of_somebody_else_has_the_name(bench: Bench, tree: Path, keys: dict[str, str]) -> None:
    spec = bench.spec("one", tree, keys)
    docker("create", "--name", f"avs-{spec['id']}-gateway", IMAGE)
    try:
        assert refused(bench, spec) == [("NET-002", f"{spec['id']}: containers.avs-{spec['id']}-gateway")]
    finally:
        docker("rm", "-f", f"avs-{spec['id']}-gateway")


def test_an_image_nobody_has(bench: Bench, edited: Any, keys: dict[str, str]) -> None:
    spec = bench.spec("one", edited(IMAGE, "avs-host-test.invalid/none:1"), keys)
    assert refused(bench, spec) == [("IMG-006", f"{spec['id']}: images.avs-host-test.invalid/none:1")]
    assert bench.containers() == {}


def test_a_compose_file_that_cannot_be_resolved(bench: Bench, edited: Any, keys: dict[str, str]) -> None:
    spec = bench.spec("one", edited("depends_on: [node]", "depends_on: [nobody]"), keys)
    assert refused(bench, spec) == [("PKG-018", f"{spec['id']}: pkg/hoodi/docker-compose.yml")]


def test_a_required_variable(bench: Bench, edited: Any, keys: dict[str, str]) -> None:
    spec = bench.spec("one", edited("${WARM_UP}", "${MUST:?say how much}"), keys)
    with pytest.raises(HostError, match="say how much"):
        bench.call([spec])


def test_secrets_do_not_stand_in_what_compose_complains_of(bench: Bench, edited: Any, keys: dict[str, str]) -> None:
    spec = bench.spec("one", edited('"${MAIN_PORT}:8080"', '"${RPC_TOKEN}:8080"'), keys)
    with pytest.raises(HostError) as caught:
        bench.call([spec])
    assert "token-0123456789" not in str(caught.value)


def test_an_old_engine_and_none(bench: Bench, tree: Path, keys: dict[str, str], tmp_path: Path) -> None:
    spec = bench.spec("one", tree, keys)
    fake = tmp_path / "docker"
    fake.write_text(
        '#!/bin/sh\ncase $1 in ps) ;; version) echo \'{"Version": "20.10.24", "Os": "linux", "Arch": "amd64"}\';; compose) echo 2.10.0;; esac\n'
    )
    fake.chmod(0o755)
    document = {"schema": 1, "specs": [spec], "trees": {}, "complete": True}
    with pytest.raises(HostError) as caught:
        reconcile(Call(document), Engine(run_command, str(fake)), bench.store)
    assert "20.10.24" in str(caught.value)
    assert "2.10.0" in str(caught.value)
    with pytest.raises(HostError, match="cannot be run"):
        reconcile(Call(document), Engine(run_command, str(tmp_path / "none")), bench.store)


def test_a_locked_instance(bench: Bench, tree: Path, keys: dict[str, str]) -> None:
    spec = bench.spec("one", tree, keys)
    with Lock(bench.store.instance(spec["id"]).lock, "ann@laptop:1", 0), pytest.raises(LockedError, match="ann@laptop:1"):
        bench.call([spec], timeout=0.5)
    assert bench.containers() == {}


def test_what_the_engine_refuses_is_told_without_the_secret(bench: Bench, edited: Any, keys: dict[str, str]) -> None:
    spec = bench.spec("one", edited("command: [node]", 'entrypoint: ["/missing-${RPC_TOKEN}"]'), keys)
    good = bench.spec("two", edited(f"image: {IMAGE}", f"image: {IMAGE}"), keys)
    good["package"] = {**good["package"]}
    result = bench.call([spec])
    (entry,) = result["instances"]
    assert result["failed"]
    assert result["changed"]
    assert {item["id"] for item in entry["findings"] if item["severity"] == "error"} == {"OPS-005"}
    assert "/missing-********" in entry["error"]
    assert "token-0123456789" not in str(result)
    again = bench.call([spec])
    assert "OPS-005" in {item["id"] for item in again["instances"][0]["findings"]}
    bench.call(
        [{"schema": 1, "id": spec["id"], "tag": "one", "state": "absent", "purge": True, "package": {"name": spec["package"]["name"]}}]
    )
    assert good["id"] not in str(bench.containers())


def test_a_sick_instance_does_not_keep_the_others(bench: Bench, tree: Path, keys: dict[str, str]) -> None:
    wrong = {**keys, "key.bls.password": "wrong-password"}
    sick, well = bench.spec("sick", tree, wrong), bench.spec("well", tree, keys)
    sick["health"]["timeout"] = 4
    result = bench.call([sick, well])
    entries = {entry["id"]: entry for entry in result["instances"]}
    assert result["failed"]
    assert sick["id"] in result["msg"]
    assert well["id"] not in result["msg"]
    assert entries[well["id"]]["health"]["status"] == "healthy"
    assert "unhealthy (503)" in entries[sick["id"]]["error"]
    assert "key_failed" in entries[sick["id"]]["error"]
    again = bench.call([sick, well])
    assert again["failed"]
    assert [entry["actions"] for entry in again["instances"]] == [[], []]
    assert not again["changed"]
    mended = bench.spec("sick", tree, keys)
    assert bench.call([mended, well])["changed"]
    assert not bench.call([mended, well])["changed"]
    listed = bench.call([copy.deepcopy(mended)])
    # Others may use this engine, too.
    assert [instance for instance in listed["unlisted"] if instance.startswith(bench.name)] == [well["id"]]
    assert "INV-003" in {item["id"] for item in listed["findings"]}


def test_a_package_cannot_read_the_host(bench: Bench, edited: Any, keys: dict[str, str], tmp_path: Path) -> None:
    """Compose reads whatever a package names; it does so apart from the host."""
    secret = Path(f"/root/.avs-host-test-{RUN}.env")
    secret.write_text("OTHER=value-of-somebody-else\n")
    secret.chmod(0o600)
    try:
        spec = bench.spec("one", edited("command: [node]", f"env_file: [{secret}]\n    command: [node]"), keys)
        assert refused(bench, spec) == [("PKG-018", f"{spec['id']}: pkg/hoodi/docker-compose.yml")]
        with pytest.raises(HostError) as caught:
            bench.call([spec])
        assert f"{secret} not found" in str(caught.value)
        assert "value-of-somebody-else" not in str(caught.value)
    finally:
        secret.unlink()


def test_a_link_left_by_a_container_is_not_followed(bench: Bench, tree: Path, keys: dict[str, str]) -> None:
    spec = bench.spec("linked", tree, keys)
    data = Path(bench.store.instance(spec["id"]).data)
    (data / "data").mkdir(parents=True)
    (data / "data" / "work").symlink_to("/etc")
    assert refused(bench, spec) == [("PKG-019", f"{spec['id']}: services.node.volumes")]
    bench.call(
        [{"schema": 1, "id": spec["id"], "tag": "linked", "state": "absent", "purge": True, "package": {"name": spec["package"]["name"]}}]
    )
    assert Path("/etc/passwd").exists()
    assert not data.exists()
