# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which backups stay. The policy is restic's own, asked of the seals, of which every backup has one; what must never go is ours to say."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from ..common.errors import HostError
from ..common.records import newer_than, table, text
from ..common.rules import finding
from ..instance.store import InstanceStore
from ..system import files
from . import kept, settings
from .kept import Backup
from .restic import Restic, Snapshot

# How many of the newest, and the newest of how many days, weeks and months.
PERIODS = ("last", "daily", "weekly", "monthly")
# Bytes that are to be free where the repository is.
FREE = "free"
_MOST = 10_000
_SIZE = re.compile(r"([1-9][0-9]{0,8}) ?([KMGT])iB")
_SHIFTS = {"K": 10, "M": 20, "G": 30, "T": 40}
_NEEDED = "needed.json"


def policy(given: Any) -> dict[str, int]:
    """What is asked for; empty keeps everything. Raises ``HostError`` (INV-001)."""
    problem = f"is not well formed: write {{{', '.join(f'{name}: 7' for name in PERIODS)}}}, or some of them, each 0 to {_MOST}"
    if not isinstance(given, Mapping) or not all(_is_right(name, value) for name, value in given.items()):
        message = f'{problem}, and free: "20GiB"'
        raise HostError("not to be understood", [finding("INV-001", "avs_backup_keep", message, "Correct avs_backup_keep.")])
    wanted = {str(name): _bytes(value) if name == FREE else int(value) for name, value in given.items() if value}
    if given and not wanted:
        message = "would keep nothing"
        raise HostError("not to be understood", [finding("INV-001", "avs_backup_keep", message, "Name how many are kept; {} keeps all.")])
    return wanted


def _is_right(name: Any, value: Any) -> bool:
    if name == FREE:
        return isinstance(value, str) and _SIZE.fullmatch(value) is not None
    return name in PERIODS and isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _MOST


def _bytes(size: str) -> int:
    match = _SIZE.fullmatch(size)
    return int(match[1]) << _SHIFTS[match[2]] if match else 0


def needed_file(own: InstanceStore) -> str:
    return os.path.join(settings.folder(own), _NEEDED)


def need(own: InstanceStore, backup: str, why: str) -> None:
    """Keep a backup (its id) whatever a policy says, until ``need_no_more``. Raises as ``needed``."""
    known = needed(own)
    files.folder(settings.folder(own), 0o700)
    files.write_json(needed_file(own), {"schema": 1, "backups": {**known, backup: why}})


def need_no_more(own: InstanceStore, backup: str) -> None:
    left = {name: why for name, why in needed(own).items() if name != backup}
    path = needed_file(own)
    if left:
        files.write_json(path, {"schema": 1, "backups": left})
    else:
        files.remove(path)


def needed(own: InstanceStore) -> dict[str, str]:
    """Id -> why, of backups something is still to go back to. Raises ``HostError`` where that cannot be read: any may be one then."""
    path = needed_file(own)
    try:
        found = files.read_json(path)
        names = {} if found is None else table(text)(found["backups"])
        if found is None or newer_than(found, 1) is None:
            return dict(names)
    except (OSError, ValueError, KeyError, TypeError):
        pass
    message = f"{path} does not say which backups are still needed"
    raise HostError(f"{own.id}: {message}", [finding("OPS-010", own.id, message, "Remove it if none is.")])


def expired(found: Sequence[Backup], dropped: Collection[str], needed: Collection[str] = ()) -> list[Backup]:
    """Of the backups, the oldest first, those that may go: their seals are ``dropped`` by the policy. The newest one stays, the newest that
    was proven, and those that are ``needed`` (ids)."""
    proven = [item.id for item in found if item.verified]
    never = {*needed, *(item.id for item in found[-1:]), *proven[-1:]}
    return [item for item in found if item.seal in dropped and item.id not in never]


def apply(restic: Restic, instance: str, keep: Mapping[str, int], needed: Collection[str] = ()) -> list[Backup]:
    """Remove what the policy does not keep, and what only that needed. Returns what was removed. Raises ``ResticError``."""
    periods = {name: number for name, number in keep.items() if name != FREE}
    if not periods:
        return []
    known = restic.snapshots()
    found = kept.backups(known, instance)
    if len(found) < 2:
        return []
    gone = expired(found, restic.dropped(instance, {kept.PART: kept.SEAL}, periods), needed)
    _remove(restic, known, gone)
    return gone


def tidy(restic: Restic, instance: str, known: Sequence[Snapshot]) -> list[Snapshot]:
    """Take off the list what cuts and failures left; what they alone needed goes with a later prune, or is what the next one needs not save
    again. Returns the snapshots that are left of those ``known``. Raises ``ResticError``."""
    # Where some cannot be read, what seems to have no seal may have one.
    left = {item.id for item in kept.needless(known, instance)} if not restic.unread else set()
    restic.forget(sorted(left))
    return [item for item in known if item.id not in left]


def make_room(restic: Restic, instance: str, keep: Mapping[str, int], needed: Collection[str] = ()) -> tuple[list[Backup], int]:
    """Remove the oldest that may go, one after another, as long as less is free where a repository on this host is than ``keep`` says; what
    is no backup goes before.
    Returns what was removed, and how many bytes are still lacking. Raises ``ResticError``, ``OSError``."""
    gone: list[Backup] = []
    tidied = False
    while True:
        short = keep.get(FREE, 0) - shutil.disk_usage(restic.repository).free
        if short <= 0:
            return gone, 0
        known = restic.snapshots()
        if not tidied:
            tidy(restic, instance, known)
            restic.prune()
            tidied = True
            continue
        found = kept.backups(known, instance)
        oldest = expired(found, [item.seal for item in found], needed)[:1]
        if not oldest:
            return gone, short
        _remove(restic, known, oldest)
        gone += oldest


def _remove(restic: Restic, known: Sequence[Snapshot], gone: Sequence[Backup]) -> None:
    if gone:
        # One without its files, or without its seal, is none: wherever this is cut, no backup is half there.
        restic.forget(_parts(known, gone))
        restic.prune()


def _parts(known: Sequence[Snapshot], gone: Sequence[Backup]) -> list[str]:
    made = {item.made_as for item in gone}
    proofs = [item.id for item in known if item.tags.get(kept.PART) == kept.PROOF and item.tags.get(kept.OF) in made]
    return [*(item.seal for item in gone), *(item.files for item in gone), *proofs]
