# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every form in which a package says how a volume is saved and brought forward, each run once by a real engine."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ansible_collections.restaking.avs.plugins.module_utils.instance import hold
from ansible_collections.restaking.avs.plugins.module_utils.reconcile import restoring, saving
from ansible_collections.restaking.avs.plugins.module_utils.reconcile.own import Way as How
from ansible_collections.restaking.avs.plugins.module_utils.reconcile.repositories import Asked, Host
from ansible_collections.restaking.avs.plugins.module_utils.reconcile.restoring import Back
from ansible_collections.restaking.avs.plugins.plugin_utils.avsctl.process import run_command

from tests.integration.host.small import Small, Way
from tests.integration.host.support import Bench, docker

HOW = How("tester", 5, 30)
MOUNTS = [f"{name}:/{name}" for name in ("dumped", "beside", "signed", "scratch")]
COPY = "mkdir /{0}/.avs-backup && cp /{0}/rows /{0}/.avs-backup/rows"
CASE = Small(
    services={
        "node": {"volumes": MOUNTS, "user": "0:0"},
        "tool": {"volumes": MOUNTS, "user": "0:0", "entrypoint": ["sh", "-c"], "command": ["exec sleep infinity"]},
    },
    compose={"volumes": {mount.partition(":")[0]: {} for mount in MOUNTS}},
    runtime={
        "health": {"type": "container", "steady": 1},
        "commands": {
            "dump": {"run": "exec", "service": "node", "args": ["sh", "-c", COPY.format("dumped")]},
            "dump-beside": {"run": "run", "service": "tool", "args": [COPY.format("beside")]},
            "forward": {"run": "run", "service": "tool", "args": ["! test -e /scratch/broken && echo forward >> /signed/rows"]},
        },
        "volumes": {
            "dumped": {"class": "data", "backup": "dump"},
            "beside": {"class": "data", "backup": "dump-beside"},
            "signed": {"class": "monotonic", "live": True, "watermark": "forward"},
            "scratch": "cache",
        },
    },
)


def place(bench: Bench, name: str) -> Path:
    return Path(json.loads(docker("volume", "inspect", f"avs-{bench.name}-u_{name}"))[0]["Mountpoint"])


def started(bench: Bench) -> str:
    return docker("inspect", "-f", "{{.Id}} {{.State.StartedAt}}", *bench.running())


def entry(done: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = done["instances"][0]
    return found


def test_each_form_is_run_and_stops_nothing(bench: Bench, tmp_path: Path) -> None:
    assert Way(bench, tmp_path).install({"u": CASE})["u"]["error"] is None
    host, name, before = Host(bench.store, bench.engine, run_command), f"{bench.name}-u", started(bench)
    folders = {volume: place(bench, volume) for volume in ("dumped", "beside", "signed")}
    for folder in folders.values():
        (folder / "rows").write_text("then\n")
    (folders["dumped"] / "torn").write_text("half of something")
    done = entry(saving.take(host, [name], HOW, Asked(password="a-password")))
    assert (done["error"], done["backup"]["kind"], started(bench)) == (None, "live-safe", before)
    assert [(item["kind"], item["action"]) for item in done["actions"]] == [("backup", "create")]
    for folder in folders.values():
        (folder / "rows").write_text("later\n")
        assert sorted(path.name for path in folder.iterdir() if path.name.startswith(".")) == []
    back = entry(restoring.restore(host, [name], HOW, Asked(), Back()))
    assert (back["error"], back["state"], back["replaced"]) == (None, "started", {})
    assert {volume: (folder / "rows").read_text() for volume, folder in folders.items()} == {
        "dumped": "then\n", "beside": "then\n", "signed": "then\nforward\n",
    }  # fmt: skip
    assert not (folders["dumped"] / "torn").exists()
    # One that fails leaves what was there, and the node down until somebody looks.
    (place(bench, "scratch") / "broken").write_text("")
    (folders["beside"] / "rows").write_text("last\n")
    failed = entry(restoring.restore(host, [name], HOW, Asked(), Back()))
    assert "volumes.signed.watermark failed: it ended with 1" in failed["error"] and bench.running() == []
    assert (folders["beside"] / "rows").read_text() == "last\n" and hold.hold_of(bench.store.instance(name)) is not None
    assert not [line for line in docker("ps", "-a", "--format", "{{.Names}}").splitlines() if f"{name}-tool-run" in line]
