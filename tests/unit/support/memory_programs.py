# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The programs an engine in memory knows, by their command lines."""

from __future__ import annotations

import re
from dataclasses import dataclass

# Ends with 0 when it is asked to.
POLITE = ("sh", "-c", "trap 'exit 0' TERM; sleep infinity & wait")
# Hears no request to end.
STUBBORN = ("sh", "-c", "trap '' TERM; while :; do sleep 1; done")
# Ends once, with 1, and runs from then on.
STUMBLES = ("sh", "-c", "trap 'exit 0' TERM; test -e /tmp/once || { touch /tmp/once; exit 1; }; sleep infinity & wait")
# With what a signal ends a process, and one whose init passes it on.
KILLED, BY_INIT = 137, 143


@dataclass(frozen=True)
class Program:
    """``ends``: with what a program ends by itself (``None``: it runs), ``asked``: when it is sent its stop signal (``None``: it does
    not listen), ``says``: its log; ``once``: it ends so the first time only; ``starts``: whether the runtime can start it."""

    ends: int | None = None
    asked: int | None = 0
    says: str = ""
    once: bool = False
    starts: bool = True


def program_of(command: tuple[str, ...], init: bool) -> Program:
    known = {
        POLITE: Program(),
        STUBBORN: Program(asked=None),
        STUMBLES: Program(ends=1, once=True),
        # Process 1 hears no signal it does not ask for; below an init it is not process 1.
        ("sleep", "infinity"): Program(asked=BY_INIT if init else None),
        ("true",): Program(ends=0),
        ("/no/such/program",): Program(starts=False),
    }
    spoken = re.fullmatch(r"(?:echo ([\w :]+); )?exit (\d+)", command[2]) if command[:2] == ("sh", "-c") else None
    if spoken:
        return Program(ends=int(spoken[2]), says=spoken[1] or "")
    assert command in known, f"the engine in memory does not know what this program does: {command}"
    return known[command]
