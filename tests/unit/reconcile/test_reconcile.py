# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.restaking.avs.plugins.module_utils.common.errors import HostError
from ansible_collections.restaking.avs.plugins.module_utils.instance.store import Store
from ansible_collections.restaking.avs.plugins.module_utils.reconcile.job import look
from ansible_collections.restaking.avs.plugins.module_utils.reconcile.reconcile import need, read_specs, unlisted
from ansible_collections.restaking.avs.plugins.module_utils.reconcile.unchanged import needed_secrets
from ansible_collections.restaking.avs.plugins.module_utils.system.trees import tree_digest

from tests.unit.support.instances import SECRETS, installed
from tests.unit.support.models import spec


def test_needs_name_what_the_host_does_not_have(store: Store) -> None:
    assert need(look(spec(secrets=SECRETS), store, [], None), store) == {"tree": True, "secrets": ["option.token"]}
    own, _state, _containers = installed(store)
    tree = Path(own.current) / "tree"
    tree.mkdir()
    (tree / "compose.yml").write_text("services: {}")
    wanted = spec(secrets=SECRETS)
    wanted["package"] = {**wanted["package"], "tree_sha256": tree_digest(str(tree))}
    assert need(look(wanted, store, [], None), store) == {"tree": False, "secrets": []}
    (tree / "compose.yml").write_text("services: {changed: by hand}")
    assert need(look(wanted, store, [], None), store) == {"tree": True, "secrets": []}
    newer = {**SECRETS, "option.token": {"ref": {"version": "v#2"}}, "other": {"ref": {"nonce": "00", "mac": "x"}}}
    assert needed_secrets(spec(secrets=newer), own) == ["option.token", "other"]
    moved = {"secrets": {"option.token": {"identity": "v#1", "alias": "w#1"}}}
    there = {"option.token": {"ref": {"version": "w#1"}}}
    assert needed_secrets(spec(secrets=there), own) == ["option.token"] and needed_secrets(spec(secrets=there), own, moved) == []
    assert needed_secrets(spec(secrets={"option.token": {"ref": {"version": "w#2"}}}), own, moved) == ["option.token"]
    stopped = {"id": "demo-avs-op1", "state": "stopped", "package": {"name": "demo-avs"}}
    assert need(look(stopped, store, [], None), store) == {"tree": False, "secrets": []}


def test_unlisted_instances(store: Store) -> None:
    own, state, containers = installed(store)
    assert unlisted(store, containers, {"demo-avs-op1"}) == []
    assert unlisted(store, [], set()) == ["demo-avs-op1"]
    own.write_state({**state, "phase": "absent"})
    assert unlisted(store, [], set()) == []
    assert unlisted(store, containers, set()) == ["demo-avs-op1"]


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ({"schema": 2, "specs": []}, "schema 2"),
        ({"schema": 1, "specs": [{"id": "../x", "state": "absent"}]}, "not a valid id"),
        ({"schema": 1, "specs": [{"id": "a", "state": "absent"}, {"id": "a", "state": "absent"}]}, "listed twice"),
        ({"schema": 1, "specs": [{"id": "a", "state": "started", "env": {}}]}, "lacks compose"),
    ],
)
def test_documents_that_cannot_be_understood(document: dict[str, Any], words: str) -> None:
    with pytest.raises(HostError) as caught:
        read_specs(document)
    assert words in str(caught.value)
