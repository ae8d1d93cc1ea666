# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Actions: the changes a run makes or announces, and the one order in which they are told."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

_ORDER = ("hold", "image", "files", "unit", "keys", "volume", "network", "container", "backup", "copy", "command")
# What is restarted was stopped first.
_FIRST = ("stop", "recreate", "create", "start", "update", "remove", "pull", "run")


@dataclass(frozen=True)
class Action:
    """One change. ``kind`` and ``action`` are words of the module's result."""

    kind: str
    name: str
    action: str

    def as_dict(self) -> dict[str, str]:
        return {"kind": self.kind, "name": self.name, "action": self.action}


def ordered(actions: Iterable[Action]) -> list[Action]:
    """The one order in which actions are told."""
    return sorted(set(actions), key=lambda item: (_ORDER.index(item.kind), item.name, _FIRST.index(item.action)))


def existence(kind: str, wanted: Sequence[str], found: Collection[str]) -> list[Action]:
    """``create`` for every name that is not there."""
    return [Action(kind, name, "create") for name in wanted if name not in found]
