# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import errno
from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.restaking.avs.plugins.module_utils.docker.engine import Missing
from ansible_collections.restaking.avs.plugins.module_utils.transaction import call


def test_a_full_file_system_is_named_and_nothing_is_said_of_how_far_it_came(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_arguments: Any) -> dict[str, Any]:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(call, "reconcile", full)
    result = call.answer({"document": {}}, lambda *_command, **_options: (0, "", ""), "test")
    assert result["failed"] and "findings" not in result and "changed" not in result
    assert "No space left on device: the file system at /" in result["msg"] and "/var/lib/avs" in result["msg"]


def test_where_there_is_no_engine_and_no_record_nobodys_key_is_at_work(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(*_arguments: Any) -> dict[str, Any]:
        raise Missing()

    monkeypatch.setattr(call, "reconcile", missing)
    for ids, held in (([], []), (["demo-avs-op1"], None)):
        monkeypatch.setattr(call, "host_store", lambda ids=ids: SimpleNamespace(ids=lambda: ids))
        result = call.answer({"document": {}}, lambda *_command, **_options: (0, "", ""), "test")
        assert result["failed"] and result["findings"][0]["id"] == "OPS-004" and result.get("held") == held
