# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A managed host: one call, answered by the copy of the library it keeps, or by a module that leaves one there."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ansible import constants as C
from ansible.errors import AnsibleConnectionFailure
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

from ...module_utils.common.errors import SecretError
from ...module_utils.common.harmless import harmless
from ...module_utils.common.masking import Mask
from ...module_utils.common.rules import finding
from ..inventory.outcome import beginning
from .copy import archive, copy_name, died, is_missing, last_line, module_said, said, start
from .long_work import Begin, Call, awaited, not_known
from .task import Task

_MODULE = "restaking.avs.instances"

display = Display()


@dataclass(frozen=True)
class Long:
    """A module of its own that answers documents, whose work goes on on the host by itself. ``arguments``: what every call of it says besides;
    ``works``: what one that does something, or says what would be done, needs, too; ``hidden``: what of that is secret; ``poll``: seconds
    between two calls."""

    module: str
    arguments: Mapping[str, Any]
    poll: int
    look: str
    works: Mapping[str, Any] = field(default_factory=dict, repr=False)
    hidden: Sequence[str] = field(default=(), repr=False)


class HostAction(ActionBase):
    """What an action plugin has to be for a ``Host`` to reach its host by it."""

    TRANSFERS_FILES = False
    _supports_check_mode = True
    _supports_async = False

    def _update_module_args(self, module_name: str, module_args: dict[str, Any], *args: Any, **kwargs: Any) -> None:
        super()._update_module_args(module_name, module_args, *args, **kwargs)
        # The host's syslog is no place for a document of this size, with references to secrets in it.
        module_args["_ansible_no_log"] = True


