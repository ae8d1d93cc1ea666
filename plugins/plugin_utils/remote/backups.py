# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What modules of backups need of the controller: the repository's password, from where the inventory says it is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from ...module_utils.common.errors import AvsError, InputError, SecretError
from ...module_utils.common.findings import errors_of
from ...module_utils.common.rules import finding
from ..inventory.key_entries import RULES, option_reference
from ..parsing.plain import plain
from ..parsing.report import Report
from ..secrets.base import Need
from ..secrets.run_folder import RunFolder
from ..secrets.source import Surroundings
from ..secrets.sources import Sources, request_of, wishes_of
from .host import Host, HostAction
from .long_work import Call, followed, seconds
from .task import Task

_PLACE = "password"


class BackupAction(HostAction):
    """Runs ``module`` with the password in place of where it is. In check mode it is looked for, and not sent."""

    module: ClassVar[str]

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        super().run(None, task_vars)
        task = Task(self, task_vars or {})
        arguments = dict(self._task.args)
        try:
            poll = seconds(plain(arguments.pop("poll", None)))
            password = _password(task, plain(arguments.pop(_PLACE, None)))
            if password and not task.check:
                Host(task).require_stdin()
                arguments[_PLACE] = password
        except AvsError as error:
            return {"failed": True, "changed": False, **error.as_result()}

        def execute(given: dict[str, Any]) -> dict[str, Any]:
            found: dict[str, Any] = self._execute_module(module_name=self.module, module_args=given, task_vars=task_vars)
            return found

        direct = not poll or task.check or arguments.get("state") == "listed"
        answer = execute(arguments) if direct else followed(Call(execute, task.target), arguments, poll)
        answer.pop("invocation", None)
        return answer


def _password(task: Task, given: Any) -> str:
    """The value, empty where none is given. Raises ``InputError`` and ``SecretError``."""
    if given is None or given == "":
        return ""
    if isinstance(given, str):
        return given
    if not isinstance(given, Mapping):
        problem = finding("INV-001", _PLACE, "is no text, and does not say where one is", "Write {source: ...}, as for a secret option.")
        raise InputError("the password of the repositories is not as it should be", [problem])
    report = Report("", RULES)
    reference = option_reference(given, _PLACE, report)
    if errors_of(report.findings) or reference is None:
        raise InputError("the password of the repositories is not as it should be", report.findings)
    need = Need("backup", _PLACE, _PLACE, request_of(reference, "the repositories' password"), line=True)
    sources = Sources(Surroundings(task.variable, task.files, RunFolder(task.temp), task.id, wishes_of([reference], task.variable)))
    try:
        known, problems = sources.identify([need])
        values, more = sources.values([need]) if need in known else ({}, [])
    finally:
        sources.close()
    if need not in values:
        raise SecretError("the password of the repositories cannot be had", [*problems, *more])
    return values[need]
