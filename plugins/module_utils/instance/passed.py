# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""That an instance was the canary of a rollout, and of which package it has proven that it may go on (docs/decisions/rollouts.md)."""

from __future__ import annotations

from collections.abc import Mapping

from ..system import files
from ..system.clock import now
from .store import InstanceStore

_FIELDS = ("digest", "rollout", "at")


def passed(own: InstanceStore) -> dict[str, str] | None:
    """``digest`` of the package's tree, ``rollout`` and ``at``; ``None`` where there is none. One that cannot be read proves nothing."""
    try:
        found = files.read_json(own.path("passed.json"))
    except (OSError, ValueError):
        return None
    if not isinstance(found, Mapping) or not all(isinstance(found.get(name), str) for name in _FIELDS):
        return None
    return {name: found[name] for name in _FIELDS}


def forget(own: InstanceStore) -> None:
    """What it has proven was of a time that is over: it goes to another version, or comes back from one. Raises ``OSError``."""
    files.remove(own.path("passed.json"))


def note(own: InstanceStore, digest: str, rollout: str) -> bool:
    """Whether it is another one than was noted before. The writer holds the instance's lock. Raises ``OSError``."""
    known = passed(own)
    if known is not None and known["digest"] == digest:
        return False
    files.write_json(own.path("passed.json"), {"digest": digest, "rollout": rollout, "at": now()})
    return True
