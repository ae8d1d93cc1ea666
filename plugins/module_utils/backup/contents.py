# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What was copied, and what the manifest of a backup tells of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..common.records import plain
from ..instance.state import State
from ..instance.store import InstanceStore
from . import kept, listing, origin, owners
from .listing import Summary
from .restic import Saved
from .volumes import Item, Plan


@dataclass(frozen=True)
class Copied:
    """What was copied while the node was down, or, of the kind ``live-safe``, while it ran. ``listing`` is the file its tree is described in."""

    transaction: str
    saved: Saved
    tree: Summary
    items: Sequence[Item]
    listing: str
    begun: str
    seconds: float
    kind: str = kept.STOPPED


def manifest(own: InstanceStore, state: State, copied: Copied, planned: Plan) -> dict[str, Any]:
    """All that tells what a backup is of. Secrets are in none of these: compose files have variables in their places, specs references."""
    spec = own.spec()
    return {
        "schema": 1,
        "id": copied.transaction,
        "instance": own.id,
        **origin.here(own).as_dict(),
        "owners": owners.names(listing.read(copied.listing)),
        "time": copied.begun,
        "kind": copied.kind,
        "items": [item.as_dict() for item in copied.items],
        "omitted": dict(planned.omitted),
        "left": dict(planned.left),
        "files": copied.tree.entries,
        "sockets": copied.tree.sockets,
        "size": copied.tree.size,
        "files_digest": copied.tree.digest,
        "package": plain(state.package) if state.package is not None else None,
        "profile": state.profile,
        "release": state.release,
        "images": dict(state.images),
        "compose": own.compose_file(),
        "spec": _without_references(spec.as_dict()) if spec is not None else None,
        "state": _without_references(plain(state)),
    }


def _without_references(document: Mapping[str, Any]) -> dict[str, Any]:
    """Of secrets the names alone: by what a host knows a value again, a weak one could be guessed elsewhere."""
    return {**document, "secrets": sorted(document.get("secrets") or ())}
