# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The controller's part of a command of a package: it goes on on the host, whatever becomes of this run, and is asked for."""

from __future__ import annotations

from typing import Any

from ansible.utils.display import Display
from ansible_collections.restaking.avs.plugins.module_utils.common.errors import AvsError
from ansible_collections.restaking.avs.plugins.plugin_utils.inventory.settings import misspelt
from ansible_collections.restaking.avs.plugins.plugin_utils.parsing.plain import plain
from ansible_collections.restaking.avs.plugins.plugin_utils.remote.host import HostAction
from ansible_collections.restaking.avs.plugins.plugin_utils.remote.long_work import Call, followed, seconds
from ansible_collections.restaking.avs.plugins.plugin_utils.remote.task import Task

display = Display()


class ActionModule(HostAction):
    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        super().run(None, task_vars)
        task = Task(self, task_vars or {})
        arguments = dict(self._task.args)
        try:
            poll = seconds(plain(arguments.pop("poll", None)), "avs_plugin_poll")
        except AvsError as error:
            return {"failed": True, "changed": False, **error.as_result()}
        for item in misspelt(task.variables):
            display.warning(f"{item.as_line()} ({item.id})")

        def execute(given: dict[str, Any]) -> dict[str, Any]:
            done: dict[str, Any] = self._execute_module(module_name="restaking.avs.instance_plugin", module_args=given, task_vars=task_vars)
            return done

        direct = not poll or task.check or arguments.get("state") == "listed"
        answer = execute(arguments) if direct else followed(Call(execute, task.target), arguments, poll)
        answer.pop("invocation", None)
        return answer
