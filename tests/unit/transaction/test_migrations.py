# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Migrations: what nothing takes back is not begun unasked, and a node that waits because of one has a way out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.restaking.avs.plugins.module_utils.backup import progress
from ansible_collections.restaking.avs.plugins.module_utils.common.errors import HostError
from ansible_collections.restaking.avs.plugins.module_utils.instance import transaction as record
from ansible_collections.restaking.avs.plugins.module_utils.reconcile.own import Way
from ansible_collections.restaking.avs.plugins.module_utils.system.lock import Lock
from ansible_collections.restaking.avs.plugins.module_utils.transaction import work

from tests.unit.support.memory_host import ID, NODE, PACKAGE, SECRETS, MemoryHost, with_service
from tests.unit.support.restic_in_memory import ResticInMemory
from tests.unit.support.saved_host import PASSWORD, keyless, running
from tests.unit.transaction.conftest import rows
from tests.unit.transaction.test_upgrade import Ran, entry, migrating, newer, taken_back, upgrade, version

NEVER = {"entrypoint": ["sh", "-c", "exit 3"], "restart": "no"}
MONOTONIC = {"repository": None, "password": PASSWORD, "classes": {ID: {"node-data": "monotonic"}}}
MAY_STAY = {ID: ["migrations.v2.0.0"]}


def on_the_chain(host: MemoryHost, *names: str) -> dict[str, Any]:
    spec = migrating(host)
    return {**spec, "commands": {name: {**one, "chain": name in names} for name, one in spec["commands"].items()}}


def asked(host: MemoryHost, tool: ResticInMemory, spec: dict[str, Any], values: dict[str, str], **said: Any) -> dict[str, Any]:
    tree = spec["package"]["tree_sha256"]
    document = {
        "schema": 1, "specs": [spec], "trees": {tree: host.trees[tree]}, "holder": "test", "lock_timeout": 0, "settings": {},
        "complete": True, "upgrade": {"acknowledged": {}, **said},
    }  # fmt: skip
    call = {"document": document, "secret_values": {ID: values}, "check": False, "backup": {"repository": None, "password": PASSWORD}}
    return entry(work.upgrade(call, tool, host.store, host.engine.connect()))


@pytest.mark.parametrize("name", ["up", "down"])
def test_a_migration_acts_on_the_chain_only_where_that_is_confirmed(
    memory_host: MemoryHost, saved: ResticInMemory, ran: Ran, name: str
) -> None:
    host, spec = memory_host, on_the_chain(memory_host, name)
    for others in ((), ("demo-avs-other",)):
        with pytest.raises(HostError) as refused:
            asked(host, saved, spec, {}, chain=list(others))
        assert [item.id for item in refused.value.findings] == ["CMD-002"] and f"({name})" in refused.value.findings[0].message
    assert (ran, running(host)) == ([], {"node", "gateway"})
    assert (asked(host, saved, spec, {}, chain=[ID])["error"], version(host)) == (None, "v2.0.0")


def test_one_that_cannot_be_reverted_is_not_begun_beside_what_never_goes_back(
    memory_host: MemoryHost, saved: ResticInMemory, ran: Ran
) -> None:
    host = memory_host
    with pytest.raises(HostError) as refused:
        upgrade(host, saved, migrating(host, revert=False), backup=MONOTONIC)
    assert [(item.id, item.severity) for item in refused.value.findings] == [("UPG-004", "error")]
    assert "volumes/node-data would stay" in refused.value.findings[0].message
    assert "migrations.v2.0.0" in str(refused.value.findings[0].remedy)
    assert (ran, running(host)) == ([], {"node", "gateway"})
    done = entry(upgrade(host, saved, migrating(host, revert=False), backup=MONOTONIC, acknowledged=MAY_STAY))
    assert (done["error"], version(host)) == (None, "v2.0.0")


def test_what_was_reverted_by_hand_can_be_gone_back_from(memory_host: MemoryHost, saved: ResticInMemory, ran: Ran) -> None:
    host = memory_host
    done = entry(upgrade(host, saved, migrating(host, revert=False, **NEVER), backup=MONOTONIC, acknowledged=MAY_STAY))
    assert "could not be gone" in done["error"] and "avs_rollback_confirmed=true" in done["error"] and running(host) == set()
    progress.clear(host.store.instance(ID))
    would = taken_back(host, saved, Way("tester", 0, check=True))["upgrade"]
    assert would["cut"] and "reverted by hand what the migration to v2.0.0 changed" in would["discards"]
    assert "could not be taken back" in taken_back(host, saved, confirmed=False)["error"] and running(host) == set()
    done = taken_back(host, saved)
    assert (done["error"], version(host), running(host)) == (None, "v1.0.0", {"node", "gateway"})
    said = [json.loads(line) for line in Path(host.store.instance(ID).path("journal.jsonl")).read_text().splitlines()]
    assert [(item["migrations"], item["holder"]) for item in said if item.get("phase") == "by hand"] == [(["v2.0.0"], "tester")]


