# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Folders that somebody may write to while they are looked at: whoever goes by paths there may be led anywhere, by a link in the place of a
folder. So each is looked at by a descriptor of its own, to which no link leads."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator, Sequence

# What is said of something that is gone, or another thing than a moment ago.
CHANGED = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.EINVAL, errno.ENODATA, errno.ENXIO, errno.ERANGE)
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def folder(root: str, relative: str) -> int:
    """A descriptor of a folder below another one, with no link on the way there. Raises ``OSError``, one of ``CHANGED`` where there is none
    any more."""
    handle = os.open(root, _FOLDER)
    try:
        for part in relative.split("/") if relative else ():
            below = os.open(part, _FOLDER, dir_fd=handle)
            os.close(handle)
            handle = below
    except OSError:
        os.close(handle)
        raise
    return handle


def walk(root: str, spared: Sequence[str] = ()) -> Iterator[tuple[str, str]]:
    """Everything in a folder, and where it can be looked at until the next one is asked for; folders before what is in them, in the order of
    ``listing.entries``. Raises ``OSError``, one of ``CHANGED`` where something is gone, or another thing, by then."""
    waiting = [""]
    while waiting:
        relative = waiting.pop()
        inside, name = os.path.split(relative)
        handle = folder(root, inside)
        try:
            path = f"/proc/self/fd/{handle}/{name or '.'}"
            is_folder = stat.S_ISDIR(os.lstat(path).st_mode)
            yield relative, path
            if is_folder and relative not in spared:
                names = _names(handle, name or ".")
                waiting += [os.path.join(relative, one) for one in sorted(names, key=os.fsencode, reverse=True)]
        finally:
            os.close(handle)


def _names(above: int, name: str) -> list[str]:
    handle = os.open(name, _FOLDER, dir_fd=above)
    try:
        return os.listdir(handle)
    finally:
        os.close(handle)
