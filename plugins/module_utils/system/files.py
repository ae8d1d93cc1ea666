# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Files that are either the old or the new, whenever the host is cut off: temp file, fsync, rename, fsync of the folder."""

from __future__ import annotations

import errno
import json
import os
import shutil
import stat
from typing import Any

from ..common.errors import HostError
from . import deep

TEMPORARY = ".tmp"
# Bytes; no record of ours comes near.
_LARGEST = 256 << 20
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC


def sync_folder(path: str) -> None:
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write(path: str, data: bytes, mode: int = 0o600, owner: tuple[int, int] | None = None) -> None:
    """Replace ``path``. One writer at a time (the instance's lock), so the temporary name is fixed and a leftover is overwritten."""
    folder, name = os.path.split(path)
    temporary = os.path.join(folder, f".{name}{TEMPORARY}")
    remove(temporary)
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(handle, "wb") as out:
        if owner is not None:
            os.fchown(out.fileno(), *owner)
        os.fchmod(out.fileno(), mode)
        out.write(data)
        out.flush()
        os.fsync(out.fileno())
    _make_way(path)
    os.rename(temporary, path)
    sync_folder(folder)


def move(source: str, path: str) -> None:
    """Put what was written at ``source`` in the place of ``path``; both lie in one folder."""
    _make_way(path)
    os.rename(source, path)
    sync_folder(os.path.dirname(path))


def _make_way(path: str) -> None:
    """No rename puts a file in the place of a folder, and where a record of ours is to be, a folder is nobody's."""
    if is_folder(path):
        remove(path)


def write_json(path: str, value: Any, mode: int = 0o600) -> None:
    text = json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
    # What was typed in another coding than UTF-8 is no text that could be encoded; as an escape JSON can hold it.
    write(path, text.encode(errors="backslashreplace"), mode)


def read(path: str) -> bytes:
    """Content of a file of ours. Raises ``OSError`` also where a link, a pipe or anything else but a file stands: to open a pipe
    would wait for a writer for ever."""
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    with os.fdopen(handle, "rb") as reader:
        seen = os.fstat(reader.fileno())
        if not stat.S_ISREG(seen.st_mode):
            raise OSError(errno.EINVAL, "it is not a regular file", path)
        if seen.st_size > _LARGEST:
            raise OSError(errno.EFBIG, "it is too large", path)
        return reader.read()


def is_file(path: str) -> bool:
    """Whether a regular file stands at this very path, no link to one."""
    try:
        return stat.S_ISREG(os.lstat(path).st_mode)
    except OSError:
        return False


def read_json(path: str) -> Any:
    """The content, or ``None`` where there is no such file. Raises ``OSError`` and ``ValueError``."""
    try:
        return json.loads(read(path))
    except FileNotFoundError:
        return None
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def link(path: str, target: str) -> None:
    """Point the symlink ``path`` at ``target``, atomically."""
    folder, name = os.path.split(path)
    temporary = os.path.join(folder, f".{name}{TEMPORARY}")
    remove(temporary)
    os.symlink(target, temporary)
    _make_way(path)
    os.rename(temporary, path)
    sync_folder(folder)


def folder(path: str, mode: int = 0o755) -> None:
    """Make a folder and those above it; an existing one keeps its mode. Raises ``OSError`` where something else stands there."""
    if os.path.isdir(path):
        return
    parent = os.path.dirname(path)
    if parent and not os.path.isdir(parent):
        folder(parent, mode)
    try:
        os.mkdir(path)
    except FileExistsError:
        # Instances that are made at the same time share the folders above their own.
        if os.path.isdir(path):
            return
        raise NotADirectoryError(errno.ENOTDIR, "it is not a folder", path) from None
    os.chmod(path, mode)
    sync_folder(parent or ".")


def is_folder(path: str) -> bool:
    """Whether a folder stands at this very path, no link to one."""
    return os.path.isdir(path) and not os.path.islink(path)


def own_folder(path: str, mode: int = 0o755) -> None:
    """The same for a folder that nobody but us has a say in: anything else in its place is replaced."""
    if os.path.lexists(path) and not os.path.isdir(path):
        remove(path)
    folder(path, mode)


def inside(root: str, relative: str, mode: int = 0o755) -> int:
    """A descriptor of the folder ``root/relative``, made where it is missing. Raises ``HostError`` where a link stands in the way:
    containers write below ``root``, and what they leave there must not lead anywhere else."""
    folder(root)
    handle = os.open(root, _FOLDER)
    for name in os.path.normpath(relative).split(os.sep):
        try:
            if not os.path.lexists(f"/proc/self/fd/{handle}/{name}"):
                os.mkdir(name, 0o700, dir_fd=handle)
                made = True
            else:
                made = False
            below = os.open(name, _FOLDER | os.O_NOFOLLOW, dir_fd=handle)
        except OSError as error:
            raise HostError(f"{os.path.join(root, relative)}: {name} is not a folder: {error.strerror}") from None
        finally:
            os.close(handle)
        handle = below
        if made:
            os.fchmod(handle, mode)
            os.fsync(handle)
    return handle


def has_link(root: str, relative: str) -> bool:
    """Whether a symlink is part of a path below ``root``."""
    path = root
    for name in os.path.normpath(relative).split(os.sep):
        path = os.path.join(path, name)
        if os.path.islink(path):
            return True
    return False


def remove(path: str) -> bool:
    """Remove a whole folder, or a file, link, pipe or whatever else is there; says whether there was anything."""
    if os.path.isdir(path) and not os.path.islink(path):
        deep.remove(path)
    elif os.path.lexists(path):
        os.unlink(path)
    else:
        return False
    return True


def sweep(path: str) -> None:
    """Remove temporary files an interrupted writer left directly in a folder."""
    for place in leftovers(path):
        remove(place)


def leftovers(path: str) -> list[str]:
    """These files."""
    try:
        return [os.path.join(path, name) for name in os.listdir(path) if name.startswith(".") and name.endswith(TEMPORARY)]
    except OSError:
        return []


def copy_tree(source: str, target: str, beside: str | None = None) -> None:
    """A copy of the folder's regular files, flushed to disk. A file that is the same below ``beside`` is hard-linked from there."""
    for current, folders, names in deep.walk(source):
        relative = os.path.relpath(current, source)
        made = os.path.normpath(os.path.join(target, relative))
        os.makedirs(made, exist_ok=True)
        os.chmod(made, 0o755)  # noqa: S103 (the containers' users read the package's files)
        folders.sort()
        for name in names:
            origin, copy = os.path.join(current, name), os.path.join(made, name)
            if not is_file(origin):
                continue
            known = os.path.join(beside, relative, name) if beside else None
            if known is not None and _same(origin, known):
                os.link(known, copy)
                continue
            with open(origin, "rb") as reader, open(copy, "wb") as writer:
                shutil.copyfileobj(reader, writer)
                os.fchmod(writer.fileno(), 0o755 if os.fstat(reader.fileno()).st_mode & 0o100 else 0o644)
                writer.flush()
                os.fsync(writer.fileno())
        sync_folder(made)


def _same(one: str, other: str) -> bool:
    try:
        if not is_file(other) or os.stat(one).st_size != os.stat(other).st_size or (os.stat(one).st_mode ^ os.stat(other).st_mode) & 0o100:
            return False
        with open(one, "rb") as first, open(other, "rb") as second:
            return first.read() == second.read()
    except OSError:
        return False
