# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a backup takes, and how long its node is away for it, or for an upgrade, which makes one."""

from __future__ import annotations

import json
import statistics
from typing import Any

import hvac

from tests.bench.away import Changes, Watched
from tests.bench.row import Row
from tests.bench.upgrades import Versions, tap_of_versions
from tests.demo.prepare import node, store_keys
from tests.integration.support import Fleet, Host

TAG = "bench-saved"
ID = f"demo-avs-{TAG}"
WORK = f"/var/lib/avs/instances/{ID}/data/data/work"
# 1 GiB in 20,000 files; 4 GiB in one that has 256 MiB in it.
MANY = f"for i in $(seq 200); do mkdir -p {WORK}/$i && head -c 5368700 /dev/urandom | split -b 53687 - {WORK}/$i/f; done"
SPARSE = (
    f"rm -rf {WORK}/*; truncate -s 4G {WORK}/one; "
    f"for i in $(seq 0 63); do dd if=/dev/urandom of={WORK}/one bs=4M count=1 seek=$((i * 16)) conv=notrunc status=none; done"
)
# One in a hundred of each, and what it takes to copy as much.
MANY_CHANGES = Changes(
    f"for i in $(seq 200); do head -c 53687 /dev/urandom >{WORK}/$i/faa; done; sync",
    f"mkdir /var/backups/bare && cp {WORK}/*/faa --target-directory /var/backups/bare --backup=numbered && sync",
    "1 % of 1 GiB in 20,000 files changed",
)
SPARSE_CHANGES = Changes(
    f"for i in $(seq 0 9); do dd if=/dev/urandom of={WORK}/one bs=4M count=1 seek=$((i * 96)) conv=notrunc status=none; done; sync",
    f"for i in $(seq 0 9); do dd if={WORK}/one of=/var/backups/bare bs=4M count=1 skip=$((i * 96)) seek=$i conv=notrunc status=none; done; "
    "sync",
    "1 % of one sparse file of 4 GiB changed",
)
BACKUP = "node away for a backup against stop, copy of what changed, start"
UPGRADE = "node away for an upgrade against stop, copy of what changed, start"


def backup_rows(fleet: Fleet, host: Host, client: hvac.Client, runs: int) -> list[Row]:
    store_keys(client, TAG)
    # A tap of as many versions as there are upgrades to come.
    tap = tap_of_versions(fleet.folder / "versions", runs, fleet.facts["lab_registry"])
    entry = {**node(TAG, "hoodi", 80), "package": "bench/demo-avs"}
    placed = {host.name: [entry]}
    taps = [*fleet.variables["avs_taps"], {"name": "bench", "url": str(tap)}]
    saved = {"avs_backup_repository": "/var/backups/bench", "avs_backup_password": "a password of a bench"}
    fleet.variables.update({"avs_taps": taps, **saved})
    _must(fleet.play("install", placed, timeout=1800))
    host.run(f"command -v restic >/dev/null || {{ apt-get -q update && apt-get -q -y install restic; }}; {MANY}; sync")
    watched = Watched(host, ID, f"http://127.0.0.1:{entry['options']['main-port']}/eigen/node/health", runs)
    # Down, so that all of it is read by the copy: the first one, and one of the same data.
    host.run(f"avsctl stop {ID}")
    _must(fleet.play("backup", placed, "-e", json.dumps({"avs_backup": [ID]}), timeout=1800))
    first = _last(host)
    same = statistics.median(_again(host) for _run in range(runs))
    host.run(f"avsctl start {ID}")
    rows = [
        Row(
            "copy of unchanged data against the first one",
            same / first,
            0.2,
            "x",
            f"{same:.2f} s against {first:.2f} s, 1 GiB in 20,000 files",
        )
    ]
    rows.append(watched.row(BACKUP, MANY_CHANGES, lambda: host.run(f"avsctl backup {ID}")))
    versions = Versions(fleet, host, entry)
    rows.append(watched.row(UPGRADE, MANY_CHANGES, versions.upgrade))
    host.run(SPARSE)
    host.run(f"avsctl backup {ID}")
    rows.append(watched.row(BACKUP, SPARSE_CHANGES, lambda: host.run(f"avsctl backup {ID}")))
    _must(fleet.play("install", {host.name: [{**versions.entry, "state": "absent", "purge": True}]}))
    host.run("rm -rf /var/backups/bench")
    return rows


def _must(result: Any) -> None:
    if result.code:
        raise SystemExit(result.output[-6000:])


def _last(host: Host) -> float:
    """Seconds of the last copy of a node that is down."""
    return float(json.loads(host.run(f"avsctl status {ID} --json", check=False))["instances"][0]["backup"]["seconds"])


def _again(host: Host) -> float:
    host.run(f"avsctl backup {ID}")
    return _last(host)
