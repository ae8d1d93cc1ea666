# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.restaking.avs.plugins.module_utils.docker.model import Resolved
from ansible_collections.restaking.avs.plugins.module_utils.policy.pipeline import HostRules, shape

from tests.unit.support.models import KEYS, bind, layout, model, typed

PASSWORD = "avs00x1x"
KEYED = {"volumes": [bind(f"{KEYS}/K", "/keys", read_only=True)]}
WITH_PASSWORD = {"environment": {"P": PASSWORD}}


def found(services: dict[str, dict[str, Any]], allowed: list[str], in_environment: bool = False) -> list[tuple[str, str, str]]:
    """Severity, place and what is said of keys that come to others; of a key in a folder, or one whose password is in the environment."""
    password = "key.bls.password"
    key = {"name": "bls", "kind": "bn254", "keystore": "key.bls.keystore", "password": password, "folder_env": "K", "services": allowed}
    secrets = {password: {"ref": {"version": "1"}, "env": ["P"] if in_environment else [], "services": allowed}}
    wanted = typed(keys=[] if in_environment else [key], secrets=secrets)
    resolved = Resolved(model(**services), {}, {password: PASSWORD}, {}, [])
    findings = shape(wanted, resolved, layout(), HostRules(1 << 30)).findings
    return [
        (item.severity, item.place.partition(": services.")[2], item.message)
        for item in findings
        if item.id == "KEY-004" and item.severity != "info" and "reaches" not in item.message
    ]


@pytest.mark.parametrize(
    ("services", "refused"),
    [
        ({"node": KEYED, "side": {"volumes_from": ["node"]}}, ["side.volumes_from"]),
        ({"node": KEYED, "side": {"volumes_from": ["node:ro"]}}, ["side.volumes_from"]),
        ({"node": KEYED, "mid": {"volumes_from": ["node"]}, "far": {"volumes_from": ["mid"]}}, ["far.volumes_from", "mid.volumes_from"]),
        ({"node": KEYED, "side": {"pid": "service:node"}}, ["side.pid"]),
        ({"node": {**KEYED, "pid": "service:side"}, "side": {}}, ["node.pid"]),
        ({"node": {**KEYED, "pid": "service:root"}, "side": {"pid": "service:root"}, "root": {}}, ["node.pid", "side.pid"]),
        ({"node": KEYED, "mid": {"pid": "service:node"}, "far": {"pid": "service:mid"}}, ["far.pid", "mid.pid"]),
        ({"node": KEYED, "mid": {"volumes_from": ["node"]}, "far": {"pid": "service:mid"}}, ["far.pid", "mid.volumes_from"]),
    ],
)
def test_a_key_for_some_does_not_reach_who_takes_their_mounts_or_sees_their_processes(
    services: dict[str, dict[str, Any]], refused: list[str]
) -> None:
    told = found(services, ["node"])
    assert sorted((severity, place) for severity, place, _text in told) == [("error", place) for place in refused]
    assert all("key.bls.keystore, key.bls.password" in text for _severity, _place, text in told)
    # Whoever is named, and a key that is for nobody in particular, is no fault.
    assert found(services, [*services]) == []
    assert found(services, []) == []


@pytest.mark.parametrize(
    ("services", "refused"),
    [
        ({"node": WITH_PASSWORD, "side": {"pid": "service:node"}}, ["side.pid"]),
        ({"node": {**WITH_PASSWORD, "pid": "service:side"}, "side": {}}, ["node.pid"]),
        ({"node": {"command": ["--password", PASSWORD]}, "side": {"pid": "service:node"}}, ["side.pid"]),
        ({"node": WITH_PASSWORD, "side": {"volumes_from": ["node"]}}, []),
    ],
)
def test_a_secret_of_the_environment_does_not_reach_who_sees_the_process(services: dict[str, dict[str, Any]], refused: list[str]) -> None:
    assert [(severity, place) for severity, place, _text in found(services, ["node"], True)] == [("error", place) for place in refused]
    assert found(services, [*services], True) == []
    assert found(services, [], True) == []


@pytest.mark.parametrize("field", ["network_mode", "ipc"])
def test_a_shared_network_or_memory_is_told(field: str) -> None:
    warned = found({"node": KEYED, "mid": {field: "service:node"}, "far": {field: "service:mid"}}, ["node"])
    assert [(severity, place) for severity, place, _text in warned] == [("warning", f"far.{field}"), ("warning", f"mid.{field}")]
    assert found({"node": {**KEYED, field: "service:side"}, "side": {}}, ["node"])[0][:2] == ("warning", f"node.{field}")
    assert found({"node": KEYED, "side": {field: "service:node"}}, ["node", "side"]) == []
    # Of somebody who reads the key anyway nothing less is to be told.
    told = found({"node": KEYED, "side": {field: "service:node", "pid": "service:node"}}, ["node"])
    assert [place for _severity, place, _text in told] == ["side.pid"]


def test_services_that_live_with_others_or_give_their_own_mounts_are_no_matter() -> None:
    services = {
        "node": {**KEYED, "volumes_from": ["data"]},
        "data": {},
        "a": {"pid": "service:b", "ipc": "service:b", "network_mode": "service:b", "volumes_from": ["b"]},
        "b": {},
    }
    assert found(services, ["node"]) == []


def test_services_that_join_in_a_circle_end() -> None:
    assert found({"node": {**KEYED, "pid": "service:side"}, "side": {"pid": "service:node"}}, ["node"])[0][0] == "error"
