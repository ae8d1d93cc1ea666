# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A secret is rotated by a run that is killed at each of its operations on files; the next run ends as if it had not been."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.restaking.avs.plugins.module_utils.health import gate

from tests.integration.host.handmade import SLEEP, service, spec, tree
from tests.integration.host.support import ROOT, Bench, docker, reference
from tests.integration.host.test_lifecycle import step

PASSWORD, KEY = "option.rpc-token", "key.tls.keystore"
# The operation of this number, of those that change what another process can see, does not happen; nor does anything after it.
CHILD = """
import json, os, sys
sys.path[:0] = {paths!r}
from ansible_collections.restaking.avs.plugins.module_utils.docker.engine import Engine
from ansible_collections.restaking.avs.plugins.module_utils.reconcile.job import Call
from ansible_collections.restaking.avs.plugins.module_utils.reconcile.reconcile import reconcile
from ansible_collections.restaking.avs.plugins.module_utils.instance.store import Store
from ansible_collections.restaking.avs.plugins.plugin_utils.avsctl.process import run_command
document, values, left = json.load(sys.stdin)
ours = {roots!r}
def counted(function):
    def call(path, *arguments, **more):
        global left
        if str(path).startswith(ours):
            left -= 1
            if left == 0:
                os._exit(137)
        return function(path, *arguments, **more)
    return call
for name in ("rename", "symlink", "unlink", "mkdir", "rmdir", "link"):
    setattr(os, name, counted(getattr(os, name)))
reconcile(Call(document, values), Engine(run_command), Store(*ours))
"""


def killed(bench: Bench, wanted: dict[str, Any], operation: int) -> bool:
    """A whole call in a process of its own; whether it was killed."""
    document = {
        "schema": 1, "specs": [wanted], "trees": {}, "holder": "killed", "lock_timeout": 30, "settings": {}, "complete": True,
    }  # fmt: skip
    roots = (bench.store.root, bench.store.run, bench.store.locks)
    code = CHILD.format(paths=[str(ROOT), str(ROOT / ".cache" / "collections")], roots=roots)
    given = json.dumps([document, {wanted["id"]: bench.values[wanted["id"]]}, operation])
    done = subprocess.run([sys.executable, "-c", code], input=given, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode in (0, 137), done.stderr
    return done.returncode == 137


def rotated(bench: Bench, node: dict[str, Any], number: int, versions: bool) -> dict[str, Any]:
    values = {PASSWORD: f"password-{number}", KEY: f"key-material-{number}"}
    bench.values[node["id"]] = values
    wiring: dict[str, dict[str, Any]] = {PASSWORD: {"env": ["LEVEL"], "services": []}, KEY: {"env": [], "services": ["node"]}}
    references = {
        name: {"version": f"vault:store:avs/{name}#{number}@t:f"} if versions else reference(value) for name, value in values.items()
    }
    return {**node, "secrets": {name: {"ref": references[name], **wiring[name]} for name in values}}


@pytest.mark.parametrize(("versions", "stride"), [(True, 4), (False, 3)], ids=["vault", "file"])
def test_a_rotation_killed_anywhere_is_finished_by_the_next_run(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, versions: bool, stride: int
) -> None:
    package = tree(tmp_path, {"node": service(SLEEP, init=True, environment={"TOKEN": "${LEVEL}"})})
    node = spec(bench, f"rot{int(versions)}", package, ["node"])
    monkeypatch.setattr(gate, "STEADY", 0.1)
    node["keys"] = [
        {"name": "tls", "kind": "file", "source": "file", "keystore": KEY, "password": None, "keystore_env": None,
         "password_file_env": None, "folder_env": None, "mount": "/keys", "services": ["node"], "owner": None}
    ]  # fmt: skip
    step(bench, rotated(bench, node, 0, versions))
    name = f"avs-{node['id']}-node"
    for operation in range(1, 200, stride):
        wanted = rotated(bench, node, operation, versions)
        cut = killed(bench, wanted, operation)
        done = bench.call([wanted], timeout=60)
        assert done.get("failed") is None, (operation, done)
        seen = docker("exec", name, "sh", "-c", "echo $TOKEN; cat /keys/tls.json").splitlines()
        assert seen == [f"password-{operation}", f"key-material-{operation}"], operation
        assert bench.call([wanted])["changed"] is False, operation
        if not cut:
            break
    assert not cut and operation > 10
