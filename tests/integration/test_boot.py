# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host that restarts brings its nodes back as far as their keys allow; what was stopped stays down; an emergency stop reaches every host."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from tests.integration.nodes import two_nodes
from tests.integration.power import ids, off, running, settled, unit, until
from tests.integration.support import Fleet, Host

QUIET, KEYED = "quiet-boot", "demo-avs-boot"


@pytest.fixture(scope="module")
def host(fleet: Fleet) -> Host:
    return fleet.first


@pytest.fixture(scope="module")
def placed(fleet: Fleet, host: Host, keys: Any) -> dict[str, list[dict[str, Any]]]:
    """One node without secrets and one with keys, healthy."""
    entries = {host.name: two_nodes(fleet, keys, "boot")}
    result = fleet.play("site", entries)
    assert result.code == 0, result.output[-3000:]
    return entries


def test_units_are_active_and_a_second_run_changes_nothing(fleet: Fleet, host: Host, placed: dict[str, Any]) -> None:
    settled(host)
    assert (unit(host, QUIET), unit(host, KEYED)) == ("active", "active"), host.run("journalctl -u 'avs*' --no-pager | tail -40")
    host.run("rm /usr/local/sbin/avsctl")
    again = fleet.play("site", placed)
    assert again.code == 0 and again.stats[host.name]["changed"] == 0
    # Without it no unit could do anything.
    assert host.run("avsctl ls").startswith("ID ")


def test_an_engine_that_restarts_stops_no_node(host: Host, placed: dict[str, Any]) -> None:
    before = {**running(host, QUIET), **running(host, KEYED)}
    assert len(before) == 3
    host.run("systemctl restart docker")
    until("engine", lambda: host.run("docker version >/dev/null 2>&1 && echo up", check=False).strip() == "up")
    assert {**running(host, QUIET), **running(host, KEYED)} == before
    assert (unit(host, QUIET), unit(host, KEYED)) == ("active", "active")


def test_a_unit_is_restarted_by_hand(host: Host, placed: dict[str, Any]) -> None:
    made, before = ids(host), running(host, KEYED)
    host.run(f"systemctl restart avs@{KEYED}")
    after = running(host, KEYED)
    assert ids(host) == made and set(after) == set(before) and after != before
    assert host.run("docker inspect -f '{{.HostConfig.RestartPolicy.Name}}' avs-demo-avs-boot-node").strip() == "unless-stopped"
    # The unit's own stop, which nobody waits for, may come when the node is up again.
    host.run(f"avsctl stop {QUIET}; avsctl start {QUIET}; avsctl stop {QUIET}; avsctl start {QUIET}")
    settled(host)
    assert running(host, QUIET) and unit(host, QUIET) == "active"
    assert host.run("ls /run/avs-units").split() == sorted([QUIET, KEYED])


@pytest.mark.parametrize("how", ["stop", "kill"])
def test_nodes_come_back_as_far_as_their_keys_allow(fleet: Fleet, host: Host, placed: dict[str, Any], how: str) -> None:
    made = ids(host)
    off(host, how)
    settled(host)
    assert running(host, QUIET) and ids(host) == made and unit(host, QUIET) == "active"
    assert not running(host, KEYED) and unit(host, KEYED) == "failed"
    assert "waits for its secrets" in host.run(f"systemctl status avs@{KEYED} --no-pager", check=False)
    entries = {entry["id"]: entry for entry in json.loads(host.run("avsctl status --json", check=False))["instances"]}
    assert entries[QUIET]["health"]["status"] == "healthy" and "keys are gone" in entries[KEYED]["health"]["detail"]
    done = fleet.play("install", placed)
    assert done.code == 0 and done.reconcile(host.name)["instances"][0]["changed"] is False
    settled(host)
    assert ids(host) == made and unit(host, KEYED) == "active"
    assert fleet.play("install", placed).stats[host.name]["changed"] == 0


