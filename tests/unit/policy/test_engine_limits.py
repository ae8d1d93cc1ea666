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
    {"network_mode": "service:a", "environment": {"A": "1"}}, {"user": "2147483647:0"}, {"user": "bob:staff"}, {"group_add": ["5", "video"]},
    {"cap_add": ["CAP_CHOWN", "SYS_ADMIN", "ALL"]}, {"ulimits": {"memlock": -1, "nofile": 1048576}},
    {"logging": {"options": {"mode": "non-blocking", "max-buffer-size": "1m", "compress": True, "tag": "{{.Name}}/{{.ID}} {{ .DaemonName }}"}}},
    {"logging": {"driver": "json-file", "options": {"labels-regex": "^(a|b)\\z", "env-regex": r"\pL+", "mode": "", "tag": "{{index .ContainerLabels \"a\"}}"}}},
    {"deploy": {"restart_policy": {"condition": "on-failure", "max_attempts": 3}}}, {"deploy": {"restart_policy": {"condition": "any"}}},
])  # fmt: skip
def test_what_it_takes(service: dict[str, Any]) -> None:
    assert judge_limits(typed(), model(node=service)) == []


@pytest.mark.parametrize(("service", "place"), [
    ({"healthcheck": {"test": ["CMD", "a"], "interval": "-1s"}}, "healthcheck.interval"),
    ({"ulimits": {"nofile": -1}}, "ulimits.nofile"), ({"ulimits": {"nofile": {"soft": 5, "hard": -1}}}, "ulimits.nofile"),
    ({"user": "2147483648"}, "user"), ({"user": "1:-1"}, "user"), ({"user": "9" * 5000}, "user"), ({"group_add": ["3000000000"]}, "group_add"),
    ({"cap_add": ["NOPE"]}, "cap_add"), ({"sysctls": {"net.core.rmem_max": "1"}}, "sysctls"),
    ({"deploy": {"restart_policy": {"condition": "any", "max_attempts": 3}}}, "deploy.restart_policy"),
    ({"deploy": {"restart_policy": {"max_attempts": 3}}}, "deploy.restart_policy"),
    *(({"logging": {"driver": "json-file", "options": {name: text}}}, f"logging.options.{name}") for name, text in (
        ("mode", "foo"), ("max-buffer-size", "1m"), ("compress", "maybe"), ("compress", "yes"), ("tag", "{{.Foo}}"), ("tag", "a {{"),
        ("labels-regex", "("), ("env-regex", "(?=a)"), ("labels-regex", "[a"), ("env-regex", "a" * 1001), ("labels-regex", r"(a)\1"))),
])  # fmt: skip
def test_what_it_does_not_take(service: dict[str, Any], place: str) -> None:
    assert told(judge_limits(typed(), model(node=service))) == [("PKG-020", "error", f"services.node.{place}")]


def test_what_runtime_yml_says_of_users_and_rights_wins() -> None:
    node = {"user": "3000000000", "cap_add": ["NOPE"]}
    assert judge_limits(typed(privileges={"node": {"user": "1000:1000"}}), model(node=node)) == []
    found = judge_limits(typed(privileges={"node": {"user": "3000000000", "cap_add": ["NOPE"]}}), model(node={}))
    assert told(found) == [("PKG-020", "error", "services.node.cap_add"), ("PKG-020", "error", "services.node.user")]


def net(config: dict[str, Any], use: dict[str, Any] | None = None, **network: Any) -> dict[str, Any]:
    return {**model(node={"networks": {"n": use or {}}}), "networks": {"n": {"ipam": {"config": [config]}, **network}}}


