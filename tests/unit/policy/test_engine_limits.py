# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The edges of what the engine takes; that it refuses what lies beyond is tried on an engine (tests/integration/host/test_verified.py)."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.restaking.avs.plugins.module_utils.policy.engine_limits import duration, judge_limits
from ansible_collections.restaking.avs.plugins.module_utils.policy.processors import fit_processors

from tests.unit.support.models import model, told, typed


@pytest.mark.parametrize("service", [
    {"mem_limit": "6291456", "mem_reservation": "6m", "mem_swappiness": 0}, {"mem_limit": "0"}, {"mem_swappiness": -1},
    {"cpus": 0.01}, {"cpu_quota": 1000, "cpu_period": 1_000_000}, {"cpu_quota": -1}, {"ulimits": {"nofile": 5, "core": {"soft": 0, "hard": -1}}},
    {"healthcheck": {"test": ["NONE"]}}, {"healthcheck": {"test": ["CMD", "a"], "interval": "1ms", "timeout": "0s"}}, {"hostname": "a" * 64},
    {"working_dir": "/x"}, {"restart": "on-failure"}, {"restart": "on-failure:3"}, {"restart": "unless-stopped"}, {"stop_signal": "sigterm"},
    {"stop_signal": "RTMIN+3"}, {"stop_signal": "9"}, {"pid": "service:a"}, {"ipc": "shareable"}, {"ipc": "service:a"}, {"pid": "host"},
    {"sysctls": {"net.core.somaxconn": "1"}}, {"sysctls": {"kernel.msgmax": "1", "fs.mqueue.msg_max": "5"}},
    {"tmpfs": ["/a", "/b:size=64m,mode=1777,noexec,uid=5"]}, {"extra_hosts": ["a=::1", "b:192.0.2.1", "c=host-gateway", "d=[::1]"]},
    {"extra_hosts": {"a": "::1", "b": ["192.0.2.1"]}}, {"dns": "192.0.2.1"}, {"dns": ["::1"]}, {"domainname": "a" * 100},
    {"network_mode": "service:a", "environment": {"A": "1"}},
])  # fmt: skip
def test_what_it_takes(service: dict[str, Any]) -> None:
    assert judge_limits(typed(), model(node=service)) == []


def test_addresses_of_networks() -> None:
    ipam = {"config": [{"subnet": "10.1.0.0/16", "gateway": "10.1.0.1", "ip_range": "10.1.2.0/24"}, {"subnet": "fd00::/64"}]}
    service = {
        "networks": {"n": {"ipv4_address": "10.1.2.3", "ipv6_address": "fd00::5"}, "shared": {"ipv4_address": "192.0.2.9"}, "d": None}
    }
    whole = {**model(node=service), "networks": {"n": {"ipam": ipam}, "shared": {"external": True}, "d": None}}
    assert judge_limits(typed(), whole) == []


def test_an_operators_limit_stands_in_for_the_packages() -> None:
    assert judge_limits(typed(limits={"node": {"memory": "64m"}}), model(node={"mem_limit": "1m"})) == []


@pytest.mark.parametrize(
    ("text", "seconds"), [("1m30s", 90), ("1.5s", 1.5), ("1µs", 1e-6), ("500us", 5e-4), ("", None), (None, None), ("x", None)]
)
def test_duration(text: Any, seconds: float | None) -> None:
    assert duration(text) == (None if seconds is None else pytest.approx(seconds))


def test_more_processors_than_there_are_become_those_there_are() -> None:
    changed, found = fit_processors("demo-avs-op1", model(node={"cpus": 8.0}, other={"cpus": 1.5}), {0, 1})
    assert (changed["services"]["node"]["cpus"], changed["services"]["other"]["cpus"]) == (2.0, 1.5)
    assert told(found) == [("OPS-002", "warning", "services.node.cpus")]
    assert fit_processors("demo-avs-op1", model(node={"cpus": 8.0}), ()) == (model(node={"cpus": 8.0}), [])


@pytest.mark.parametrize(
    ("text", "wrong"), [("0-1", False), ("1", False), ("0,1", False), ("2", True), ("0-2", True), ("1-0", True), ("x", False), ("", False)]
)
def test_processors_by_number(text: str, wrong: bool) -> None:
    assert bool(fit_processors("demo-avs-op1", model(node={"cpuset": text}), {0, 1})[1]) is wrong
