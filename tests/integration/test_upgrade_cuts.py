# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An upgrade over a migration, cut at each of its steps and in each way there is; what comes next ends with one version, well, and nothing of its
chain lost.

Each case that was seen is kept (``.lab/upgrade-cuts.json``), so that a run which was ended goes on; remove the file to begin anew. The table of
all is printed at the end.
"""

from __future__ import annotations

import json
import shlex
import subprocess
import time
from typing import Any

import hvac
import pytest

from tests.integration.power import off, running, settled
from tests.integration.support import BIN, LAB, Fleet

pytestmark = pytest.mark.soak
ID = "demo-avs-cuts"
OLD, NEW = "v1.1.0", "v2.0.0"
PASSWORD = "a-password-of-what-is-cut"
VARIABLES = {"avs_backup_password": {"source": "vault", "path": "avs/cuts/backup", "field": "password"}, "avs_upgrade_poll": 1}
STEPS = ("LIVE COPY", "STOP", "BACKUP", "SWITCH", "MIGRATE", "START", "GATE", "COMMIT")
WAYS = ("kill", "term", "engine", "power")
SEEN = LAB / "upgrade-cuts.json"
HEIGHT = "import json, urllib.request as u; print(json.load(u.urlopen('http://127.0.0.1:8080/height'))['height'])"
# On the host: waits for a line of the journal, then does what it was told to the process that is at work.
WATCH = """
import json, os, signal, subprocess, sys, time
path, step, phase, way = sys.argv[1:]
begun, end = os.path.getsize(path), time.monotonic() + 120
while time.monotonic() < end:
    with open(path) as journal:
        journal.seek(begun)
        lines = [line for line in journal.read().splitlines() if line.endswith("}")]
    known = [json.loads(line) for line in lines]
    if any((one.get("event"), one.get("step"), one.get("phase")) == ("step", step, phase) for one in known):
        pids = [name for name in os.listdir("/proc") if name.isdigit() and b"system.detached" in open(f"/proc/{name}/cmdline", "rb").read()]
        if way == "engine":
            subprocess.run(["systemctl", "restart", "docker"], check=True)
        elif way != "power":
            for pid in pids:
                os.kill(int(pid), signal.SIGKILL if way == "kill" else signal.SIGTERM)
        print("cut", len(pids))
        raise SystemExit
    time.sleep(0.002)
print("never")
"""


class Node:
    def __init__(self, fleet: Fleet, entry: dict[str, Any]) -> None:
        self.fleet, self.entry, self.host = fleet, entry, fleet.first

    def play(self, playbook: str, version: str, *arguments: str) -> Any:
        instances = {self.host.name: [{**self.entry, "version": version}]}
        return self.fleet.play(playbook, instances, *arguments, variables=VARIABLES, parse=False)

    def upgrade(self, version: str) -> Any:
        return self.play("upgrade", version, "-e", json.dumps({"avs_upgrade": [ID]}))

    def back(self) -> Any:
        return self.play("rollback", OLD, "-e", json.dumps({"avs_rollback": [ID]}), "-e", "avs_rollback_confirmed=true")

    @property
    def version(self) -> str:
        return str(json.loads(self.host.run(f"cat /var/lib/avs/instances/{ID}/state.json"))["package"]["version"])

    def height(self) -> int:
        return int(self.host.run(f"python3 -c {shlex.quote(HEIGHT)}"))

    def images(self) -> set[str]:
        """Tags of what runs."""
        names = running(self.host, ID)
        form = '{{index .Config.Labels "org.opencontainers.image.version"}}'
        return set(self.host.run(f"docker inspect -f '{form}' {' '.join(names)}").split()) if names else set()


@pytest.fixture(scope="module")
def node(fleet: Fleet, demo: Any, vault: hvac.Client) -> Node:
    vault.secrets.kv.v2.create_or_update_secret(path="avs/cuts/backup", secret={"password": PASSWORD}, mount_point="secret")
    found = Node(fleet, demo("cuts"))
    found.host.run("command -v restic >/dev/null || { apt-get -q update && apt-get -q -y install restic; }")
    result = found.play("site", OLD)
    assert result.code == 0, result.output[-3000:]
    return found


def cut(node: Node, step: str, phase: str, way: str) -> None:
    """An upgrade is begun, and cut there."""
    host = node.host
    journal = f"/var/lib/avs/instances/{ID}/journal.jsonl"
    inventory = node.fleet.write_inventory({host.name: [{**node.entry, "version": NEW}]}, VARIABLES)
    watcher = [*host.ssh(), f"python3 -c {shlex.quote(WATCH)} {journal} {shlex.quote(step)} {phase} {way}"]
    command = [str(BIN / "ansible-playbook"), "restaking.avs.upgrade", "-i", str(inventory), "-e", json.dumps({"avs_upgrade": [ID]})]
    quiet = subprocess.DEVNULL
    with (
        subprocess.Popen(watcher, stdout=subprocess.PIPE, text=True) as watch,
        subprocess.Popen(command, env=node.fleet.environment(), stdout=quiet, stderr=quiet) as run,
    ):
        said, _err = watch.communicate(timeout=180)
        assert said.startswith("cut"), (step, phase, way, said)
        if way == "power":
            off(host, "kill")
        try:
            run.wait(120)
        except subprocess.TimeoutExpired:
            run.terminate()
    settled(host)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("phase", ["begin", "done"])
@pytest.mark.parametrize("step", STEPS)
def test_it_ends_with_one_version(node: Node, step: str, phase: str, way: str) -> None:
    seen: dict[str, Any] = json.loads(SEEN.read_text()) if SEEN.exists() else {}
    case = f"{step} {phase} {way}"
    if case in seen:
        return
    before, began = node.height(), time.monotonic()
    cut(node, step, phase, way)
    first = {"version": node.version, "runs": len(running(node.host, ID))}
    # Nothing of two versions runs, whatever comes next.
    assert len(node.images()) <= 1, (case, node.images())
    if len(running(node.host, ID)) < 2:
        # The password and the keys are gone with the host's memory, or nobody has come by since.
        node.back()
        node.play("install", node.version)
    found = node.version
    assert found in (OLD, NEW) and node.images() == {found[1:]}, (case, found, node.images())
    assert node.height() >= before, case
    settled_run = node.play("install", found)
    assert settled_run.code == 0 and "changed=0" in settled_run.output, settled_run.output[-3000:]
    seen[case] = {**first, "ends": found, "height": node.height() - before, "seconds": round(time.monotonic() - began)}
    SEEN.write_text(json.dumps(seen, indent=1))
    if found == NEW:
        assert node.back().code == 0 and node.version == OLD


def test_the_table() -> None:
    seen = json.loads(SEEN.read_text()) if SEEN.exists() else {}
    for case, told in seen.items():
        print(f"{case:24} at once {told['version']} ({told['runs']} run), in the end {told['ends']}, {told['seconds']} s")
    assert len(seen) == len(STEPS) * 2 * len(WAYS)
