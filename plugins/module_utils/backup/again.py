# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What restic is to read again though its times may not say so.

restic leaves out a file whose size, times and number are as in the snapshot before. Who writes through a mapping gives a file a new time as a
page of it becomes dirty, and none for what goes there until that page is on the disk; two writes within a tick of the clock have one time.
So all is brought to the disk as a pass begins: what is written later has a time from then on. Whatever has one may have been read in between,
and is marked before the next snapshot: it gets a new change time, by being given the mode it has.
"""

from __future__ import annotations

import errno
import os
import re
import stat
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

from . import changes
from .cloned import Run
from .listing import Tree
from .volumes import Item

# Seconds: a change may carry a time of the kernel's last tick.
TICK = 0.05
# File systems that give a time as a page becomes dirty. Of others some do as it goes to the disk, and some never do.
_TELL = frozenset({"ext2", "ext3", "ext4", "xfs", "btrfs", "f2fs"})
_NEVER_TELL = frozenset({"tmpfs", "ramfs"})
_SECOND = 10**9
# It went, or is something else by now: restic sees that.
_GONE = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENXIO)


def flush(run: Run, items: Sequence[Item]) -> None:
    """Bring to the disk what was written to the file systems of all of it. Raises ``HostError``."""
    run("sync", "--file-system", "--", *{os.lstat(item.path).st_dev: item.path for item in items}.values())


def ready(run: Run, items: Sequence[Item], found: Iterable[str]) -> bool:
    """Before files are saved: whether restic sees all that changed. ``found``: what is ``risky``. Raises ``HostError``, ``OSError``."""
    settle(run, items)
    return marked(items, found)


def settle(run: Run, items: Sequence[Item]) -> None:
    """Have all that was written have the time of it, once nobody writes any more. Raises ``HostError``, ``OSError``."""
    if _kinds(items) - _TELL and goes_by_times(items):
        flush(run, items)


def marked(items: Sequence[Item], found: Iterable[str]) -> bool:
    """Whether times tell what changed, once what is ``risky`` (``found``) has another one. They may be given while somebody still writes: what
    he changes afterwards has another time in any case. Raises ``OSError``."""
    return goes_by_times(items) and mark(found)


def goes_by_times(items: Iterable[Item]) -> bool:
    """Whether what did not change is not read again while a node is down."""
    return not _kinds(items) & _NEVER_TELL


def _kinds(items: Iterable[Item]) -> set[str]:
    return {kind_of(item.path) for item in items}


def risky(trees: Sequence[Tree], begun: int, ended: int = 1 << 62) -> list[str]:
    """Paths of files that were changed while a pass was made (nanoseconds since the epoch), and not after it: that may have been read in
    between, and have been changed again. What becomes so later has another change time than was read."""
    tick = int(TICK * _SECOND)
    return [path for path, seen in changes.files_changed(trees, begun - tick) if seen.st_ctime_ns <= ended + tick]


def mark(found: Iterable[str]) -> bool:
    """Have restic read these files again; whether that could be done of all."""
    done = True
    for path in found:
        done = _marked(path) and done
    return done


def _marked(path: str) -> bool:
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            seen = os.fstat(handle)
            if stat.S_ISREG(seen.st_mode):
                os.fchmod(handle, stat.S_IMODE(seen.st_mode))
        finally:
            os.close(handle)
    except OSError as error:
        return error.errno in _GONE
    return True


@contextmanager
def disguised(found: Sequence[tuple[str, int]]) -> Iterator[None]:
    """Files (path, modification time) that have another time meanwhile. For clones: of them the change time tells nothing."""
    try:
        for path, moment in found:
            _time(path, moment + _SECOND)
        yield
    finally:
        for path, moment in found:
            _time(path, moment)


def _time(path: str, moment: int) -> None:
    os.utime(path, ns=(moment, moment), follow_symlinks=False)


def kind_of(path: str) -> str:
    """The type of the file system a path is on."""
    best, kind = "", ""
    with open("/proc/self/mountinfo", "rb") as handle:
        for line in handle:
            before, _dash, after = line.partition(b" - ")
            # What would end a word is written as a number.
            place = os.fsdecode(re.sub(rb"\\([0-7]{3})", lambda found: bytes([int(found[1], 8)]), before.split(b" ")[4]))
            # Of two on one place the later one is seen.
            if len(place) >= len(best) and (path == place or path.startswith(f"{place.rstrip('/')}/")):
                best, kind = place, os.fsdecode(after.split(b" ")[0])
    return kind
