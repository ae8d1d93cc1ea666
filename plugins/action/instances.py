# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Edge between a task and the parts: options and variables in, one result out, every error translated once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible import constants as C
from ansible.utils.display import Display
from ansible_collections.restaking.avs.plugins.module_utils.common import catalogue
from ansible_collections.restaking.avs.plugins.module_utils.common.errors import AvsError, InputError
from ansible_collections.restaking.avs.plugins.module_utils.common.findings import errors_of
from ansible_collections.restaking.avs.plugins.plugin_utils.inventory.outcome import outcome
from ansible_collections.restaking.avs.plugins.plugin_utils.remote import to_do
from ansible_collections.restaking.avs.plugins.plugin_utils.remote.calls import Terms, reconcile
from ansible_collections.restaking.avs.plugins.plugin_utils.remote.copy import code
from ansible_collections.restaking.avs.plugins.plugin_utils.remote.host import Host, HostAction
from ansible_collections.restaking.avs.plugins.plugin_utils.remote.run import ARGUMENTS, Run, answered, merged, say, worded
from ansible_collections.restaking.avs.plugins.plugin_utils.remote.task import Task
from ansible_collections.restaking.avs.plugins.plugin_utils.secrets.sources import start_of_run

_ARGUMENTS = {
    **ARGUMENTS,
    "partial": {"type": "bool", "default": False},
    "inventory_only": {"type": "bool", "default": False},
    "ask_host": {"type": "bool", "default": True},
    "look": {"type": "bool", "default": False},
    "given_up_by": {"type": "list", "elements": "str", "default": []},
}

display = Display()

# The main process imports this file before it forks the first worker of a task with this action: what is read here is read once a run.
start_of_run(str(C.DEFAULT_LOCAL_TMP), display.warning)
_READ_ONCE = (code(), catalogue.RULES)


class ActionModule(HostAction):
    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        # What the base class returns is Ansible's to change; a task's result is made of our own fields alone.
        super().run(None, task_vars)
        _validation, arguments = self.validate_argument_spec(_ARGUMENTS)
        task = Task(self, task_vars or {})
        host = Host(task)
        names: dict[str, str] = {}
        answer = answered(task, lambda: host.changed, names, lambda: _reconciled(task, host, arguments, names))
        result = outcome(answer, task.diff, brief=not display.verbosity)
        if not answer.get("to_do") and (not arguments["inventory_only"] or answer.get("changed")):
            say(task, answer, result)
        return result


def _reconciled(task: Task, host: Host, arguments: Mapping[str, Any], names: dict[str, str]) -> dict[str, Any]:
    """The host's answer, with what was found on both sides. Raises ``AvsError`` before anything was changed.

    ``names`` learns what a person calls each instance, as far as it is known.
    """
    only_inventory, look = arguments["inventory_only"], arguments["look"]
    try:
        with Run(task, arguments, names) as run:
            built = run.build()
            if only_inventory and not look and not errors_of(built.findings):
                return {"changed": False, "findings": [item.as_dict() for item in built.findings]}
            if only_inventory and not arguments["ask_host"]:
                raise InputError("the instances are not as they should be", built.findings)
            # Where the inventory is wrong already, the host is asked for what it finds wrong with the rest.
            terms = Terms(run.lock_timeout, run.settings, task.check, look=look)
            answer = reconcile(built, terms, host, run.sources, run.fleet)
            if not arguments["partial"]:
                answer = to_do.seen(task, answer, look and only_inventory)
    except AvsError as error:
        # What becomes of an engine that is not there is not for the inventory to say.
        own = [item for item in error.findings if item.id != "OPS-004"] if only_inventory else error.findings
        raise type(error)(error.message, own) from None
    if arguments["partial"] and "findings" in answer:
        # A list that is but a part of a host's says nothing of the rest.
        answer = {**answer, "findings": [item for item in answer["findings"] if item["id"] != "INV-003"], "unlisted": []}
    found = merged(built.findings, answer.get("findings") or ())
    return {**answer, **worded(answer, names, host, task.target), "findings": found}
