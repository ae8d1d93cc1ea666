# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The host module is killed at random moments; the next run must converge, lose nothing and leave nothing behind."""

from __future__ import annotations

import json
import os
import random
import re
import shlex
import subprocess
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from tests.integration.power import settled as units_at_rest
from tests.integration.support import Fleet, Host, Result

# Every cut there is: tests/unit/reconcile/test_cuts.py. Here it is shown on a host, and more often by tests/soak.sh.
KILLS = int(os.environ.get("AVS_TEST_KILLS", "10"))
SEED = 20
PROBE = (Path(__file__).parent / "probes" / "module.py").read_text()
EARLY, LATE = {"look", "verify", "removal", "applying"}, {"containers", "committed"}

# Everything a run can leave. Of a release and of data/ only the folder: what is in them is the package's and the node's.
REMAINS = {
    "containers": "docker ps -a --format '{{.Names}}'",
    "volumes": "docker volume ls -q",
    "networks": "docker network ls --format '{{.Name}}'",
    "files": "find /var/lib/avs -mindepth 1 \\( -path '*/releases/*' -o -path '*/data' \\) -prune -print -o -mindepth 1 -print",
    "secrets": "find /run/avs -mindepth 1",
    # A lock somebody holds, or held when killed, is not empty. Those of artifacts and of the library are the host's.
    "locks": "find /run/lock/avs -mindepth 1 -not -name artifacts.lock -not -name avsctl.lock -printf '%p %s bytes\\n'",
    "library": "find /usr/local/lib/avs",
    # Code of Ansible's modules that were killed is Ansible's to leave; a restart of the host clears /tmp of it.
    "temporary": "find /tmp /var/tmp /dev/shm /root/.ansible -mindepth 1 -maxdepth 2 -not -path '/*tmp/systemd-private-*'"
    " -not -path '/tmp/ansible_*_payload_*' 2>/dev/null",
}


def remains(host: Host) -> dict[str, set[str]]:
    text = host.run("; ".join(f"echo '== {name}'; {command}" for name, command in REMAINS.items()) + "; true")
    found = {}
    for part in text.split("== ")[1:]:
        name, *lines = part.splitlines()
        found[name] = set(lines)
    return found


def beyond(found: dict[str, set[str]], base: dict[str, set[str]]) -> dict[str, set[str]]:
    return {name: lines - base[name] for name, lines in found.items()}


def likeness(pattern: dict[str, set[str]], keep: str, tags: Sequence[str]) -> dict[str, set[str]]:
    """What instances with these tags leave, if each is like the one tagged ``keep`` that was installed undisturbed."""
    return {
        name: {line.replace(f"demo-avs-{keep}", f"demo-avs-{tag}") for line in lines for tag in tags} for name, lines in pattern.items()
    }


def counted(found: dict[str, set[str]]) -> dict[str, set[str]]:
    """Without the numbers of releases and key folders: an interrupted install may have used up some."""
    return {
        name: {
            re.sub(r"(/releases/|/\.\.v)\d+", r"\1N", line) + ("" if number == 0 else f" (again, {line})")
            for number, line in numbered(lines)
        }
        for name, lines in found.items()
    }


def numbered(lines: set[str]) -> Iterator[tuple[int, str]]:
    """Each line with how many before it differ in such a number only."""
    seen: Counter[str] = Counter()
    for line in sorted(lines):
        bare = re.sub(r"(/releases/|/\.\.v)\d+", r"\1N", line)
        yield seen[bare], line
        seen[bare] += 1


def running(host: Host, tag: str) -> str:
    """Ids, starts and restarts of an instance's containers."""
    return host.run(
        f"docker inspect -f '{{{{.Name}}}} {{{{.Id}}}} {{{{.State.StartedAt}}}} {{{{.RestartCount}}}}' "
        f"$(docker ps -q --filter label=avs.instance=demo-avs-{tag}) | sort"
    )


