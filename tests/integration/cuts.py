# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A node whose upgrades are cut: what it is, what it has stored, and the cut itself."""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.integration.power import off, running, settled, until
from tests.integration.support import BIN, Fleet, Result

PROBES = Path(__file__).parent / "probes"
PASSWORD = "a-password-of-what-is-cut"
WHERE = "avs/cuts/backup"
VARIABLES = {"avs_backup_password": {"source": "vault", "path": WHERE, "field": "password"}}
# What a cut is told of (probes/cut.py) to do on the host; the rest is done from here.
ON_THE_HOST = {"kill": "kill", "term": "term", "engine": "engine", "dead": "kill engine", "power": "halt", "controller": "nothing"}
# In which of these a node may be left in the end, and in no other.
OLD_WELL, NEW_WELL, WAITS, HELD = ENDS = ("old and healthy", "new and healthy", "old, waits for secrets", "quarantined, and told")
# Nobody came by since it was cut: nothing of it is started meanwhile.
CUT = "down, and told to be cut"


@dataclass(frozen=True)
class Moment:
    """``delay``: seconds after the line of the journal that says ``step`` and ``phase``."""

    step: str
    phase: str
    way: str
    delay: float = 0.0


@dataclass(frozen=True)
class Seen:
    """What there was at a cut: where it was, and heights by schema, the highest seen of each."""

    at: str
    heights: Mapping[str, int]


@dataclass(frozen=True)
class Versions:
    old: str
    new: str


class Node:
    """One instance on the lab's first host. ``port``: where it says how high it is; 0 for one that does not."""

    def __init__(self, fleet: Fleet, entry: Mapping[str, Any], versions: Versions, name: str, port: int = 0) -> None:
        self.fleet, self.entry, self.versions, self.id, self.port = fleet, entry, versions, name, port
        self.host = fleet.first

    def play(self, playbook: str, version: str, *arguments: str) -> Result:
        instances = {self.host.name: [{**self.entry, "version": version}]}
        return self.fleet.play(playbook, instances, *arguments, variables=VARIABLES, parse=False)

    def install(self) -> Result:
        """As it is recorded."""
        return self.play("install", str(self.status()["version"]))

    def with_the_engine(self, run: Callable[[], Result]) -> tuple[Result, bool]:
        """A run, and whether the engine had to be restarted for it, as it says: after a loss of power while a container is started the engine
        may hold its ports for nobody."""
        done = run()
        if done.code == 0 or "NET-002" not in done.output:
            return done, False
        self.host.run("systemctl restart docker")
        return run(), True

    def upgrade(self) -> Result:
        return self.play("upgrade", self.versions.new, *self._upgrading())

    def _upgrading(self) -> Sequence[str]:
        return ("-e", json.dumps({"avs_upgrade": [self.id]}))

    def back(self) -> Result:
        return self.play("rollback", self.versions.old, "-e", json.dumps({"avs_rollback": [self.id]}), "-e", "avs_rollback_confirmed=true")

    def avsctl(self, *words: str) -> dict[str, Any]:
        """What it says; a code that is not 0 says no more than that."""
        told = self.host.run(f"avsctl {shlex.join([*words, '--json'])}", check=False)
        assert told.strip(), words
        return dict(json.loads(told))

    def status(self) -> dict[str, Any]:
        return dict(self.avsctl("status", self.id)["instances"][0])

    def up(self) -> set[str]:
        """Images of what runs, by content."""
        names = running(self.host, self.id)
        return set(self.host.run(f"docker inspect -f '{{{{.Image}}}}' {' '.join(names)}").split()) if names else set()

    def outcome(self) -> str:
        """One of those it may be left in, ``CUT``, else what is off."""
        now = self.status()
        rules = {item["id"] for item in now["findings"]}
        up = [item for item in now["containers"] if item["state"] == "running"]
        well = now["health"]["status"] == "healthy" and len(up) == len(now["containers"]) > 0 and "UPG-012" not in rules
        assert len(self.up()) <= 1, now
        if now["hold"] is not None:
            return HELD if "quarantined" in now["hold"]["reason"] and not up and "OPS-017" in rules else f"held: {now['hold']}"
        if well and now["version"] in (self.versions.old, self.versions.new):
            return OLD_WELL if now["version"] == self.versions.old else NEW_WELL
        secrets_are_gone = "its keys are gone" in now["health"]["detail"]
        if not up and "UPG-012" in rules:
            return WAITS if secrets_are_gone else CUT
        if not up and now["version"] == self.versions.old and secrets_are_gone:
            return WAITS
        return f"{now['version']}: {now['health']}, {sorted(rules)}"

    def stored(self, last: int) -> dict[str, Any]:
        """``probes/stored.py``."""
        return dict(json.loads(self.probe("stored", self.id, str(last))))

    def probe(self, name: str, *arguments: str) -> str:
        return self.host.run(shlex.join(["python3", "-", *arguments]), stdin=(PROBES / f"{name}.py").read_text())

    def rest(self, seconds: float = 300) -> None:
        """Until nobody is at work on it, on the host."""
        busy = "pgrep -f 'import [s]erve' >/dev/null && echo busy; true"
        until("the work to end", lambda: not self.host.run(busy).strip(), seconds)
        settled(self.host)


def cut(node: Node, moment: Moment) -> Seen:
    """An upgrade is begun, and cut there. What the host does about it by itself may go on."""
    inventory = node.fleet.write_inventory({node.host.name: [{**node.entry, "version": node.versions.new}]}, VARIABLES)
    words = [node.id, moment.step, moment.phase, str(moment.delay), str(node.port), *ON_THE_HOST[moment.way].split()]
    sockets = node.fleet.folder / "cp"
    command = [str(BIN / "ansible-playbook"), "restaking.avs.upgrade", "-i", str(inventory), *node._upgrading()]
    environment = node.fleet.environment(ANSIBLE_SSH_CONTROL_PATH_DIR=str(sockets))
    with subprocess.Popen([*node.host.ssh(), shlex.join(["python3", "-", *words])], stdin=-1, stdout=-1, text=True) as watch:
        assert watch.stdin is not None and watch.stdout is not None
        watch.stdin.write((PROBES / "cut.py").read_text())
        watch.stdin.close()
        assert watch.stdout.readline() == "ready\n"
        with open(node.fleet.folder / "upgrade.log", "w+b") as log:
            run = subprocess.Popen(command, env=environment, stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True)
            try:
                told = watch.stdout.readline()
                assert told, (moment, (node.fleet.folder / "upgrade.log").read_text()[-3000:])
                _ended(node, moment, run, sockets)
            finally:
                _killed(run, sockets)
    seen = json.loads(told)
    assert seen["cut"] == 1, (moment, seen)
    return Seen(" ".join(seen["steps"][-1]), seen["heights"])


def _ended(node: Node, moment: Moment, run: subprocess.Popen[bytes], sockets: Path) -> None:
    """The run on the controller: it sees what became of the host, or dies itself."""
    if moment.way == "controller":
        _killed(run, sockets)
    elif moment.way == "power":
        off(node.host, "kill")
        _killed(run, sockets)
    else:
        run.wait(600)


def _killed(run: subprocess.Popen[bytes], sockets: Path) -> None:
    """With the connections it keeps, which have sessions of their own."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(run.pid, signal.SIGKILL)
    run.wait(30)
    for name in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError):
            line = Path("/proc", name, "cmdline").read_bytes()
            if str(sockets).encode() in line and line.startswith(b"ssh"):
                os.kill(int(name), signal.SIGKILL)
