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

from tests.integration import engine
from tests.integration.machine import Machine, machine_fleet
from tests.integration.nodes import two_nodes
from tests.integration.support import Fleet, Host, Result
from tests.lab import vm_image

# Seconds a playbook may take: the machine's processor is emulated.
PATIENCE = 900
pytestmark = pytest.mark.soak
QUIET, KEYED = "quiet-vm", "demo-avs-vm"
# The same, for one that brings another engine.
NEW_ENGINE = 1200


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory, approle: dict[str, Any]) -> Iterator[Fleet]:
    with machine_fleet(tmp_path_factory, approle) as fleet:
        yield fleet


@pytest.fixture(scope="module")
def nodes(machine: Fleet, keys: Any) -> list[dict[str, Any]]:
    """The inventory's entries of the two healthy nodes on the machine, one without secrets and one with keys."""
    host = machine.first
    assert_real(host)
    entries = two_nodes(machine, keys, "vm")
    for entry in entries:
        entry["gate_timeout"] = 600
    with lap("install"):
        result = play(machine, "install", entries)
    assert healthy(result, host)
    return entries


def test_nodes_live_through_a_reboot(machine: Fleet, nodes: list[dict[str, Any]]) -> None:
    host = emulated(machine)
    boot, containers = host.boot_id(), host.containers()
    with lap("reboot"):
        host.reboot()
    assert host.boot_id() != boot
    assert host.run("systemctl is-active docker").strip() == "active"
    with lap("nodes back"):
        nodes_back(machine, nodes, containers)


def test_a_second_run_changes_nothing(machine: Fleet, nodes: list[dict[str, Any]]) -> None:
    with lap("site"):
        play(machine, "site", nodes)
    with lap("site again"):
        assert changes(play(machine, "site", nodes), machine.first) == 0


def test_an_engine_restart_leaves_the_nodes_alone(machine: Fleet, nodes: list[dict[str, Any]]) -> None:
    host = emulated(machine)
    before = processes(host)
    with lap("engine restart"):
        host.restart_engine()
    assert processes(host) == before
    assert units(host) == ("active", "active")


def test_a_unit_is_restarted_by_hand(machine: Fleet, nodes: list[dict[str, Any]]) -> None:
    host = emulated(machine)
    containers, before = host.containers(), processes(host)
    with lap("unit restart"):
        host.run(f"systemctl restart avs@{KEYED}")
    after = processes(host)
    assert host.containers() == containers and set(after) == set(before)
    assert [name for name in after if after[name] == before[name]] == [f"avs-{QUIET}-node"]


def test_what_failed_when_it_was_stopped_stays_down(machine: Fleet, nodes: list[dict[str, Any]]) -> None:
    host = emulated(machine)
    host.run(f"avsctl stop {QUIET} --reason 'disk is replaced'")
    assert host.inspect([f"avs-{QUIET}-node"])[0]["State"]["ExitCode"] == 3
    host.restart_engine()
    with lap("reboot of a held node"):
        host.reboot()
        settled(host)
    assert not running(host) and units(host)[0] != "active"
    host.run(f"avsctl start {QUIET}")
    play(machine, "install", nodes)
    assert units(host) == ("active", "active")


def test_nodes_live_through_a_power_cut(machine: Fleet, nodes: list[dict[str, Any]]) -> None:
    host = emulated(machine)
    boot, containers = host.boot_id(), host.containers()
    with lap("power cut"):
        host.cut()
    assert host.boot_id() != boot
    with lap("nodes back"):
        nodes_back(machine, nodes, containers)


def test_an_engine_upgrade_leaves_the_nodes_alone(machine: Fleet, nodes: list[dict[str, Any]]) -> None:
    host = emulated(machine)
    before, old = processes(host), engine.version(host)
    with lap("engine upgrade"):
        engine.offer_the_next(host, vm_image.SUITE)
        play(machine, "site", nodes, "-e", "docker_upgrade=true", timeout=NEW_ENGINE)
    assert engine.version(host) > old
    assert processes(host) == before
    assert units(host) == ("active", "active")
    assert changes(play(machine, "install", nodes), host) == 0


def nodes_back(machine: Fleet, entries: list[dict[str, Any]], containers: dict[str, str]) -> None:
    """What the host shows after a boot before any run, and what the next run has to do.

    A node with keys waits for them, as they were in memory: its unit says so, and the run that brings them starts the containers there are.
    """
    host = emulated(machine)
    settled(host)
    assert host.containers() == containers
    assert running(host) == {f"avs-{QUIET}-node"}
    assert not host.run(f"find /run/avs/{KEYED} -type f 2>/dev/null || true").strip()
    assert units(host) == ("active", "failed")
    assert "waits for its secrets" in host.run(f"systemctl status --no-pager avs@{KEYED}", check=False)

    result = play(machine, "install", entries)
    assert healthy(result, host)
    assert changes(result, host) > 0
    assert host.containers() == containers and len(running(host)) == 3
    assert units(host) == ("active", "active")


def assert_real(host: Host) -> None:
    """What a container on this machine's kernel could not show."""
    engine = json.loads(host.run("docker info --format '{{json .}}'"))
    assert (engine["CgroupVersion"], engine["CgroupDriver"]) == ("2", "systemd")
    assert "name=apparmor" in engine["SecurityOptions"]
    assert host.run("systemd-detect-virt --container || true").strip() == "none"
    assert host.run("systemctl is-active auditd").strip() == "active"
    assert host.run("uname -r").strip() != os.uname().release


def play(machine: Fleet, playbook: str, entries: list[dict[str, Any]], *arguments: str, timeout: int = PATIENCE) -> Result:
    result = machine.play(playbook, {machine.first.name: entries}, *arguments, timeout=timeout)
    assert result.code == 0, result.output[-4000:]
    settled(machine.first)
    return result


def settled(host: Host) -> None:
    """A run, or a boot, does not wait for the units it asks for."""
    host.run("timeout 500 sh -c 'while systemctl list-jobs --no-legend | grep -q avs; do sleep 2; done'")


def units(host: Host) -> tuple[str, ...]:
    """What systemd says of the two nodes."""
    return tuple(host.run(f"systemctl is-active avs@{name}.service", check=False).strip() for name in (QUIET, KEYED))


def healthy(result: Result, host: Host) -> bool:
    return {told["health"]["status"] for told in result.reconcile(host.name)["instances"]} == {"healthy"}


def changes(result: Result, host: Host) -> int:
    return result.stats[host.name]["changed"]


def running(host: Host) -> set[str]:
    """Names of the containers that run."""
    return set(host.run("docker ps --format '{{.Names}}'").split())


def processes(host: Host) -> dict[str, int]:
    """Name -> process id of the containers that run."""
    return {container["Name"].lstrip("/"): container["State"]["Pid"] for container in host.inspect(running(host))}


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
