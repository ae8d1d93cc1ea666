# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The folder locks are in is ours alone. It lies where every user of a host may make files (``/run/lock``): whoever made it first could
hold each lock, or take it away from under a run."""

from __future__ import annotations

import errno
import fcntl
import os
import stat

from ..common.errors import HostError
from ..common.rules import finding
from . import files

# Others may go in and read who holds what, as before; nobody else may change what is there.
_MODE = 0o755
_OTHERS_WRITE = 0o022
# Somebody who makes it again each time it is taken away does so faster than we do.
_TRIES = 10


def own_lock_folder(path: str) -> None:
    """Make it, or make it ours. Raises ``HostError`` (OPS-010) where it is somebody else's and in use: that may be a run of a release that
    took it as it was, and two runs at once are worse than none."""
    for _try in range(_TRIES):
        if not os.path.lexists(path):
            _make(path)
        found = _seen(path)
        if found is not None and _is_ours(found):
            if found.st_mode & _OTHERS_WRITE:
                os.chmod(path, _MODE)
            return
        _take_away(path)
    raise _refused(path, "comes back as somebody else's each time it is removed")


def _seen(path: str) -> os.stat_result | None:
    try:
        return os.lstat(path)
    except FileNotFoundError:
        return None


def _is_ours(found: os.stat_result) -> bool:
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid()


def _make(path: str) -> None:
    files.folder(os.path.dirname(path))
    try:
        os.mkdir(path, _MODE)
    except FileExistsError:
        # Another run's, or somebody else's: it is looked at next.
        return
    os.chmod(path, _MODE)


def _take_away(path: str) -> None:
    if files.is_folder(path):
        held = _held(path)
        if held is not None:
            raise _refused(path, f"belongs to the user {os.lstat(path).st_uid}, and {held} is held by somebody")
    try:
        files.remove(path)
    except FileNotFoundError:
        return
    except OSError as error:
        raise _refused(path, f"is not root's own folder, and cannot be removed: {error.strerror}") from None


def _held(folder: str) -> str | None:
    """A lock in there that somebody has."""
    for name in os.listdir(folder):
        try:
            handle = os.open(os.path.join(folder, name), os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError:
            continue
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno in (errno.EAGAIN, errno.EACCES):
                return name
        finally:
            os.close(handle)
    return None


def _refused(path: str, problem: str) -> HostError:
    message = f"{path}, where runs lock what they work on, {problem}"
    remedy = f"Find out who made it (ls -ln {path}; lslocks), let a run of ours that holds a lock end, remove it (rm -r {path}), run again."
    return HostError(message, [finding("OPS-010", path, message, remedy)])