@pytest.mark.parametrize(("whole", "place"), [
    (net({"subnet": "10.1.0.4/32"}), "networks.n.ipam"),
    (net({"subnet": "10.1.0.0/24", "gateway": "abc"}), "networks.n.ipam"),
    (net({"subnet": "10.1.0.0/24", "aux_addresses": {"a": "10.2.0.1"}}), "networks.n.ipam"),
    (net({"subnet": "10.1.0.0/24", "aux_addresses": {"a": "x"}}), "networks.n.ipam"),
    (net({}, driver_opts={"com.docker.network.driver.mtu": "abc"}), "networks.n.driver_opts"),
    (net({}, driver_opts={"com.docker.network.container_iface_prefix": "a" * 15}), "networks.n.driver_opts"),
    (net({}, {"link_local_ips": ["10.3.3.3"]}), "services.node.networks.n.link_local_ips"),
    (net({}, {"mac_address": "01:00:5e:00:00:01"}), "services.node.networks.n.mac_address"),
    *((net({}, driver_opts={"com.docker.network.driver.mtu": mtu}), "networks.n.driver_opts") for mtu in ("-1", "10", "99999")),
    (net({}, driver_opts={"com.docker.network.bridge.enable_icc": "maybe"}), "networks.n.driver_opts"),
    (net({}, {"link_local_ips": ["abc"]}), "services.node.networks.n.link_local_ips"),
    *((net(config, {"ipv4_address": text}), "services.node.networks.n.ipv4_address") for config, text in (
        ({"subnet": "10.1.0.0/24"}, "10.1.0.0"), ({"subnet": "10.1.0.0/24"}, "10.1.0.1"), ({"subnet": "10.1.0.0/24"}, "10.1.0.255"),
        ({"subnet": "10.1.0.0/24", "gateway": "10.1.0.9"}, "10.1.0.9"), ({"subnet": "10.1.0.0/24"}, "10.2.0.9"), ({"subnet": "10.1.0.0/24"}, "x"),
        ({"subnet": "10.1.0.0/24", "aux_addresses": {"a": "10.1.0.9"}}, "10.1.0.9"))),
])  # fmt: skip
def test_networks_it_does_not_take(whole: dict[str, Any], place: str) -> None:
    assert told(judge_limits(typed(), whole)) == [("PKG-020", "error", place)]


@pytest.mark.parametrize("whole", [
    net({"subnet": "10.1.0.0/31"}), net({}, driver_opts={"com.docker.network.driver.mtu": "1400"}),
    net({}, driver_opts={"com.docker.network.bridge.enable_icc": "false", "com.docker.network.driver.mtu": 0}),
    net({}, {"mac_address": "02:42:ac:11:65:43"}),
    net({}, driver_opts={"com.docker.network.container_iface_prefix": "a" * 14}), net({}, {"link_local_ips": ["169.254.8.8"]}),
    net({"subnet": "10.1.0.0/24", "gateway": "10.1.0.9"}, {"ipv4_address": "10.1.0.1"}),
    net({"subnet": "10.1.0.0/24", "ip_range": "10.1.0.128/25"}, {"ipv4_address": "10.1.0.1"}),
    net({"subnet": "10.1.0.0/24"}, {"ipv4_address": "10.1.0.1"}, driver_opts={"com.docker.network.bridge.gateway_mode_ipv4": "isolated"}),
])  # fmt: skip
def test_networks_it_takes(whole: dict[str, Any]) -> None:
    assert judge_limits(typed(), whole) == []


def test_a_gate_that_asks_over_no_network() -> None:
    asked = typed(health={"type": "tcp", "service": "node", "port": 80})
    assert told(judge_limits(asked, model(node={"network_mode": "none"}))) == [("PKG-016", "error", "health.service")]
    assert judge_limits(asked, model(node={})) == []
    assert judge_limits(typed(health={"type": "container", "service": "node"}), model(node={"network_mode": "none"})) == []


def test_an_address_for_one_service() -> None:
    uses = {"networks": {"n": {"ipv4_address": "10.1.0.9"}}}
    whole = {**model(a=uses, b=uses), "networks": {"n": {"ipam": {"config": [{"subnet": "10.1.0.0/24"}]}}}}
    assert told(judge_limits(typed(), whole)) == [("PKG-020", "error", "services.b.networks.n.ipv4_address")]


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
