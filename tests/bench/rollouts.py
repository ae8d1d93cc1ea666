# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a rollout over many hosts costs its controller: everything is asked, judged and planned, in check mode, of names that lead to the lab's hosts."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.bench.row import Row
from tests.integration.support import BIN, Fleet, Host
from tests.unit.support.builders import GitRepo, as_yaml, write

FEW, MANY = 50, 200
VERSIONS = ("v0.1.0", "v0.2.0")


def rollout_rows(fleet: Fleet, package: Mapping[str, str]) -> list[Row]:
    """``package``: path -> content of one without keys, of version 0.1.0; ``IMAGE`` in it is an image the hosts have."""
    tap = _tap(fleet, package)
    saved = {"avs_backup_repository": "/var/backups/bench", "avs_backup_password": "a password of a bench"}
    own = {"avs_taps": [{"name": "many", "url": str(tap)}], **saved}
    entry = {"package": "many/quiet", "version": VERSIONS[0], "profile": "net", "tag": "wave"}
    real = fleet.hosts
    _must(fleet.play("install", {name: [entry] for name in real}, variables=own))
    few, _memory = _checked(fleet, {**entry, "version": VERSIONS[1]}, own, FEW)
    many, memory = _checked(fleet, {**entry, "version": VERSIONS[1]}, own, MANY)
    fleet.hosts = real
    _must(fleet.play("install", {name: [{**entry, "state": "absent", "purge": True}] for name in real}, variables=own))
    detail = f"{many / MANY:.2f} s a name of {MANY} against {few / FEW:.2f} s of {FEW}, {len(real)} hosts"
    return [
        Row("a name of a rollout in check mode, of many against few", (many / MANY) / (few / FEW), 1.2, "x", detail),
        Row("memory of the controller for a rollout in check mode", memory, 300, "MiB", f"{MANY} names"),
    ]


def _tap(fleet: Fleet, package: Mapping[str, str]) -> Path:
    folder = fleet.folder / "rollout-tap"
    repo, listed = GitRepo(folder / "repo"), []
    for version in VERSIONS:
        files = {name: text.replace("IMAGE", f"{fleet.facts['lab_registry']}/demo-avs:1.0.0") for name, text in package.items()}
        files = {name: text.replace("version: 0.1.0", f"version: {version[1:]}") for name, text in files.items()}
        listed.append({"version": version, "commit": repo.commit(files, version)})
    index = {"name": "quiet", "url": repo.url, "networks": ["net"], "versions": listed}
    return write(folder / "tap", {"tap.yml": "schema: 1\nname: many\n", "packages/quiet.yml": as_yaml(index)})


def _checked(fleet: Fleet, entry: Mapping[str, Any], variables: Mapping[str, Any], count: int) -> tuple[float, float]:
    """Seconds a run in check mode takes, and how much memory its main process has at most, in MiB."""
    hosts = list(fleet.hosts.values())[:2]
    fleet.hosts = {f"name{number:03}": Host(f"name{number:03}", hosts[number % len(hosts)].variables) for number in range(count)}
    inventory = fleet.write_inventory({name: [dict(entry)] for name in fleet.hosts}, variables)
    command = [str(BIN / "ansible-playbook"), "restaking.avs.upgrade", "-i", str(inventory), "-e", "avs_upgrade_all=true", "--check"]
    began = time.monotonic()
    with (fleet.folder / "rollout.log").open("wb") as log:
        process = subprocess.Popen(command, env=fleet.environment(), cwd=fleet.folder, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        _pid, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    text = (fleet.folder / "rollout.log").read_text(errors="replace")
    if process.returncode or f"wave 2: {count - 1} hosts" not in text:
        raise SystemExit(text[-6000:])
    return time.monotonic() - began, usage.ru_maxrss / 1024


def _must(result: Any) -> None:
    if result.code:
        raise SystemExit(result.output[-6000:])