def probed(fleet: Fleet, host: Host, entries: list[dict[str, Any]], *arguments: str) -> tuple[Result, dict[str, Any]]:
    """An install beside which the probe runs, and what the probe saw."""
    probe = subprocess.Popen(
        [*host.ssh(), shlex.join(["python3", "-c", PROBE, *arguments])], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert probe.stdout is not None and probe.stdout.readline() == "ready\n"
        result = fleet.play("install", {host.name: entries}, parse=False)
        answer, _errors = probe.communicate(timeout=60)
    finally:
        probe.kill()
    assert probe.returncode == 0
    return result, json.loads(answer)


def harass(fleet: Fleet, host: Host, demo: Any, name: str, rounds: int, dice: random.Random) -> list[str]:
    """Rounds of: install a new instance and purge the last one, killed half way; then the same again, whole.

    ``name`` begins the tags of these instances: other hosts have other keys. Returns the phase each kill hit.
    """
    base = remains(host)
    keep = f"{name}-keeper"
    keeper, last = demo(keep, 90), demo(f"{name}-k0", 10)
    assert fleet.play("install", {host.name: [keeper]}).code == 0
    pattern = counted(beyond(remains(host), base))
    kept = running(host, keep)

    def expect(*others: str) -> None:
        # A unit that was started looks at its node under the lock, which says so meanwhile.
        units_at_rest(host)
        assert counted(beyond(remains(host), base)) == likeness(pattern, keep, [keep, *others])
        assert running(host, keep) == kept

    def step(number: int) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        fresh = demo(f"{name}-k{number}", 10 + number)
        return fresh, [keeper, fresh, {**last, "state": "absent", "purge": True}]

    assert fleet.play("install", {host.name: [keeper, last]}).code == 0
    expect(f"{name}-k0")
    fresh, entries = step(1)
    whole, seen = probed(fleet, host, entries, f"demo-avs-{name}-k1")
    assert whole.code == 0, whole.output[-4000:]
    expect(f"{name}-k1")
    length, last = seen["length"], fresh
    # A moment in each of as many slices as there are rounds, so that every part of the work is hit; for a slice that was
    # missed, because the work was done before, anywhere.
    moments = [(slot + dice.random()) / rounds for slot in range(rounds)]
    dice.shuffle(moments)
    moments += [dice.random() for _spare in range(rounds)]
    hits: list[str] = []
    for number, moment in enumerate(moments, 2):
        fresh, entries = step(number)
        cut, seen = probed(fleet, host, entries, f"demo-avs-{name}-k{number}", str(moment * length))
        print(f"{host.name}: kill after {moment * length:.2f} of {length:.2f} s: {seen}", flush=True)
        # The machine may have been busier when the whole run was timed.
        length = min(length, seen.get("length", length))
        if "phase" in seen:
            # A module that had given its answer and was on its way out is none that was interrupted.
            hits += [seen["phase"]] if cut.code else []
            settled = fleet.play("install", {host.name: entries})
            assert settled.code == 0, settled.output[-4000:]
            outcome = settled.reconcile(host.name)
            assert [instance["health"]["status"] for instance in outcome["instances"][:2]] == ["healthy"] * 2
            assert outcome["unlisted"] == []
        else:
            assert cut.code == 0, cut.output[-4000:]
        expect(f"{name}-k{number}")
        last = fresh
        if len(hits) == rounds:
            break
    quiet = fleet.play("install", {host.name: [keeper, last]})
    assert quiet.code == 0 and quiet.stats[host.name]["changed"] == 0
    gone = fleet.play("install", {host.name: [keeper, {**last, "state": "absent", "purge": True}]})
    assert gone.code == 0, gone.output[-4000:]
    expect()
    return hits


def test_killed_installs_converge(fleet: Fleet, demo: Any, tmp_path_factory: Any) -> None:
    hosts = list(fleet.hosts.values())
    share = -(-KILLS // len(hosts))
    print(f"seed {SEED}")

    # One host keeps the library, on the others there is something in the way: there each call is a module.
    began = [host.now() for host in hosts]
    for host in hosts[1:]:
        host.run("rm -rf /usr/local/lib/avs; touch /usr/local/lib/avs")

    def one(number: int) -> list[str]:
        own = Fleet(Path(tmp_path_factory.mktemp(f"kill{number}")))
        own.variables = fleet.variables
        return harass(own, hosts[number], demo, f"h{number}", share, random.Random(SEED + number))

    with ThreadPoolExecutor(len(hosts)) as pool:
        hits = [phase for phases in pool.map(one, range(len(hosts))) for phase in phases]
    print(Counter(hits))
    ways = [Counter(host.answered(since)) for host, since in zip(hosts, began)]
    assert ways[0]["avsctl"] > max(share, ways[0]["module"]) and not any(way["avsctl"] for way in ways[1:])
    assert len(hits) >= KILLS
    assert set(hits) & EARLY and set(hits) & LATE


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
