# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.restaking.avs.plugins.module_utils.policy.ports import (
    Published,
    bind_ports,
    collisions,
    container_port,
    no_ports,
    overlap,
    port_range,
    published,
    published_twice,
    variables,
)

from tests.unit.support.models import model, told, typed

VALUES = {"MAIN": "9080", "METRICS": "9090"}


def port(target: int, host: str | None, protocol: str = "tcp", host_ip: str | None = None) -> dict[str, Any]:
    found: dict[str, Any] = {"mode": "ingress", "target": target, "protocol": protocol}
    if host is not None:
        found["published"] = host
    if host_ip is not None:
        found["host_ip"] = host_ip
    return found


def address(given: dict[str, Any], package: dict[str, str], operator: dict[str, str] | None = None) -> tuple[str | None, list[str]]:
    one = typed(privileges={"node": {"ports": package}}, ports=operator or {})
    changed, found = bind_ports(one, model(node={"ports": [given]}), VALUES)
    return changed["services"]["node"]["ports"][0].get("host_ip"), [item.id for item in found]


@pytest.mark.parametrize(
    ("given", "package", "operator", "expected", "rules"),
    [
        (port(8080, "9080"), {"8080": "loopback"}, {}, "127.0.0.1", []),
        (port(8080, "9080"), {"8080": "public"}, {}, None, []),
        (port(8080, "9080"), {"8080": "10.0.0.1"}, {}, "10.0.0.1", []),
        (port(8080, "9080"), {"MAIN": "public"}, {}, None, []),
        (port(8080, "9080"), {"METRICS": "public"}, {}, "127.0.0.1", ["NET-001"]),
        (port(8080, "9080"), {"8080": "public"}, {"8080": "loopback"}, "127.0.0.1", []),
        (port(8080, "9080"), {"MAIN": "loopback"}, {"MAIN": "192.0.2.1"}, "192.0.2.1", []),
        (port(8080, "9080"), {}, {}, "127.0.0.1", ["NET-001"]),
        (port(8080, "9080", host_ip="127.0.0.1"), {}, {}, "127.0.0.1", []),
        (port(8080, "9080", host_ip="::1"), {}, {}, "::1", []),
        (port(8080, "9080", host_ip="0.0.0.0"), {}, {}, "127.0.0.1", ["NET-001"]),
        (port(8080, "9080", host_ip="127.0.0.1"), {"8080": "public"}, {}, None, []),
        (port(8080, None), {}, {}, "127.0.0.1", ["NET-001"]),
        (port(53, "53", "udp"), {"53/tcp": "public"}, {}, "127.0.0.1", ["NET-001"]),
        (port(53, "53", "udp"), {"53/udp": "public"}, {}, None, []),
        (port(9090, "1"), {"METRICS": "public"}, {}, None, []),
        (port(8080, "9080"), {"8080": "public"}, {"1234": "loopback"}, None, ["INV-001"]),
    ],
)
def test_addresses(
    given: dict[str, Any], package: dict[str, str], operator: dict[str, str], expected: str | None, rules: list[str]
) -> None:
    assert address(given, package, operator) == (expected, rules)


def test_the_published_port_is_what_a_variable_means_first() -> None:
    """A node that publishes 9080 -> 9090 next to 9090 -> 9080: the variable holds a host port."""
    one = typed(privileges={"node": {"ports": {"MAIN": "public"}}})
    changed, _found = bind_ports(one, model(node={"ports": [port(9090, "9080"), port(9080, "9090")]}), VALUES)
    assert [item.get("host_ip") for item in changed["services"]["node"]["ports"]] == [None, "127.0.0.1"]


@pytest.mark.parametrize(
    ("value", "written", "bound"),
    [
        ("127.0.0.1:9000", "127.0.0.1", "127.0.0.1"),
        ("10.1.2.3:9000", "10.1.2.3", "10.1.2.3"),
        ("[::1]:9000", "::1", "::1"),
        ("9000", None, None),
    ],
)
def test_an_address_in_an_option_is_not_widened_by_the_package(value: str, written: str | None, bound: str | None) -> None:
    given = model(node={"ports": [port(9000, "9000", host_ip=written)]})
    declared = {"node": {"ports": {"P2P": "public"}}}
    changed, findings = bind_ports(typed(privileges=declared, ports={}), given, {"P2P": value})
    assert changed["services"]["node"]["ports"][0].get("host_ip") == bound and findings == []
    # The operator's own word for the port stays the last one.
    changed, _findings = bind_ports(typed(privileges=declared, ports={"P2P": "public"}), given, {"P2P": value})
    assert "host_ip" not in changed["services"]["node"]["ports"][0]


def test_variables_that_name_ports() -> None:
    one = typed(
        ports={"A": "public", "80": "public"},
        privileges={"n": {"ports": {"B": "loopback", "81": "public"}}},
        health={"type": "tcp", "port": "C"},
        metrics=[{"service": "n", "port": "D"}, {"service": "n", "port": 9}],
    )
    assert variables(one) == {"A", "B", "C", "D"}


def test_a_gate_or_target_without_a_port_names_no_variable() -> None:
    """The documented default, a gate of type container, has none."""
    assert variables(typed(health={"type": "container"}, metrics=[{"service": "n"}, {"service": "n", "port": None}])) == set()


