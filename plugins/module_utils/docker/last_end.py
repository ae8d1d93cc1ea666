# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How a container ended that runs again by now: its own state has forgotten it, the engine's events and its log have not."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from typing import Any

from .engine import Engine

# Seconds to look back.
SPAN = 600.0
_LOG_LINES = 200


def last_end(engine: Engine, container: str) -> tuple[int | None, bool]:
    """Exit code of the last end the engine remembers (``None``: none), and whether memory ran out."""
    now = time.time()
    filters = ["--filter", f"container={container}", "--filter", "event=die", "--filter", "event=oom"]
    done = engine.run(["events", "--since", f"{now - SPAN:.0f}", "--until", f"{now:.0f}", *filters, "--format", "{{json .}}"])
    code, starved = None, False
    for line in done.out.splitlines() if done.code == 0 else ():
        try:
            event = json.loads(line)
            if event.get("Action") == "oom":
                starved = True
            else:
                code = int(event["Actor"]["Attributes"]["exitCode"])
        except (ValueError, KeyError, TypeError, AttributeError):
            continue
    return code, starved


def killed_since(engine: Engine, started: float, containers: Sequence[str]) -> list[str]:
    """Those of the containers, gone by now or not, that the engine ended by force since ``started`` (seconds of the host's clock), as far as
    it remembers."""
    chosen = [part for container in containers for part in ("--filter", f"container={container}")]
    span = ["--since", f"{started:.6f}", "--until", f"{time.time():.6f}"]
    done = engine.run(["events", *span, "--filter", "event=kill", *chosen, "--format", "{{json .}}"])
    found = set()
    for line in done.out.splitlines() if done.code == 0 else ():
        try:
            actor = json.loads(line)["Actor"]
            if str(actor["Attributes"]["signal"]) == "9":
                found.add(str(actor["ID"]))
        except (ValueError, KeyError, TypeError):
            continue
    return sorted(found & set(containers))


def last_words(engine: Engine, inspected: Mapping[str, Any]) -> str:
    """The last line a container wrote before it ended the last time, of either stream; empty where the log cannot be read."""
    state = inspected.get("State") or {}
    until = ["--until", str(state["StartedAt"])] if state.get("Running") and not state.get("Restarting") else []
    done = engine.run(["logs", "--timestamps", "--tail", str(_LOG_LINES), *until, str(inspected["Id"])])
    if done.code:
        return ""
    lines = sorted(line for line in (*done.out.split("\n"), *done.err.split("\n")) if line.partition(" ")[2].strip())
    return lines[-1].partition(" ")[2].strip() if lines else ""
