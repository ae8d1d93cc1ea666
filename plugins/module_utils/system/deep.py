# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Trees of folders of any depth: what nodes, and packages, make may be deeper than Python calls itself."""

from __future__ import annotations

import errno
import os
import shutil
import stat
from collections.abc import Iterator

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# Each level is a descriptor, and may make a path longer than the kernel takes.
_TOO_DEEP = (errno.EMFILE, errno.ENAMETOOLONG)


def walk(top: str) -> Iterator[tuple[str, list[str], list[str]]]:
    """As ``os.walk`` does it from the top down, links not followed, which calls itself for each level before Python 3.12."""
    waiting = [top]
    while waiting:
        folder = waiting.pop()
        folders: list[str] = []
        names: list[str] = []
        try:
            with os.scandir(folder) as found:
                for entry in found:
                    (folders if _is_folder(entry) else names).append(entry.name)
        except OSError:
            # What cannot be read is passed over.
            continue
        yield folder, folders, names
        # Whoever walks may have taken some away.
        waiting += [path for name in reversed(folders) if not os.path.islink(path := os.path.join(folder, name))]


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False


def remove(path: str) -> None:
    """A folder and all in it. Raises ``OSError``."""
    try:
        shutil.rmtree(path)
    except RecursionError:
        _remove_flat(path)
    except OSError as error:
        if error.errno not in _TOO_DEEP:
            raise
        _remove_flat(path)


def _remove_flat(path: str) -> None:
    """With every folder moved to the top before it is emptied."""
    top = os.open(path, _FOLDER)
    try:
        there = os.listdir(top)
        taken, number = set(there), 0
        waiting = [name for name in there if not _unlinked(name, top)]
        while waiting:
            name = waiting.pop()
            inner = os.open(name, _FOLDER, dir_fd=top)
            try:
                for child in os.listdir(inner):
                    if _unlinked(child, inner):
                        continue
                    while str(number) in taken:
                        number += 1
                    os.rename(child, str(number), src_dir_fd=inner, dst_dir_fd=top)
                    waiting.append(str(number))
                    number += 1
            finally:
                os.close(inner)
            os.rmdir(name, dir_fd=top)
    finally:
        os.close(top)
    os.rmdir(path)


def _unlinked(name: str, folder: int) -> bool:
    """Remove what is no folder."""
    if stat.S_ISDIR(os.lstat(name, dir_fd=folder).st_mode):
        return False
    os.unlink(name, dir_fd=folder)
    return True
