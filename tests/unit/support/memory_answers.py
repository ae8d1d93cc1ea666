# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the engine tells of a container: as a line of ``ps``, and as ``inspect`` does."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from tests.unit.support.memory_compose import seconds
from tests.unit.support.memory_world import Container

NEVER = "0001-01-01T00:00:00Z"


def column(item: Container, template: str) -> str:
    """A column of ``ps``."""
    label = re.fullmatch(r'\{\{json \(\.Label "([\w.]+)"\)\}\}', template)
    if label:
        return json.dumps(item.labels.get(label[1], ""))
    columns: dict[str, Callable[[], str]] = {
        "{{.ID}}": lambda: item.id,
        "{{.Names}}": lambda: item.name,
        "{{.State}}": lambda: item.state,
        "{{.Status}}": lambda: status(item),
        "{{.Networks}}": lambda: ",".join(sorted(item.nets)),
        "{{.Ports}}": lambda: ", ".join(f"{a}:{p}->{t}/{k}" for a, p, t, k in item.ports) if item.state == "running" else "",
    }
    if template not in columns:
        raise AssertionError(f"the engine in memory does not know this column: {template}")
    return columns[template]()


def status(item: Container) -> str:
    """The engine's own words (moby's ``State.String`` and go-units' ``HumanDuration``)."""
    if item.state == "created":
        return "Created"
    if item.state in ("exited", "restarting"):
        word = "Exited" if item.state == "exited" else "Restarting"
        return f"{word} ({item.code}) {_told(time.time() - item.finished)} ago"
    health = {"starting": " (health: starting)", "": ""}.get(item.check, f" ({item.check})")
    return f"Up {_told(time.time() - item.started)}{' (Paused)' if item.state == 'paused' else health}"


def _told(span: float) -> str:
    if span < 1:
        return "Less than a second"
    if span < 60:
        return f"{int(span)} second{'s' if span >= 2 else ''}"
    if span < 120:
        return "About a minute"
    return f"{int(span / 60)} minutes" if span < 3600 else f"{int(span / 3600)} hours"


def _bytes(text: str) -> int:
    units = {"k": 10, "m": 20, "g": 30}
    return int(text[:-1]) << units[text[-1]] if text[-1] in units else int(text)


def instant(moment: float) -> str:
    if not moment:
        return NEVER
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def inspected(item: Container) -> dict[str, Any]:
    """The fields of ``docker inspect`` that are asked for anywhere."""
    service = item.service
    name, _colon, most = str(service.get("restart") or "no").partition(":")
    grace = service.get("stop_grace_period")
    state: dict[str, Any] = {
        "Status": item.state, "Running": item.alive, "Paused": item.state == "paused", "Restarting": item.state == "restarting",
        "OOMKilled": False, "ExitCode": item.code, "Error": item.error, "StartedAt": instant(item.started), "FinishedAt": instant(item.finished),
    }  # fmt: skip
    if item.check:
        state["Health"] = {"Status": item.check}
    networks = {
        net: {"IPAddress": joined["address"] if item.state == "running" else "", "Aliases": joined["aliases"], "NetworkID": joined["id"]}
        for net, joined in item.nets.items()
    }
    return {
        "Id": item.id, "Name": f"/{item.name}", "Image": item.image_id, "RestartCount": item.restarts, "State": state,
        "Config": {
            "Labels": item.labels, "Image": item.image, "User": service.get("user") or "",
            "Env": sorted(f"{key}={value}" for key, value in (service.get("environment") or {}).items()),
            **({"StopTimeout": seconds(grace)} if grace else {}),
            **({"StopSignal": service["stop_signal"]} if service.get("stop_signal") else {}),
        },
        "HostConfig": {
            "NetworkMode": item.mode, "RestartPolicy": {"Name": name, "MaximumRetryCount": int(most or 0)},
            "Memory": _bytes(str(service.get("mem_limit") or 0)), "PidsLimit": int(service.get("pids_limit") or 0),
            "NanoCpus": round(float(service.get("cpus") or 0) * 1_000_000_000),
        },
        "NetworkSettings": {"Networks": networks},
        "Mounts": [
            {"Type": kind, "Name" if kind == "volume" else "Source": source, "Destination": target}
            for target, (kind, source) in sorted(item.mounts.items())
        ],
    }  # fmt: skip


def expect(found: Sequence[str], wanted: Sequence[str]) -> None:
    if list(found) != list(wanted):
        raise unknown(found)


def unknown(words: Sequence[str]) -> AssertionError:
    return AssertionError(f"the engine in memory does not know this command: docker {' '.join(words)}")


def listed(things: dict[str, dict[str, Any]], words: list[str]) -> str:
    expect(words[2:], ["--format", '{{.Name}}\t{{json (.Label "com.docker.compose.project")}}'])
    return "".join(
        f"{name}\t{json.dumps((thing['Labels'] or {}).get('com.docker.compose.project', ''))}\n" for name, thing in things.items()
    )
