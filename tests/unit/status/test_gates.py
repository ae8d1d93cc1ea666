# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a rollout asks a host, over an engine in memory."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.restaking.avs.plugins.module_utils.common.errors import LockedError
from ansible_collections.restaking.avs.plugins.module_utils.status.gates import gates, record
from ansible_collections.restaking.avs.plugins.module_utils.system.lock import Lock

from tests.unit.support.memory_host import ID, MemoryHost


def asked(host: MemoryHost) -> dict[str, Any]:
    (found,) = gates(host.engine.connect(), host.store, [ID])
    return found


def digest(host: MemoryHost) -> str:
    return str(host.state()["package"]["tree_sha256"])


def test_one_that_is_not_there(memory_host: MemoryHost) -> None:
    found = asked(memory_host)
    assert (found["state"], found["digest"], found["passed"]) == ("absent", "", None)


def test_that_it_passed_holds_for_the_package_it_passed_with(memory_host: MemoryHost) -> None:
    host = memory_host
    host.well(host.spec())
    assert asked(host)["passed"] is None and asked(host)["digest"] == digest(host) and asked(host)["health"]["status"] == "healthy"
    # Of another package it is not noted.
    assert record(host.store, {ID: "f" * 64}, "r1", "test", 0) == [] and asked(host)["passed"] is None
    assert record(host.store, {ID: digest(host)}, "r1", "test", 0) == [ID]
    known = asked(host)["passed"]
    assert (known["digest"], known["rollout"]) == (digest(host), "r1") and known["at"]
    # Once is enough.
    assert record(host.store, {ID: digest(host)}, "r2", "test", 0) == [] and asked(host)["passed"] == known
    # With another package there it says nothing any more.
    place = Path(host.store.instance(ID).state_file)
    state = json.loads(place.read_text())
    place.write_text(json.dumps({**state, "package": {**state["package"], "tree_sha256": "e" * 64}}))
    assert asked(host)["passed"] is None


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"digest": 3, "rollout": "r", "at": "t"}', "\xff"])
def test_a_note_that_cannot_be_read_proves_nothing(memory_host: MemoryHost, text: str) -> None:
    host = memory_host
    host.well(host.spec())
    record(host.store, {ID: digest(host)}, "r1", "test", 0)
    Path(host.store.instance(ID).path("passed.json")).write_text(text, encoding="latin-1")
    assert asked(host)["passed"] is None


def test_it_is_not_noted_while_somebody_is_at_work(memory_host: MemoryHost) -> None:
    host = memory_host
    host.well(host.spec())
    with Lock(os.path.join(host.store.locks, f"{ID}.lock"), "somebody", 0), pytest.raises(LockedError):
        record(host.store, {ID: digest(host)}, "r1", "test", 0)
