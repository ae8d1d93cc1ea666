# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An engine that answers from a table."""

from __future__ import annotations

from typing import Any

from ansible_collections.restaking.avs.plugins.module_utils.docker.engine import Done, Engine
from ansible_collections.restaking.avs.plugins.plugin_utils.avsctl.process import run_command


class Told(Engine):
    """An engine that answers from a table: the first words of a command -> what comes back."""

    def __init__(self, **answers: Done | str) -> None:
        super().__init__(run_command, "/nonexistent")
        self.answers, self.asked = answers, list[list[str]]()

    def run(self, arguments: Any, *_rest: Any, **_more: Any) -> Done:
        self.asked.append(list(arguments))
        answer = self.answers["_".join(arguments[:2])] if "_".join(arguments[:2]) in self.answers else self.answers[arguments[0]]
        return answer if isinstance(answer, Done) else Done(0, answer, "")
