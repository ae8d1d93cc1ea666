# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A stop whose words are no text, and a record that is another instance's."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.restaking.avs.plugins.module_utils.instance import hold
from ansible_collections.restaking.avs.plugins.module_utils.reconcile import control
from ansible_collections.restaking.avs.plugins.module_utils.reconcile.own import Way

from tests.unit.support.memory_host import ID, MemoryHost

WAY = Way("tester", 0)


@pytest.mark.parametrize("words", ["Gr\udcf6\udcdfe", "\ud800", "\udcff" * 300])
def test_a_node_is_stopped_whatever_its_reason_is_spelled_in(memory_host: MemoryHost, words: str) -> None:
    """As a terminal that is not in UTF-8 types it."""
    host = memory_host
    host.well(host.spec())
    done = control.stop(host.store, host.engine.connect(), [ID], Way(f"{words}@host", 0), words)
    assert done["instances"][0]["error"] is None and host.states()["node"] == "exited"
    placed = hold.hold_of(host.store.instance(ID))
    assert placed is not None and (placed.by, placed.reason) == (f"{words}@host", words[: hold.LONGEST])
    assert json.loads(Path(host.store.instance(ID).hold_file).read_bytes().decode())["reason"] == words[: hold.LONGEST]


@pytest.mark.parametrize("do", [control.start, control.restart])
def test_a_spec_of_another_instance_starts_nobody(memory_host: MemoryHost, do: Any) -> None:
    """Somebody put a file back from a backup, of the wrong instance."""
    host = memory_host
    host.well(host.spec())
    before, path = host.states(), Path(host.store.instance(ID).path("spec.json"))
    path.write_text(path.read_text().replace(f'"id": "{ID}"', '"id": "demo-avs-op2"'))
    (entry,) = do(host.store, host.engine.connect(), [ID], WAY)["instances"]
    assert entry["id"] == ID and "restaking.avs.install" in str(entry["error"]) and host.states() == before
    assert host.store.instance(ID).spec() is None
