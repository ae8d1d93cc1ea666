# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One call to this library and its result, whoever passes it on: a module, or the copy of the library on the host."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .engine import Engine
from .errors import AvsError
from .invocation import RunCommand
from .reconcile import reconcile


def answer(call: Mapping[str, Any], run_command: RunCommand) -> dict[str, Any]:
    """The result of a call: ``document``, ``secret_values`` (instance -> name -> value), ``check`` and ``diff``.

    A refusal is a result as well, with ``failed``, ``msg`` and ``findings``.
    """
    try:
        return reconcile(
            call["document"],
            Engine(run_command),
            call.get("secret_values"),
            bool(call.get("check")),
            bool(call.get("diff")),
        )
    except AvsError as error:
        return {"failed": True, "changed": False, **error.as_result()}
