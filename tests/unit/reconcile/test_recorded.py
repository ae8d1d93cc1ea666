# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An instance nobody changed: which rules of today it is spared, and when it counts as unchanged."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.restaking.avs.plugins.module_utils.common.catalogue import RULES
from ansible_collections.restaking.avs.plugins.module_utils.common.findings import ERROR, WARNING
from ansible_collections.restaking.avs.plugins.module_utils.common.rules import finding
from ansible_collections.restaking.avs.plugins.module_utils.docker.images import Images
from ansible_collections.restaking.avs.plugins.module_utils.instance.state import read_state
from ansible_collections.restaking.avs.plugins.module_utils.instance.store import Store
from ansible_collections.restaking.avs.plugins.module_utils.reconcile.recorded import (
    _PACKAGE,
    lenient,
    lowered,
    may_stay,
    shaped_as_made,
    standing,
)

from tests.unit.support.instances import SECRETS, installed
from tests.unit.support.models import typed

SAME = {"option.token": "v#1"}
# What is said of keys, secrets, other instances, the host, or files as they are now is never spared.
STRICT = ("KEY-001", "KEY-006", "KEY-009", "KEY-010", "IMG-005", "IMG-006", "OPS-", "INV-", "SEC-", "SRC-", "UPG-005", "UPG-006", "PKG-013")


def problem(rule: str) -> Any:
    return finding(rule, "demo-avs-op1: x", "is wrong", severity=ERROR)


@pytest.mark.parametrize("rule", RULES)
def test_only_rules_that_judge_packages_are_lenient(rule: str) -> None:
    assert may_stay([problem(rule)]) is (rule in _PACKAGE)
    assert not (rule in _PACKAGE and rule.startswith(STRICT))
    # One that is not spared keeps all others strict.
    assert may_stay([problem("PRIV-002"), problem(rule)]) is (rule in _PACKAGE or rule == "NET-002")


def test_every_lenient_rule_is_one() -> None:
    assert set(_PACKAGE) <= set(RULES) and may_stay([]) is False


def test_errors_become_warnings_that_say_what_they_mean() -> None:
    (told,) = lowered([problem("PRIV-002"), problem("NET-002")])
    assert (told.id, told.severity, told.place) == ("PRIV-002", WARNING, "demo-avs-op1: x")
    assert "made under rules of an older release" in told.message and "refused at the next change" in told.message
    images = Images(findings=[problem("UPG-001"), problem("IMG-005"), finding("IMG-001", "x", "floats")])
    found = {item.id: (item.severity, "older release" in item.message) for item in lenient(images).findings}
    assert found == {"UPG-001": (WARNING, True), "IMG-005": (ERROR, False), "IMG-001": (WARNING, False)}


@pytest.mark.parametrize(
    ("change", "identities", "expected"),
    [
        ({}, SAME, True),
        ({"desired": "stopped"}, SAME, True),
        ({"phase": "applying", "applying": "same"}, SAME, True),
        ({"phase": "applying", "applying": "another"}, SAME, False),
        ({"phase": "applying"}, SAME, False),
        ({"phase": "absent"}, SAME, False),
        ({"spec_digest": "another"}, SAME, False),
        ({"spec_digest": ""}, SAME, False),
        ({"containers": {}}, SAME, False),
        ({}, {"option.token": "v#2"}, False),
        ({}, {"option.token": "unknown:None"}, False),
    ],
)
def test_an_instance_nobody_changed(store: Store, change: dict[str, Any], identities: dict[str, str], expected: bool) -> None:
    own, state, _containers = installed(store)
    changed = read_state(state).but(**change)
    if changed.applying == "same":
        changed = changed.but(applying=state["spec_digest"])
    assert standing(typed(secrets=SECRETS), changed, identities, own) is expected
    assert standing(typed(secrets=SECRETS, env={"A": "b"}), changed, identities, own) is False
    assert standing(typed(secrets=SECRETS), None, identities, own) is False


def recorded(store: Store, model: Any) -> Any:
    own, state, _containers = installed(store)
    Path(own.current, "compose.json").write_text(model if isinstance(model, str) else json.dumps(model))
    more = {
        "images": {"demo:1": "demo@sha256:1"},
        "variables": {"option.token": "AVS_SECRET_1"},
        "folders": {"work": {"owner": "1:1", "mode": "0700"}},
        "ports": [{"address": "127.0.0.1", "port": "80", "protocol": "tcp", "service": "node"}],
        "health": {"type": "container"},
    }
    return own, read_state({**state, **more})


def model_of(own_root: str = "", label: str = "s") -> dict[str, Any]:
    volumes = [
        {"type": "bind", "source": f"{own_root}/data/x", "target": "/x"},
        {"type": "bind", "source": "/srv/chain", "target": "/c"},
        {"type": "bind", "source": "/etc/localtime", "target": "/etc/localtime"},
        {"type": "volume", "source": "d", "target": "/d"},
    ]
    node = {
        "image": "demo@sha256:1",
        "labels": {"avs.spec": label},
        "volumes": volumes,
        "environment": {"A": "$$x", "T": "${AVS_SECRET_1}"},
    }
    return {"name": "avs-demo-avs-op1", "services": {"node": node}}


def test_it_is_read_from_its_record(store: Store) -> None:
    own, state = recorded(store, model_of(store.instance("demo-avs-op1").root))
    shaped = shaped_as_made(own, state)
    assert shaped is not None
    assert shaped.images == {"node": "demo:1"} and shaped.model["services"]["node"]["environment"]["A"] == "$x"
    assert shaped.mounted.outside == {"node": ["/srv/chain"]} and shaped.mounted.folders == {"work": "1:1"}
    assert [(port.address, port.port, port.service) for port in shaped.ports] == [("127.0.0.1", "80", "node")]
    assert (shaped.views, shaped.health.type) == (state.views, "container")


@pytest.mark.parametrize(
    "model", ["{", "[]", "null", "{}", '{"services": {"node": {}}}', '{"services": []}', json.dumps(model_of(label="t"))]
)
def test_a_record_that_is_not_what_was_committed_is_none(store: Store, model: str) -> None:
    assert shaped_as_made(*recorded(store, model)) is None


def test_nor_is_one_of_another_release(store: Store) -> None:
    own, state = recorded(store, model_of())
    assert shaped_as_made(own, state.but(release="2-v1")) is None
    assert shaped_as_made(own, state.but(variables={})) is None
    Path(own.current, "compose.json").unlink()
    assert shaped_as_made(own, state) is None
