# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A node goes to another version and back, on a real engine and with the host's own restic."""

from __future__ import annotations

import json
import os
import shutil
import signal
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.restaking.avs.plugins.module_utils.backup import settings
from ansible_collections.restaking.avs.plugins.module_utils.common.errors import HostError
from ansible_collections.restaking.avs.plugins.module_utils.instance import transaction
from ansible_collections.restaking.avs.plugins.module_utils.reconcile import control
from ansible_collections.restaking.avs.plugins.module_utils.reconcile.own import Way
from ansible_collections.restaking.avs.plugins.module_utils.reconcile.repositories import Asked, Host
from ansible_collections.restaking.avs.plugins.module_utils.system.trees import tree_digest
from ansible_collections.restaking.avs.plugins.module_utils.transaction import cut, work
from ansible_collections.restaking.avs.plugins.module_utils.transaction.rollback import rollback
from ansible_collections.restaking.avs.plugins.plugin_utils.avsctl.process import run_command

from tests.integration.host.support import Bench, docker, pack, package

PASSWORD = "of the repository"
WAY = Way("host test", 5)
# Moments at which the executor is killed: as a step begins.
MOMENTS = ("LIVE COPY", "BACKUP", "SWITCH", "START", "GATE", "COMMIT")


def newer(bench: Bench, folder: Path, tag: str, version: str, keys: dict[str, str], **env: str) -> dict[str, Any]:
    """Another version of the package: its containers are other ones, as its node is told something else."""
    tree = package(folder / version)
    compose = tree / "pkg" / "hoodi" / "docker-compose.yml"
    compose.write_text(compose.read_text().replace("QUORUM_METRICS:", f"VERSION: {version}\n      QUORUM_METRICS:"))
    spec = bench.spec(tag, tree, keys)
    spec["package"] = {**spec["package"], "version": version, "commit": "2" * 40}
    return {**spec, "env": {**spec["env"], **env}, "health": {**spec["health"], "timeout": 8}}


def moving(bench: Bench, spec: dict[str, Any]) -> dict[str, Any]:
    """With a migration that needs a volume and a network which only this version has."""
    tree = bench.trees[spec["package"]["tree_sha256"]]
    compose = tree / "pkg" / "hoodi" / "docker-compose.yml"
    model = yaml.safe_load(compose.read_text())
    mover = {"image": model["services"]["node"]["image"], "entrypoint": ["sh", "-c"], "command": ["true"], "restart": "no"}
    model["services"]["mover"] = {**mover, "volumes": ["index:/index"], "networks": ["side"]}
    model["volumes"]["index"], model["networks"]["side"] = {}, {}
    compose.write_text(yaml.safe_dump(model))
    digest = tree_digest(str(tree))
    bench.trees[digest] = tree
    command = {"run": "run", "service": "mover", "args": ["grep ' /index ' /proc/mounts"]}
    return {
        **spec, "package": {**spec["package"], "tree_sha256": digest}, "commands": {"move": command},
        "migrations": [{"to": spec["package"]["version"], "command": "move"}],
        "privileges": {**spec["privileges"], "mover": {"user": "1000:1000"}},
    }  # fmt: skip


def upgrade(bench: Bench, spec: dict[str, Any], **said: Any) -> dict[str, Any]:
    digest = spec["package"]["tree_sha256"]
    document = {
        "schema": 1, "specs": [spec], "trees": {digest: pack(bench.trees[digest])}, "holder": "host test", "lock_timeout": 5, "settings": {},
        "complete": True, "upgrade": {"acknowledged": {}},
    }  # fmt: skip
    call = {
        "document": json.loads(json.dumps(document)), "secret_values": {spec["id"]: bench.values[spec["id"]]},
        "backup": {"repository": None, "password": PASSWORD}, **said,
    }  # fmt: skip
    found: dict[str, Any] = work.upgrade(call, run_command, bench.store, bench.engine)["instances"][0]
    return found


def height(spec: dict[str, Any]) -> int:
    until = time.monotonic() + 20
    while True:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{spec['env']['MAIN_PORT']}/height", timeout=2) as answer:
                return int(json.load(answer)["height"])
        except OSError:
            assert time.monotonic() < until
            time.sleep(0.2)


def host(bench: Bench) -> Host:
    return Host(bench.store, bench.engine, run_command)


def saved(repository: Path) -> set[str]:
    """Names of snapshots, of whatever kind."""
    return set(os.listdir(repository / "snapshots")) if repository.exists() else set()


def version(bench: Bench, name: str) -> str | None:
    state = bench.store.instance(name).state()
    return state.package.version if state is not None and state.package is not None else None


