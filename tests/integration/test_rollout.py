# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A version is rolled out over many hosts, each with an engine of its own, of which one is broken in wave 2."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hvac
import pytest

from tests.integration.support import Fleet, lab, lab_fleet

pytestmark = pytest.mark.soak
HOSTS = int(os.environ.get("AVS_TEST_HOSTS") or 12)
VARIABLES = {"avs_backup_password": {"source": "vault", "path": "avs/rollout/backup", "field": "password"}}


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory, approle: dict[str, Any], vault: hvac.Client) -> Iterator[Fleet]:
    """Hosts with an engine each, of which the lab's own are the first."""
    vault.secrets.kv.v2.create_or_update_secret(path="avs/rollout/backup", secret={"password": "of-a-rollout"}, mount_point="secret")
    with lab_fleet(tmp_path_factory, approle) as few:
        added = [lab("add") for _more in range(HOSTS - len(few.hosts))]
    try:
        with lab_fleet(tmp_path_factory, approle) as fleet:
            yield fleet
    finally:
        for name in added:
            lab("remove", name)


def version(fleet: Fleet, name: str, node: str) -> str:
    return str(json.loads(fleet.hosts[name].run(f"cat /var/lib/avs/instances/{node}/state.json"))["package"]["version"])


def test_one_broken_host_in_wave_2(many: Fleet, demo: Any) -> None:
    names = list(many.hosts)[:HOSTS]
    many.hosts = {name: many.hosts[name] for name in names}
    entries = {name: [demo(f"ro{number}")] for number, name in enumerate(names)}
    nodes = {name: f"demo-avs-ro{number}" for number, name in enumerate(names)}
    for host in many.hosts.values():
        host.run("command -v restic >/dev/null || { apt-get -q update && apt-get -q -y install restic; }")
    placed = many.play("site", entries, variables=VARIABLES, timeout=1800)
    assert placed.code == 0, placed.output[-3000:]
    broken = names[2]
    wanted = {name: [{**own[0], "version": "v1.1.0"}] for name, own in entries.items()}
    sick = {**wanted, broken: [{**wanted[broken][0], "options": {**wanted[broken][0]["options"], "simulate-failure": True}}]}
    folder = Path(many.folder) / "rollouts"
    given = (
        "-e", "avs_upgrade_all=true", "-e", '{"avs_serial": [1, 4, "100%"]}', "-e", "avs_rollout_soak=5", "-e", f"avs_rollout_folder={folder}",
        "-e", "avs_upgrade_poll=2", "--forks", "4",
    )  # fmt: skip
    began = time.monotonic()
    first = many.play("upgrade", sick, *given, variables=VARIABLES, timeout=1800)
    took = time.monotonic() - began
    assert first.code != 0, first.output[-3000:]
    (run,) = [path for path in folder.iterdir() if path.is_dir()]
    results = {node["host"]: node for node in json.loads((run / "report.json").read_text())["nodes"]}
    assert {name: results[name]["result"] for name in names} == {
        name: "failed" if name == broken else "done" if number < 5 else "not begun" for number, name in enumerate(names)
    }
    assert {name: version(many, name, nodes[name]) for name in names} == {
        name: "v1.0.0" if name == broken or number >= 5 else "v1.1.0" for number, name in enumerate(names)
    }
    assert all(results[name]["backup"] and results[name]["stopped"] for name in names[:5] if name != broken)
    # After the repair only what is left is done.
    again = many.play("upgrade", wanted, *given, variables=VARIABLES, timeout=1800)
    assert again.code == 0 and {version(many, name, nodes[name]) for name in names} == {"v1.1.0"}, again.output[-3000:]
    changed = {name for name, stats in again.stats.items() if stats["changed"]}
    assert changed == {broken, *names[5:]}
    settled = many.play("install", wanted, variables=VARIABLES)
    assert settled.code == 0 and not any(stats["changed"] for stats in settled.stats.values())
    print(f"a rollout over {len(names)} hosts: {took:.0f} s to its stop in wave 2")
