# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.restaking.avs.plugins.module_utils.docker.references import tag_of
from ansible_collections.restaking.avs.plugins.module_utils.policy.services import check

from tests.unit.support.models import model, told, typed

BRIDGE = "com.docker.network.bridge."
KEY = {"name": "bls", "kind": "bn254", "keystore": "key.bls.keystore"}
STATED = {"node": {"cap_add": []}}


@pytest.mark.parametrize(
    ("service", "expected"),
    [
        ({}, []),
        ({"privileged": True}, [("PRIV-002", "error", "services.node.privileged")]),
        ({"pid": "host"}, [("PRIV-002", "error", "services.node.pid")]),
        ({"ipc": "host"}, [("PRIV-002", "error", "services.node.ipc")]),
        ({"network_mode": "host"}, [("PRIV-002", "error", "services.node.network_mode")]),
        ({"network_mode": "container:other"}, [("PRIV-002", "error", "services.node.network_mode")]),
        ({"network_mode": "service:other"}, []),
        ({"uts": "host"}, [("PRIV-002", "error", "services.node.uts")]),
        ({"userns_mode": "host"}, [("PRIV-002", "error", "services.node.userns_mode")]),
        ({"security_opt": ["seccomp:unconfined"]}, [("PRIV-002", "error", "services.node.security_opt")]),
        ({"security_opt": ["no-new-privileges=false"]}, [("PRIV-002", "error", "services.node.security_opt")]),
        ({"security_opt": ["no-new-privileges:true"]}, []),
        ({"security_opt": ["apparmor=docker-default"]}, []),
        ({"security_opt": ["seccomp:tree/allow.json"]}, [("PRIV-002", "error", "services.node.security_opt")]),
        ({"security_opt": ["label=disable"]}, [("PRIV-002", "error", "services.node.security_opt")]),
        ({"security_opt": ["writable-cgroups=true"]}, [("PRIV-002", "error", "services.node.security_opt")]),
        ({"network_mode": "avs-other-op1_default"}, [("PRIV-002", "error", "services.node.network_mode")]),
        (
            {"deploy": {"resources": {"reservations": {"devices": [{"capabilities": ["gpu"]}]}}}},
            [("PRIV-002", "error", "services.node.deploy.resources.reservations.devices")],
        ),
        ({"volumes_from": ["container:other"]}, [("PRIV-002", "error", "services.node.volumes_from")]),
        ({"devices": ["/dev/mem:/dev/mem"]}, [("PRIV-002", "error", "services.node.devices")]),
        ({"use_api_socket": True}, [("PRIV-002", "error", "services.node.use_api_socket")]),
        ({"provider": {"type": "x"}}, [("PRIV-002", "error", "services.node.provider")]),
        ({"post_start": [{"command": ["a"], "privileged": True}]}, [("PRIV-002", "error", "services.node.post_start")]),
        ({"x-team": "ours"}, []),
        ({"build": {"context": "."}}, [("PKG-015", "error", "services.node.build")]),
        ({"image": None}, [("PKG-018", "error", "services.node.image")]),
        ({"image": "demo"}, [("IMG-001", "warning", "services.node.image")]),
        ({"image": "demo:latest"}, [("IMG-001", "warning", "services.node.image")]),
        ({"image": "host:5000/demo"}, [("IMG-001", "warning", "services.node.image")]),
        ({"image": "demo:main"}, [("IMG-001", "warning", "services.node.image")]),
        ({"image": "demo:v1.2.3"}, []),
        ({"image": f"demo@sha256:{'0' * 64}"}, []),
        ({"image": "containrrr/watchtower:1.7.1"}, [("UPG-001", "error", "services.node.image")]),
        ({"pull_policy": "always"}, [("UPG-001", "warning", "services.node.pull_policy")]),
        ({"pull_policy": "every_12h"}, [("UPG-001", "warning", "services.node.pull_policy")]),
        ({"pull_policy": "missing"}, []),
        ({"image": "example/my-shepherd-node:1.0"}, [("UPG-001", "warning", "services.node.image")]),
        ({"deploy": {"replicas": 2}}, [("PKG-018", "warning", "services.node.deploy.replicas")]),
        ({"scale": 3}, [("PKG-018", "warning", "services.node.deploy.replicas")]),
        ({"deploy": {"replicas": 1}}, []),
    ],
)
def test_what_a_service_asks_for(service: dict[str, Any], expected: list[tuple[str, str, str]]) -> None:
    assert told(check(typed(privileges=STATED), model(node=service))) == expected