def test_a_revert_is_tried_before_a_word_counts(memory_host: MemoryHost, saved: ResticInMemory, ran: Ran) -> None:
    host = memory_host
    done = entry(upgrade(host, saved, migrating(host, down=1, **NEVER), backup=MONOTONIC))
    assert "down, of the migration to v2.0.0: it ended with 1: no such column" in done["error"] and running(host) == set()
    progress.clear(host.store.instance(ID))
    ran.clear()
    done = taken_back(host, saved)
    assert (done["error"], version(host), running(host)) == (None, "v1.0.0", {"node", "gateway"})
    assert [name for name, _up in ran] == ["down"]


def test_a_word_counts_for_nothing_else(memory_host: MemoryHost, saved: ResticInMemory, ran: Ran) -> None:
    """Something else keeps the way back: what a migration did is still to be reverted."""
    host = memory_host
    entry(upgrade(host, saved, migrating(host, down=1, **NEVER), backup=MONOTONIC))
    own = host.store.instance(ID)
    progress.clear(own)
    with Lock(own.lock, "somebody", 0):
        assert "somebody" in taken_back(host, saved)["error"]
    known = record.begun(own)
    assert known is not None and [one.begun for one in known.migrations] == [True]


def test_what_is_made_again_needs_no_word(memory_host: MemoryHost, saved: ResticInMemory, ran: Ran) -> None:
    host = memory_host
    cache = {**MONOTONIC, "classes": {ID: {"node-data": "cache"}}}
    assert entry(upgrade(host, saved, migrating(host, revert=False), backup=cache))["error"] is None
    assert rows(host) == "committed up"


def keyed(host: MemoryHost, spec: dict[str, Any], number: str = "1") -> dict[str, Any]:
    """With its keys, where the node sees them; ``number``: another keystore each."""
    full = host.spec()
    mounts = [NODE["volumes"][0], NODE["volumes"][2], {"type": "bind", "source": "./work", "target": "/work"}, NODE["volumes"][3]]
    level = {"environment": {**NODE["environment"], "LEVEL": "debug"}} if spec["package"]["version"] != "v1.0.0" else {}
    tree = host.tree(with_service(PACKAGE, "node", volumes=mounts, **level))
    secrets = {**full["secrets"], "key.bls.keystore": {**full["secrets"]["key.bls.keystore"], "ref": {"version": f"bls#{number}"}}}
    return {**spec, "package": {**spec["package"], "tree_sha256": tree}, "secrets": secrets, "keys": full["keys"]}


def test_keys_are_not_changed_with_the_version(memory_host: MemoryHost, saved: ResticInMemory) -> None:
    """What was the old key may sign on another host by the time of a way back."""
    host = memory_host
    other = {**SECRETS, "key.bls.keystore": '{"crypto": {}, "pubKey": "E([3,4])"}'}
    assert host.call(keyed(host, keyless(host)))["instances"][0]["error"] is None
    with pytest.raises(HostError) as refused:
        asked(host, saved, keyed(host, newer(host), "2"), other)
    assert [item.id for item in refused.value.findings] == ["UPG-014"] and "key.bls.keystore" in refused.value.findings[0].message
    assert version(host) == "v1.0.0" and running(host) == {"node", "gateway"}
    # Rotated first, at the installed version.
    assert host.call(keyed(host, keyless(host), "2"), values=other)["instances"][0]["error"] is None
    assert asked(host, saved, keyed(host, newer(host), "2"), other)["error"] is None and version(host) == "v1.1.0"


def test_what_a_migration_says_hides_the_secrets_of_both_versions(memory_host: MemoryHost, saved: ResticInMemory) -> None:
    host = memory_host
    name, before, after = "option.token", "tokenofbefore", "tokenofafter"
    spec = keyless(host)
    secret = {name: {**host.spec()["secrets"][name], "ref": {"version": "s#1"}}}
    assert host.call({**spec, "secrets": secret}, values={name: before})["instances"][0]["error"] is None
    said = migrating(host)
    said["commands"]["up"]["args"] = ["sh", "-c", f"echo was {before} is {after}; exit 4"]
    done = asked(host, saved, {**said, "secrets": {name: {**secret[name], "ref": {"version": "s#2"}}}}, {name: after})
    journal = Path(host.store.instance(ID).path("journal.jsonl")).read_text()
    for text in (done["error"], journal):
        assert "was ******** is ********" in text and before not in text and after not in text
