# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.restaking.avs.plugins.module_utils.policy.baseline import PIDS, apply_baseline, may_end
from ansible_collections.restaking.avs.plugins.module_utils.policy.secrets import confine

from tests.unit.support.models import model, told, typed

GIB = 1 << 30
TOKENS = {"option.token": "avs00x0x", "key.bls.password": "avs00x1x"}


def based(service: dict[str, Any] | None = None, **changes: Any) -> dict[str, Any]:
    found: dict[str, Any] = apply_baseline(typed(**changes), model(node=service or {}), GIB)["services"]["node"]
    return found


def test_every_service_gets_the_baseline() -> None:
    assert based() == {
        "image": "demo:1.0.0",
        "container_name": "avs-demo-avs-op1-node",
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges:true"],
        "mem_limit": str(GIB),
        "pids_limit": PIDS,
        "logging": {"driver": "json-file", "options": {"max-size": "10m", "max-file": "3"}},
        "restart": "unless-stopped",
        "labels": {"avs.instance": "demo-avs-op1", "avs.service": "node"},
    }


@pytest.mark.parametrize(
    ("vendor", "declared", "added"),
    [
        (["NET_ADMIN"], {"cap_add": []}, None),
        ([], {"cap_add": ["CAP_CHOWN", "NET_BIND_SERVICE"]}, ["CHOWN", "NET_BIND_SERVICE"]),
        (["CHOWN"], None, ["CHOWN"]),
    ],
)
def test_capabilities(vendor: list[str], declared: dict[str, Any] | None, added: list[str] | None) -> None:
    service = based({"cap_add": vendor}, privileges={} if declared is None else {"node": declared})
    assert (service["cap_drop"], service.get("cap_add")) == (["ALL"], added)


def test_privileged_needs_its_exception() -> None:
    allowed = [{"service": "node", "allow": ["privileged"], "reason": "x"}]
    assert "privileged" not in based({"privileged": True})
    assert based({"privileged": True}, exceptions=allowed)["privileged"] is True


def test_declared_user_root_and_tmpfs() -> None:
    declared = {"node": {"user": "1000:1000", "read_only": True, "tmpfs": ["/tmp", "/run:uid=1"]}}
    service = based({"user": "root", "tmpfs": "/tmp:size=1m"}, privileges=declared)
    assert (service["user"], service["read_only"], service["tmpfs"]) == ("1000:1000", True, ["/tmp:size=1m", "/run:uid=1"])
    kept = based({"user": "7"}, privileges={"node": {"read_only": False}})
    assert kept["user"] == "7"
    assert "read_only" not in kept


@pytest.mark.parametrize(
    ("vendor", "operator", "expected"),
    [
        ({}, {}, (str(GIB), PIDS, None)),
        ({"mem_limit": "5", "pids_limit": 6, "cpus": 0.5}, {}, ("5", 6, 0.5)),
        ({"deploy": {"resources": {"limits": {"memory": "7", "pids": 8, "cpus": "2"}}}}, {}, ("7", 8, 2.0)),
        ({"mem_limit": "5", "cpus": 3}, {"memory": "2g", "cpus": 1.5, "pids": 9}, ("2g", 9, 1.5)),
    ],
)
def test_limits(vendor: dict[str, Any], operator: dict[str, Any], expected: tuple[Any, ...]) -> None:
    service = based(vendor, limits={"node": operator})
    assert (service["mem_limit"], service["pids_limit"], service.get("cpus")) == expected
    assert "deploy" not in service


def test_reservations_and_other_parts_of_deploy_stay() -> None:
    service = based({"deploy": {"replicas": 1, "resources": {"limits": {"memory": "1"}, "reservations": {"memory": "2"}}, "placement": {}}})
    assert service["deploy"] == {"resources": {"reservations": {"memory": "2"}}, "placement": {}}


@pytest.mark.parametrize(
    ("vendor", "expected"),
    [
        ({"driver": "json-file", "options": {"max-size": "-1"}}, {"driver": "json-file", "options": {"max-size": "10m", "max-file": "3"}}),
        ({"driver": "local"}, {"driver": "local", "options": {"max-size": "10m", "max-file": "3"}}),
        ({"driver": "journald", "options": {"tag": "x"}}, {"driver": "journald", "options": {"tag": "x"}}),
        ({"driver": "none"}, {"driver": "none"}),
    ],
)
def test_logs_are_bounded(vendor: dict[str, Any], expected: dict[str, Any]) -> None:
    assert based({"logging": vendor})["logging"] == expected


