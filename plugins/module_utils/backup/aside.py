# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A copy in two parts: the files of a node that is down are set aside as clones, and saved once it runs again."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from ..common.errors import HostError
from ..instance.store import InstanceStore
from ..system import files
from ..system.clock import now
from . import cloned, kept, listing, progress
from .cloned import Run
from .listing import Summary, Tree
from .restic import How, Restic
from .snapshot import LIST, TICK, Copied, require, stage_of, unsound, written
from .volumes import Item


@dataclass(frozen=True)
class Aside:
    """``view``: path -> its clone. The rest as of a ``Copied``."""

    transaction: str
    view: Mapping[str, str]
    tree: Summary
    items: Sequence[Item]
    listing: str
    begun: str
    seconds: float


def set_aside(own: InstanceStore, items: Sequence[Item], transaction: str, passed: int, run: Run) -> Aside | None:
    """Of a node that is down; ``None`` where it cannot be, or restic would not see what changed since the live pass (begun at ``passed``).
    Raises ``HostError`` (BAK-003) where something is missing or was written meanwhile, and ``OSError``."""
    path = os.path.join(stage_of(own, transaction), LIST)
    require(own.id, items)
    begun, since, started = now(), time.time_ns(), time.monotonic()
    time.sleep(TICK)
    try:
        view = cloned.make(own, items, transaction, run)
    except (OSError, HostError):
        cloned.settle(own)
        return None
    tree = listing.write(path, [Tree(item.name, item.path) for item in items], since, passed)
    if tree.written:
        raise unsound(own.id, written(tree))
    if tree.odd:
        files.remove(path)
        cloned.settle(own)
        return None
    # Of a node that is down all of it is still.
    items = [replace(item, live=False) for item in items]
    return Aside(transaction, view, tree, items, path, begun, time.monotonic() - started)


def save(restic: Restic, own: InstanceStore, aside: Aside, version: str | None) -> Copied:
    """What was set aside, once it is known to be what was there. Raises ``ResticError``, ``HostError`` (BAK-003) and ``OSError``."""
    restic.progress.phase(progress.READ)
    problems = listing.differences(listing.read(aside.listing), [Tree(item.name, aside.view[item.path]) for item in aside.items])
    if problems:
        raise unsound(own.id, f"what was set aside is not what was there: {'; '.join(problems)}")
    label = kept.label(own.id, kept.FILES, aside.transaction, version, kind=kept.STOPPED, cloned="yes")
    saved = restic.backup([item.path for item in aside.items], label, How(view=cloned.over(aside.items, aside.view)))
    return Copied(aside.transaction, saved, aside.tree, aside.items, aside.listing, aside.begun, aside.seconds)
