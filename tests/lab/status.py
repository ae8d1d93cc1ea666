# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What runs, where, and what it said."""

from __future__ import annotations

from . import containers, engine, hosts
from .errors import LabError
from .paths import LABEL, Lab

_ENGINES = {hosts.NONE: "", hosts.OWN: " with docker", hosts.NEWEST: " with the newest docker"}


def table(lab: Lab) -> str:
    """A line a container: name, what it is, state, address."""
    if not engine.answers():
        return "no Docker engine answers: the lab is down"
    rows = [("NAME", "KIND", "STATE", "ADDRESS")]
    for state in containers.every(lab):
        labels = state["Config"]["Labels"]
        kind = labels[f"{LABEL}.kind"]
        if kind == "host":
            kind = f"host {labels[f'{LABEL}.suite']}{_ENGINES[labels.get(f'{LABEL}.engine', hosts.NONE)]}"
        addresses = [net["IPAddress"] for net in state["NetworkSettings"]["Networks"].values()]
        rows.append((state["Name"].lstrip("/"), kind, state["State"]["Status"], " ".join(addresses)))
    if len(rows) == 1:
        return "the lab is down"
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in rows)


def resolve(lab: Lab, name: str) -> str:
    """Container name for ``1``, ``host1`` or ``avs-lab-host1``."""
    if name.isdigit():
        name = f"host{name}"
    full = name if name.startswith(f"{lab.name}-") else lab.called(name)
    if containers.inspect(full) is None:
        known = ", ".join(state["Name"].lstrip("/") for state in containers.every(lab)) or "none, the lab is down"
        raise LabError(f"{name} is no part of the lab; there are: {known}")
    return full


def logs(lab: Lab, what: str) -> tuple[str, list[str]]:
    """Program and arguments that print a part's log."""
    if what == "engine":
        if not engine.logfile(lab).exists():
            raise LabError("this lab did not start the engine: look where its own service logs")
        return "tail", ["tail", "-n", "+1", str(engine.logfile(lab))]
    name = resolve(lab, what)
    state = containers.inspect(name)
    if state and state["Config"]["Labels"].get(f"{LABEL}.kind") == "host":
        return "docker", ["docker", "exec", name, "journalctl", "--no-pager"]
    return "docker", ["docker", "logs", name]