@pytest.mark.parametrize(
    ("vendor", "expected"),
    [
        (None, "unless-stopped"),
        ("always", "unless-stopped"),
        ("no", "no"),
        ("on-failure:3", "on-failure:3"),
        ("unless-stopped", "unless-stopped"),
    ],
)
def test_restart(vendor: str | None, expected: str) -> None:
    assert based({"restart": vendor} if vendor else {})["restart"] == expected


def test_a_job_others_wait_for_is_not_restarted() -> None:
    whole = model(init={}, node={"depends_on": {"init": {"condition": "service_completed_successfully"}}})
    found = apply_baseline(typed(), whole, GIB)["services"]
    assert (found["init"]["restart"], found["node"]["restart"]) == ("no", "unless-stopped")


def test_nor_is_one_the_package_says_ends() -> None:
    whole = model(init={}, seed={"container_name": "vendor-seed"}, often={"restart": "on-failure"}, node={})
    found = apply_baseline(typed(health={"type": "container", "ends": ["init", "vendor-seed", "often"]}), whole, GIB)["services"]
    assert {name: service["restart"] for name, service in found.items()} == {
        "init": "no", "seed": "no", "often": "on-failure", "node": "unless-stopped",
    }  # fmt: skip


@pytest.mark.parametrize(("restart", "expected"), [("no", True), ("on-failure:5", True), ("unless-stopped", False), ("always", False)])
def test_may_end(restart: str, expected: bool) -> None:
    assert may_end({"restart": restart}) is expected


def test_names_become_the_instances_own_and_the_vendors_stay_reachable() -> None:
    whole = {
        **model(node={"container_name": "vendor", "networks": {"a": None, "b": {"aliases": ["x"]}}}),
        "networks": {"a": {"name": "fixed"}, "b": {"name": "outer", "external": True}},
        "volumes": {"d": {"name": "fixed"}, "e": None, "o": {"name": "outer", "external": True}},
    }
    found = apply_baseline(typed(), whole, GIB)
    assert found["name"] == "avs-demo-avs-op1"
    assert found["services"]["node"]["container_name"] == "avs-demo-avs-op1-node"
    assert found["services"]["node"]["networks"] == {"a": {"aliases": ["vendor"]}, "b": {"aliases": ["x", "vendor"]}}
    assert {name: entry["name"] for name, entry in found["networks"].items()} == {"a": "avs-demo-avs-op1_a", "b": "outer"}
    assert {name: entry["name"] for name, entry in found["volumes"].items()} == {
        "d": "avs-demo-avs-op1_d",
        "e": "avs-demo-avs-op1_e",
        "o": "outer",
    }


def test_what_would_build_pull_or_hide_a_service_is_gone() -> None:
    service = based({"build": {}, "pull_policy": "missing", "profiles": ["x"], "env_file": [".env"], "develop": {}})
    assert {"build", "pull_policy", "profiles", "env_file", "develop"}.isdisjoint(service)


SECRETS = {"option.token": {"services": None}, "key.bls.password": {"services": ["node"]}}


def test_a_service_not_named_for_a_secret_loses_the_variable() -> None:
    whole = model(node={"environment": {"P": "avs00x1x", "A": "1"}}, proxy={"environment": {"P": "avs00x1x", "A": "1"}})
    changed, found = confine("demo-avs-op1", typed(secrets=SECRETS).secrets, whole, TOKENS)
    assert changed["services"]["node"]["environment"] == {"P": "avs00x1x", "A": "1"}
    assert changed["services"]["proxy"]["environment"] == {"A": "1"}
    assert told(found) == [("KEY-003", "warning", "services.node.environment"), ("KEY-004", "info", "services.proxy.environment")]


def test_an_empty_environment_disappears() -> None:
    changed, _found = confine("demo-avs-op1", typed(secrets=SECRETS).secrets, model(proxy={"environment": {"P": "x avs00x1x"}}), TOKENS)
    assert "environment" not in changed["services"]["proxy"]


def test_a_secret_for_nobody_in_particular_that_reaches_several() -> None:
    both = {"environment": {"T": "https://u:avs00x0x@h"}}
    changed, found = confine("demo-avs-op1", typed(secrets=SECRETS).secrets, model(a=both, b=both), TOKENS)
    assert changed["services"]["a"] == {"image": "demo:1.0.0", **both}
    assert ("KEY-004", "warning", "option.token") in told(found)


