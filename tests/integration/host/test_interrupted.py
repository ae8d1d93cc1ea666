# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The library is killed at every kind of moment; the next call goes on, and nothing is left behind."""

from __future__ import annotations

import fcntl
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import pytest

from tests.integration.host.support import ROOT, Bench, docker, pack

CHILD = """
import json, sys
sys.path[:0] = {paths!r}
from ansible_collections.restaking.avs.plugins.module_utils.docker.engine import Engine
from ansible_collections.restaking.avs.plugins.module_utils.reconcile.job import Call
from ansible_collections.restaking.avs.plugins.module_utils.reconcile.reconcile import reconcile
from ansible_collections.restaking.avs.plugins.module_utils.instance.store import Store
from ansible_collections.restaking.avs.plugins.plugin_utils.avsctl.process import run_command
document, values = json.load(sys.stdin)
reconcile(Call(document, values), Engine(run_command), Store(*{roots!r}))
"""


def start(bench: Bench, specs: list[dict[str, Any]]) -> subprocess.Popen[str]:
    """A whole call in a process of its own, contents included."""
    trees = {digest: pack(tree) for digest, tree in bench.trees.items()}
    document = {"schema": 1, "specs": specs, "trees": trees, "holder": "killed", "lock_timeout": 30, "settings": {}, "complete": True}
    roots = (bench.store.root, bench.store.run, bench.store.locks)
    code = CHILD.format(paths=[str(ROOT), str(ROOT / ".cache" / "collections")], roots=roots)
    child = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, text=True
    )
    assert child.stdin is not None
    child.stdin.write(json.dumps([document, {spec["id"]: bench.values[spec["id"]] for spec in specs if "secrets" in spec}]))
    child.stdin.close()
    return child


def leftovers(bench: Bench) -> list[str]:
    found = [path for path in bench.files() if ".tmp" in path or ".staging" in path or path.endswith(".partial")]
    scratch = Path(tempfile.gettempdir())
    return found + [str(path) for path in scratch.glob("avs-*") if abandoned(path / ".lock")]


def abandoned(lock: Path) -> bool:
    """Other runs on this machine hold theirs."""
    try:
        with lock.open("r+") as handle:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def healthy(bench: Bench, specs: list[dict[str, Any]]) -> dict[str, Any]:
    result = bench.call(specs, timeout=60)
    assert [entry["error"] for entry in result["instances"]] == [None] * len(specs)
    assert {entry["health"]["status"] for entry in result["instances"] if entry["state"] == "started"} == {"healthy"}
    return result


@pytest.mark.parametrize("seed", range(3))
def test_killed_calls_are_finished_by_the_next(bench: Bench, tree: Path, keys: dict[str, str], seed: int) -> None:
    dice = random.Random(seed)
    keeper = bench.spec("keeper", tree, keys)
    healthy(bench, [keeper])
    kept = {name: cid for name, cid in bench.containers().items() if "-keeper-" in name}
    tag = f"k{seed}"
    spec = bench.spec(tag, tree, keys)
    changed = {**spec, "env": {**spec["env"], "GATEWAY_TIMEOUT": "7.5", "LOG_LEVEL": "debug"}}
    gone = {"schema": 1, "id": spec["id"], "tag": tag, "state": "absent", "purge": True, "package": {"name": spec["package"]["name"]}}
    killed = 0
    for wanted, longest in ((spec, 2.5), (changed, 2.0), (gone, 1.2), (spec, 2.5), (gone, 1.2)):
        for _time in range(2):
            child = start(bench, [keeper, wanted])
            time.sleep(dice.uniform(0.15, longest))
            if child.poll() is None:
                os.kill(child.pid, signal.SIGKILL)
                killed += 1
            child.wait()
        if wanted is not gone:
            healthy(bench, [keeper, wanted])
            names = {name for name in bench.containers() if f"-{tag}-" in name}
            assert names == {f"avs-{spec['id']}-node", f"avs-{spec['id']}-gateway"}
        else:
            assert bench.call([keeper, wanted], timeout=60)["instances"][1]["error"] is None
            assert not [name for name in (*bench.containers(), *bench.volumes(), *bench.files()) if spec["id"] in name]
        assert leftovers(bench) == []
        quiet = bench.call([keeper, wanted])
        assert not quiet["changed"]
    assert killed >= 3
    assert {name: bench.containers()[name] for name in kept} == kept


def test_a_successor_that_never_got_its_name(bench: Bench, tree: Path, keys: dict[str, str]) -> None:
    """The engine's client recreates a container under a passing name; here it died before it could rename it."""
    spec = bench.spec("half", tree, keys)
    healthy(bench, [spec])
    name = f"avs-{spec['id']}-node"
    docker("rename", name, f"0123456789ab_{name}")
    announced = bench.call([spec], check=True)
    done = healthy(bench, [spec])
    assert done["instances"][0]["actions"] == announced["instances"][0]["actions"]
    assert set(bench.containers()) >= {name}
    assert not [found for found in bench.containers() if "0123456789ab" in found]
    assert not bench.call([spec])["changed"]


def test_the_lock_outlives_a_killed_call(bench: Bench, tree: Path, keys: dict[str, str]) -> None:
    """What the engine's client still does for a killed call must not meet the next call."""
    spec = bench.spec("race", tree, keys)
    for delay in (0.9, 1.1, 1.3):
        child = start(bench, [spec])
        time.sleep(delay)
        child.kill()
        child.wait()
        healthy(bench, [spec])
        bench.call(
            [{"schema": 1, "id": spec["id"], "tag": "race", "state": "absent", "purge": True, "package": {"name": spec["package"]["name"]}}]
        )
