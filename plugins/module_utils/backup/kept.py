# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Backups of an instance in its repository: how they are named, and what counts as one.

A backup is two snapshots. The first has the node's files. The second, its seal, has the manifest and the list of all files, and is written
when all is known to be well: the node was down from before the first file was read until after the last, nobody wrote meanwhile, and the
repository has all of it. What has no seal is what a cut or a failure left, and is never shown as a backup. Both are plain snapshots, so a
repository that takes no change of what it has, or is read on another host, tells the same.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ..system import machine
from ..system.clock import moment_of
from .restic import Label, Snapshot

PART, KIND, TRANSACTION, VERSION, OF = "avs.part", "avs.kind", "avs.transaction", "avs.version", "avs.of"
# Which host made it (``machine.mark``); releases before said it in the manifest alone.
HOST = "avs.host"
FILES, SEAL, PROOF = "files", "seal", "proof"
# Of a node that was down; of one all of whose data may be copied while it runs; of a pass that never counts.
STOPPED, LIVE_SAFE, LIVE = "stopped", "live-safe", "live"
# Of files that were read from clones: they are compared by no change time of the files themselves.
CLONED = "avs.cloned"
# When it was begun (nanoseconds since the epoch), of one that was read while somebody wrote.
BEGUN = "avs.begun"
# Nanoseconds in which all is on the disk that a mapping was written to, where nobody brought it there.
_WRITTEN_BACK = 60 * 10**9


@dataclass(frozen=True)
class Parent:
    """What is compared with what is saved next: a snapshot of the files themselves, empty where there is none, and the instant it was begun at
    (nanoseconds since the epoch): what changed since is to be read. ``live``: somebody wrote during it, and what restic would leave out by
    its times is still to be marked (``again``)."""

    snapshot: str = ""
    since: int = 0
    live: bool = False


@dataclass(frozen=True)
class Backup:
    """``id`` is that of the transaction that made it; ``files`` and ``seal`` are snapshots; ``verified``: when it was last proven, empty
    where it never was; ``origin``: of ``files``, the id it was made with, which a copy elsewhere does not keep; ``host``: the mark of the one
    that made it, empty where a release before did."""

    id: str
    instance: str
    time: str
    version: str
    files: str
    seal: str
    verified: str = ""
    origin: str = ""
    host: str = ""

    @property
    def made_as(self) -> str:
        """The id by which its seal and proofs name the files."""
        return self.origin or self.files

    def as_dict(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "instance": self.instance,
            "time": self.time,
            "version": self.version,
            "snapshot": self.files,
            "verified": self.verified or None,
        }


def label(instance: str, part: str, transaction: str, version: str | None, **more: str) -> Label:
    tags = {
        PART: part,
        TRANSACTION: transaction,
        VERSION: plain(version or "path"),
        HOST: machine.mark(),
        **{f"avs.{name}": value for name, value in more.items()},
    }
    return Label(instance, tags)


def plain(text: str) -> str:
    """As a tag may be: a comma would begin another one."""
    return re.sub(r"[^A-Za-z0-9._+:-]", "-", text)[:100]


def backups(snapshots: Iterable[Snapshot], instance: str) -> list[Backup]:
    """Those of an instance that count, the oldest first."""
    mine = [item for item in snapshots if item.host == instance]
    counts = (STOPPED, LIVE_SAFE)
    saved = {item.made_as: item for item in mine if item.tags.get(PART) == FILES and item.tags.get(KIND) in counts}
    proofs: dict[str, str] = {}
    for item in mine:
        if item.tags.get(PART) == PROOF:
            proofs[str(item.tags.get(OF))] = item.time
    found = []
    for item in mine:
        of = _sealed_by(item, saved) if item.tags.get(PART) == SEAL else None
        if of is None:
            continue
        transaction = str(item.tags.get(TRANSACTION))
        version, host = (str(of.tags.get(name) or "") for name in (VERSION, HOST))
        found.append(Backup(transaction, instance, of.time, version, of.id, item.id, proofs.get(of.made_as, ""), of.origin, host))
    return found


def _sealed_by(seal: Snapshot, saved: Mapping[str, Snapshot]) -> Snapshot | None:
    """By its tag; or, of one that was begun before there was anything to name, the one that its transaction made. Its manifest names it, and is
    compared with it wherever it is read."""
    made = [item for item in saved.values() if item.tags.get(TRANSACTION) == seal.tags.get(TRANSACTION)]
    if OF in seal.tags:
        made = [item for item in made if item.made_as == seal.tags[OF]]
    return made[0] if len(made) == 1 else None


def unsealed(snapshots: Iterable[Snapshot], instance: str) -> list[Snapshot]:
    """What live passes, cuts and failures left of an instance."""
    mine = list(snapshots)
    sealed = {item.files for item in backups(mine, instance)}
    return [item for item in mine if item.host == instance and item.tags.get(PART) == FILES and item.id not in sealed]


def needless(snapshots: Iterable[Snapshot], instance: str) -> list[Snapshot]:
    """Of ``unsealed``, the oldest first, those no live pass would be compared with: what cuts and failures left, nothing needs it."""
    mine = list(snapshots)
    saved = sorted((item for item in mine if item.host == instance and item.tags.get(PART) == FILES), key=lambda item: item.time)
    spared = parent(mine, instance).snapshot or (saved[-1].id if saved else "")
    return [item for item in unsealed(mine, instance) if item.id != spared]


def parent(snapshots: Iterable[Snapshot], instance: str) -> Parent:
    known = list(snapshots)
    mine = sorted((item for item in known if item.host == instance and item.tags.get(PART) == FILES), key=lambda item: item.time)
    if not mine:
        return Parent()
    if CLONED not in mine[-1].tags:
        # Somebody may have written to what was not sealed.
        live = mine[-1].tags.get(KIND) != STOPPED or mine[-1].id not in {item.files for item in backups(known, instance)}
        return Parent(mine[-1].id, _instant(mine[-1], live), live)
    passes = [item for item in mine if item.tags.get(KIND) == LIVE]
    # As its files were set aside they were marked; by the release before this they were not.
    return Parent(passes[-1].id, _instant(passes[-1], True), BEGUN not in passes[-1].tags) if passes else Parent()


def _instant(snapshot: Snapshot, live: bool) -> int:
    found = _said(snapshot, live)
    # Of a clock that was ahead: what changed since is told by no time.
    return 0 if live and found > time.time_ns() else found


def _said(snapshot: Snapshot, live: bool) -> int:
    said = snapshot.tags.get(BEGUN, "")
    if said.isdigit():
        return int(said)
    known = int((moment_of(snapshot.time) or 0.0) * 1e9)
    return max(known - _WRITTEN_BACK, 0) if live else known


def whole_id(snapshots: Iterable[Snapshot], start: str, transaction: str) -> Snapshot | None:
    """The one snapshot of files a transaction made whose id begins so."""
    found = [item for item in snapshots if start and item.id.startswith(start) and item.tags.get(TRANSACTION) == transaction]
    return found[0] if len(found) == 1 else None


def manifest_paths(seal: Mapping[str, Any]) -> list[str]:
    """Paths of a host that a manifest's items are of."""
    return [str(item["path"]) for item in seal.get("items") or ()]


def needless_after(snapshots: Iterable[Snapshot], instance: str, made: Snapshot) -> list[Snapshot]:
    """What no backup needs, once one was sealed: but of one that was read from clones the next live pass is compared with the one before."""
    known = list(snapshots)
    found = [item for item in unsealed(known, instance) if item.id != made.id]
    before = parent(known, instance).snapshot if CLONED in made.tags else ""
    return [item for item in found if item.id != before]
