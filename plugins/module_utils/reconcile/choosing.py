# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which backup of an instance is meant. The newest is meant by default, and nobody guesses which that is."""

from __future__ import annotations

from ..backup import kept
from ..backup.kept import Backup
from ..backup.restic import Restic
from ..common.errors import HostError
from ..common.findings import Finding
from ..common.rules import finding
from ..system.clock import is_ahead

_NAME_ONE = "Name the backup that is meant, as restaking.avs.backups or avsctl backups lists it."


def backups_of(restic: Restic, name: str, recent: bool = False) -> list[Backup]:
    """Those that count, the oldest first. ``recent`` as of ``Restic.snapshots``."""
    return kept.backups(restic.snapshots(recent), name)


def chosen_of(restic: Restic, name: str, backup: str) -> Backup:
    """The backup of this id, or the newest where it is empty. Raises ``HostError`` (BAK-003) where there is none, or where it cannot be
    told which one is the newest."""
    found = backups_of(restic, name)
    chosen = [item for item in found if not backup or item.id == backup]
    if not chosen:
        what = f"has no backup {backup}" if backup else "has no backup"
        raise HostError(
            f"{name} {what}", [*unread(restic, name), finding("BAK-003", name, what, "See restaking.avs.backups, or avsctl backups.")]
        )
    if backup:
        return chosen[0]
    problems = unread(restic, name)
    ahead = [item for item in found if is_ahead(item.time)]
    if ahead:
        made = ", ".join(f"{item.id} ({item.time})" for item in ahead[:3])
        problems.append(
            finding("BAK-003", name, f"by this host's clock these backups are still to be made: {made}", f"Set the clock. {_NAME_ONE}")
        )
    if problems:
        raise HostError(f"{name}: which backup is the newest cannot be told", problems)
    return chosen[-1]


def unread(restic: Restic, name: str) -> list[Finding]:
    """What the last look at a repository could not read. Any of it may be part of a backup, which then is not listed."""
    if not restic.unread:
        return []
    lost = ", ".join(sorted(restic.unread)[:5])
    message = f"{restic.repository} has snapshots that cannot be read ({lost}): what they were part of is not listed"
    return [finding("BAK-003", name, message, f"Look at its disk, and restore from another copy if you can. {_NAME_ONE}")]
