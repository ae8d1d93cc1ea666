# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Edge between a report_file task and the file: runs on the controller and contacts no host."""

from __future__ import annotations

from typing import Any

from ansible.plugins.action import ActionBase
from ansible_collections.restaking.avs.plugins.module_utils.common.errors import InputError
from ansible_collections.restaking.avs.plugins.module_utils.common.harmless import harmless
from ansible_collections.restaking.avs.plugins.modules.report_file import ARGUMENTS
from ansible_collections.restaking.avs.plugins.plugin_utils.reports.file import place


class ActionModule(ActionBase):
    TRANSFERS_FILES = False
    _supports_check_mode = True
    _supports_async = False
    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        super().run(None, task_vars)
        _validation, given = self.validate_argument_spec(ARGUMENTS)
        path = str(given["path"])
        try:
            if not self._task.check_mode:
                place(path, str(given["content"]))
        except InputError as error:
            return {"failed": True, "changed": False, "msg": harmless(error.message)}
        return {"changed": False, "path": harmless(path)}
