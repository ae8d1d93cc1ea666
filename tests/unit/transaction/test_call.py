# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import errno
import shutil
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.restaking.avs.plugins.module_utils.common.errors import HostError
from ansible_collections.restaking.avs.plugins.module_utils.transaction import call

from tests.unit.support.memory_host import ID, MemoryHost


def test_a_full_file_system_is_named_and_nothing_is_said_of_how_far_it_came(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_arguments: Any) -> dict[str, Any]:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(call, "reconcile", full)
    result = call.answer({"document": {}}, lambda *_command, **_options: (0, "", ""), "test")
    assert result["failed"] and "findings" not in result and "changed" not in result
    assert "No space left on device: the file system at /" in result["msg"] and "/var/lib/avs" in result["msg"]


def test_where_the_engine_gives_no_answer_the_records_tell_whose_keys_may_be_at_work(
    memory_host: MemoryHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    def dead(*_arguments: Any) -> dict[str, Any]:
        raise HostError("the container engine does not answer")

    monkeypatch.setattr(call, "reconcile", dead)
    monkeypatch.setattr(call, "host_store", lambda: memory_host.store)

    def told(**document: Any) -> Any:
        return call.answer({"document": document}, lambda *_command, **_options: (0, "", ""), "test").get("held")

    assert told() == []
    memory_host.well(memory_host.spec())
    [one] = told()
    assert one["id"] == ID and one["keystores"] and "unknown" not in one and told(complete=True) is None
    Path(memory_host.store.instance(ID).root, "state.json").write_text("{")
    assert told()[0]["keystores"]
    shutil.rmtree(memory_host.store.run)
    assert told()[0]["unknown"]
