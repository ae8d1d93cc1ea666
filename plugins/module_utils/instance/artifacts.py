# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Big files a package names by digest: downloaded once a host, and an own copy in the ``data/`` of each instance.

Never a link: a container may write to its instance's data, and what it writes there must reach no other instance. Wherever a file is
taken from (a server, this host's folder of artifacts, the data of an instance), its digest decides whether it is taken.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import stat
from collections.abc import Iterable, Mapping, Sequence
from typing import IO, Any

from ..common.errors import HostError
from ..common.findings import Finding
from ..common.rules import finding
from ..common.spec import Artifact
from ..system import files
from .store import InstanceStore, Store, cleared, left

_PARTIAL = ".partial"
_CHUNK = 1 << 20
# linux/fs.h: share the blocks of another file, on file systems that can (btrfs, xfs).
_FICLONE = 0x40049409
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


def missing(instance: InstanceStore, wanted: Sequence[Artifact]) -> list[Artifact]:
    """Artifacts that are not in their place yet, were replaced or written there, or still are the link an earlier release made."""
    known = _placed(instance) if wanted else {}
    return [item for item in wanted if not _in_place(instance, item, known)]


def is_there(instance: InstanceStore, item: Artifact) -> bool:
    return os.path.lexists(os.path.join(instance.data, item.path))


def fetch(store: Store, items: Iterable[Artifact], instance: str, free: bool = False) -> None:
    """Have each artifact in the host's folder, as its digest says: what is there, what an instance has, else what its server has.

    ``free``: see ``download``. Raises ``HostError`` naming every artifact that cannot be had.
    """
    from .download import Refused, download

    problems = []
    for item in items:
        path = os.path.join(store.artifacts, item.sha256)
        if _is_kept(item, path) or _is_at_an_instance(store, item, path, instance):
            continue
        try:
            download(item, path, free)
        except Refused as error:
            place = f"{instance}: artifacts.{item.path}"
            problems.append(finding("PKG-013", place, f"{item.url}: {error}", "Check the address, and the host's access to it."))
    if problems:
        raise HostError("artifacts cannot be had", problems)


def place(store: Store, instance: InstanceStore, items: Sequence[Artifact]) -> None:
    """Copy fetched artifacts into the instance's data. Raises ``HostError`` (PKG-013) where one was changed since."""
    known = _placed(instance) if items else {}
    for item in items:
        known[item.path] = _place(store, instance, item)
        files.write_json(instance.artifacts_file, known)


def sweep(store: Store) -> list[Finding]:
    """Remove what this run fetched and copied, and parts of downloads nobody goes on with. What earlier releases linked stays as
    long as an instance has the link. Returns what is to be said of what does not go, or was put there by somebody else."""
    found: list[Finding] = []
    for name in _listed(store.artifacts):
        path = os.path.join(store.artifacts, name)
        try:
            seen = os.lstat(path)
        except OSError:
            continue
        if stat.S_ISDIR(seen.st_mode) and not name.endswith(_PARTIAL):
            found.append(left(path, "is a folder, which no artifact is; it was left alone"))
        elif name.endswith(_PARTIAL) or not stat.S_ISREG(seen.st_mode) or seen.st_nlink == 1:
            found += cleared([path])
    return found


def _listed(folder: str) -> list[str]:
    try:
        return sorted(os.listdir(folder))
    except OSError:
        return []


def _placed(instance: InstanceStore) -> dict[str, Any]:
    """Path -> what was placed there: ``sha256``, ``stamp``."""
    try:
        known = files.read_json(instance.artifacts_file)
    except (OSError, ValueError):
        known = None
    return {path: dict(entry) for path, entry in known.items() if isinstance(entry, dict)} if isinstance(known, dict) else {}


def _stamp(found: os.stat_result) -> list[int]:
    """What changes when a file is replaced or written. Not its owner or mode: containers set those for all of their data."""
    return [found.st_ino, found.st_size, found.st_mtime_ns]


def _in_place(instance: InstanceStore, item: Artifact, known: Mapping[str, Any]) -> bool:
    entry = known.get(item.path) or {}
    if entry.get("sha256") != item.sha256 or files.has_link(instance.data, item.path):
        return False
    try:
        found = os.lstat(os.path.join(instance.data, item.path))
    except OSError:
        return False
    return stat.S_ISREG(found.st_mode) and found.st_nlink == 1 and entry.get("stamp") == _stamp(found)


def _is_kept(item: Artifact, path: str) -> bool:
    """Whether the host's folder has the artifact as it should be; one that is not is removed."""
    try:
        handle = os.open(path, _READ)
    except OSError:
        return False
    with os.fdopen(handle, "rb") as reader:
        if _fits(item, reader) and _digest(reader) == item.sha256:
            return True
    files.remove(path)
    return False


def _is_at_an_instance(store: Store, item: Artifact, path: str, wanting: str) -> bool:
    """Whether an instance's data have the artifact: then it is copied into the host's folder."""
    for name in dict.fromkeys([wanting, *store.ids()]):
        own = store.instance(name)
        places = [place for place, entry in _placed(own).items() if entry.get("sha256") == item.sha256]
        for place_ in [*places, *([item.path] if name == wanting else [])]:
            if files.has_link(own.data, place_):
                continue
            try:
                reader = os.fdopen(os.open(os.path.join(own.data, place_), _READ), "rb")
            except OSError:
                continue
            with reader:
                if _fits(item, reader) and _taken_over(item, reader, path):
                    return True
    return False


def _fits(item: Artifact, reader: IO[bytes]) -> bool:
    found = os.fstat(reader.fileno())
    return stat.S_ISREG(found.st_mode) and item.size in (None, found.st_size)


def _taken_over(item: Artifact, reader: IO[bytes], path: str) -> bool:
    files.own_folder(os.path.dirname(path))
    temporary = os.path.join(os.path.dirname(path), f".{item.sha256}{files.TEMPORARY}{_PARTIAL}")
    files.remove(temporary)
    with open(os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600), "r+b") as writer:
        same = _copy(reader, writer) == item.sha256
    if not same:
        files.remove(temporary)
        return False
    os.rename(temporary, path)
    return True


