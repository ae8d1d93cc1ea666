# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A host knows where the backups of an instance are, and begins none in another place unless somebody says so. A place that is misspelt, a disk
that is not mounted, and a repository that was not moved with its variable all look like a first backup, and to who reads like none."""

from __future__ import annotations

import os
from collections.abc import Sequence

from ..common.errors import HostError
from ..common.findings import WARNING, Finding
from ..common.rules import finding
from ..instance.store import InstanceStore
from . import kept, settings, whose
from .copies import Copy
from .restic import Restic
from .settings import Settings

_NAME = "Mount its disk, or put it back. If it was moved, name its place (avs_backup_repository)."
_CORRECT = "Correct avs_backup_repository, or move them there (docs/runbooks/backup.md, Moving a repository)."


def require(own: InstanceStore, restic: Restic, left: Sequence[str] | None, opens: bool = True) -> None:
    """Of a repository that is not there, or has no backup of the instance: whether it has none anywhere. Raises ``HostError`` (BAK-003).
    ``left``: places that are said to be left behind, ``None`` for who reads; ``opens``: whether the password is at hand."""
    known = settings.read(own)
    if known is None or known.unmade:
        return
    there, same = restic.exists(), known.repository == restic.repository
    if (same and there) or is_named(known.repository, left or ()):
        return
    if same:
        message, remedy = f"its repository {restic.repository} was there, and is gone", _NAME
    else:
        what = _what_is_in(own, restic, known, opens)
        if not what:
            return
        message, remedy = f"{restic.repository} {'has no backup of it' if there else 'is not there'}; its backups are {what}", _CORRECT
    if left is not None:
        remedy = f"{remedy} {_begun(os.path.dirname(known.repository))}"
    elif known.copies:
        names = ", ".join(one.name for one in known.copies)
        remedy = f"{remedy} Or read a copy, {names} (avs_backups_from, avs_restore_from, or --from on the host)."
    raise HostError(f"{own.id}: {message}", [finding("BAK-003", own.id, message, remedy)])


def _begun(place: str) -> str:
    return f"If they are lost, or meant to be left behind: restaking.avs.backup with -e avs_ack_backups_left={place} begins anew."


def _what_is_in(own: InstanceStore, restic: Restic, known: Settings, opens: bool) -> str:
    """What there is in the repository of before; empty where nothing in it is this host's to lose."""
    place = known.repository
    old = restic.elsewhere(place)
    if not old.exists():
        return f"in {place}, which is gone"
    if not opens:
        there = os.path.join(place, "snapshots")
        return f"in {place}" if not os.path.isdir(there) or os.listdir(there) else ""
    try:
        snapshots = old.snapshots()
    except HostError as error:
        return f"in {place}, of which nothing can be read: {error.message}"
    found = kept.backups(snapshots, own.id)
    if old.unread:
        return f"in {place}, of which not all can be read"
    if not found or not whose.is_own(found[-1].host, known):
        # A place that several hosts had: the one that goes on there is another one.
        return ""
    return f"{len(found)} in {place}, the newest of {found[-1].time}"


def is_named(place: str, names: Sequence[str]) -> bool:
    """Whether a repository, or the place it lies in, is among these."""
    return not {place, os.path.dirname(place)}.isdisjoint(name.strip().rstrip("/") for name in names)


def given_up(known: Sequence[Copy], names: Sequence[str]) -> tuple[Copy, ...]:
    """Copies, of which those that are named may be begun anew."""
    return tuple(one.but(made=False) if one.made and one.repository.rstrip("/") in _places(names) else one for one in known)


def _places(names: Sequence[str]) -> set[str]:
    return {name.strip().rstrip("/") for name in names}


def copy_is_gone(own: InstanceStore, one: Copy, repository: str) -> HostError:
    message = f"its repository {repository} was there, and is gone"
    return HostError(f"{own.id}: {message}", [finding("BAK-003", own.id, message, f"Bring it back. {_begun(one.repository)}")])


def told(own: InstanceStore, before: Settings | None, wanted: Settings) -> list[Finding]:
    """What is said of backups that stay where they are, while those to come are made in another place."""
    if before is None:
        return []
    found = [("", before.repository, wanted.repository)] if not before.unmade and os.path.isdir(before.repository) else []
    after = {one.name: one.repository for one in wanted.copies}
    found += [(f" of {one.name}", one.repository, after.get(one.name, one.repository)) for one in before.copies if one.made]
    return [
        finding(
            "BAK-003",
            own.id,
            f"what was backed up until now{of} stays in {old}; from now on it is {new}",
            "Remove it there once nobody needs it.",
            severity=WARNING,
        )
        for of, old, new in found
        if old != new
    ]
