# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What was asked for, and why somebody gave no answer, as reports over many hosts need both."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

_CORE = "Task failed: "
_COUNTED = re.compile(r"(.*): ([0-9]{1,4}) problems?")


def named(ids: Sequence[Any] | str) -> list[str]:
    """Ids, each once, as they were given: a list, or a text with commas, as Ansible reads it for a module."""
    given = [part.strip() for part in ids.split(",")] if isinstance(ids, str) else [str(name) for name in ids]
    return [name for name in dict.fromkeys(given) if name]


def first_line(result: Any) -> str:
    """The first line of a failed result's message, of one that counts problems with the first of these: its task told all of it."""
    message = str((result.get("msg") if isinstance(result, Mapping) else None) or "no message")
    lines = message.removeprefix(_CORE).splitlines() or [""]
    counted = _COUNTED.fullmatch(lines[0])
    if counted is None or len(lines) < 2:
        return lines[0]
    more = int(counted[2]) - 1
    # A remedy stands behind two blanks (wording.problems_text).
    return f"{counted[1]}: {lines[1].strip().partition('  ')[0]}" + (f", and {more} more" if more else "")
