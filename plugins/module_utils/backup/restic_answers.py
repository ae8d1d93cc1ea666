# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What restic answers, read and remembered."""

from __future__ import annotations

import json
from time import monotonic
from typing import Any, Generic, TypeVar

Answer = TypeVar("Answer")
# Commands after which a repository may list other snapshots than before.
_CHANGES = ("init", "backup", "copy", "forget", "prune", "unlock")
# Seconds: others may change it as well.
_FRESH = 30.0


class Remembered(Generic[Answer]):
    """The last answer to a question whose asking costs half a second, which restic takes to try the password: of several steps in a row each asks
    it. It counts for half a minute at most, and not once a command of ours has changed anything."""

    def __init__(self) -> None:
        self._known: tuple[Answer, float] | None = None

    def get(self) -> Answer | None:
        return self._known[0] if self._known is not None and monotonic() - self._known[1] < _FRESH else None

    def keep(self, answer: Answer) -> None:
        self._known = (answer, monotonic())

    def after(self, command: str) -> None:
        """A command has ended, however."""
        if command in _CHANGES:
            self._known = None


def documents(out: str) -> list[dict[str, Any]]:
    """The JSON documents of an answer, a line each; what is none is left out."""
    found = []
    for line in out.splitlines():
        try:
            item = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(item, dict):
            found.append(item)
    return found


def rows(out: str) -> list[dict[str, Any]]:
    return array(out) or []


def array(out: str) -> list[dict[str, Any]] | None:
    """The mappings of a JSON list, or of the null that stands for an empty one."""
    try:
        found = json.loads(out)
    except (ValueError, RecursionError):
        return None
    if found is None:
        return []
    return [item for item in found if isinstance(item, dict)] if isinstance(found, list) else None
