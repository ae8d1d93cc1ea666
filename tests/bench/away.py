# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How long a node is away for something: from the last good answer of its health probe to the next one."""

from __future__ import annotations

import statistics
import threading
from collections.abc import Callable
from dataclasses import dataclass

from tests.bench.row import Row
from tests.integration.support import Host

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


@dataclass(frozen=True)
class Changes:
    """Commands of a host: what changes some of what a node has stored, and what copies as much; and both in words."""

    change: str
    copy: str
    what: str


@dataclass(frozen=True)
class Watched:
    """A node of the example package, at which ``probe`` is asked how it is; ``runs``: measured pairs a row."""

    host: Host
    id: str
    probe: str
    runs: int

    def row(self, what: str, changes: Changes, act: Callable[[], object]) -> Row:
        """How long it is away for ``act``, against a bare stop and start with a plain copy of what has changed between."""
        # Each in the order in which they need each other: the node, which is watched, waits for nothing of the other one's.
        node, gateway = f"avs-{self.id}-node", f"avs-{self.id}-gateway"
        bare = f"docker stop {gateway} {node} >/dev/null; {changes.copy}; docker start {node} {gateway} >/dev/null"
        ours, plain = [], []
        for _run in range(self.runs):
            self.host.run(changes.change)
            ours.append(self._outage(act))
            plain.append(self._outage(lambda: self.host.run(bare)))
            self.host.run("rm -rf /var/backups/bare")
        one, other = statistics.median(ours), statistics.median(plain)
        detail = f"{one:.2f} s against {other:.2f} s, both until it answers again; {changes.what}"
        return Row(what, one / other, 1.3, "x", detail)

    def _outage(self, act: Callable[[], object]) -> float:
        """The longest time between two good answers of the probe while something is done."""
        host, probe, said = self.host, self.probe, list[str]()
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
