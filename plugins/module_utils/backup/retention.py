# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which backups stay. The policy is restic's own, asked of the seals, of which every backup has one; what must never go is ours to say."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from ..common.errors import HostError
from ..common.rules import finding
from . import kept
from .kept import Backup
from .restic import Restic, Snapshot

# How many of the newest, and the newest of how many days, weeks and months.
PERIODS = ("last", "daily", "weekly", "monthly")
_MOST = 10_000


def policy(given: Any) -> dict[str, int]:
    """What is asked for; empty keeps everything. Raises ``HostError`` (INV-001)."""
    if not isinstance(given, Mapping) or not all(name in PERIODS and _is_number(value) for name, value in given.items()):
        message = f"is not well formed: write {{{', '.join(f'{name}: 7' for name in PERIODS)}}}, or some of them, each 0 to {_MOST}"
        raise HostError("not to be understood", [finding("INV-001", "keep", message, "Correct avs_backup_keep.")])
    wanted = {str(name): int(value) for name, value in given.items() if value}
    if given and not wanted:
        message = "would keep nothing"
        raise HostError("not to be understood", [finding("INV-001", "keep", message, "Name how many are kept; {} keeps all.")])
    return wanted


def _is_number(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _MOST


def expired(found: Sequence[Backup], dropped: Collection[str], needed: Collection[str] = ()) -> list[Backup]:
    """Of the backups, the oldest first, those that may go: their seals are ``dropped`` by the policy. The newest one stays, the newest that
    was proven, and those that are ``needed`` (ids)."""
    proven = [item.id for item in found if item.verified]
    never = {*needed, *(item.id for item in found[-1:]), *proven[-1:]}
    return [item for item in found if item.seal in dropped and item.id not in never]


def apply(restic: Restic, instance: str, keep: Mapping[str, int], needed: Collection[str] = ()) -> list[Backup]:
    """Remove what the policy does not keep, and what only that needed. Returns what was removed. Raises ``ResticError``."""
    if not keep:
        return []
    known = restic.snapshots()
    found = kept.backups(known, instance)
    if len(found) < 2:
        return []
    gone = expired(found, restic.dropped(instance, {kept.PART: kept.SEAL}, keep), needed)
    if gone:
        # One without its files, or without its seal, is none: wherever this is cut, no backup is half there.
        restic.forget(_parts(known, gone))
        restic.prune()
    return gone


def _parts(known: Sequence[Snapshot], gone: Sequence[Backup]) -> list[str]:
    files = {item.files for item in gone}
    proofs = [item.id for item in known if item.tags.get(kept.PART) == kept.PROOF and item.tags.get(kept.OF) in files]
    return [*(item.seal for item in gone), *files, *proofs]
