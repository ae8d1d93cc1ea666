# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a declared folder of ``data/`` holds at first: the package's files of that folder.

A folder appears with all of them at once or not at all, so that one that is there needs no record of what it was given: it is the
node's, whoever made it.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Collection, Mapping

from ..system import deep, files

_STAGED = f".first{files.TEMPORARY}"


def place_first_files(
    data: str, first: Mapping[str, str], tree: str, owners: Mapping[str, tuple[int, int] | None], but: Collection[str]
) -> None:
    """``first``: name below ``data`` -> folder of ``tree``; ``owners``: name -> whose its files are, ``None`` for root; ``but``: names of
    files that are left out. Raises ``HostError`` where a link stands in the way, ``OSError``."""
    for name, relative in sorted(first.items()):
        if os.path.lexists(os.path.join(data, name)):
            continue
        files.folder(data)
        # Beside all folders that containers write: none of them can lead what is copied elsewhere.
        staged = os.path.join(data, _STAGED)
        files.remove(staged)
        files.copy_tree(os.path.join(tree, relative), staged)
        _settle(staged, owners.get(name), but)
        _appear(data, name, staged)


def _settle(staged: str, owner: tuple[int, int] | None, but: Collection[str]) -> None:
    for folder, _folders, names in deep.walk(staged):
        for name in names:
            if name in but:
                os.unlink(os.path.join(folder, name))
            elif owner is not None:
                os.chown(os.path.join(folder, name), *owner)
        if owner is not None:
            os.chown(folder, *owner)
        files.sync_folder(folder)


def _appear(data: str, name: str, staged: str) -> None:
    parent, last = os.path.split(os.path.normpath(name))
    handle = files.inside(data, parent) if parent else os.open(data, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.rename(staged, last, dst_dir_fd=handle)
        os.fsync(handle)
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR):
            raise
        # Somebody was quicker: it is the node's.
        files.remove(staged)
    finally:
        os.close(handle)
