# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Power that is cut at any moment of an install, a change, a stop, a start and a removal: the host comes back with the old or the new, never
with some of each, and the next run ends as if nothing had happened."""

from __future__ import annotations

import json
import random
import subprocess
import time
from typing import Any

from tests.integration.power import off, running, settled
from tests.integration.support import BIN, Fleet, Host

ID = "pair-cut"
FILES = {
    "CHANGELOG.md": "First.\n",
    "pkg/manifest.yml": "{version: 0.1.0, name: pair, upgrade: optional, profiles: [net]}\n",
    "pkg/net/profile.yml": "{name: net, options: [{name: mode, target: MODE, type: str, default: plain, help: Which.}]}\n",
    "pkg/net/.env": "MODE=plain\n",
    "pkg/net/runtime.yml": "{schema: 1, privileges: {one: {user: '1000:1000'}, two: {user: '1000:1000'}}, health: {type: container, steady: 1}}\n",
    "pkg/net/docker-compose.yml": "services: {one: SERVICE, two: SERVICE}\n",
}
SERVICE = "{image: IMAGE, entrypoint: [sleep, infinity], init: true, environment: {MODE: '${MODE}'}, restart: on-failure}"
ROUNDS = 6


def modes(host: Host) -> list[str]:
    """How the containers that run were made."""
    names = running(host, ID)
    form = "{{range .Config.Env}}{{println .}}{{end}}"
    told = host.run(f"docker inspect -f '{form}' {' '.join(names)}").splitlines() if names else []
    return sorted(line.partition("=")[2] for line in told if line.startswith("MODE="))


class Pair:
    """One instance of two services, and what is asked of it."""

    def __init__(self, fleet: Fleet, host: Host) -> None:
        self.fleet, self.host = fleet, host
        self.package = fleet.folder / "pair"
        for name, text in FILES.items():
            (self.package / name).parent.mkdir(parents=True, exist_ok=True)
            whole = text.replace("SERVICE", SERVICE).replace("IMAGE", f"{fleet.facts['lab_registry']}/demo-avs:1.0.0")
            (self.package / name).write_text(whole)

    def entry(self, mode: str = "plain", state: str = "started") -> dict[str, Any]:
        return {"package": {"path": str(self.package)}, "profile": "net", "tag": "cut", "options": {"mode": mode}, "state": state}

    def play(self, entry: dict[str, Any]) -> Any:
        return self.fleet.play("install", {self.host.name: [entry]})

    def cut(self, entry: dict[str, Any], after: float) -> None:
        """The host loses its power so many seconds after a run has begun there."""
        inventory = self.fleet.write_inventory({self.host.name: [entry]}, {})
        command = [str(BIN / "ansible-playbook"), "restaking.avs.install", "-i", str(inventory)]
        with subprocess.Popen(command, env=self.fleet.environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as run:
            time.sleep(after)
            off(self.host, "kill")
            run.wait(60)


def test_power_is_cut_at_any_moment(fleet: Fleet) -> None:
    host = list(fleet.hosts.values())[-1]
    pair = Pair(fleet, host)
    seed = random.randrange(1 << 32)
    dice = random.Random(seed)
    print(f"seed {seed}", flush=True)
    site = fleet.play("site", {host.name: [pair.entry()]})
    assert site.code == 0, site.output[-3000:]
    assert modes(host) == ["plain", "plain"]
    steps = [
        pair.entry("fast"),
        pair.entry(state="stopped"),
        pair.entry("slow"),
        pair.entry(state="absent"),
        pair.entry("plain"),
        pair.entry("fast"),
    ]
    before = "plain"
    for number, entry in enumerate(steps[:ROUNDS]):
        began = time.monotonic()
        # What the controller does before it asks the host is no moment of the host's.
        after = 1.0 + dice.random() * 3.0
        pair.cut(entry, after)
        settled(host)
        seen = modes(host)
        wanted = entry["options"]["mode"]
        print(
            f"{number}: {entry['state']} {wanted}, cut after {after:.2f} s, back with {seen} after {time.monotonic() - began:.1f} s",
            flush=True,
        )
        assert seen in ([], [wanted] * 2, [before] * 2), host.run("journalctl -b -u 'avs*' --no-pager | tail -30")
        down = host.run(f"cat /var/lib/avs/instances/{ID}/state.json 2>/dev/null || echo '{{}}'")
        if json.loads(down).get("desired") == "stopped":
            assert seen == []
        done = pair.play(entry)
        assert done.code == 0, done.output[-3000:]
        assert modes(host) == ([wanted] * 2 if entry["state"] == "started" else [])
        assert pair.play(entry).stats[host.name]["changed"] == 0
        before = wanted