@pytest.fixture
def node(bench: Bench, tree: Path, keys: dict[str, str], request: pytest.FixtureRequest) -> Iterator[dict[str, Any]]:
    spec = bench.spec("up", tree, keys)
    bench.call([spec])
    yield spec
    bench.call([{**spec, "state": "absent", "purge": True}])


def test_it_goes_to_another_version_and_back(bench: Bench, node: dict[str, Any], tmp_path: Path, keys: dict[str, str]) -> None:
    name, before = node["id"], height(node)
    spec, had = moving(bench, newer(bench, tmp_path, "up", "v1.1.0", keys)), (bench.volumes(), bench.networks())
    done = upgrade(bench, spec)
    assert (done["error"], done["upgrade"]["step"], version(bench, name)) == (None, "COMMIT", "v1.1.0")
    assert (len(bench.volumes()), len(bench.networks())) == (len(had[0]) + 1, len(had[1]) + 1)
    assert height(spec) >= before and len(bench.running()) == 2
    assert bench.call([spec])["changed"] is False
    reached = height(spec)
    broken = newer(bench, tmp_path, "up", "v1.2.0", keys, DEMO_BROKEN="true")
    done = upgrade(bench, broken)
    assert "failed at GATE" in done["error"] and "v1.1.0 runs again, and is well" in done["error"], done["error"]
    assert version(bench, name) == "v1.1.0" and height(spec) >= reached
    assert bench.call([spec])["changed"] is False
    back = rollback(host(bench), [name], WAY, Asked(password=PASSWORD), confirmed=True)["instances"][0]
    assert (back["error"], version(bench, name)) == (None, "v1.0.0")
    # Nothing was written to what only the other one had.
    assert (bench.volumes(), bench.networks()) == had
    # What was stored when v1.0.0 was stopped.
    assert before <= height(node) and bench.call([node])["changed"] is False


def test_what_lies_in_a_container_alone_is_named(bench: Bench, node: dict[str, Any], tmp_path: Path, keys: dict[str, str]) -> None:
    """Of a service whose root may be written to."""
    tree = package(tmp_path / "open")
    spec = bench.spec("open", tree, keys)
    spec["privileges"] = {name: {**one, "read_only": False} for name, one in spec["privileges"].items()}
    bench.call([spec])
    try:
        other = newer(bench, tmp_path, "open", "v1.1.0", keys)
        other["privileges"] = spec["privileges"]
        container = f"avs-{spec['id']}-gateway"
        docker("exec", "-u", "0", container, "sh", "-c", "mkdir -p /var/lib/x /tmp/y && echo 1 > /var/lib/x/rows && echo 2 > /tmp/y/z")
        with pytest.raises(HostError) as refused:
            upgrade(bench, other)
        assert [item.id for item in refused.value.findings if item.severity == "error"] == ["UPG-011"]
        assert "/var/lib/x of service gateway" in str(refused.value) and "/tmp" not in str(refused.value)
    finally:
        bench.call([{**spec, "state": "absent", "purge": True}])


@pytest.mark.parametrize("moment", MOMENTS)
def test_killed_at_a_step_the_next_run_ends_with_one_version(
    bench: Bench, node: dict[str, Any], tmp_path: Path, keys: dict[str, str], moment: str
) -> None:
    name, before = node["id"], height(node)
    spec = newer(bench, tmp_path, "up", "v1.1.0", keys)
    repository = Path(settings.default_repository(bench.store, name))
    known = saved(repository)
    child = os.fork()
    if child == 0:
        write = transaction.write

        def dying(own: Any, known: Any) -> None:
            write(own, known)
            if known.step == moment:
                os.kill(os.getpid(), signal.SIGKILL)

        transaction.write = dying
        try:
            upgrade(bench, spec)
        finally:
            os._exit(70)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    shutil.rmtree(Path(bench.store.instance(name).run, "backup", "progress.json"), ignore_errors=True)
    cut.end(host(bench), [name], WAY, Asked(password=PASSWORD))
    if moment == "BACKUP":
        # restic waited to be let go on: it has ended, and what there is is of the live pass.
        assert os.listdir(repository / "locks") == [] and len(saved(repository) - known) == 1
    started = control.start(bench.store, bench.engine, [name], WAY)["instances"][0]
    assert started["error"] is None, (moment, started["error"])
    assert version(bench, name) == "v1.0.0" and height(node) >= before and len(bench.running()) == 2
    assert bench.call([node])["changed"] is False
    assert not os.path.lexists(bench.store.instance(name).upgrade)
