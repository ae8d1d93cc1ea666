# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A backup of a node that runs on: where all that is saved of it may be copied meanwhile, or is saved by its package.

Of the conditions of a backup these hold: restic could read all, the repository lists it and is sound, what a dump left was not written
any more, and nobody installed or removed anything of the instance meanwhile.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..backup import kept, pace, patience, snapshot, uses
from ..backup.kept import Parent
from ..backup.restic import Restic
from ..backup.volumes import FOLDER, Item, Plan
from ..common.actions import Action
from ..common.errors import HostError
from ..common.rules import finding
from ..common.spec import InstanceSpec
from ..instance import journal
from ..instance.state import State
from ..instance.store import InstanceStore
from ..status.entry import entry_of, tell
from ..system import deep
from .control import acted
from .own import Way
from .repositories import Host

_WHAT = ("release", "spec_digest", "phase")


@dataclass(frozen=True)
class What:
    """Of what it is made: the node as it was begun with, and what restic compares it with."""

    state: State
    planned: Plan
    parent: Parent


def may_run_on(own: InstanceStore, items: Sequence[Item]) -> bool:
    """Whether a node that runs need not be stopped for its backup. A data folder nobody has put a file into is nothing to be copied."""
    dumps = {f"volumes/{name}" for name, use in uses.of(own.spec()).items() if use.backup}
    return all(item.live or item.name in dumps or (item.name == FOLDER and not _has_files(item.path)) for item in items)


def _has_files(path: str) -> bool:
    return any(found[2] for found in deep.walk(path))


def take(host: Host, own: InstanceStore, restic: Restic, way: Way, what: What) -> dict[str, Any]:
    """The entry, with ``backup``. Raises what ``snapshot.copy`` and ``snapshot.seal`` raise."""
    state, planned = what.state, what.planned
    version = state.package.version if state.package is not None else None
    actions = [Action("backup", own.id, "create")]
    transaction = journal.begin(own, "backup", way.holder, actions=[action.as_dict() for action in actions])
    outcome, details = journal.FAILED, {"error": "it was cut"}
    try:
        bound = patience.needed(*patience.looked(snapshot.trees(planned.items), 0), pace.read(own).rate)
        terms = snapshot.Terms(version, bound, kept.LIVE_SAFE, what.parent)
        with patience.bounded(own.id):
            copied = snapshot.copy(restic, own, planned.items, transaction, terms)
        now = own.state()
        if now is None or any(getattr(now, name) != getattr(state, name) for name in _WHAT):
            message = "the backup does not count: another version of it was installed while it was copied"
            raise HostError(f"{own.id}: {message}", [finding("BAK-003", own.id, message, "Back up again.")])
        manifest = snapshot.seal(restic, own, now, copied, planned)
        outcome, details = journal.DONE, {}
    except (HostError, OSError) as error:
        details = {"error": str(error)}
        raise
    finally:
        journal.end(own, transaction, outcome, **details)
    entry = entry_of(InstanceSpec(id=own.id), now, host.engine.containers(own.id))
    names = ("id", "time", "snapshot", "files", "sockets", "size", "omitted", "left", "kind")
    entry["backup"] = {**{name: manifest[name] for name in names}, "added": copied.saved.added, "seconds": 0.0}
    acted(entry, *actions)
    tell(entry, planned.findings)
    return entry
