# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The module ``backup_schedule``, as a playbook calls it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible.module_utils import basic
from ansible_collections.restaking.avs.plugins.module_utils.common.rules import finding
from ansible_collections.restaking.avs.plugins.modules import backup_schedule

WAITS = finding("BAK-010", "a-avs-1", "waits for the password of its repository, and none is given", "Name it.").as_dict()
OTHER = finding("BAK-001", "a-avs-1: volumes.x", "has no class").as_dict()


def called(monkeypatch: pytest.MonkeyPatch, capsys: Any, entry: dict[str, Any], **given: Any) -> dict[str, Any]:
    whole = {"id": "a-avs-1", "changed": False, "schedule": "daily", "actions": [], "waiting": True, "findings": [], "error": None, **entry}
    failed = {"failed": True, "msg": "one failed"} if whole["error"] else {}
    answer = {"changed": whole["changed"], "instances": [whole], "diff": [{"before": "a", "after": "b"}], **failed}
    monkeypatch.setattr(backup_schedule.scheduling, "schedule", lambda *_arguments: answer)
    document = json.dumps({"ANSIBLE_MODULE_ARGS": {"schedule": "daily", **given}}).encode()
    monkeypatch.setattr(basic, "_ANSIBLE_ARGS", document)
    monkeypatch.setattr(basic, "_ANSIBLE_PROFILE", "legacy")
    with pytest.raises(SystemExit):
        backup_schedule.main()
    found: dict[str, Any] = json.loads(capsys.readouterr().out.strip().splitlines()[-1])
    return found


def test_that_it_waits_is_a_warning_and_a_diff_is_shown_where_asked(monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    # Where anything of a controller was imported by another test, Ansible would show it there.
    warned: list[str] = []
    monkeypatch.setattr(basic.AnsibleModule, "warn", lambda _module, text: warned.append(text))
    found = called(monkeypatch, capsys, {"findings": [WAITS, OTHER]})
    (warning,) = warned
    assert "a-avs-1 waits for the password" in warning and "diff" not in found and found["instances"][0]["waiting"]
    found = called(monkeypatch, capsys, {"changed": True}, _ansible_diff=True, password="canary-of-a-module")
    assert found["changed"] and found["diff"] == [{"before": "a", "after": "b"}]
    assert "canary-of-a-module" not in json.dumps(found)


def test_one_that_failed_fails_it_and_is_named(monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    found = called(monkeypatch, capsys, {"error": "wrong password"})
    assert found["failed"] and found["msg"] == "one failed" and found["instances"][0]["error"] == "wrong password"
    found = called(monkeypatch, capsys, {}, random_delay=-1)
    assert found["failed"] and "is not 0 to 86400 seconds" in found["msg"]
