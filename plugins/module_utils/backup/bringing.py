# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the repository of an instance has, brought to each of its copies. A node has nothing to do with it, and runs meanwhile."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

from . import kept
from .copies import Copy
from .kept import Backup
from .restic import Restic, ResticError


def bring(source: Restic, target: Restic, copy: Copy, made: Backup) -> list[Backup]:
    """Copy the backup that was ``made``, and those a copy lacks. Returns those that
    were brought, the oldest first.

    A backup counts there as it does here: by its seal, which comes last, once the repository is known to have all of it. Raises
    ``ResticError``; what was brought until then stays, and is completed by the next run.
    """
    if target.removes:
        target.clear_locks()
    wanted = lacking(
        kept.backups(source.snapshots(recent=True), made.instance), kept.backups(target.snapshots(recent=True), made.instance), made.id
    )
    for backup in wanted:
        target.copy_from(source, [backup.files])
    if wanted:
        # Nothing is copied that is there by its name, whatever became of its content.
        target.check(everything=False)
    for backup in wanted:
        target.copy_from(source, [backup.seal])
    after = target.snapshots()
    there = {item.id for item in kept.backups(after, made.instance)}
    lost = [item.id for item in wanted if item.id not in there]
    if lost:
        raise ResticError(f"the copy {copy.name} does not count", "damaged", f"it does not list {', '.join(lost)}", target.repository)
    if target.removes and not target.unread:
        with suppress(ResticError):
            # What was cut of backups that are gone by now; never taken for one.
            target.forget([item.id for item in kept.unsealed(after, made.instance)])
    return wanted


def lacking(here: Sequence[Backup], there: Sequence[Backup], made: str) -> list[Backup]:
    """Those that are newer than all a copy has, and the one that was ``made`` (an id): what it had and has no more was not to be kept. What
    is newer than the one that was made just now is of a clock that was wrong, and says nothing of those before."""
    known = {item.id for item in there}
    until = max((item.time for item in here if item.id == made), default="")
    newest = max((item.time for item in there), default="")
    sound = max((item.time for item in there if item.time <= until), default="")
    return [item for item in here if item.id not in known and (item.time > newest or sound < item.time <= until or item.id == made)]