def _place(store: Store, instance: InstanceStore, item: Artifact) -> dict[str, Any]:
    folder, name = os.path.split(os.path.normpath(item.path))
    temporary = f".{name}{files.TEMPORARY}"
    source = os.path.join(store.artifacts, item.sha256)
    handle = files.inside(instance.data, folder or ".")
    try:
        if os.path.lexists(f"/proc/self/fd/{handle}/{temporary}"):
            os.unlink(temporary, dir_fd=handle)
        target = os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600, dir_fd=handle)
        with os.fdopen(target, "r+b") as writer, open(source, "rb") as reader:
            if _copy(reader, writer) != item.sha256:
                os.unlink(temporary, dir_fd=handle)
                files.remove(source)
                message = "was changed on this host after it was downloaded; that file was removed"
                problem = finding("PKG-013", f"{instance.id}: artifacts.{item.path}", message, "Run again: it is downloaded anew.")
                raise HostError(f"{instance.id}: {item.path} {message}", [problem])
            found = os.fstat(writer.fileno())
        os.rename(temporary, name, src_dir_fd=handle, dst_dir_fd=handle)
        os.fsync(handle)
    finally:
        os.close(handle)
    return {"sha256": item.sha256, "stamp": _stamp(found)}


def _copy(reader: IO[bytes], writer: IO[bytes]) -> str:
    """Fill ``writer``, flushed to disk and for everybody to read; the digest of what it now holds."""
    reader.seek(0)
    try:
        fcntl.ioctl(writer.fileno(), _FICLONE, reader.fileno())
        total = _digest(writer)
    except OSError:
        hashed = hashlib.sha256()
        for chunk in iter(lambda: reader.read(_CHUNK), b""):
            hashed.update(chunk)
            writer.write(chunk)
        total = hashed.hexdigest()
    writer.flush()
    os.fchmod(writer.fileno(), 0o444)
    os.fsync(writer.fileno())
    return total


def _digest(reader: IO[bytes]) -> str:
    reader.seek(0)
    total = hashlib.sha256()
    for chunk in iter(lambda: reader.read(_CHUNK), b""):
        total.update(chunk)
    return total.hexdigest()
