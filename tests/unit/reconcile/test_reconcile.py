# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.restaking.avs.plugins.module_utils.common.errors import HostError
from ansible_collections.restaking.avs.plugins.module_utils.common.spec import InstanceSpec, Package, Reference, Secret, read_specs
from ansible_collections.restaking.avs.plugins.module_utils.instance.state import SecretRecord, State
from ansible_collections.restaking.avs.plugins.module_utils.instance.store import Store
from ansible_collections.restaking.avs.plugins.module_utils.reconcile.job import look
from ansible_collections.restaking.avs.plugins.module_utils.reconcile.reconcile import need, unlisted
from ansible_collections.restaking.avs.plugins.module_utils.reconcile.unchanged import needed_secrets
from ansible_collections.restaking.avs.plugins.module_utils.system.trees import tree_digest

from tests.unit.support.instances import SECRETS, installed
from tests.unit.support.models import spec, typed


def test_needs_name_what_the_host_does_not_have(store: Store) -> None:
    assert need(look(typed(secrets=SECRETS), store, [], None), store) == {"tree": True, "secrets": ["option.token"]}
    own, _state, _containers = installed(store)
    tree = Path(own.current) / "tree"
    tree.mkdir()
    (tree / "compose.yml").write_text("services: {}")
    wanted = typed(secrets=SECRETS, package={**spec()["package"], "tree_sha256": tree_digest(str(tree))})
    assert need(look(wanted, store, [], None), store) == {"tree": False, "secrets": []}
    (tree / "compose.yml").write_text("services: {changed: by hand}")
    assert need(look(wanted, store, [], None), store) == {"tree": True, "secrets": []}
    newer = {"option.token": "v#2", "other": None}
    assert needed_secrets({name: named(version) for name, version in newer.items()}, own) == ["option.token", "other"]
    moved = State(phase="committed", secrets={"option.token": SecretRecord(identity="v#1", alias="w#1")})
    there = {"option.token": named("w#1")}
    assert needed_secrets(there, own) == ["option.token"] and needed_secrets(there, own, moved) == []
    assert needed_secrets({"option.token": named("w#2")}, own, moved) == ["option.token"]
    stopped = InstanceSpec(id="demo-avs-op1", state="stopped", package=Package(name="demo-avs"))
    assert need(look(stopped, store, [], None), store) == {"tree": False, "secrets": []}


def named(version: str | None) -> Secret:
    return Secret(ref=Reference(nonce="00", mac="x") if version is None else Reference(version=version))


def test_unlisted_instances(store: Store) -> None:
    own, state, containers = installed(store)
    assert unlisted(store, containers, {"demo-avs-op1"}) == []
    assert unlisted(store, [], set()) == ["demo-avs-op1"]
    own.write_state(State.read({**state, "phase": "absent"}))
    assert unlisted(store, [], set()) == []
    assert unlisted(store, containers, set()) == ["demo-avs-op1"]


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ({"schema": 2, "specs": []}, "schema 2"),
        ({"schema": 1, "specs": ["a"]}, "not a valid id"),
        ({"schema": 1, "specs": [{"schema": 2, "id": "a", "state": "absent"}]}, "schema 2"),
        ({"specs": [{"id": "a", "state": "absent", "purge": "yes"}]}, "specs.a.purge: is not true or false"),
        ({"specs": [{"id": "a", "state": "away"}]}, "specs.a.state: is not one of started, stopped, absent"),
        ({"specs": [{"id": "a", "state": "absent", "future": 1}]}, "specs.a.future: is not known here"),
        ({"schema": 1, "specs": [{"id": "../x", "state": "absent"}]}, "not a valid id"),
        ({"schema": 1, "specs": [{"id": "a", "state": "absent"}, {"id": "a", "state": "absent"}]}, "listed twice"),
        ({"schema": 1, "specs": [{"id": "a", "state": "started", "env": {}}]}, "lacks compose"),
    ],
)
def test_documents_that_cannot_be_understood(document: dict[str, Any], words: str) -> None:
    with pytest.raises(HostError) as caught:
        read_specs(document)
    assert words in str(caught.value)
