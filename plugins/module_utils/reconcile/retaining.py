# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Older backups of an instance, once another one was made, and before where there is little room. That never makes a backup fail."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from ..backup import retention, snapshot
from ..backup.kept import Backup, Parent
from ..backup.restic import Restic
from ..backup.settings import Settings
from ..backup.volumes import Plan
from ..common.actions import Action
from ..common.errors import HostError
from ..common.findings import WARNING
from ..common.rules import finding
from ..instance.store import InstanceStore
from ..status.entry import tell
from .control import acted


def room(restic: Restic, own: InstanceStore, wanted: Settings, planned: Plan, version: str | None) -> tuple[list[Backup], Parent]:
    """Whether another backup has room. Returns those that had to go before, because less was free than is to be, and the snapshot the next
    one is compared with. Raises ``HostError``."""
    gone: list[Backup] = []
    # What cannot be done now is told when there is a backup to tell of.
    with suppress(HostError):
        gone = retention.make_room(restic, own.id, wanted.keep, retention.needed(own))[0]
    try:
        return gone, snapshot.room(restic, own, planned, version)
    except HostError as error:
        if gone:
            message = f"removed to make room: {', '.join(item.id for item in gone)}"
            error.findings = [*error.findings, finding("BAK-003", own.id, message)]
        raise


def retain(restic: Restic, own: InstanceStore, wanted: Settings, entry: dict[str, Any], before: Sequence[Backup] = ()) -> None:
    """The backup that was made counts, whatever becomes of those before."""
    gone = list(before)
    try:
        needed = retention.needed(own)
        gone += retention.apply(restic, own.id, wanted.keep, needed)
        more, short = retention.make_room(restic, own.id, wanted.keep, needed)
        gone += more
        if short:
            message = f"{short >> 20} MiB less are free at {restic.repository} than are to be, and no other backup may go"
            tell(entry, [finding("BAK-003", own.id, message, "Make room there, or ask for less (avs_backup_keep).", severity=WARNING)])
    except HostError as error:
        message = f"older backups could not be removed: {error.message}"
        tell(entry, [finding("BAK-003", own.id, message, "Look at what restic says on the host.", severity=WARNING)])
    entry["backup"]["removed"] = [item.id for item in gone]
    acted(entry, *(Action("backup", item.id, "remove") for item in gone))