@pytest.mark.parametrize(("text", "expected"), [
    ("80", (80, 80)), ("7000-7001", (7000, 7001)), ("127.0.0.1:80", (80, 80)), ("[::1]:80-81/udp", (80, 81)), ("80/tcp", (80, 80)),
    ("", None), ("0", None), ("70000", None), ("9-8", None), ("x", None), ("80-", None),
])  # fmt: skip
def test_what_a_variable_may_say_of_ports(text: str, expected: tuple[int, int] | None) -> None:
    assert port_range(text) == expected


def test_a_range_in_a_variable_means_each_of_its_ports() -> None:
    one = typed(privileges={"node": {"ports": {"RANGE": "public"}}})
    ports = [port(7000, "7000"), port(7001, "7001", "udp"), port(7002, "7002")]
    changed, found = bind_ports(one, model(node={"ports": ports}), {"RANGE": "7000-7001"})
    assert [item.get("host_ip") for item in changed["services"]["node"]["ports"]] == [None, None, "127.0.0.1"]
    assert [item.id for item in found] == ["NET-001"]


@pytest.mark.parametrize(
    ("part", "values", "expected"),
    [
        ({"health": {"type": "tcp", "port": "P"}}, {"P": ""}, [("PKG-016", "error", "P")]),
        ({"health": {"type": "tcp", "port": "P"}}, {"P": "80-81"}, [("PKG-016", "error", "P")]),
        ({"metrics": [{"service": "n", "port": "P"}]}, {"P": "x"}, [("PKG-016", "warning", "P")]),
        ({"privileges": {"n": {"ports": {"P": "public"}}}}, {"P": ""}, [("PKG-016", "warning", "P")]),
        ({"privileges": {"n": {"ports": {"P": "public"}}}}, {"P": "80-81"}, []),
        ({"ports": {"P": "public"}}, {"P": ""}, []),
        ({"health": {"type": "tcp", "port": "P"}}, {"P": "80"}, []),
    ],
)
def test_variables_that_name_no_port(part: dict[str, Any], values: dict[str, str], expected: list[tuple[str, str, str]]) -> None:
    """Without the gate's nothing can be installed; what an operator misspelt is told where it is used."""
    assert told(no_ports(typed(**part), values)) == expected


def test_one_port_for_two() -> None:
    local = {"host_ip": "127.0.0.1"}
    two = model(a={"ports": [port(80, "80", **local)]}, b={"ports": [port(80, "80", **local), port(80, "80", "udp", **local)]})
    assert told(published_twice("demo-avs-op1", two)) == [("NET-002", "error", "services.b.ports")]
    ranges = model(a={"ports": [port(80, "8000-8010", **local)]}, b={"ports": [port(80, "8000-8010", **local)]})
    assert published_twice("demo-avs-op1", ranges) == []


@pytest.mark.parametrize(("given", "expected"), [(80, 80), ("80", 80), ("MAIN", 9080), ("NONE", None), (0, None), (70000, None)])
def test_container_port(given: Any, expected: int | None) -> None:
    assert container_port(given, VALUES) == expected


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        (("", "80", "tcp"), ("127.0.0.1", "80", "tcp"), True),
        (("127.0.0.1", "80", "tcp"), ("127.0.0.1", "80", "tcp"), True),
        (("127.0.0.1", "80", "tcp"), ("10.0.0.1", "80", "tcp"), False),
        (("", "80", "tcp"), ("", "80", "udp"), False),
        (("", "80-90", "tcp"), ("::", "85", "tcp"), True),
        (("", "80-84", "tcp"), ("", "85-86", "tcp"), False),
    ],
)
def test_overlap(one: tuple[str, str, str], other: tuple[str, str, str], expected: bool) -> None:
    assert overlap(Published(*one), Published(*other)) is expected
    assert overlap(Published(*other), Published(*one)) is expected


def test_published_and_collisions() -> None:
    whole = model(b={"ports": [port(1, "10", host_ip="127.0.0.1"), port(2, None)]}, a={"ports": [port(3, "30")]})
    found = published(whole)
    assert found == [Published("", "30", "tcp", "a"), Published("127.0.0.1", "10", "tcp", "b")]
    taken = [(Published("", "10", "tcp"), "first"), (Published("127.0.0.1", "10", "tcp"), "second")]
    assert collisions(found, taken) == [(found[1], "first")]


def test_in_the_hosts_own_network_nothing_is_published() -> None:
    """The engine discards the ports, and the container's sockets are the host's."""
    assert published(model(a={"network_mode": "host", "ports": [port(3, "30")]})) == []


def test_an_operators_unknown_port_is_an_error() -> None:
    _changed, found = bind_ports(typed(ports={"9": "public"}), model(node={}), {})
    assert told(found) == [("INV-001", "error", "ports.9")]


def test_what_is_no_port_is_not_published() -> None:
    """It is refused by the table of settings; until that is told, nobody may stumble over it."""
    ports = [{"target": 80, "published": published} for published in ("http", "-5", "80-", "81", "82-83")]
    assert [port.port for port in published(model(node={"ports": ports}))] == ["81", "82-83"]


def test_a_port_without_a_target_is_refused() -> None:
    bound, found = bind_ports(typed(), model(node={"ports": [{"published": "33105", "protocol": "tcp"}]}), {})
    assert bound["services"]["node"]["ports"] == []
    assert told(found) == [("PKG-018", "error", "services.node.ports")]
