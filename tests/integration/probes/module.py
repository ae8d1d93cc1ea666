# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs on a lab host: times the host module of the next play, or kills it. ``module.py INSTANCE [SECONDS]``

Prints ``ready``, then one JSON line: without SECONDS how long modules ran (from the first to the end of the last, known when
standard input ends), else in which phase of INSTANCE's install the module was when it was killed, SECONDS after the first
one appeared. The host's own clock starts with the module, so neither the controller's start nor ssh counts.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import sys
import time

PAUSE = 0.004
CONTAINERS = "/var/lib/docker/containers"


def modules() -> set[int]:
    """Python processes of the host itself, the library's copy by its name; a container's have a pid namespace of their own."""
    found = set()
    own = os.readlink("/proc/self/ns/pid")
    for name in os.listdir("/proc"):
        if not name.isdigit() or int(name) == os.getpid():
            continue
        with contextlib.suppress(OSError), open(f"/proc/{name}/comm", encoding="utf-8") as handle:
            if handle.read().startswith(("python3", "avsctl-")) and os.readlink(f"/proc/{name}/ns/pid") == own:
                found.add(int(name))
    return found


def phase(instance: str, containers: set[str]) -> str:
    """How far the install of ``instance`` is: by files only, because asking the engine takes longer than a phase."""
    try:
        with open(f"/var/lib/avs/instances/{instance}/state.json", encoding="utf-8") as handle:
            state = json.load(handle)["phase"]
    except FileNotFoundError:
        if containers - set(os.listdir(CONTAINERS)):
            return "removal"
        lock = f"/run/lock/avs/{instance}.lock"
        return "verify" if os.path.exists(lock) and os.path.getsize(lock) else "look"
    if state == "applying" and set(os.listdir(CONTAINERS)) - containers:
        return "containers"
    return str(state)


def main() -> None:
    instance, delay = sys.argv[1], float(sys.argv[2]) if len(sys.argv) > 2 else None
    before, containers = modules(), set(os.listdir(CONTAINERS))
    first = last = None
    print("ready", flush=True)
    while not select.select([sys.stdin], [], [], PAUSE)[0]:
        running = modules() - before
        now = time.monotonic()
        if running:
            first, last = first or now, now
            if delay is not None and now - first >= delay:
                reached = phase(instance, containers)
                for pid in running:
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)
                print(json.dumps({"phase": reached, "after": round(now - first, 2)}), flush=True)
                return
    print(json.dumps({"length": (last or 0) - (first or 0)}), flush=True)


main()
