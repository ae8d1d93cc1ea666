# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An upgrade over a migration, cut at each of its steps and in each way there is; what comes next ends with one version, well, and nothing of its
chain lost.

Each case that was seen is kept (``.lab/upgrade-cuts.json``), so that a run which was ended goes on with the same seed; what other code than that
of now did is forgotten. The table of all is printed at the end. ``AVS_TEST_SHARE=1/2`` is the second half of them, on the lab's second host: a case
waits a lot, and two at once do not disturb each other.
"""

from __future__ import annotations

import fcntl
import hashlib
import itertools
import json
import os
import random
import time
from collections.abc import Iterator, Mapping
from typing import Any

import hvac
import pytest

from tests.integration.cuts import CUT, ENDS, NEW_WELL, OLD_WELL, PASSWORD, WAITS, WHERE, Moment, Node, Seen, Versions, cut
from tests.integration.support import LAB, ROOT, Fleet, lab_fleet, ready_fleet
from tests.unit.support.builders import GitRepo

pytestmark = pytest.mark.soak
STEPS = ("LIVE COPY", "STOP", "BACKUP", "SWITCH", "MIGRATE", "START", "GATE", "COMMIT")
PHASES = ("begin", "done")
WAYS = ("power", "engine", "term", "kill")
# Of a controller that is gone a host knows nothing: once at each step.
CASES = [
    *((step, phase, way) for way, step, phase in itertools.product(WAYS, STEPS, PHASES)),
    *((step, PHASES[number % 2], "controller") for number, step in enumerate(STEPS)),
]
KEPT = LAB / "upgrade-cuts.json"
SHARE, SHARES = map(int, os.environ.get("AVS_TEST_SHARE", "0/1").split("/"))
# Seconds a node may take to its end, once somebody, or the host, sees to it.
LONGEST = 300
# What may come next where a process was killed, and after a loss of power: with it went the password of the backups.
AFTER_KILL, AFTER_POWER = ("avsctl recover", "avsctl rollback", "install", "upgrade"), ("upgrade", "rollback", "rollback")
# How many of the cases end with a run that is to find nothing to do; the host is asked after each.
_LOOKED_AT = 0.3


class Matrix:
    """Cases that were seen with this code; ``seed`` is of all that is left to chance. Several runs at once keep theirs in one file."""

    def __init__(self) -> None:
        code = hashlib.sha256()
        for path in sorted((ROOT / "plugins").rglob("*.py")):
            code.update(f"{path.relative_to(ROOT)} {hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
        self.code = code.hexdigest()
        self.cases: dict[str, dict[str, Any]] = {}
        said = os.environ.get("AVS_TEST_SEED")
        self.seed = int(said or random.randrange(1 << 32))
        self._other = said is not None
        self._share({})
        print(f"seed {self.seed}, {len(self.cases)} cases known of this code", flush=True)

    def _share(self, fresh: Mapping[str, dict[str, Any]]) -> None:
        with open(KEPT, "a+") as handle:
            fcntl.flock(handle, fcntl.LOCK_EX)
            handle.seek(0)
            kept: dict[str, Any] = json.loads(handle.read() or "{}")
            # Another seed than that of the cases that are known: they are no part of this run.
            if kept.get("code") == self.code and not (self._other and kept["seed"] != self.seed):
                self.cases, self.seed = kept["cases"], kept["seed"]
            self.cases.update(fresh)
            handle.truncate(0)
            handle.write(json.dumps({"code": self.code, "seed": self.seed, "cases": self.cases}, indent=1))

    def dice(self, case: str) -> random.Random:
        return random.Random(f"{self.seed} {case}")

    def moment(self, step: str, phase: str, way: str) -> Moment:
        """Half of those at the beginning of a step are somewhere in it."""
        dice = self.dice(f"{step} {phase} {way}")
        return Moment(step, phase, way, round(dice.random() * 0.5, 3) if phase == "begin" and dice.random() < 0.5 else 0.0)

    def keep(self, case: str, told: Mapping[str, Any]) -> None:
        self._share({case: dict(told)})
        print(f"\n{line(case, told)}", flush=True)


def line(case: str, told: Mapping[str, Any]) -> str:
    return (
        f"{case:26} at {told['at']:15} +{told['delay']:.2f} s  {told['at once']:25} {told['next']:16} {told['ends']:16}"
        f" {told['recovered']:4} s, {told['seconds']:4} s in all"
    )


@pytest.fixture(scope="module")
def matrix() -> Matrix:
    return Matrix()


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory, approle: dict[str, Any]) -> Iterator[Fleet]:
    """The host of this share alone."""
    names = list(ready_fleet(tmp_path_factory, approle).hosts)
    with lab_fleet(tmp_path_factory, approle, names[SHARE % len(names)]) as fleet:
        yield fleet


@pytest.fixture(scope="module")
def node(fleet: Fleet, demo: Any, vault: hvac.Client) -> Node:
    vault.secrets.kv.v2.create_or_update_secret(path=WHERE, secret={"password": PASSWORD}, mount_point="secret")
    found = Node(fleet, demo(f"cuts{SHARE}"), Versions("v1.1.0", "v2.0.0"), f"demo-avs-cuts{SHARE}", 8080)
    found.host.run("command -v restic >/dev/null || { apt-get -q update && apt-get -q -y install restic; }")
    result = found.play("site", found.versions.old)
    assert result.code == 0, result.output[-3000:]
    return found


def made_ready(node: Node) -> None:
    """The old version, and well, whatever the case before left."""
    found = node.outcome()
    if found == NEW_WELL:
        node.avsctl("rollback", node.id, "--confirm")
        found = node.outcome()
    if found != OLD_WELL:
        node.back()
        node.with_the_engine(node.install)
        found = node.outcome()
    assert found == OLD_WELL, found


def comes_next(node: Node, matrix: Matrix, moment: Moment, found: str) -> str:
    """Who sees to it, and what he did."""
    if moment.way == "controller":
        again = node.upgrade()
        assert again.code == 0, again.output[-3000:]
        return "upgrade, joined" if "begun by somebody else" in again.output else "upgrade"
    if found in (OLD_WELL, NEW_WELL) and moment.way != "kill":
        return "nobody"
    chosen = matrix.dice(f"next {moment}").choice(AFTER_POWER if moment.way == "power" else AFTER_KILL)
    if found == NEW_WELL:
        # There is nothing to be taken back.
        chosen = "avsctl recover"
    if chosen.startswith("avsctl"):
        node.avsctl(chosen.split()[1], node.id, *(["--confirm"] if chosen.endswith("rollback") else []))
        return chosen
    if chosen == "rollback":
        node.back()
    done, restarted = node.with_the_engine(node.upgrade if chosen == "upgrade" else node.install)
    assert done.code == 0, done.output[-3000:]
    return f"{chosen}, engine" if restarted else chosen


def lost_nothing(node: Node, before: Mapping[str, Any], seen: Seen, ends: str) -> None:
    """Each row that was committed is there, as it was; of what the other version wrote as well, or a restore is told of."""
    now = node.stored(before["last"])
    assert now["rows"] == now["last"] and now["digest"] == before["digest"], (before, now)
    assert now["last"] >= max(before["last"], seen.heights.get("1", 0)), (before, now, seen)
    if now["last"] < seen.heights.get("2", 0):
        assert ends == OLD_WELL and node.host.run(f"cat /var/lib/avs/instances/{node.id}/discarded.json").strip(), (now, seen)


@pytest.mark.parametrize(("step", "phase", "way"), CASES[SHARE::SHARES])
def test_it_ends_with_one_version(node: Node, matrix: Matrix, step: str, phase: str, way: str) -> None:
    case = f"{step} {phase} {way}"
    if case in matrix.cases:
        return
    made_ready(node)
    began, before, moment = time.monotonic(), node.stored(1 << 40), matrix.moment(step, phase, way)
    begun = upgrades(node)
    seen = cut(node, moment)
    recovered = time.monotonic()
    if way == "controller":
        at_once, chosen = "goes on", comes_next(node, matrix, moment, "")
    else:
        node.rest(LONGEST)
        at_once = node.outcome()
        if way in ("term", "engine"):
            assert at_once in (OLD_WELL, NEW_WELL), at_once
        elif way == "power":
            assert at_once in (WAITS, NEW_WELL, CUT), at_once
        chosen = comes_next(node, matrix, moment, at_once)
    ends = node.outcome()
    took = time.monotonic() - recovered
    # Nobody comes by without secrets.
    assert ends in ENDS and ends != WAITS and took <= LONGEST, (ends, took)
    assert way != "controller" or (ends, upgrades(node)) == (NEW_WELL, begun + 1)
    if ends in (OLD_WELL, NEW_WELL):
        lost_nothing(node, before, seen, ends)
        settled(node, matrix.dice(f"settled {case}").random() < _LOOKED_AT, way != "kill" or chosen == "avsctl recover")
    told = {"at": seen.at, "delay": moment.delay, "at once": at_once, "next": chosen, "ends": ends, "recovered": round(took)}
    matrix.keep(case, {**told, "seconds": round(time.monotonic() - began)})


def settled(node: Node, by_a_run: bool, told: bool) -> None:
    """Nothing is left to do. ``told``: its history leaves nothing open; of what was killed only whoever resolves cuts says so."""
    asked = node.avsctl("verify", node.id)
    assert not asked.get("failed") and not asked["instances"][0]["drift"], asked
    history = [json.loads(one) for one in node.host.run(f"cat /var/lib/avs/instances/{node.id}/journal.jsonl").splitlines()]
    ended = {one["transaction"] for one in history if one["event"] == "end"}
    assert not told or [one for one in history if one["event"] == "begin" and one["transaction"] not in ended] == []
    assert node.host.run(f"cd /var/lib/avs/instances/{node.id} && ls -d upgrade 2>/dev/null; true") == ""
    if by_a_run:
        result = node.play("install", str(node.status()["version"]))
        assert result.code == 0 and "changed=0" in result.output, result.output[-3000:]


def upgrades(node: Node) -> int:
    """How many were begun since it was installed."""
    return int(node.host.run(f'grep -c \'"operation": "upgrade"\' /var/lib/avs/instances/{node.id}/journal.jsonl || true'))


FILES = {
    "CHANGELOG.md": "First.\n",
    "pkg/manifest.yml": "{version: VERSION, name: ends, upgrade: optional, profiles: [net]}\n",
    "pkg/net/profile.yml": "{name: net, options: []}\n",
    "pkg/net/.env": "",
    "pkg/net/runtime.yml": "{schema: 1, privileges: {node: {user: '1000:1000'}}, volumes: {data: data}, health: {type: container, steady: 1}}\n",
    # To be stopped is a failure of it (143), and its policy brings back what failed.
    "pkg/net/docker-compose.yml": (
        "services: {node: {image: IMAGE, entrypoint: [sh, -c, 'echo VERSION >> /data/starts; exec sleep infinity'], init: true,"
        " restart: on-failure, volumes: ['data:/data']}}\nvolumes: {data: {}}\n"
    ),
}


@pytest.fixture(scope="module")
def failing(node: Node) -> Node:
    """Beside the other one: a node without keys, in two versions."""
    repository = GitRepo(node.fleet.folder / "ends")
    for version in ("v0.1.0", "v0.2.0"):
        image = f"{node.fleet.facts['lab_registry']}/demo-avs:1.0.0"
        repository.commit({name: text.replace("IMAGE", image).replace("VERSION", version[1:]) for name, text in FILES.items()}, version)
    entry = {"package": {"git": repository.url}, "profile": "net", "tag": "cuts"}
    found = Node(node.fleet, entry, Versions("v0.1.0", "v0.2.0"), "ends-cuts")
    result = found.play("install", found.versions.old)
    assert result.code == 0, result.output[-3000:]
    return found


def starts(node: Node) -> list[str]:
    return node.host.run(f"cat /var/lib/docker/volumes/avs-{node.id}_data/_data/starts").split()


@pytest.mark.parametrize("way", ["engine", "dead"][SHARE::SHARES])
def test_what_ends_with_143_is_not_brought_back(failing: Node, matrix: Matrix, way: str) -> None:
    """The engine is restarted while it is down for its upgrade: alone, and after whoever is at work on it was killed."""
    node, before = failing, starts(failing)
    cut(node, matrix.moment("BACKUP", "begin", way))
    node.rest(LONGEST)
    if way == "engine":
        assert node.outcome() == NEW_WELL and starts(node) == [*before, "0.2.0"]
        node.avsctl("rollback", node.id, "--confirm")
        assert node.outcome() == OLD_WELL
        return
    # The engine has had its time.
    time.sleep(5)
    form = "{{.State.Status}} {{.State.ExitCode}} {{.HostConfig.RestartPolicy.Name}}"
    assert node.host.run(f"docker inspect -f '{form}' avs-{node.id}-node").strip() == "exited 143 no" and starts(node) == before
    node.avsctl("recover", node.id)
    assert node.outcome() == OLD_WELL and starts(node) == [*before, "0.1.0"]
    settled(node, True, True)


def test_the_table(matrix: Matrix) -> None:
    print(f"\nseed {matrix.seed}, code {matrix.code[:12]}")
    for case, told in matrix.cases.items():
        print(line(case, told))
    assert {" ".join(case) for case in CASES} == set(matrix.cases)
