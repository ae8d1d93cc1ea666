# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A backup is proven: all of the repository is read, the backup is restored into a folder of its own, and that is compared with the list
of files that was made while the node was down."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..common.errors import HostError
from ..common.rules import finding
from ..instance.store import InstanceStore
from ..system import deep, files
from ..system.command import RunCommand, await_the_end, invocation
from . import kept, listing, progress, settings
from .kept import Backup
from .listing import Tree
from .restic import How, Restic
from .snapshot import LIST, MANIFEST, trees
from .volumes import FOLDER, Item

SCRATCH = "proving-"
SCHEMA = 1
_VOLUME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")


@dataclass(frozen=True)
class Seal:
    """``manifest`` as it was written, ``listing`` the file that tells what its files are like; ``owners``: numbers that own them -> those
    that are to; ``classes``: what the inventory calls what is in it by now."""

    manifest: Mapping[str, Any]
    listing: str
    owners: Mapping[int, int] = field(default_factory=dict)
    classes: Mapping[str, str] = field(default_factory=dict)

    @property
    def items(self) -> list[Item]:
        return [Item.from_dict(item).guarded(self.classes) for item in self.manifest["items"]]


def prove(restic: Restic, run_command: RunCommand, own: InstanceStore, backup: Backup) -> dict[str, Any]:
    """Prove a backup, and note in its repository that it was. Returns its manifest.

    Raises ``ResticError`` where the repository is damaged, ``HostError`` (BAK-003) where it is not what was saved, and ``OSError``.
    """
    restic.progress.phase(progress.PROOF)
    restic.check(everything=True)
    scratch = os.path.join(settings.folder(own), f"{SCRATCH}{backup.id}")
    files.remove(scratch)
    files.folder(scratch, 0o700)
    try:
        seal = read_seal(restic, backup, os.path.join(scratch, "seal"))
        require_room(own.id, seal, scratch)
        place = os.path.join(scratch, "files")
        restic.progress.phase(progress.PROOF_RESTORE)
        restored = restored_to(restic, run_command, seal, backup, place)
        problems = listing.differences(listing.read(seal.listing), restored)
        if problems:
            raise _unsound(backup, f"restored, it is not what was saved: {'; '.join(problems)}")
        files.remove(place)
        _note(restic, backup, scratch)
        return dict(seal.manifest)
    finally:
        files.remove(scratch)


def sweep(own: InstanceStore) -> None:
    """Remove what a proof left that was cut."""
    try:
        names = os.listdir(settings.folder(own))
    except OSError:
        return
    for name in names:
        if name.startswith(SCRATCH):
            files.remove(os.path.join(settings.folder(own), name))


def read_seal(restic: Restic, backup: Backup, target: str) -> Seal:
    """The seal of a backup, put into a folder. Raises ``HostError`` (BAK-003) where it is not whole, or not of this backup."""
    restic.restore(backup.seal, target)
    found = {
        name: os.path.join(folder, name) for folder, _folders, names in deep.walk(target) for name in names if name in (MANIFEST, LIST)
    }
    try:
        manifest = files.read_json(found[MANIFEST])
        sound = (
            manifest["schema"] <= SCHEMA
            and (manifest["snapshot"], manifest["id"], manifest["instance"]) == (backup.made_as, backup.id, backup.instance)
            and listing.digest_of(found[LIST]) == manifest["files_digest"]
        )
        seal = Seal(manifest, found[LIST])
        sound = sound and bool(seal.items)
    except (KeyError, TypeError, ValueError, EOFError, OSError):
        sound = False
    if not sound:
        raise _unsound(backup, "what tells what is in it is not whole, or of a newer release")
    _require_plain(backup.instance, seal.items)
    return seal


def _require_plain(instance: str, items: Sequence[Item]) -> None:
    """Names and paths of a manifest become names and paths of this host. Raises ``HostError`` (BAK-003)."""
    names = [item.name for item in items]
    for item in items:
        kind, _slash, key = item.name.partition("/")
        sound = item.name == FOLDER or (kind == "volumes" and _VOLUME.fullmatch(key) and _VOLUME.fullmatch(item.volume))
        if not sound or not is_plain(item.path[1:]) or item.path[:1] != "/" or names.count(item.name) > 1:
            message = f"the backup has {item.name!r} of {item.path!r}, which is none of a node's"
            raise HostError(f"{instance}: {message}", [finding("BAK-003", instance, message, "Restore another one.")])


def is_plain(path: str) -> bool:
    """Whether a path stays below the folder it is put after, as far as its words go."""
    return all(part not in ("", ".", "..") for part in path.split("/"))


def require_room(instance: str, seal: Seal, folder: str) -> None:
    """Restored, files have no holes until all of them is there. Raises ``HostError`` (BAK-003)."""
    free, needed = shutil.disk_usage(folder).free, int(seal.manifest["size"])
    if needed > free:
        message = f"{needed >> 20} MiB are needed to restore it, the file system of {folder} has {free >> 20}"
        raise HostError(f"{instance}: {message}", [finding("BAK-003", instance, message, "Make room there, and try again.")])


def restored_to(restic: Restic, run_command: RunCommand, seal: Seal, backup: Backup, place: str) -> list[Tree]:
    """All of a backup below a folder, with the holes its files had."""
    restic.restore(backup.files, place)
    restored = trees(seal.items, place)
    roots = {tree.name: tree.path for tree in restored}
    for entry in listing.read(seal.listing):
        if entry.get("sparse") and not entry.get("loose") and entry["in"] in roots:
            make_holes(run_command, roots[entry["in"]], entry["path"], int(entry["time"]))
    return restored


def make_holes(run_command: RunCommand, root: str, relative: str, time: int) -> None:
    """Give a file holes where it has nothing but zeros. A file system that has none keeps it as it is. What the list of a backup says may
    lead out of what was restored: then nothing is done, and the comparison tells that it is not there."""
    path = os.path.join(root, relative)
    if not is_plain(relative) or files.has_link(root, relative) or not files.is_file(path) or listing.has_holes(path, os.lstat(path)):
        return
    run_command(
        invocation(["/usr/bin/fallocate", "--dig-holes", path], {"PATH": "/usr/bin:/bin", "LC_ALL": "C"}),
        cwd="/",
        encoding=None,
        expand_user_and_vars=False,
        handle_exceptions=False,
        pass_fds=(),
        before_communicate_callback=await_the_end,
    )
    os.utime(path, ns=(time, time))


def _note(restic: Restic, backup: Backup, scratch: str) -> None:
    path = os.path.join(scratch, "proof")
    files.folder(path, 0o700)
    files.write(os.path.join(path, "proof.json"), json.dumps({"schema": 1, "id": backup.id, "snapshot": backup.made_as}).encode())
    label = kept.label(backup.instance, kept.PROOF, backup.id, backup.version, of=backup.made_as)
    restic.backup([path], label, How())


def _unsound(backup: Backup, problem: str) -> HostError:
    message = f"the backup {backup.id} cannot be relied on: {problem}"
    return HostError(f"{backup.instance}: {message}", [finding("BAK-003", backup.instance, message, "Back up again, and prove that one.")])