@pytest.mark.parametrize(
    ("whole", "expected"),
    [
        (model(node={"command": ["--token", "avs00x0x"]}), ("KEY-003", "warning", "services.node.command")),
        (model(node={"labels": {"a": "avs00x0x"}}), ("PKG-018", "error", "services.node.labels")),
        (model(node={"container_name": "avs00x0x"}), ("PKG-018", "error", "services.node.container_name")),
        (model(proxy={"command": ["avs00x1x"]}), ("PKG-018", "error", "services.proxy.command")),
        ({**model(node={}), "volumes": {"v": {"name": "avs00x0x"}}}, ("PKG-018", "error", "volumes")),
        ({**model(node={}), "configs": {"c": {"name": "avs00x0x", "content": "x"}}}, ("PKG-018", "error", "configs")),
        ({**model(node={}), "configs": {"c": {"name": "c", "content": "token=avs00x0x"}}}, ("PKG-018", "error", "configs.c.content")),
        ({**model(node={}), "secrets": {"s": {"name": "s", "content": "avs00x0x"}}}, ("PKG-018", "error", "secrets.s.content")),
        ({**model(node={}), "secrets": {"s": {"name": "s", "environment": "avs00x0x"}}}, ("PKG-018", "error", "secrets")),
        ({**model(node={}), "networks": {"n": {"driver_opts": {"a": "avs00x0x"}}}}, ("PKG-018", "error", "networks")),
        ({**model(node={}), "networks": {"n": {"labels": {"avs00x0x": "a"}}}}, ("PKG-018", "error", "networks")),
        ({**model(node={}), "networks": {"avs00x0x": {}}}, ("PKG-018", "error", "networks")),
        ({**model(node={}), "name": "avs00x0x"}, ("PKG-018", "error", "name")),
        (model(node={"environment": {"avs00x0x": "1"}}), ("PKG-018", "error", "services.node.environment")),
        (model(node={"hostname": "avs00x0x"}), ("PKG-018", "error", "services.node.hostname")),
        (model(node={"extra_hosts": ["avs00x0x:127.0.0.1"]}), ("PKG-018", "error", "services.node.extra_hosts")),
        (model(node={"build": {"args": {"A": "avs00x0x"}}}), ("PKG-018", "error", "services.node.build")),
        (model(node={"logging": {"options": {"tag": "avs00x0x"}}}), ("PKG-018", "error", "services.node.logging")),
        (
            model(node={"volumes": [{"type": "volume", "source": "avs00x0x", "target": "/a"}]}),
            ("PKG-018", "error", "services.node.volumes"),
        ),
        (model(node={"volumes": [{"type": "tmpfs", "target": "/avs00x0x"}]}), ("PKG-018", "error", "services.node.volumes")),
        (model(node={"healthcheck": {"test": ["CMD", "avs00x0x"]}}), ("KEY-003", "warning", "services.node.healthcheck")),
    ],
)
def test_secrets_elsewhere(whole: dict[str, Any], expected: tuple[str, str, str]) -> None:
    assert told(confine("demo-avs-op1", typed(secrets=SECRETS).secrets, whole, TOKENS)[1]) == [expected]


def test_blocks_that_services_are_made_of_may_name_secrets() -> None:
    """``x-base: &base {environment: ...}``: compose prints the block, too, and nothing reads it."""
    whole = {**model(node={"environment": {"T": "avs00x0x"}}), "x-base": {"environment": {"T": "avs00x0x"}}, "x-plain": {"a": 1}}
    changed, found = confine("demo-avs-op1", typed(secrets=SECRETS).secrets, whole, TOKENS)
    assert told(found) == [("KEY-003", "warning", "services.node.environment")]
    assert set(changed) == {*whole} - {"x-base"}


def test_limits_cannot_be_switched_off() -> None:
    service = based({"mem_limit": "-1", "pids_limit": -1, "oom_score_adj": -1000, "oom_kill_disable": True})
    assert not service["mem_limit"].startswith("-")
    assert service["pids_limit"] > 0
    assert "oom_score_adj" not in service and "oom_kill_disable" not in service


@pytest.mark.parametrize(
    ("printed", "expected"),
    [
        ({"core": {}}, {"core": {"soft": 0, "hard": 0}}),
        ({"nofile": {"hard": 5}}, {"nofile": {"soft": 0, "hard": 5}}),
        ({"nofile": {"soft": 1, "hard": 2}, "nproc": 7}, {"nofile": {"soft": 1, "hard": 2}, "nproc": 7}),
    ],
)
def test_a_limit_of_nothing_is_one(printed: dict[str, Any], expected: dict[str, Any]) -> None:
    """Compose prints `core: 0` as `core: {}`, which it refuses to read again."""
    changed = apply_baseline(typed(), model(node={"ulimits": printed}), 1 << 30)
    assert changed["services"]["node"]["ulimits"] == expected
