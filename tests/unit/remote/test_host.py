# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The transport over a stand-in for Ansible's own: who is asked, what is masked, what is refused. Real runs: tests/integration/controller."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest
from ansible import constants as C
from ansible.errors import AnsibleConnectionFailure
from ansible_collections.restaking.avs.plugins.module_utils.common.errors import SecretError
from ansible_collections.restaking.avs.plugins.module_utils.common.masking import MASK
from ansible_collections.restaking.avs.plugins.plugin_utils.remote.host import Host

SPEC = {"id": "demo-avs-op1", "state": "started"}
FIRST = {"specs": [SPEC], "trial": False, "complete": False}
LAST = {**FIRST, "complete": True}
VALUES = {"demo-avs-op1": {"key.bls.password": "canary-password"}}


class Connection:
    transport = "stand-in"
    become: Any = None

    def __init__(self) -> None:
        self.pipelining, self.capable = False, True

    def get_option(self, _name: str) -> bool:
        return self.pipelining

    def set_option(self, _name: str, wanted: bool) -> None:
        self.pipelining = wanted

    def is_pipelining_enabled(self) -> bool:
        return self.pipelining and self.capable


class Ansible:
    """Action plugin, task and connection in one. ``copy`` and ``module`` are what a copy of the library and a module answer."""

    def __init__(self, copy: Any, module: Any = None) -> None:
        self.copy, self.module = copy, module
        self.asked: list[tuple[str, dict[str, Any], bool]] = []
        self._connection, self._task, self._play_context = Connection(), self, SimpleNamespace(pipelining=False)
        self.environment: list[dict[str, str]] = []
        self.action, self.target, self.check, self.diff, self.variables = self, "h1", False, False, {}

    def setting(self, name: str) -> Any:
        return "auto" if name == "INTERPRETER_PYTHON" else False

    def _low_level_execute_command(self, _line: str, in_data: bytes) -> dict[str, Any]:
        self.asked.append(("copy", json.loads(in_data), self._connection.pipelining))
        if isinstance(self.copy, Exception):
            raise self.copy
        return dict(self.copy)

    def _execute_module(self, module_name: str, module_args: dict[str, Any], task_vars: Any) -> dict[str, Any]:
        self.asked.append(("module", module_args, self._connection.pipelining))
        return dict(self.module)


def says(result: Any, rc: int = 0, stderr: str = "") -> dict[str, Any]:
    return {"rc": rc, "stdout": json.dumps(result) if isinstance(result, dict) else result, "stderr": stderr}


def host(ansible: Any) -> Host:
    return Host(ansible)


def test_the_copy_answers_and_no_module_is_asked() -> None:
    ansible = Ansible(says({"changed": True, "instances": [], "stranger": 1}))
    told = host(ansible)
    assert told.call(LAST, VALUES) == {"changed": True, "instances": []} and told.changed
    ((who, call, piped),) = ansible.asked
    assert (who, piped, call["secret_values"], call["check"]) == ("copy", True, VALUES, False)
    assert not ansible._connection.pipelining, "the connection is left as it was"


def test_a_host_without_a_copy_gets_one_with_the_module_that_goes_all_the_way() -> None:
    ansible = Ansible(says("", rc=127), {"changed": False, "needs": {"demo-avs-op1": {}}})
    told = host(ansible)
    told.call(FIRST)
    told.call(LAST, VALUES)
    assert [who for who, _arguments, _piped in ansible.asked] == ["copy", "module", "module"]
    sent = ansible.asked[-1][1]["document"]["copy"]
    assert sent["name"].startswith("avsctl-") and sent["archive"]


def test_check_mode_and_trials_leave_no_copy() -> None:
    for document, check in ((LAST, True), ({**LAST, "trial": True}, False)):
        ansible = Ansible(says("", rc=127), {"changed": True})
        ansible.check = check
        told = host(ansible)
        told.call(document)
        assert "copy" not in ansible.asked[-1][1]["document"]
        assert told.changed is check, "what a trial says has not been done"


def test_a_copy_that_died_while_it_worked_is_not_asked_again() -> None:
    ansible = Ansible(says("", rc=1, stderr="Traceback\nValueError: canary-password in here"))
    answer = host(ansible).call(LAST, VALUES)
    assert answer["failed"] and "how far it came is not known" in answer["msg"] and MASK in answer["msg"]
    assert "canary" not in json.dumps(answer) and len(ansible.asked) == 1


def test_what_a_module_died_of_shows_no_value() -> None:
    died = {"failed": True, "msg": "MODULE FAILURE", "module_stderr": "boom canary-password", "warnings": ["canary-password"]}
    answer = host(Ansible(says("", rc=126), died)).call(LAST, VALUES)
    assert answer["failed"] and "canary" not in json.dumps(answer)


def test_a_host_out_of_reach_ends_the_run_but_for_a_trial() -> None:
    told = host(Ansible(AnsibleConnectionFailure("no route")))
    with pytest.raises(AnsibleConnectionFailure):
        told.call(FIRST)
    assert told.call({**FIRST, "trial": True}) == {"failed": True, "msg": "no route"}


def test_a_task_with_an_environment_of_its_own_is_run_as_ansible_runs_it() -> None:
    ansible = Ansible(says({"changed": False}), {"changed": False})
    ansible.environment = [{"X": "1"}]
    host(ansible).call(FIRST)
    assert [who for who, _arguments, _piped in ansible.asked] == ["module"]


@pytest.mark.parametrize("mac", [True, False])
def test_macs_of_values_go_through_standard_input_too(mac: bool) -> None:
    spec = {**SPEC, "secrets": {"key.bls.password": {"ref": {"nonce": "00", "mac": "11"} if mac else {"version": "vault:x"}}}}
    ansible = Ansible(says("", rc=127), {"changed": False})
    host(ansible).call({**FIRST, "specs": [spec]})
    assert ansible.asked[-1][0] == "module" and ansible.asked[-1][2] is mac


def test_secrets_are_not_sent_where_others_would_see_them(monkeypatch: pytest.MonkeyPatch) -> None:
    ansible = Ansible(says({"changed": False}))
    host(ansible).require_stdin()
    ansible._connection.capable = False
    with pytest.raises(SecretError, match="the connection stand-in cannot pass"):
        host(ansible).require_stdin()
    monkeypatch.setattr(C, "DEFAULT_KEEP_REMOTE_FILES", True)
    with pytest.raises(SecretError, match="ANSIBLE_KEEP_REMOTE_FILES"):
        host(ansible).require_stdin()