class Host:
    """The host of a task. ``changed``: whether a call has changed anything there, whatever became of the run since; ``long``: who answers
    in place of the module ``instances`` and the copy that knows the same."""

    def __init__(self, task: Task, long: Long | None = None) -> None:
        self._task, self._action, self._long = task, task.action, long
        own = copy_name(str(task.setting("INTERPRETER_PYTHON")))
        # What an upgrade leaves on its way is understood by the code that left it: what comes up with the host has to be that.
        self._copy: str | None = own if long is None else None
        self._missing: str | None = None if long is None else own
        self._busy: Mapping[str, Any] = {}
        self.changed = False

    def require_stdin(self) -> None:
        """Raises ``SecretError`` where a file on the host, or a log, would come to hold the module's arguments."""
        if C.DEFAULT_KEEP_REMOTE_FILES:
            raise _unsafe(
                "ANSIBLE_KEEP_REMOTE_FILES keeps module arguments in files on the host",
                "Unset ANSIBLE_KEEP_REMOTE_FILES (keep_remote_files).",
            )
        if C.DEFAULT_DEBUG:
            raise _unsafe("ANSIBLE_DEBUG prints module arguments", "Unset ANSIBLE_DEBUG.")
        self._set_pipelining(True)
        connection = self._action._connection
        if not connection.is_pipelining_enabled():
            means = f"the connection {connection.transport}"
            if connection.become is not None and not connection.become.pipelining:
                means = f"become with {connection.become.name}"
            raise _unsafe(
                f"{means} cannot pass a module through its standard input", "Use the connection ssh, and sudo where become is needed."
            )

    def call(self, document: Mapping[str, Any], values: Mapping[str, Mapping[str, str]] | None = None) -> dict[str, Any]:
        """The answer to a document of ``calls``; ``values``: instance -> secret -> value. A failed answer says so in ``failed`` and ``msg``.

        Raises ``AnsibleConnectionFailure``, but for a trial: what is wrong with the inventory is worth telling, whether or not the host
        can be asked about the rest.
        """
        if document["complete"] and not document["trial"] and not self._task.check:
            display.display(beginning(self._busy, document["specs"], self._task.target), stderr=True)
        arguments: dict[str, Any] = {"document": {**document, "log": not self._task.setting("DEFAULT_NO_TARGET_SYSLOG")}}
        if values:
            arguments["secret_values"] = values
        mask = Mask([*(value for own in (values or {}).values() for value in own.values()), *(self._long.hidden if self._long else ())])
        try:
            answer = self._ask_copy(arguments, mask)
            if answer is None:
                answer = self._ask_module(arguments, mask) if self._long is None else self._ask_long(self._long, arguments, mask)
        except AnsibleConnectionFailure as error:
            if not document["trial"]:
                raise
            return {"failed": True, "msg": str(error)}
        # The host masks its own output; this holds where it could not: when it died, and its text is all there is.
        answer = dict(mask.deep(answer)) if values or self._long else answer
        self.changed = self.changed or bool(answer.get("changed") and not document["trial"])
        self._busy = answer.get("needs") or {}
        return answer

    def _ask_copy(self, arguments: Mapping[str, Any], mask: Mask) -> dict[str, Any] | None:
        """The answer of the copy of the library the host keeps; ``None`` where it has none, or the task is to be run in a way of its own."""
        action, target = self._action, self._task.target
        if not self._copy or C.DEFAULT_KEEP_REMOTE_FILES or any(action._task.environment or ()):
            return None
        call = {**arguments, "check": self._task.check, "diff": self._task.diff}
        before = self._set_pipelining(True)
        try:
            if not action._connection.is_pipelining_enabled():
                return None
            done = action._low_level_execute_command(start(self._copy), in_data=json.dumps(call).encode())
        finally:
            self._set_pipelining(before)
        answer = said(done["stdout"])
        if answer is not None:
            return answer
        errors = mask(done["stderr"])
        if arguments["document"]["complete"] and not is_missing(done["rc"]):
            display.vvv(harmless(errors), target)
            return died(done["rc"], errors, self._copy)
        # Nothing was changed. The second call need not try again, and a module that goes all the way leaves a new copy.
        display.vv(f"no answer from {self._copy} ({done['rc']}: {harmless(last_line(errors))}), asking a module", target)
        self._copy, self._missing = None, self._copy
        return None

    def _ask_long(self, long: Long, arguments: Mapping[str, Any], mask: Mask) -> dict[str, Any]:
        """As ``_ask_module``; work that was begun is waited for, and its result is the answer."""
        document = arguments["document"]
        if not document["complete"]:
            return self._ask_module({**long.arguments, **arguments}, mask)
        # A trial gets nothing secret.
        works = {} if document["trial"] else long.works
        if long.hidden:
            self._set_pipelining(True)
        call = Call(lambda given: self._execute(given, mask), self._task.target, long.look)
        try:
            answer = self._ask_module({**long.arguments, **works, **arguments}, mask)
        except AnsibleConnectionFailure as error:
            raise not_known(call, error) from None
        # The host chooses what the work is called: who asks for the same while it is at work joins it.
        return awaited(call, long.arguments, Begin(long.poll, ""), answer)

    def _ask_module(self, arguments: Mapping[str, Any], mask: Mask) -> dict[str, Any]:
        document = arguments["document"]
        if "secret_values" in arguments or _carries_macs(document):
            self._set_pipelining(True)
        if self._missing and not (self._task.check or document["trial"]) and (self._long is None or document["complete"]):
            arguments = {**arguments, "document": {**document, "copy": {"name": self._missing, "archive": archive()}}}
        return self._execute(arguments, mask)

    def _execute(self, arguments: Mapping[str, Any], mask: Mask) -> dict[str, Any]:
        name = _MODULE if self._long is None else self._long.module
        returned = self._action._execute_module(module_name=name, module_args=dict(arguments), task_vars=self._task.variables)
        answer, warnings, errors = module_said(returned, self._task.target)
        for line in warnings:
            display.warning(harmless(mask(line)))
        if errors:
            display.vvv(harmless(mask(errors)), self._task.target)
        return answer

    def _set_pipelining(self, wanted: bool) -> bool:
        """Whether a module and its arguments go through the connection's standard input, whatever the configuration says.

        Returns what it was.
        """
        connection, context = self._action._connection, self._action._play_context
        try:
            before = connection.get_option("pipelining")
            connection.set_option("pipelining", wanted)
        except KeyError:
            before, context.pipelining = context.pipelining, wanted
        return bool(before)


def _carries_macs(document: Mapping[str, Any]) -> bool:
    """Whether a document holds MACs of values: with the nonce beside it, one of a weak password can be guessed."""
    return any("mac" in secret["ref"] for spec in document["specs"] for secret in spec.get("secrets", {}).values())


def _unsafe(message: str, remedy: str) -> SecretError:
    text = f"secrets are not sent: {message}"
    return SecretError(text, [finding("SEC-002", "", text, remedy)])