@pytest.mark.parametrize(
    ("network", "expected"),
    [
        ({"external": True, "name": "shared-rpc"}, [("NET-003", "warning", "networks.n")]),
        ({"external": True, "name": "avs-other-op1_default"}, [("PRIV-002", "error", "networks.n")]),
        ({"external": True, "name": "host"}, [("PRIV-002", "error", "networks.n")]),
        ({"driver": "bridge"}, []),
        ({"driver": "macvlan", "driver_opts": {"parent": "eth0"}}, [("PRIV-002", "error", "networks.n.driver")]),
        ({"driver_opts": {"com.docker.network.driver.mtu": "1400"}}, []),
        ({"driver_opts": {f"{BRIDGE}enable_icc": "false", f"{BRIDGE}gateway_mode_ipv4": "nat"}}, []),
        ({"driver_opts": {f"{BRIDGE}name": "docker0"}}, [("PRIV-002", "error", "networks.n.driver_opts")]),
        (
            {"driver_opts": {f"{BRIDGE}gateway_mode_ipv4": "routed", f"{BRIDGE}gateway_mode_ipv6": "nat-unprotected"}},
            [("PRIV-002", "error", "networks.n.driver_opts")] * 2,
        ),
        ({"driver_opts": {f"{BRIDGE}trusted_host_interfaces": "eth0"}}, [("PRIV-002", "error", "networks.n.driver_opts")]),
        ({"driver_opts": {"parent": "eth0"}}, [("PRIV-002", "error", "networks.n.driver_opts")]),
        ({"ipam": {"driver": "default", "config": [{"subnet": "10.9.0.0/24"}]}}, []),
        ({"ipam": {"driver": "some/plugin"}}, [("PRIV-002", "error", "networks.n.ipam.driver")]),
    ],
)
def test_networks_of_somebody_else(network: dict[str, Any], expected: list[tuple[str, str, str]]) -> None:
    resolved = {**model(node={"image": "i:1"}), "networks": {"n": network}}
    assert told(check(typed(privileges=STATED), resolved)) == expected


def test_unstated_privileges_are_a_warning() -> None:
    assert told(check(typed(), model(node={}))) == [("PRIV-001", "warning", "services.node")]


@pytest.mark.parametrize(
    ("declared", "rule"), [(["SYS_ADMIN"], ["PRIV-002"]), (["CAP_NET_ADMIN"], ["PRIV-002"]), (["CHOWN", "NET_BIND_SERVICE"], [])]
)
def test_declared_capabilities(declared: list[str], rule: list[str]) -> None:
    found = check(typed(privileges={"node": {"cap_add": declared}}), model(node={"cap_add": ["SYS_PTRACE"]}))
    assert [item.id for item in found] == rule


def test_the_vendors_capabilities_count_where_none_are_declared() -> None:
    assert [item.id for item in check(typed(), model(node={"cap_add": ["SYS_PTRACE"]}))] == ["PRIV-001", "PRIV-002"]


@pytest.mark.parametrize(
    ("service", "grant"),
    [
        ({"privileged": True}, "privileged"),
        ({"pid": "host"}, "pid_host"),
        ({"ipc": "host"}, "ipc_host"),
        ({"network_mode": "host"}, "network_host"),
    ],
)
def test_an_exception_turns_the_error_into_a_visible_note(service: dict[str, Any], grant: str) -> None:
    allowed = [{"service": "node", "allow": [grant], "reason": "measured"}]
    found = check(typed(privileges=STATED, exceptions=allowed), model(node=service))
    assert [(item.id, item.severity) for item in found] == [("PRIV-005", "info")]
    assert "measured" in found[0].message
    other = [{"service": "node", "allow": ["docker_sock"], "reason": "no"}]
    assert [item.id for item in check(typed(privileges=STATED, exceptions=other), model(node=service))] == ["PRIV-002"]


def test_a_capability_is_granted_by_name() -> None:
    allowed = [{"service": "node", "allow": ["cap:SYS_NICE"], "reason": "scheduling"}]
    found = check(typed(privileges={"node": {"cap_add": ["CAP_SYS_NICE", "SYS_ADMIN"]}}, exceptions=allowed), model(node={}))
    assert sorted(item.id for item in found) == ["PRIV-002", "PRIV-005"]


