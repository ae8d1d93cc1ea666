# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whose the backups in a repository are. Ids of instances are unique on a host only, and a place for repositories may be that of a whole group:
a host that wrote where another one does would take the other's newest backup for its own, and remove what it does not keep itself.

A repository is of the host that made its newest backup. Another one may go on with it once it took the instance over by a restore, which its
settings remember; so does a host that has another name by now.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..common.errors import HostError
from ..common.rules import finding
from ..instance.store import InstanceStore
from ..system import machine
from . import origin
from .kept import Backup
from .origin import Origin
from .settings import Settings


def require_own(instance: str, found: Sequence[Backup], wanted: Settings, repository: str) -> None:
    """Whether this host may write to a repository with these backups, the oldest first. Raises ``HostError`` (BAK-003)."""
    newest = found[-1] if found else None
    if newest is None or is_own(newest.host, wanted):
        return
    message = f"the newest backup in {repository} is of another host, {called(newest.host)} ({newest.time}); nothing was written there"
    remedy = (
        "Give each host a place of its own, as .../{{ inventory_hostname }} (avs_backup_repository, or repository in avs_backup_copies). "
        "If this host is to take the node over: restaking.avs.restore with avs_restore_to."
    )
    raise HostError(f"{instance}: {message}", [finding("BAK-003", instance, message, remedy)])


def require_from_here(own: InstanceStore, backup: Backup, manifest: Mapping[str, Any], known: Settings | None) -> None:
    """Whether a backup is of this host's node, and may go back as its own. Raises ``HostError`` (BAK-003)."""
    then = Origin.of(manifest)
    if is_own(backup.host, known) if backup.host else not _is_elsewhere(then, origin.here(own), known):
        return
    message = f"the backup {backup.id} is of another host, {then.name}"
    remedy = "Name one of this host's own (avs_restore_backup); to take the node over from there: avs_restore_to (docs/backup.md)."
    raise HostError(f"{own.id} is not restored, and nothing was changed: {message}", [finding("BAK-003", own.id, message, remedy)])


def is_own(mark: str, known: Settings | None) -> bool:
    """One of releases before has no mark, and is."""
    return not mark or mark == machine.mark() or (known is not None and mark in known.taken)


def remembered(wanted: Settings) -> Settings:
    """With this host itself, so that it knows its backups when it has another name."""
    return with_more(wanted, machine.mark())


def with_more(wanted: Settings, *marks: str) -> Settings:
    more = [mark for mark in marks if mark and mark not in wanted.taken]
    return wanted.but(taken=[*wanted.taken, *more]) if more else wanted


def called(mark: str) -> str:
    return mark.partition(":")[0] or "which has no name"


def _is_elsewhere(then: Origin, here: Origin, known: Settings | None) -> bool:
    """Of one without a mark: whether its manifest names another machine, or, where it names none, another host."""
    if then.machine and here.machine:
        return then.machine != here.machine and not (known is not None and then.machine in known.taken)
    return bool(then.host) and then.host != here.host and not (then.inventory and then.inventory == here.inventory)
