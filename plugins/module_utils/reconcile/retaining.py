# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Older backups of an instance, once another one was made, and before where there is little room. That never makes a backup fail."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from ..backup import kept, last, retention, snapshot, spare
from ..backup.kept import Backup, Parent
from ..backup.restic import Restic, ResticError, Snapshot
from ..backup.settings import Settings
from ..backup.volumes import Plan
from ..common.actions import Action
from ..common.errors import HostError
from ..common.findings import WARNING, Finding
from ..common.rules import finding
from ..instance.store import InstanceStore
from ..status.entry import tell
from .control import acted


def room(restic: Restic, own: InstanceStore, wanted: Settings, planned: Plan, version: str | None) -> tuple[list[Backup], Parent]:
    """Whether another backup has room, once what failures left is gone. Returns those that had to go before, because less was free than is
    to be, and the snapshot the next one is compared with. Raises ``HostError``, also where somebody has the repository for himself."""
    restic.require_unlocked(f"{own.id} was not touched")
    gone: list[Backup] = []
    known: list[Snapshot] | None = restic.snapshots(recent=True)
    failed: HostError | None = None
    try:
        known = retention.tidy(restic, own.id, known or ())
        noted = last.read(own)
        # The last one that was made may not be the newest by its time.
        needed = {*retention.needed(own), *([noted.id] if noted is not None else [])}
        gone = retention.make_room(restic, own.id, wanted.keep, needed)[0]
    except HostError as error:
        # It is told when there is a backup to tell of, or no room for one.
        failed = error
    spare.keep(restic.repository)
    try:
        return gone, _has_room(restic, own, planned, version, None if gone or failed else known)
    except HostError as error:
        if failed is not None:
            error.findings = [*error.findings, *failed.findings]
        if gone:
            message = f"removed to make room: {', '.join(item.id for item in gone)}"
            error.findings = [*error.findings, finding("BAK-003", own.id, message)]
        raise


def _has_room(restic: Restic, own: InstanceStore, planned: Plan, version: str | None, known: Sequence[Snapshot] | None) -> Parent:
    """As ``snapshot.room``; what no snapshot needs any more goes where it is in the way."""
    try:
        return snapshot.room(restic, own, planned, version, known)
    except ResticError as error:
        free = shutil.disk_usage(restic.repository).free
        if error.kind == "full":
            with suppress(ResticError):
                restic.prune()
        if shutil.disk_usage(restic.repository).free <= free:
            raise
    return snapshot.room(restic, own, planned, version)


def retain(restic: Restic, own: InstanceStore, wanted: Settings, entry: dict[str, Any], before: Sequence[Backup] = ()) -> None:
    """The backup that was made counts, whatever becomes of those before."""
    gone, made = list(before), str(entry["backup"]["id"])
    try:
        needed = {*retention.needed(own), made}
        gone += retention.apply(restic, own.id, wanted.keep, needed)
        more, short = retention.make_room(restic, own.id, wanted.keep, needed)
        gone += more
        if short:
            message = f"{short >> 20} MiB less are free at {restic.repository} than are to be, and no other backup may go"
            tell(entry, [finding("BAK-003", own.id, message, "Make room there, or ask for less (avs_backup_keep).", severity=WARNING)])
        tell(entry, _not_the_newest(kept.backups(restic.snapshots(recent=True), own.id), own.id, made))
    except HostError as error:
        message = f"older backups could not be removed: {error.message}"
        tell(entry, [finding("BAK-003", own.id, message, "Look at what restic says on the host.", severity=WARNING)])
    entry["backup"]["removed"] = [item.id for item in gone]
    acted(entry, *(Action("backup", item.id, "remove") for item in gone))


def _not_the_newest(found: Sequence[Backup], instance: str, made: str) -> list[Finding]:
    """Of a clock that was wrong once, or is now."""
    if not found or found[-1].id == made:
        return []
    message = f"the newest by its time is {found[-1].id}, not {made}, which was made just now: a clock was wrong then, or is now"
    remedy = (
        f"Put the host's clock right; name the backup that is to be restored, or have restic forget the wrong one ({found[-1].seal[:8]})."
    )
    return [finding("BAK-003", instance, message, remedy, severity=WARNING)]
