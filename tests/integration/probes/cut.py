# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs on a lab host: waits for a line of an instance's journal, and cuts what is at work there. ``cut.py INSTANCE STEP PHASE DELAY PORT HOW...``

``HOW``: ``kill`` and ``term`` end the process that is at work, ``halt`` has it do nothing more until whoever waits for this cuts the power,
``engine`` restarts the engine, ``nothing`` leaves it to whoever waits for this.
``DELAY``: seconds after the line. ``PORT``: where the node says how high it is, 0 for one that does not. Prints ``ready``, then one JSON line: how
many processes were cut, the steps the journal tells of since (the last one is where it was), and the highest heights seen, by schema.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.request

PAUSE, LOOK, PATIENCE = 0.002, 0.2, 500.0
SIGNALS = {"kill": signal.SIGKILL, "term": signal.SIGTERM, "halt": signal.SIGSTOP}
# How a process that goes on without whoever began it is told from others.
DETACHED = b"system.detached"


def watch(port: int, heights: dict[str, int]) -> None:
    while port:
        with contextlib.suppress(OSError, ValueError), urllib.request.urlopen(f"http://127.0.0.1:{port}/height", timeout=1) as answer:
            told = json.load(answer)
            heights[str(told["schema"])] = max(int(told["height"]), heights.get(str(told["schema"]), 0))
        time.sleep(LOOK)


def steps(path: str, begun: int) -> list[tuple[str, str]]:
    """Since there were so many bytes of the journal. Its last line may not be whole."""
    with open(path, "rb") as journal:
        journal.seek(begun)
        lines = [line for line in journal.read().split(b"\n")[:-1] if line]
    known = [json.loads(line) for line in lines]
    return [(str(one["step"]), str(one["phase"])) for one in known if one.get("event") == "step"]


def at_work() -> list[int]:
    """Processes that lead a session of their own: what one starts is another process for a moment, and looks as it does."""
    found = []
    for name in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError), open(f"/proc/{name}/cmdline", "rb") as line:
            if DETACHED in line.read() and os.getsid(int(name)) == int(name):
                found.append(int(name))
    return found


def cut(how: list[str]) -> int:
    there = at_work()
    for number in (SIGNALS[one] for one in how if one in SIGNALS):
        for pid in there:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
    if "engine" in how:
        subprocess.run(["systemctl", "restart", "docker"], check=True)
    return len(there)


def main() -> None:
    instance, step, phase, delay, port, *how = sys.argv[1:]
    path = f"/var/lib/avs/instances/{instance}/journal.jsonl"
    begun, end = os.path.getsize(path), time.monotonic() + PATIENCE
    heights: dict[str, int] = {}
    threading.Thread(target=watch, args=(int(port), heights), daemon=True).start()
    print("ready", flush=True)
    size = begun
    while size == (size := os.path.getsize(path)) or (step, phase) not in steps(path, begun):
        if time.monotonic() > end:
            raise SystemExit(f"never came to {step} {phase}: {steps(path, begun)}")
        time.sleep(PAUSE)
    time.sleep(float(delay))
    count = cut(how)
    print(json.dumps({"cut": count, "steps": steps(path, begun), "heights": dict(heights)}), flush=True)


main()
