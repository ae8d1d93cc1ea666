# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The host module is killed at random moments; the next run must converge, lose nothing and leave nothing behind."""

from __future__ import annotations

import random
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from tests.integration.support import Fleet, Host

KILLS = 20
# Python processes of the host itself (a container's live in another mount namespace): the module, not the nodes.
KILL_MODULE = (
    "mine=$(readlink /proc/1/ns/mnt); for pid in $(pgrep python3); do "
    '[ "$(readlink /proc/$pid/ns/mnt)" = "$mine" ] && kill -9 $pid && echo killed; done; true'
)
LEFTOVERS = (
    "find /var/lib/avs /run/avs -name '*.tmp*' -o -name '.staging*' -o -name '*.partial'; "
    "find /tmp /var/tmp -maxdepth 1 -name 'avs-*'"
)


def interrupt(fleet: Fleet, host: Host, entries: list[dict[str, Any]], delay: float) -> bool:
    """Start an install and kill its module after ``delay`` seconds; says whether there was one to kill."""
    killed: list[str] = []

    def kill() -> None:
        time.sleep(delay)
        killed.append(host.run(KILL_MODULE))

    thread = threading.Thread(target=kill)
    thread.start()
    fleet.play("install", {host.name: entries}, parse=False)
    thread.join()
    return "killed" in killed[0]


def harass(fleet: Fleet, host: Host, demo: Any, rounds: int, seed: int) -> int:
    """Rounds of: install a new instance and purge the last one, killed half way; then the same again, whole."""
    dice = random.Random(seed)
    keeper = demo("keeper", 90)
    assert fleet.play("install", {host.name: [keeper]}).code == 0
    kept = {name: cid for name, cid in host.containers().items() if "-keeper-" in name}
    volumes = set(host.run("docker volume ls -q").split())
    last: dict[str, Any] | None = None
    hits = 0
    for number in range(rounds * 3):
        if hits == rounds:
            break
        fresh = demo(f"k{number}", 10 + number)
        gone = [{**last, "state": "absent", "purge": True}] if last else []
        entries = [keeper, fresh, *gone]
        hits += interrupt(fleet, host, entries, dice.uniform(1.0, 9.0))
        settled = fleet.play("install", {host.name: entries})
        assert settled.code == 0, settled.output[-4000:]
        assert settled.reconcile(host.name)["instances"][1]["health"]["status"] == "healthy"
        assert host.run(LEFTOVERS).strip() == ""
        names = host.containers()
        assert {name: names[name] for name in kept} == kept
        assert {name.split("-")[3] for name in names if name.startswith("avs-demo-avs-k")} == {"keeper", f"k{number}"}
        last = fresh
    quiet = fleet.play("install", {host.name: [keeper, fresh]})
    assert quiet.code == 0 and quiet.stats[host.name]["changed"] == 0
    assert volumes <= set(host.run("docker volume ls -q").split())
    return hits


def test_killed_installs_converge(fleet: Fleet, demo: Any, tmp_path_factory: Any) -> None:
    hosts = list(fleet.hosts.values())
    share = -(-KILLS // len(hosts))

    def one(number: int) -> int:
        own = Fleet(Path(tmp_path_factory.mktemp(f"kill{number}")))
        own.variables = fleet.variables
        return harass(own, hosts[number], demo, share, seed=number)

    with ThreadPoolExecutor(len(hosts)) as pool:
        hits = sum(pool.map(one, range(len(hosts))))
    assert hits >= KILLS


def test_a_held_lock_is_named(fleet: Fleet, demo: Any) -> None:
    host = fleet.first
    entry = demo("locked", 70)
    assert fleet.play("install", {host.name: [entry]}).code == 0
    holder = subprocess.Popen(
        [*host.ssh(), "exec 9>>/run/lock/avs/demo-avs-locked.lock; flock 9; echo held; sleep 60"],
        stdout=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert holder.stdout is not None and holder.stdout.readline().strip() == "held"
        changed = {**entry, "options": {**entry["options"], "gateway-timeout": 3.5}}
        result = fleet.play("install", {host.name: [changed]}, variables={"avs_lock_timeout": 2})
        assert result.code != 0
        assert "demo-avs-locked" in result.message(host.name) and "lock" in result.message(host.name)
    finally:
        holder.terminate()
        holder.wait()


def test_two_runs_at_once_agree(fleet: Fleet, demo: Any, tmp_path_factory: Any) -> None:
    host = fleet.first
    entry = demo("twice", 71)

    def run(number: int) -> Any:
        own = Fleet(Path(tmp_path_factory.mktemp(f"twice{number}")))
        own.variables = fleet.variables
        return own.play("install", {host.name: [entry]})

    with ThreadPoolExecutor(2) as pool:
        results = list(pool.map(run, range(2)))
    assert [result.code for result in results] == [0, 0], "\n".join(result.output[-2000:] for result in results)
    assert sorted(result.stats[host.name]["changed"] for result in results) == [0, 1]
