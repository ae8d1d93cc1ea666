# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whose backup it is: the host it was made on, by all that host is known by."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from ..instance.store import InstanceStore
from ..system import machine
from . import settings


@dataclass(frozen=True)
class Origin:
    """``host`` as it calls itself, ``inventory`` as its inventory does, ``machine`` a digest of its id; each may be empty."""

    host: str
    inventory: str = ""
    machine: str = ""

    @property
    def name(self) -> str:
        """As a person knows it."""
        return self.inventory or self.host or "a host that is not known"

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> Origin:
        """Of a manifest, or of what a host said of itself; what an older release left out is empty."""
        found = (document.get(name) for name in ("host", "inventory", "machine"))
        return cls(*(text if isinstance(text, str) else "" for text in found))

    def as_dict(self) -> dict[str, str]:
        return asdict(self)

    def is_that(self, other: Origin) -> bool:
        """Whether it is that very machine, by what both say. Copies of one have its id, and often its name; a machine that was set up anew
        has its names; what the inventory calls by two names is two."""
        named = bool(self.inventory and other.inventory)
        if named and self.inventory != other.inventory:
            return False
        if not (self.machine and other.machine):
            return bool(self.host) and self.host == other.host
        return self.machine == other.machine and (self.host == other.host or named)

    def is_surely(self, other: Origin) -> bool:
        """Whether nothing speaks against it, and nothing is missing: nobody else has to be asked then."""
        return self == other and all((self.host, self.inventory, self.machine))

    def is_named(self, names: object) -> bool:
        return isinstance(names, (list, tuple)) and any(name and name in names for name in (self.inventory, self.host))


def here(own: InstanceStore, inventory: str = "") -> Origin:
    """This host. ``inventory``: what it is called there, empty: as the backup's settings have it."""
    known = settings.read(own)
    return Origin(socket.gethostname(), inventory or (known.host if known is not None else ""), machine.identity())