def test_digests_only_where_the_operator_wants_it() -> None:
    found = check(typed(privileges=STATED), model(node={"image": "demo:1.0.0"}), "digest")
    assert told(found) == [("IMG-001", "error", "services.node.image")]


@pytest.mark.parametrize(
    ("part", "rule", "severity", "field"),
    [
        ({"privileges": {"node": {}, "nod": {}}}, "PKG-016", "warning", "privileges.nod"),
        ({"limits": {"nod": {}}}, "INV-001", "error", "limits.nod"),
        ({"exceptions": [{"service": "nod", "allow": ["privileged"], "reason": "x"}]}, "INV-001", "error", "exceptions[0].service"),
        ({"health": {"type": "container", "service": "nod"}}, "PKG-016", "error", "health.service"),
        ({"health": {"type": "http", "service": "nod", "port": 80}}, "PKG-016", "error", "health.service"),
        ({"health": {"type": "container", "ends": ["nod"]}}, "PKG-016", "warning", "health.ends"),
        ({"metrics": [{"service": "node", "port": 1}, {"service": "nod", "port": 1}]}, "PKG-016", "warning", "metrics[1].service"),
        ({"api": {"service": "nod", "port": 1}}, "PKG-016", "warning", "api.service"),
        ({"keys": [{**KEY, "services": ["node", "nod"]}]}, "PKG-016", "error", "keys.bls.services"),
    ],
)
def test_services_nobody_has_are_named(part: dict[str, Any], rule: str, severity: str, field: str) -> None:
    """An error only where the node would lack its gate or key, or where the operator can correct it at once."""
    (found,) = check(typed(**{"privileges": STATED, **part}), model(node={}))
    assert (found.id, found.severity, found.place) == (rule, severity, f"demo-avs-op1: {field}")
    assert found.message == "there is no service nod; the package's services are node"


def test_services_that_are_named_and_exist() -> None:
    named = {
        "health": {"type": "container", "service": "node"},
        "metrics": [{"service": "node", "port": 1}],
        "api": None,
        "keys": [{**KEY, "services": ["node"]}, {**KEY, "name": "tls", "services": []}],
    }
    assert check(typed(privileges=STATED, **named), model(node={})) == []


@pytest.mark.parametrize(
    ("part", "expected"),
    [
        ({"privileges": {"node": {}, "off": {}}, "limits": {"off": {"pids": 5}}}, []),
        ({"exceptions": [{"service": "off", "allow": ["privileged"], "reason": "x"}]}, []),
        ({"keys": [{**KEY, "services": ["node", "off"]}]}, []),
        ({"metrics": [{"service": "off", "port": 1}]}, [("PKG-016", "info", "metrics[0].service")]),
        ({"api": {"service": "off", "port": 1}}, [("PKG-016", "info", "api.service")]),
        ({"health": {"type": "container", "service": "off"}}, [("PKG-016", "error", "health.service")]),
    ],
)
def test_services_of_a_compose_profile_that_is_not_chosen(part: dict[str, Any], expected: list[tuple[str, str, str]]) -> None:
    assert told(check(typed(**{"privileges": STATED, **part}), model(node={}), inactive=["off"])) == expected


@pytest.mark.parametrize(
    ("part", "field"),
    [
        ({"health": {"type": "container", "service": "vendor-node"}}, "health.service"),
        ({"metrics": [{"service": "vendor-node", "port": 1}]}, "metrics[0].service"),
        ({"api": {"service": "vendor-node", "port": 1}}, "api.service"),
    ],
)
def test_a_container_named_in_place_of_its_service(part: dict[str, Any], field: str) -> None:
    found = check(typed(privileges=STATED, **part), model(node={"container_name": "vendor-node"}))
    assert told(found) == [("PKG-016", "info", field)]


def test_no_service_and_names_that_are_paths() -> None:
    assert [item.id for item in check(typed(), {"services": {}})] == ["PKG-018"]
    assert "PKG-005" in {item.id for item in check(typed(), {"services": {"..": {"image": "a:1"}}})}


@pytest.mark.parametrize(("image", "tag"), [("a", None), ("a:1", "1"), ("r:5000/a", None), ("r:5000/a:x", "x"), ("r/a/b:v1", "v1")])
def test_tag_of(image: str, tag: str | None) -> None:
    assert tag_of(image) == tag
