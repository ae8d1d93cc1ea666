# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
from typing import Any

from ansible_collections.restaking.avs.plugins.module_utils.common.spec import InstanceSpec, Limit
from ansible_collections.restaking.avs.plugins.module_utils.docker.model import Resolved
from ansible_collections.restaking.avs.plugins.module_utils.policy.pipeline import HostRules, compose_text, pin, shape

from tests.unit.support.instances import SECRETS
from tests.unit.support.models import CURRENT, SCRATCH, bind, layout, model, typed


def resolved(found: dict[str, Any], **changes: Any) -> Resolved:
    return Resolved(**{"model": found, "values": {}, "tokens": {"option.token": "avs00x0x"}, "configs": {}, "findings": [], **changes})


def labels(
    wanted: InstanceSpec, found: dict[str, Any], content: str = "c", identity: str = "1", lock: dict[str, str] | None = None, **more: Any
) -> dict[str, str]:
    shaped = shape(wanted, resolved(found, **more), layout(), HostRules(1 << 30))
    _pinned, containers = pin(
        shaped,
        lock or {"demo:1.0.0": "demo@sha256:1"},
        {"option.token": identity, "key.bls.keystore": identity},
        lambda path: content + path,
    )
    return {name: item.spec for name, item in containers.items()}


def test_a_label_changes_with_what_its_container_is_made_of_and_nothing_else() -> None:
    wanted = typed(secrets=SECRETS)
    here = f"{SCRATCH}/pkg/hoodi"
    found = model(node={"environment": {"T": "avs00x0x"}, "volumes": [bind(f"{here}/peers.json", read_only=True)]}, other={})
    before = labels(wanted, found)
    assert labels(wanted, found) == before
    for changed in (
        labels(wanted, found, content="d"),
        labels(wanted, found, identity="2"),
        labels(wanted, {**found, "services": {**found["services"], "node": {**found["services"]["node"], "user": "5"}}}),
        labels(wanted.but(limits={"node": Limit(pids=5)}), found),
    ):
        assert changed["node"] != before["node"]
        assert changed["other"] == before["other"]
    assert labels(wanted, found, lock={"demo:1.0.0": "demo@sha256:2"})["other"] != before["other"]
    assert (
        labels(
            typed(secrets=SECRETS, metrics=[{"service": "node", "port": 1}], health={"type": "tcp", "service": "node", "port": 1}), found
        )
        == before
    )


def test_a_key_file_counts_for_the_service_that_sees_it() -> None:
    key = {"name": "bls", "kind": "bn254", "keystore": "key.bls.keystore", "password": None, "folder_env": "K", "services": []}
    wanted = typed(keys=[key], secrets={"key.bls.keystore": {"ref": {"version": "1"}}})
    found = model(node={"volumes": [bind("/run/avs/demo-avs-op1/keys/K", "/keys", read_only=True)]}, other={})
    before, after = labels(wanted, found), labels(wanted, found, identity="2")
    assert before["node"] != after["node"]
    assert before["other"] == after["other"]


def test_tokens_differ_every_run_and_leave_no_trace() -> None:
    wanted = typed(secrets=SECRETS)

    def made(token: str) -> tuple[dict[str, str], str]:
        found = model(node={"environment": {"T": f"x{token}"}})
        shaped = shape(wanted, resolved(found, tokens={"option.token": token}), layout(), HostRules(1 << 30))
        pinned, _containers = pin(shaped, {}, {"option.token": "1"}, lambda path: path)
        return labels(wanted, found, tokens={"option.token": token}), compose_text(pinned)

    assert made("avsAAx0x") == made("avsBBx0x")
    text = made("avsAAx0x")[1]
    assert json.loads(text)["services"]["node"]["environment"] == {"T": "x${AVS_SECRET_1}"}
    assert "avsAA" not in text


def test_health_and_metrics_get_container_ports() -> None:
    wanted = typed(
        health={"type": "node_api", "service": "node", "port": "API"}, metrics=[{"service": "node", "port": "API", "path": "/m"}]
    )
    shaped = shape(wanted, resolved(model(node={}), values={"API": "9091"}), layout(), HostRules(1 << 30))
    assert (shaped.health.port, shaped.metrics[0].port) == (9091, 9091)


def test_joined_services() -> None:
    found = model(node={}, side={"network_mode": "service:node", "volumes_from": ["node:ro"]})
    shaped = shape(typed(), resolved(found), layout(), HostRules(1 << 30))
    _pinned, containers = pin(shaped, {}, {}, lambda path: path)
    assert containers["side"].joins == ("node",)


def test_a_generated_config_counts_for_its_service() -> None:
    wanted = typed(configs=[{"path": "conf/a.json", "format": "json", "merge": {}}])
    found = model(node={"volumes": [bind(f"{SCRATCH}/pkg/hoodi/conf/a.json", "/a.json")]}, other={})
    before, after = (labels(wanted, found, configs={"conf/a.json": "1"}), labels(wanted, found, configs={"conf/a.json": "2"}))
    assert before["node"] != after["node"]
    assert before["other"] == after["other"]
    shaped = shape(wanted, resolved(found), layout(), HostRules(1 << 30))
    assert shaped.model["services"]["node"]["volumes"][0]["source"] == f"{CURRENT}/configs/conf/a.json"


def test_an_optional_dependency_on_what_is_not_there_is_dropped() -> None:
    """Compose drops it where it starts the services itself; of what is handed back to it, it knows nothing of the other any more."""
    waits = {"off": {"condition": "service_started", "required": False}, "on": {"condition": "service_started"}}
    shaped = shape(
        typed(),
        resolved(model(node={"depends_on": waits}, on={}, alone={"depends_on": {"off": waits["off"]}})),
        layout(),
        HostRules(1 << 30),
    )
    assert shaped.model["services"]["node"]["depends_on"] == {"on": waits["on"]}
    assert "depends_on" not in shaped.model["services"]["alone"]


def test_a_container_named_in_place_of_its_service_is_asked_and_a_target_nobody_has_is_left_out() -> None:
    metrics = [{"service": name, "port": 1, "path": "/m"} for name in ("vendor", "nobody")]
    wanted = typed(health={"type": "tcp", "service": "vendor", "port": 1}, metrics=metrics)
    shaped = shape(wanted, resolved(model(node={"container_name": "vendor"})), layout(), HostRules(1 << 30))
    assert shaped.health.service == "node"
    assert [target.service for target in shaped.metrics] == ["node"]
