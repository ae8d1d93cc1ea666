# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which backup is meant: the newest by default, where it can be told which one that is."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.restaking.avs.plugins.module_utils.reconcile import restoring, saving
from ansible_collections.restaking.avs.plugins.module_utils.reconcile.repositories import Asked, Host
from ansible_collections.restaking.avs.plugins.module_utils.system import clock

from tests.unit.support.memory_host import ID, MemoryHost
from tests.unit.support.restic_in_memory import ResticInMemory
from tests.unit.support.saved_host import WAY, Take, running


def restored(host: MemoryHost, tool: ResticInMemory, backup: str = "") -> dict[str, Any]:
    at = Host(host.store, host.engine.connect(), tool)
    entry: dict[str, Any] = restoring.restore(at, [ID], WAY, Asked(), restoring.Back(backup))["instances"][0]
    return entry


@pytest.mark.parametrize("said", ["could not load snapshot 6ce11381: invalid data returned", 'Ignoring "6ce113810000": not found'])
def test_where_a_snapshot_cannot_be_read_nobody_takes_another_for_the_newest(
    memory_host: MemoryHost, saved: ResticInMemory, take: Take, said: str
) -> None:
    made = take()["backup"]["id"]
    saved.warns["snapshots"] = f"{said}\n"
    refused = restored(memory_host, saved)
    assert "which backup is the newest cannot be told" in refused["error"] and "6ce11381" in refused["error"]
    assert running(memory_host) == {"node", "gateway"}
    listed = saving.listed(Host(memory_host.store, memory_host.engine.connect(), saved), [ID], WAY, Asked())["instances"][0]
    assert [item["id"] for item in listed["backups"]] == [made] and "cannot be read" in str(listed["findings"])
    assert restored(memory_host, saved, made)["error"] is None


def test_one_of_the_future_is_not_taken_for_the_newest(
    memory_host: MemoryHost, saved: ResticInMemory, take: Take, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = take()["backup"]["id"]
    # A year before the instants that restic in memory gives.
    monkeypatch.setattr(clock.time, "time", lambda: 1735689600.0)
    refused = restored(memory_host, saved)
    assert "still to be made" in refused["error"] and made in refused["error"]
    assert restored(memory_host, saved, made)["error"] is None


def test_an_answer_that_is_no_list_is_no_empty_one(
    memory_host: MemoryHost, saved: ResticInMemory, take: Take, monkeypatch: pytest.MonkeyPatch
) -> None:
    take()
    monkeypatch.setattr(saved, "_snapshots", lambda _repository, _words: "{}")
    assert "could not be read" in restored(memory_host, saved)["error"]
