# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The controller's part of an upgrade and of a rollback: packages, options and secrets; then the host's work is waited for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible import constants as C
from ansible.utils.display import Display
from ansible_collections.restaking.avs.plugins.module_utils.common import catalogue
from ansible_collections.restaking.avs.plugins.module_utils.common.errors import InputError
from ansible_collections.restaking.avs.plugins.module_utils.common.rules import finding
from ansible_collections.restaking.avs.plugins.plugin_utils.inventory.meant import Ids, asked
from ansible_collections.restaking.avs.plugins.plugin_utils.inventory.outcome import outcome
from ansible_collections.restaking.avs.plugins.plugin_utils.parsing.plain import plain
from ansible_collections.restaking.avs.plugins.plugin_utils.remote.backups import opened_by
from ansible_collections.restaking.avs.plugins.plugin_utils.remote.copy import code, module_said
from ansible_collections.restaking.avs.plugins.plugin_utils.remote.host import Host, HostAction, Long
from ansible_collections.restaking.avs.plugins.plugin_utils.remote.long_work import Call, followed, seconds
from ansible_collections.restaking.avs.plugins.plugin_utils.remote.run import ARGUMENTS, answered, say
from ansible_collections.restaking.avs.plugins.plugin_utils.remote.task import Task
from ansible_collections.restaking.avs.plugins.plugin_utils.remote.upgrading import upgraded
from ansible_collections.restaking.avs.plugins.plugin_utils.secrets.sources import start_of_run

_MODULE = "restaking.avs.instance_upgrade"
_ARGUMENTS = {
    **ARGUMENTS,
    "instances": {"type": "raw", "default": []},
    "state": {"type": "str", "default": "upgraded", "choices": ["upgraded", "rolled_back"]},
    "ids": {"type": "raw"},
    "all": {"type": "bool", "default": False},
    "acknowledged": {"type": "raw", "default": {}},
    "chain": {"type": "raw", "default": []},
    "confirm": {"type": "bool", "default": False},
    "fetch": {"type": "bool", "default": False},
    "poll": {"type": "raw"},
    "holder": {"type": "str"},
    **{name: {"type": "raw"} for name in ("repository", "password", "copies", "classes", "backup_acknowledged", "keep")},
    "stop_timeout": {"type": "raw", "default": 300},
}
_BACKUP = ("repository", "classes", "backup_acknowledged", "keep")
_LOOK = "On the host: `avsctl status`, `avsctl history ID`. The same playbook, run again, joins it while it is at work"

display = Display()

# The main process imports this file before it forks the first worker of a task with this action.
start_of_run(str(C.DEFAULT_LOCAL_TMP), display.warning)
_READ_ONCE = (code(), catalogue.RULES)


class ActionModule(HostAction):
    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        # What the base class returns is Ansible's to change; a task's result is made of our own fields alone.
        super().run(None, task_vars)
        _validation, arguments = self.validate_argument_spec(_ARGUMENTS)
        task = Task(self, task_vars or {})
        names: dict[str, str] = {}
        back = arguments["state"] == "rolled_back"
        host = Host(task)

        def work() -> dict[str, Any]:
            nonlocal host
            ids, poll = _ids(arguments), seconds(plain(arguments["poll"]), "avs_upgrade_poll", 1)
            word = {"acknowledged": _acknowledged(plain(arguments["acknowledged"])), "chain": _on_the_chain(plain(arguments["chain"]))}
            backup = {name: plain(arguments[name]) for name in _BACKUP if arguments[name] is not None}
            # A rollback needs the host's own repository alone.
            found = opened_by(task, plain(arguments["password"]), None if back else plain(arguments["copies"]), not task.check)
            backup.update(found.arguments)
            if back:
                return _rolled_back(task, {**arguments, "password": None, **backup}, ids, poll)
            backup.update({"password_given": True} if found.kept_back else {})
            about = {"state": "upgraded", "ids": list(ids.names), "all": ids.all}
            host = Host(task, Long(_MODULE, about, poll, _LOOK, backup, found.hidden))
            return upgraded(task, host, {**arguments, **word}, ids, names)

        answer = answered(task, lambda: host.changed and not arguments["fetch"], names, work)
        if arguments["fetch"]:
            # What would be done is said as in check mode, and nothing of it was.
            answer = {**answer, "changed": False}
        result = outcome(answer, task.diff, brief=not display.verbosity)
        result["unknown"] = list(answer.get("unknown") or ())
        say(task, answer, result)
        return result


def _ids(arguments: Mapping[str, Any]) -> Ids:
    """Raises ``InputError``."""
    try:
        return asked(plain(arguments["ids"]), arguments["all"])
    except ValueError as error:
        raise InputError("it is not said which instances are meant", [finding("INV-001", "ids", str(error), "Name them.")]) from None


def _acknowledged(given: Any) -> dict[str, list[str]]:
    """What may be lost, by instance. Raises ``InputError``."""
    wrong = not isinstance(given, Mapping) or not all(
        isinstance(paths, list) and all(isinstance(path, str) for path in paths) for paths in given.values()
    )
    if wrong:
        remedy = "Write {<id>: [<path or volume>, ...]}, as the refusal of the upgrade names them."
        message = "does not say of which instance what may be lost"
        raise InputError("what may be lost is not to be understood", [finding("INV-001", "avs_upgrade_acknowledged", message, remedy)])
    return {str(name): list(paths) for name, paths in given.items()}


def _on_the_chain(given: Any) -> list[str]:
    """Instances whose migrations may act on the chain. Raises ``InputError``."""
    names = [name.strip() for name in given.split(",")] if isinstance(given, str) else given
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        problem = finding("INV-001", "avs_upgrade_chain", "is neither a list of ids nor a text of them", 'Write ["<package>-<tag>"].')
        raise InputError("whose migrations may act on the chain is not to be understood", [problem])
    return [name for name in names if name]


def _rolled_back(task: Task, arguments: Mapping[str, Any], ids: Ids, poll: int) -> dict[str, Any]:
    """By what the host itself has kept: no package is read, and no secret."""
    given = {"state": "rolled_back", "ids": list(ids.names), "all": ids.all, "confirm": arguments["confirm"]}
    more = ("holder", "lock_timeout", "stop_timeout", *_BACKUP, "password")
    given.update({name: plain(arguments[name]) for name in more if arguments[name] is not None})

    def execute(what: dict[str, Any]) -> dict[str, Any]:
        returned = task.action._execute_module(module_name=_MODULE, module_args=what, task_vars=task.variables)
        answer, warnings, errors = module_said(returned, task.target)
        for line in warnings:
            display.warning(line)
        if errors:
            display.vvv(errors, task.target)
        return answer

    if task.check:
        return execute(given)
    return followed(Call(execute, task.target, _LOOK), given, poll)
