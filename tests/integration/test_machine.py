# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A node on a real machine, where alone a reboot is one: its own kernel, cgroup v2, systemd's cgroup driver, AppArmor, auditd."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.integration.machine import Machine, machine_fleet
from tests.integration.support import Fleet, Host, Result

# Seconds a playbook may take: the machine's processor is emulated.
PATIENCE = 900
UNIT = "avs@demo-avs-vm.service"


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory, approle: dict[str, Any]) -> Iterator[Fleet]:
    with machine_fleet(tmp_path_factory, approle) as fleet:
        yield fleet


@pytest.fixture(scope="module")
def node(machine: Fleet, demo: Any) -> dict[str, Any]:
    """The inventory's entry of a healthy node, the only one on the machine."""
    host = machine.first
    assert_real(host)
    entry: dict[str, Any] = demo("vm", gate_timeout=600)
    with lap("site"):
        result = play(machine, "site", entry)
    assert healthy(result, host)
    return entry


def test_a_second_run_changes_nothing(machine: Fleet, node: dict[str, Any]) -> None:
    with lap("site again"):
        assert changes(play(machine, "site", node), machine.first) == 0


def test_an_engine_restart_leaves_the_node_alone(machine: Fleet, node: dict[str, Any]) -> None:
    host = emulated(machine)
    before = processes(host)
    with lap("engine restart"):
        host.restart_engine()
    assert processes(host) == before


def test_a_node_lives_through_a_reboot(machine: Fleet, node: dict[str, Any]) -> None:
    host = emulated(machine)
    boot, containers = host.boot_id(), host.containers()
    with lap("reboot"):
        host.reboot()
    assert host.boot_id() != boot
    assert host.run("systemctl is-active docker").strip() == "active"
    with lap("nodes back"):
        nodes_back(machine, node, containers)


def test_a_node_lives_through_a_power_cut(machine: Fleet, node: dict[str, Any]) -> None:
    host = emulated(machine)
    boot, containers = host.boot_id(), host.containers()
    with lap("power cut"):
        host.cut()
    assert host.boot_id() != boot
    with lap("nodes back"):
        nodes_back(machine, node, containers)


def nodes_back(machine: Fleet, entry: dict[str, Any], containers: dict[str, str]) -> None:
    """EXTEND HERE: what the host shows after a boot before any run, and what the next run has to do.

    A node with keys waits for them, as they were in memory: its unit says so, and the run that brings them starts the containers there are.
    """
    host = emulated(machine)
    assert host.containers() == containers
    assert running(host) == set()
    assert not host.run("find /run/avs -type f 2>/dev/null || true").strip()
    assert host.run(f"systemctl is-active {UNIT}", check=False).strip() == "failed"
    assert "waits for its secrets" in host.run(f"systemctl status --no-pager {UNIT}", check=False)

    result = play(machine, "install", entry)
    assert healthy(result, host)
    assert changes(result, host) > 0
    assert running(host)
    assert host.containers() == containers
    assert host.run(f"systemctl is-active {UNIT}").strip() == "active"


def assert_real(host: Host) -> None:
    """What a container on this machine's kernel could not show."""
    engine = json.loads(host.run("docker info --format '{{json .}}'"))
    assert (engine["CgroupVersion"], engine["CgroupDriver"]) == ("2", "systemd")
    assert "name=apparmor" in engine["SecurityOptions"]
    assert host.run("systemd-detect-virt --container || true").strip() == "none"
    assert host.run("systemctl is-active auditd").strip() == "active"
    assert host.run("uname -r").strip() != os.uname().release


def play(machine: Fleet, playbook: str, entry: dict[str, Any]) -> Result:
    result = machine.play(playbook, {machine.first.name: [entry]}, timeout=PATIENCE)
    assert result.code == 0, result.output[-4000:]
    # A run does not wait for the units it asks for.
    machine.first.run("timeout 500 sh -c 'while systemctl list-jobs --no-legend | grep -q avs; do sleep 2; done'")
    return result


def healthy(result: Result, host: Host) -> bool:
    (told,) = result.reconcile(host.name)["instances"]
    return told["health"]["status"] == "healthy"


def changes(result: Result, host: Host) -> int:
    return result.stats[host.name]["changed"]


def running(host: Host) -> set[str]:
    """Names of the containers that run."""
    return set(host.run("docker ps --format '{{.Names}}'").split())


def processes(host: Host) -> dict[str, int]:
    """Name -> process id of the containers that run."""
    return {container["Name"]: container["State"]["Pid"] for container in host.inspect(running(host))}


def emulated(machine: Fleet) -> Machine:
    host = machine.first
    assert isinstance(host, Machine)
    return host


@contextmanager
def lap(step: str) -> Iterator[None]:
    """Print how long a step took: emulation makes all of them long, and the budget is one of minutes."""
    start = time.monotonic()
    yield
    print(f"\n{step}: {time.monotonic() - start:.0f} s")
