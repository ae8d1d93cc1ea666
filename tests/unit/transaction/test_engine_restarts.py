# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine is restarted in the middle of an upgrade: what was stopped stays down, whatever it ended with and whatever its policy says of that."""

from __future__ import annotations

import json
import os
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.restaking.avs.plugins.module_utils.instance import transaction
from ansible_collections.restaking.avs.plugins.module_utils.reconcile import own
from ansible_collections.restaking.avs.plugins.module_utils.transaction.upgrade import Upgrading

from tests.unit.support.cuts import every_cut
from tests.unit.support.memory_host import ID, NODE, PACKAGE, MemoryHost, with_service
from tests.unit.support.memory_programs import BY_INIT
from tests.unit.support.restic_in_memory import ResticInMemory
from tests.unit.support.saved_host import BOOT, running
from tests.unit.transaction.test_upgrade import newer, upgrade

# To be stopped is a failure of it, and its policy brings back what failed.
FAILS: dict[str, Any] = {"entrypoint": ["sleep", "infinity"], "init": True, "restart": "on-failure"}
DOWN = (transaction.BACKUP, transaction.SWITCH, transaction.MIGRATE)


def spec_of(host: MemoryHost, version: str, level: str) -> dict[str, Any]:
    package = PACKAGE
    for name in ("node", "gateway"):
        own = {"volumes": [NODE["volumes"][0]], "environment": {"LEVEL": level}} if name == "node" else {}
        package = with_service(package, name, **FAILS, **own)
    spec = host.spec(package)
    tree = spec["package"]["tree_sha256"]
    return {**spec, "secrets": {}, "keys": [], "package": {**spec["package"], "version": version, "tree_sha256": tree}}


def test_who_resolves_what_a_cut_left_leaves_one_who_is_at_work_his_word(
    memory_host: MemoryHost, saved: ResticInMemory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The engine's start has that done while the upgrade is committed, and is still to be told of."""
    host, done = memory_host, Upgrading._done
    instance = host.store.instance(ID)

    def resolved(upgrading: Upgrading, told: dict[str, Any]) -> dict[str, Any]:
        with monkeypatch.context() as here:
            # Whoever does that is another process.
            here.setattr(os, "getpid", os.getppid)
            own.recover(host.store, host.engine.connect(), [ID], BOOT)
        return done(upgrading, told)

    monkeypatch.setattr(Upgrading, "_done", resolved)
    upgrade(host, saved, newer(host))
    told = [json.loads(line) for line in Path(instance.path("journal.jsonl")).read_text().splitlines()]
    begun = next(item["transaction"] for item in told if item.get("operation") == "upgrade")
    assert [item["outcome"] for item in told if item["event"] == "end" and item["transaction"] == begun] == ["done"]


def test_what_ends_with_143_is_not_brought_back(memory_host: MemoryHost, saved: ResticInMemory) -> None:
    host, seen = memory_host, Counter[str]()
    host.well(spec_of(host, "v1.0.0", "info"))
    new = spec_of(host, "v1.1.0", "debug")
    for what in every_cut(host, lambda host: upgrade(host, saved, new), since="before stop"):
        known = transaction.begun(host.store.instance(ID))
        if known is None or known.step not in DOWN:
            continue
        ended = {item.labels["avs.service"]: item.code for item in host.world.containers.values() if not item.alive and item.starts}
        host.world.reboot()
        assert running(host) == set(), (what, known.step)
        assert {code for name, code in ended.items() if name != "job"} <= {BY_INIT}, (what, ended)
        seen[known.step] += 1
    assert all(seen[step] for step in (transaction.BACKUP, transaction.SWITCH)), seen
