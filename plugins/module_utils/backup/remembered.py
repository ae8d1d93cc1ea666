# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Lines of a list of files, made before the node is down: of what did not change until it was, they are not made again.

Nothing a line says of a file or folder changes without a new change time: it is the same where number and change time are. A change within
the same step of a file system's clock is the exception, so what changed just before is not remembered.
"""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace

from . import listing
from .listing import Entry, Tree

# Of more files than these (some 40 MB of lines) the rest is looked at once the node is down.
_MOST = 100_000
# Nanoseconds: the coarsest step of a file system's clock is two seconds.
_STEP = 3 * 10**9


class Remembered:
    """What was seen of trees while somebody may have written to them."""

    def __init__(self, trees: Iterable[Tree]) -> None:
        self._lines: dict[tuple[str, str], tuple[int, int, int, bytes]] = {}
        before = time.time_ns() - _STEP
        # What cannot be looked at now is, or is told, once the node is down.
        with suppress(OSError):
            for tree in trees:
                for entry, seen in listing.entries(replace(tree, loose=True, held=False)):
                    if len(self._lines) >= _MOST:
                        return
                    if seen.st_ctime_ns < before and _is_plain(entry, seen):
                        del entry["loose"]
                        self._lines[tree.name, entry["path"]] = (seen.st_dev, seen.st_ino, seen.st_ctime_ns, listing.line_of(entry))

    def entry(self, name: str, relative: str, seen: os.stat_result) -> Entry | None:
        """The same entry in short, with its line, of what did not change; ``name`` of its tree."""
        known = self._lines.get((name, relative))
        if known is None or known[:3] != (seen.st_dev, seen.st_ino, seen.st_ctime_ns):
            return None
        found: Entry = {"path": relative, "kind": "folder", listing.LINE: known[3]}
        return found if stat.S_ISDIR(seen.st_mode) else {**found, "kind": "file", "size": seen.st_size}


def _is_plain(entry: Entry, seen: os.stat_result) -> bool:
    """Whether an entry says nothing of others, and nothing that has to be tried."""
    if stat.S_ISDIR(seen.st_mode):
        return not entry.get("attributes")
    return stat.S_ISREG(seen.st_mode) and seen.st_nlink == 1 and not entry.get("attributes")
