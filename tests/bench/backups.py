# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a backup takes, and how long its node is away for it: from the last good answer of its health probe to the next one."""

from __future__ import annotations

import json
import statistics
import threading
from collections.abc import Callable
from typing import Any

import hvac

from tests.bench.row import Row
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
MANY_CHANGED = f"for i in $(seq 200); do head -c 53687 /dev/urandom >{WORK}/$i/faa; done; sync"
MANY_COPIED = f"mkdir /var/backups/bare && cp {WORK}/*/faa --target-directory /var/backups/bare --backup=numbered && sync"
SPARSE_CHANGED = (
    f"for i in $(seq 0 9); do dd if=/dev/urandom of={WORK}/one bs=4M count=1 seek=$((i * 96)) conv=notrunc status=none; done; sync"
)
SPARSE_COPIED = (
    f"for i in $(seq 0 9); do dd if={WORK}/one of=/var/backups/bare bs=4M count=1 skip=$((i * 96)) seek=$i conv=notrunc status=none; done; "
    "sync"
)
WATCH = """
import sys, time, urllib.request, os
last, longest, end = time.monotonic(), 0.0, time.monotonic() + 600
while not os.path.exists("/run/bench-done") and time.monotonic() < end:
    try:
        good = urllib.request.urlopen(sys.argv[1], timeout=2).status == 200
    except OSError:
        good = False
    now = time.monotonic()
    if good:
        longest, last = max(longest, now - last), now
    time.sleep(0.02)
print(longest)
"""


def backup_rows(fleet: Fleet, host: Host, client: hvac.Client, runs: int) -> list[Row]:
    store_keys(client, TAG)
    entry = node(TAG, "mainnet", 80)
    placed = {host.name: [entry]}
    fleet.variables.update({"avs_backup_repository": "/var/backups/bench", "avs_backup_password": "a password of a bench"})
    _must(fleet.play("install", placed, timeout=1800))
    host.run(f"command -v restic >/dev/null || {{ apt-get -q update && apt-get -q -y install restic; }}; {MANY}; sync")
    probe = f"http://127.0.0.1:{entry['options']['main-port']}/eigen/node/health"
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
    rows.append(_away(host, probe, (MANY_CHANGED, MANY_COPIED), runs, "1 % of 1 GiB in 20,000 files changed"))
    host.run(SPARSE)
    host.run(f"avsctl backup {ID}")
    rows.append(_away(host, probe, (SPARSE_CHANGED, SPARSE_COPIED), runs, "1 % of one sparse file of 4 GiB changed"))
    _must(fleet.play("install", {host.name: [{**entry, "state": "absent", "purge": True}]}))
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


def _away(host: Host, probe: str, how: tuple[str, str], runs: int, what: str) -> Row:
    """How long a node is away for a backup, against a bare stop and start with a plain copy of what has changed between."""
    changed, copied = how
    node, gateway = f"avs-{ID}-node", f"avs-{ID}-gateway"
    # Each in the order in which they need each other: the node, which is watched, waits for nothing of the other one's.
    bare = f"docker stop {gateway} {node} >/dev/null; {copied}; docker start {node} {gateway} >/dev/null"
    ours, plain = [], []
    for _run in range(runs):
        host.run(changed)
        ours.append(_outage(host, probe, lambda: host.run(f"avsctl backup {ID}")))
        plain.append(_outage(host, probe, lambda: host.run(bare)))
        host.run("rm -rf /var/backups/bare")
    one, other = statistics.median(ours), statistics.median(plain)
    detail = f"{one:.2f} s against {other:.2f} s, both until it answers again; {what}"
    return Row("node away for a backup against stop, copy of what changed, start", one / other, 1.3, "x", detail)


def _outage(host: Host, probe: str, act: Callable[[], object]) -> float:
    """The longest time between two good answers of a probe while something is done."""
    said: list[str] = []
    host.run("rm -f /run/bench-done")
    watcher = threading.Thread(target=lambda: said.append(host.run(f"python3 - {probe}", stdin=WATCH)))
    watcher.start()
    try:
        host.run(f"sleep 1; until curl -sf -o /dev/null {probe}; do sleep 0.1; done")
        act()
        host.run(f"until curl -sf -o /dev/null -w '%{{http_code}}' {probe} | grep -q 200; do sleep 0.1; done; sleep 0.5")
    finally:
        host.run("touch /run/bench-done")
        watcher.join()
    return float(said[0])
