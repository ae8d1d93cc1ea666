# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What changed in trees since an instant, by change times: what is to be saved, and what is to be read for it."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import suppress

from ..system import deep
from .listing import Tree


def changed_since(trees: Iterable[Tree], since: int) -> int:
    """Bytes on the disk of files that changed at or after an instant (nanoseconds since the epoch). What vanishes meanwhile counts not."""
    return sum(seen.st_blocks * 512 for _path, seen in files_changed(trees, since))


def to_read_since(trees: Iterable[Tree], since: int) -> int:
    """The same as bytes that are to be read: of a file that changed all of it, its holes included."""
    return sum(seen.st_size for _path, seen in files_changed(trees, since))


def files_changed(trees: Iterable[Tree], since: int) -> Iterator[tuple[str, os.stat_result]]:
    """Paths of those files."""
    for tree in trees:
        for path in _paths(tree):
            with suppress(OSError):
                seen = os.lstat(path)
                if stat.S_ISREG(seen.st_mode) and seen.st_ctime_ns >= since:
                    yield path, seen


def _paths(tree: Tree) -> Iterator[str]:
    spared = {os.path.join(tree.path, part) for part in tree.spared}
    for folder, folders, names in deep.walk(tree.path):
        folders[:] = [name for name in folders if os.path.join(folder, name) not in spared]
        yield from (os.path.join(folder, name) for name in names)
