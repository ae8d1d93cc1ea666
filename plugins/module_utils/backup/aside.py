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
from ..system import clock
from ..system.clock import now
from . import again, cloned, kept, listing, progress
from .again import TICK
from .cloned import Run
from .contents import Copied
from .listing import Summary, Tree
from .restic import How, Restic
from .snapshot import LIST, require, require_still, stage_of, unsound
from .span import Span
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
    parent: str


def set_aside(own: InstanceStore, items: Sequence[Item], transaction: str, passed: Span, run: Run) -> Aside | None:
    """Of a node that is down; ``None`` where it cannot be. ``passed``: the live pass before. Raises ``HostError`` (BAK-003) where something
    is missing or was written meanwhile, and ``OSError``."""
    path = os.path.join(stage_of(own, transaction), LIST)
    require(own.id, items)
    started = time.monotonic()
    # The next live pass is compared with the one before, of the files themselves.
    if not again.ready(run, items, passed.risky):
        return None
    mark, begun, since = clock.mark(), now(), time.time_ns()
    time.sleep(TICK)
    try:
        view = cloned.make(own, items, transaction, run)
    except (OSError, HostError):
        cloned.settle(own)
        return None
    try:
        tree = listing.write(
            path, [Tree(item.name, item.path) for item in items], since, passed, lambda: time.monotonic() - started > run.bound
        )
    except InterruptedError:
        raise unsound(own.id, f"to set all files aside and look at them took longer than {run.bound:g} s") from None
    require_still(own.id, tree, mark)
    # Of a node that is down all of it is still.
    items = [replace(item, live=False) for item in items]
    return Aside(transaction, view, tree, items, path, begun, time.monotonic() - started, passed.snapshot)


def save(restic: Restic, own: InstanceStore, aside: Aside, version: str | None) -> Copied:
    """What was set aside, once it is known to be what was there. Raises ``ResticError``, ``HostError`` (BAK-003) and ``OSError``."""
    restic.progress.phase(progress.READ)
    problems = listing.differences(listing.read(aside.listing), [Tree(item.name, aside.view[item.path]) for item in aside.items])
    if problems:
        raise unsound(own.id, f"what was set aside is not what was there: {'; '.join(problems)}")
    sources, view = [item.path for item in aside.items], cloned.over(aside.items, aside.view)
    places = {item.name: aside.view[item.path] for item in aside.items}
    odd = [(os.path.join(places[name], path), moment) for name, path, moment in aside.tree.odd]
    parent = aside.parent
    if odd:
        # No backup: what the next one is compared with has them with other times, so that it reads them.
        label = kept.label(own.id, kept.FILES, f"{aside.transaction}-before", version, kind=kept.STOPPED, cloned="yes")
        with again.disguised(odd):
            parent = restic.backup(sources, label, How(view=view, parent=parent)).snapshot
    label = kept.label(own.id, kept.FILES, aside.transaction, version, kind=kept.STOPPED, cloned="yes")
    saved = restic.backup(sources, label, How(view=view, parent=parent))
    return Copied(aside.transaction, saved, aside.tree, aside.items, aside.listing, aside.begun, aside.seconds)
