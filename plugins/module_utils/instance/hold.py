# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Held: an instance somebody stopped on purpose, whatever the inventory says. It stays down until it is started again."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..common.findings import Finding
from ..common.rules import finding
from ..system import files
from ..system.clock import now
from .store import InstanceStore

_UNKNOWN = "not known"
# Who holds an instance while it is being restored begins so; anybody else's word counts for more.
RESTORE = "restore of "
# Kinds of a hold that a start lifts only for one who names the host it is about: its node went there, or comes from there.
MOVED, AWAITED = "moved", "awaited"
LONGEST = 200


@dataclass(frozen=True)
class Hold:
    """``since``: an instant in UTC; ``by``: who stopped it; ``reason`` in that person's words, may be empty. ``kind``: of one that lasts,
    and ``host`` the other host it is about."""

    since: str
    by: str
    reason: str
    kind: str = ""
    host: str = ""

    @property
    def passing(self) -> bool:
        """Whether nobody stopped it for good."""
        return self.by.startswith(RESTORE)

    def as_dict(self) -> dict[str, str]:
        more = {"kind": self.kind, "host": self.host} if self.kind else {}
        return {"since": self.since, "by": self.by, "reason": self.reason, **more}


def hold_of(own: InstanceStore) -> Hold | None:
    """``None`` where it is not held. What cannot be read holds as well: a node is not started by a damaged file."""
    if not os.path.lexists(own.hold_file):
        return None
    try:
        found = files.read_json(own.hold_file)
    except (OSError, ValueError):
        found = None
    said: Mapping[str, Any] = found if isinstance(found, Mapping) else {}
    words = {"since": _UNKNOWN, "by": _UNKNOWN, "reason": "", "kind": "", "host": ""}
    return Hold(**{name: text if isinstance(text := said.get(name), str) else other for name, other in words.items()})


def place(own: InstanceStore, by: str, reason: str) -> bool:
    """Whether it was placed: who holds it first is who is told of, but for a hold that passes. Raises ``OSError``, on a full disk for example."""
    known = hold_of(own)
    if files.is_file(own.hold_file) and not (known is not None and known.passing):
        return False
    own.make()
    files.remove(own.hold_file)
    try:
        files.write_json(own.hold_file, Hold(now(), by, reason[:LONGEST]).as_dict())
    except OSError:
        # A stop takes no lock: somebody else's may have come between.
        if not files.is_file(own.hold_file):
            raise
        return False
    return True


def since(known: Hold | None, kind: str, host: str) -> str:
    """Since when it is held, for one who holds it because of a host; empty: as of now. What is known because of another host says nothing:
    the node may have run there."""
    if known is None or known.passing or known.since == _UNKNOWN:
        return ""
    return known.since if not known.kind or (known.kind, known.host) == (kind, host) else ""


def bind(own: InstanceStore, kind: str, host: str, by: str) -> Hold:
    """Hold it because of another host, whoever else holds it; it has been held since he began to. Raises ``OSError``."""
    reason = f"moved to {host}" if kind == MOVED else f"restored from {host}, which has not said yet that it is down there"
    placed = Hold(since(hold_of(own), kind, host) or now(), by, reason[:LONGEST], kind, host)
    own.make()
    files.write_json(own.hold_file, placed.as_dict())
    return placed


def elsewhere(known: Hold | None, to: str = "") -> str:
    """The host that may run it instead of this one, whose word counts for nothing then; empty where there is none. ``to``: a host that may."""
    if known is not None and known.since == _UNKNOWN and not known.kind:
        # What cannot be read may have been such a hold.
        return "a host that is not known"
    return known.host if known is not None and known.kind and known.host != to else ""


def is_moved(own: InstanceStore) -> bool:
    """Whether another host has it."""
    known = hold_of(own)
    return known is not None and known.kind == MOVED


def lift(own: InstanceStore) -> None:
    files.remove(own.hold_file)


def told(instance: str, hold: Hold) -> Finding:
    why = f": {hold.reason}" if hold.reason else ""
    remedy = f"Run it on {hold.host}. To have it here again: docs/backup.md, Restore on a new host." if hold.kind == MOVED else None
    remedy = f"Restore again with {hold.host} at hand: docs/backup.md, Restore on a new host." if hold.kind == AWAITED else remedy
    return finding("OPS-017", instance, f"is held down since {hold.since} by {hold.by}{why}", remedy)
