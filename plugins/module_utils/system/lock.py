# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One run at a time works on an instance: ``flock`` on a file that says who holds it and since when."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import time
from contextlib import suppress
from types import TracebackType
from typing import Callable

from ..common.errors import AvsError, LockedError
from . import files
from .clock import now
from .lock_folder import own_lock_folder

_PAUSE = 0.2


class Lock:
    """``fd`` is handed to the engine's long commands, so that the lock outlives a run that was killed in the middle of one.

    An instance that is refused leaves nothing on the host: the file made for this lock goes with the error that says so.
    """

    def __init__(
        self,
        path: str,
        holder: str,
        timeout: float,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.path, self.holder, self.timeout = path, holder, timeout
        self._clock, self._sleep = clock, sleep
        self.fd = -1
        self._made = False

    def __enter__(self) -> Lock:
        """Raises ``LockedError`` after ``timeout`` seconds, ``HostError`` (OPS-010) where the folder of locks is somebody else's."""
        own_lock_folder(os.path.dirname(self.path))
        deadline = self._clock() + self.timeout
        while True:
            if os.path.lexists(self.path) and not _is_own_file(self.path):
                # Nothing of ours: no run can hold a lock on it.
                files.remove(self.path)
            self._made = not os.path.lexists(self.path)
            fd = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
            try:
                while not _take(fd):
                    if self._clock() >= deadline:
                        raise LockedError(_message(self.path, self.timeout))
                    self._sleep(_PAUSE)
                if _is_still(fd, self.path):
                    self._sign(fd)
                    break
            except BaseException:
                os.close(fd)
                raise
            # A purge removed the file while we waited for it: whoever comes now would not see this lock.
            os.close(fd)
        self.fd = fd
        return self

    def _sign(self, fd: int) -> None:
        """Who holds it is said for those who wait; the lock holds without it. Anybody may fill the file system it is on."""
        with suppress(OSError):
            os.ftruncate(fd, 0)
            os.pwrite(fd, json.dumps({"holder": self.holder, "since": now(), "pid": os.getpid()}).encode(), 0)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        os.ftruncate(self.fd, 0)
        # Whatever else ends a run may leave a command behind that still holds this file; then it stays. One that waits for it takes
        # a new one.
        if isinstance(error, AvsError) and self._made and _is_still(self.fd, self.path):
            os.unlink(self.path)
        os.close(self.fd)
        self.fd = -1


def _take(fd: int) -> bool:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno not in (errno.EAGAIN, errno.EACCES):
            raise
        return False
    return True


def _is_own_file(path: str) -> bool:
    """Whether a file stands there that nobody else made: locks are given to nobody else to open."""
    return files.is_file(path) and os.lstat(path).st_uid == os.geteuid()


def _is_still(fd: int, path: str) -> bool:
    try:
        return os.path.samestat(os.fstat(fd), os.lstat(path))
    except FileNotFoundError:
        return False


def said_of(path: str) -> str:
    """Who holds a lock, as its holder said."""
    try:
        with open(path, encoding="utf-8") as handle:
            held = json.loads(handle.read())
        return f"by {held['holder']} (process {held['pid']}) since {held['since']}"
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return "by a process that left no name"


def _message(path: str, timeout: float) -> str:
    instance, who = os.path.basename(path).rsplit(".", 1)[0], said_of(path)
    return f"{instance} is locked {who}; waited {timeout:g} s for the lock {path}. Let that run end, or raise avs_lock_timeout"
