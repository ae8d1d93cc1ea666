# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An error of the operating system in words that say where, and which file system is full where one is."""

from __future__ import annotations

import errno
import os

_FULL = (errno.ENOSPC, errno.EDQUOT)


def is_full(error: OSError) -> bool:
    return error.errno in _FULL


def os_error_text(error: OSError, folder: str) -> str:
    """``folder``: where was being written, for an error that names no file, as those of ``write`` do."""
    text = error.strerror or str(error)
    path = str(error.filename or folder)
    if is_full(error):
        return f"{text}: the file system at {mount_of(path)}, which holds {path}, is full; make room there (`df -h {path}`, `df -i {path}`), run again"
    return f"{text} ({path})" if error.filename else text


def mount_of(path: str) -> str:
    """The folder a path's file system is mounted on."""
    path = os.path.realpath(path)
    while not os.path.ismount(path) and path != os.path.dirname(path):
        path = os.path.dirname(path)
    return path
