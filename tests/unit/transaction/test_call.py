# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import errno
from typing import Any

import pytest
from ansible_collections.restaking.avs.plugins.module_utils.transaction import call


def test_a_full_file_system_is_named_and_nothing_is_said_of_how_far_it_came(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_arguments: Any) -> dict[str, Any]:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(call, "reconcile", full)
    result = call.answer({"document": {}}, lambda *_command, **_options: (0, "", ""), "test")
    assert result["failed"] and "findings" not in result and "changed" not in result
    assert "No space left on device: the file system at /" in result["msg"] and "/var/lib/avs" in result["msg"]