def test_what_is_held_stays_down(fleet: Fleet, host: Host, placed: dict[str, Any]) -> None:
    host.run(f"avsctl stop {QUIET} --reason 'disk is replaced'")
    assert host.run(f"docker inspect -f '{{{{.State.ExitCode}}}}' avs-{QUIET}-node").strip() == "3"
    host.run("systemctl restart docker")
    until("engine", lambda: host.run("docker version >/dev/null 2>&1 && echo up", check=False).strip() == "up")
    time.sleep(3)
    assert not running(host, QUIET)
    site = fleet.play("site", placed)
    told = json.dumps(site.reconcile(host.name)["findings"])
    assert site.code == 0 and site.stats[host.name]["changed"] == 0 and "disk is replaced" in told and "OPS-017" in told
    off(host, "stop")
    settled(host)
    assert not running(host, QUIET) and unit(host, QUIET) != "active"
    status = fleet.play("status", placed, parse=False)
    assert "held" in status.output
    started = fleet.play("start", placed, "-e", json.dumps({"avs_start": [QUIET]}))
    assert started.code == 0, started.output[-2000:]
    assert running(host, QUIET) and fleet.play("install", placed).code == 0
    settled(host)
    assert (unit(host, QUIET), unit(host, KEYED)) == ("active", "active")


def test_what_is_stopped_while_the_engine_is_away_goes_down_with_its_return(fleet: Fleet, host: Host, placed: dict[str, Any]) -> None:
    (pid,) = {entry.split()[-1] for entry in running(host, QUIET).values()}
    host.run("systemctl stop docker.socket docker.service")
    try:
        told = host.run(f"avsctl stop {QUIET} --reason outage 2>&1; echo $?", check=False)
        assert told.strip().endswith("1") and "held" in told and host.run(f"test -d /proc/{pid} && echo up").strip() == "up"
    finally:
        host.run("systemctl start docker.socket docker.service")
    until("the node down", lambda: not running(host, QUIET))
    assert running(host, KEYED)
    host.run(f"avsctl start {QUIET}")
    settled(host)
    assert fleet.play("install", placed).stats[host.name]["changed"] == 0
    assert (unit(host, QUIET), unit(host, KEYED)) == ("active", "active")


def test_one_key_is_stopped_on_every_host_and_who_cannot_be_reached_is_named(
    fleet: Fleet, host: Host, placed: dict[str, Any], tmp_path: Path
) -> None:
    shown = json.loads(host.run(f"avsctl status {KEYED} --json"))["instances"][0]["keystores"]["bls"]["public_id"]
    real = dict(fleet.hosts)
    # Nobody answers at this address of the lab's network.
    address = host.variables["ansible_host"].rpartition(".")[0] + ".250"
    fleet.hosts = {**real, "gone": Host("gone", {**host.variables, "ansible_host": address})}
    try:
        inventory = {**placed, **{name: [] for name in fleet.hosts if name not in placed}}
        refused = fleet.play("stop", inventory, "-e", f"avs_stop_key={shown}")
        assert refused.code and running(host, KEYED)
        checked = fleet.play("stop", inventory, "--check", "-e", f"avs_stop_key={shown}", parse=False)
        assert "gone could not be reached" in checked.output and running(host, KEYED)
        began = time.monotonic()
        done = fleet.play("stop", inventory, "-e", f"avs_stop_key={shown}", "-e", "avs_stop_confirm=true", parse=False)
        took = time.monotonic() - began
    finally:
        fleet.hosts = real
    print(f"an emergency stop took {took:.1f} s")
    assert done.code and "gone could not be reached" in done.output and f"{host.name} {KEYED} held" in done.output
    assert not running(host, KEYED) and running(host, QUIET)
    install = fleet.play("install", placed)
    assert install.code == 0 and install.stats[host.name]["changed"] == 0 and not running(host, KEYED)
    unknown = fleet.play("start", placed, "-e", '{"avs_start": ["no-such"]}', parse=False)
    assert unknown.code and "no host that answered has no-such" in unknown.output
    again = fleet.play("start", placed, "-e", json.dumps({"avs_start": [KEYED]}))
    assert again.code == 0 and running(host, KEYED)
    restarted = fleet.play("restart", placed, "-e", json.dumps({"avs_restart": [KEYED]}), "-e", "avs_restart_confirm=true")
    assert restarted.code == 0 and fleet.play("install", placed).stats[host.name]["changed"] == 0
