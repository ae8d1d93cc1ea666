# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What runs, where, and what it said."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from . import containers, engine, hosts, network, vm, vm_image
from .errors import LabError
from .paths import LABEL, Lab

_ENGINES = {hosts.NONE: "", hosts.OWN: " with docker", hosts.NEWEST: " with the newest docker"}


def table(lab: Lab) -> str:
    """A line a container, and one for the emulated machine: name, what it is, state, address."""
    rows = [("NAME", "KIND", "STATE", "ADDRESS")]
    answers = engine.answers()
    if vm.present(lab):
        bridge = network.find(lab) if answers else None
        kind = f"machine {vm_image.SUITE}{_ENGINES[hosts.OWN]}"
        rows.append((vm.name(lab), kind, "running" if vm.running(lab) else "exited", bridge.machine if bridge else ""))
    elif not answers:
        return "no Docker engine answers: the lab is down"
    for state in containers.every(lab) if answers else []:
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
    """Full name of a part, for ``1``, ``host1`` or ``avs-lab-host1``: a container's, or the emulated machine's."""
    if name.isdigit():
        name = f"host{name}"
    full = name if name.startswith(f"{lab.name}-") else lab.called(name)
    machine = [vm.name(lab)] if vm.present(lab) else []
    if full not in machine and containers.inspect(full) is None:
        known = ", ".join([*machine, *(state["Name"].lstrip("/") for state in containers.every(lab))]) or "none, the lab is down"
        raise LabError(f"{name} is no part of the lab; there are: {known}")
    return full


def logs(lab: Lab, what: str) -> tuple[str, list[str]]:
    """Program and arguments that print a part's log."""
    if what == "engine":
        if not engine.logfile(lab).exists():
            raise LabError("this lab did not start the engine: look where its own service logs")
        return "tail", ["tail", "-n", "+1", str(engine.logfile(lab))]
    name = resolve(lab, what)
    if name == vm.name(lab):
        # What its kernel said is there also where it does not boot.
        return "tail", ["tail", "-n", "+1", str(vm.console(lab))]
    state = containers.inspect(name)
    if state and state["Config"]["Labels"].get(f"{LABEL}.kind") == "host":
        return "docker", ["docker", "exec", name, "journalctl", "--no-pager"]
    return "docker", ["docker", "logs", name]


def shell(lab: Lab, what: str, command: Sequence[str], *, terminal: bool) -> tuple[str, list[str]]:
    """Program and arguments that run a command, or a login shell, on a host."""
    name = resolve(lab, what)
    if name == vm.name(lab):
        bridge = network.find(lab)
        if bridge is None:
            raise LabError("the lab's network is away: run `up --vm` again")
        return "ssh", [*vm.ssh(lab, bridge), *(["-t"] if terminal and command else []), *([shlex.join(command)] if command else [])]
    tty = ["--interactive", "--tty"] if terminal else ["--interactive"]
    return "docker", ["docker", "exec", *tty, name, *(command or ["bash", "-l"])]
