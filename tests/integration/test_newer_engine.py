# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What matters most, on a host as the next distributions have it: a newer engine and Compose, containerd's image store, systemd's cgroups."""

from __future__ import annotations

import io
import json
import re
import subprocess
import tarfile
from collections.abc import Iterator
from typing import Any

import pytest

from tests.eigenda import eigenda_files
from tests.integration.support import LAB, ROOT, Fleet, Host, lab, lab_fleet
from tests.integration.test_side_by_side import eigenda

COPY = "/root/avs/ansible_collections/restaking/avs"
# The groups of the host library that show a difference between engines: the model, the policy, images, networks and volumes, gates.
GROUPS = ("test_features.py", "test_refusals.py", "test_gates.py", "test_dotenv_compose.py")


@pytest.fixture(scope="module")
def newer(tmp_path_factory: pytest.TempPathFactory, approle: dict[str, Any]) -> Iterator[Fleet]:
    """A fleet of one host, which is there for this module alone."""
    name = lab("add", "--engine", "newest")
    try:
        with lab_fleet(tmp_path_factory, approle, only=name) as fleet:
            yield fleet
    finally:
        lab("remove", name)


@pytest.fixture(scope="module")
def node(newer: Fleet, demo: Any) -> dict[str, Any]:
    """A healthy node; the role docker has been there, too, and left the engine as it is."""
    entry: dict[str, Any] = demo("newer")
    result = newer.play("site", {newer.first.name: [entry]})
    assert result.code == 0, result.output[-4000:]
    (told,) = result.reconcile(newer.first.name)["instances"]
    assert told["health"]["status"] == "healthy"
    return entry


def actions(fleet: Fleet, entry: dict[str, Any]) -> list[tuple[str, str, str]]:
    result = fleet.play("install", {fleet.first.name: [entry]})
    assert result.code == 0, result.output[-4000:]
    (told,) = result.reconcile(fleet.first.name)["instances"]
    assert bool(told["actions"]) == (result.stats[fleet.first.name]["changed"] > 0)
    return [(item["kind"], item["name"], item["action"]) for item in told["actions"]]


def test_the_host_is_what_it_should_be(newer: Fleet, node: dict[str, Any]) -> None:
    engine = json.loads(newer.first.run("docker info --format '{{json .}}'"))
    compose = next(plugin["Version"] for plugin in engine["ClientInfo"]["Plugins"] if plugin["Name"] == "compose")
    assert (number(engine["ServerVersion"]), number(compose)) >= ((28, 0), (2, 40))
    assert engine["CgroupDriver"] == "systemd"
    assert ["driver-type", "io.containerd.snapshotter.v1"] in engine["DriverStatus"]


def number(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version)[:2])


def test_a_second_run_changes_nothing(newer: Fleet, node: dict[str, Any]) -> None:
    before = newer.first.containers()
    assert actions(newer, node) == []
    assert newer.first.containers() == before


def test_images_run_by_the_digest_the_registry_serves(newer: Fleet, node: dict[str, Any]) -> None:
    served = json.loads((LAB / "images.json").read_text())["demo-avs:1.0.0"]
    for container in newer.first.inspect(newer.first.containers()):
        assert container["Config"]["Image"] == served, container["Name"]


def test_an_option_recreates_one_service(newer: Fleet, node: dict[str, Any]) -> None:
    before = newer.first.containers()
    changed = {**node, "options": {**node["options"], "gateway-timeout": 7.5}}
    assert ("container", "gateway", "recreate") in actions(newer, changed)
    after = newer.first.containers()
    assert [name for name in after if after[name] != before.get(name)] == ["avs-demo-avs-newer-gateway"]
    assert actions(newer, changed) == []


def test_somebody_elses_compose_files_resolve(newer: Fleet, node: dict[str, Any], keys: Any) -> None:
    eigenda_files()
    result = newer.play("install", {newer.first.name: [node, eigenda(newer, keys, "hoodi", 1)]}, "--check", "--diff")
    assert result.code == 0, result.message(newer.first.name)
    told = {entry["id"]: entry for entry in result.reconcile(newer.first.name)["instances"]}["eigenda-hoodi"]
    assert "create" in {item["action"] for item in told["actions"]}


def test_the_host_library_passes_its_tests_there(newer: Fleet) -> None:
    put_sources(newer.first)
    registry = newer.facts["lab_registry"]
    newer.first.run(f"docker pull --quiet {registry}/demo-avs:1.0.0")
    groups = " ".join(f"tests/integration/host/{name}" for name in GROUPS)
    # The fixtures above that folder are the controller's.
    command = f"cd {COPY} && PYTHONPATH=/root/avs:. timeout 400 python3 -m pytest -q -p no:cacheprovider --confcutdir tests/integration/host {groups}"
    done = subprocess.run([*newer.first.ssh(), command], capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=420, check=False)
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]


def put_sources(host: Host) -> None:
    """The library, its tests and what they use, as a collection on the host."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w:gz") as packed:
        for name in ("plugins", "tests", "examples", "pyproject.toml"):
            packed.add(ROOT / name, name, filter=lambda item: None if "__pycache__" in item.name else item)
    unpack = f"mkdir -p {COPY} && tar -xz -C {COPY}"
    subprocess.run([*host.ssh(), unpack], input=archive.getvalue(), capture_output=True, timeout=120, check=True)
