# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A backup of restic's that is begun while a node runs, and reads nothing of it before the node is down.

To open a repository takes restic half a second of work, by design: the password is made hard to guess. It reads the files of patterns it is
given (``--exclude-file``) after that, and before it looks at anything that is to be saved (seen of 0.14 to 0.18; one that did it earlier
would gain less, and be as right). The first of these files is a pipe, which ends once the node is down. The second one is made just before:
where nobody made it, because whoever began this is gone, restic says that it is missing, and ends.
"""

from __future__ import annotations

import fcntl
import os
import select
import signal
import struct
import termios
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace

from ..system import files
from ..system.prefetch import Ahead
from .listing import Entry
from .restic import ANSWER, How, Label, Restic, ResticError, Saved

# A line of a comment: that it was read tells that restic waits for the rest.
_FIRST = b"#\n"
# By its shell's number, which it takes over.
_TELL = ("/bin/sh", "-c", 'echo $$ >"$0"; exec "$@"')
# Seconds between two looks, what restic may need to open a repository, and what it has to end in.
_PAUSE, _PATIENCE, _GRACE = 0.01, ANSWER, 5.0


class Opened:
    """``go`` has it read, and waits for its end; ``close`` in any case, which ends one that was not let go on. ``known`` is what its files were
    like before (``Tree.known``)."""

    def __init__(self, restic: Restic, what: tuple[Sequence[str], Label, How], path: str, most: float | None) -> None:
        """``what`` is as of ``Restic.backup``, its ``timeout`` counted from ``go`` on; ``path``: of the second file, where nothing is; ``most``:
        seconds it may have to wait, ``None`` where nothing is to be gained. Returns once the repository is open. Raises ``ResticError``."""
        self._restic, self._what, self._path = restic, what, path
        self._gate = self._process = -1
        self._running: Ahead[Saved] | None = None
        self._over, self._late = threading.Event(), False
        self.known: Callable[[str, str, os.stat_result], Entry | None] | None = None
        if most is not None and restic.abilities().waits and _can_be_ended():
            files.remove(path)
            self._open(most)

    def _open(self, most: float) -> None:
        sources, label, how = self._what
        entrance, self._gate = os.pipe()
        said, told = os.pipe()
        os.write(self._gate, _FIRST)
        waiting = replace(
            how,
            # For one that nobody watches any more.
            timeout=None if how.timeout is None else how.timeout + most + _PATIENCE,
            patterns=(f"/proc/self/fd/{entrance}", self._path),
            before=(*_TELL, f"/proc/self/fd/{told}"),
        )
        restic = self._restic.holding(*self._restic.hold, entrance, told)

        def run() -> Saved:
            try:
                return restic.backup(sources, label, waiting)
            finally:
                os.close(entrance)
                os.close(told)

        self._running = running = Ahead(run)
        try:
            self._await(running, said)
        except BaseException:
            self.close()
            raise
        finally:
            os.close(said)

    def _await(self, running: Ahead[Saved], said: int) -> None:
        until = time.monotonic() + _PATIENCE
        while time.monotonic() < until:
            if running.done:
                running.answer()
                break
            if self._process < 0 and select.select([said], [], [], 0)[0]:
                self._process = _handle(os.read(said, 32))
            if self._process >= 0 and not _unread(self._gate):
                return
            time.sleep(_PAUSE)
        why = f"restic did not open the repository within {_PATIENCE:g} s"
        raise ResticError("the backup was not begun", "time", why, self._restic.repository)

    def go(self) -> Saved:
        """Raises ``ResticError``, ``OSError``."""
        sources, label, how = self._what
        if self._running is None:
            return self._restic.backup(sources, label, how)
        files.write(self._path, b"")
        watch = threading.Thread(target=self._watch, args=(how.timeout,), daemon=True)
        watch.start()
        try:
            self._let_go()
            return self._running.answer()
        except ResticError:
            if not self._late:
                raise
            why = f"it took longer than {how.timeout:g} s"
            raise ResticError("restic backup was ended", "time", why, self._restic.repository) from None
        finally:
            self._over.set()
            watch.join()
            files.remove(self._path)

    def _watch(self, bound: float | None) -> None:
        if not self._over.wait(bound):
            self._late = True
            self._end(0)

    def _end(self, after: float) -> None:
        """``after``: seconds in which it may end by itself."""
        if self._over.wait(after):
            return
        for number in (signal.SIGTERM, signal.SIGKILL):
            if self._process >= 0:
                with suppress(OSError):
                    signal.pidfd_send_signal(self._process, number)
            if self._over.wait(_GRACE):
                return

    def _let_go(self) -> None:
        gate, self._gate = self._gate, -1
        if gate >= 0:
            os.close(gate)

    def close(self) -> None:
        # One that was not let go on misses a file, says so, and takes its lock away.
        after = _GRACE if self._gate >= 0 else 0
        self._let_go()
        running, self._running = self._running, None
        if running is not None:
            ending = threading.Thread(target=self._end, args=(after,), daemon=True)
            if not running.done:
                self._over.clear()
                ending.start()
            with suppress(Exception):
                running.answer()
            self._over.set()
            if ending.ident is not None:
                ending.join()
        process, self._process = self._process, -1
        if process >= 0:
            os.close(process)

    def __enter__(self) -> Opened:
        return self

    def __exit__(self, *_how: object) -> None:
        self.close()


def _can_be_ended() -> bool:
    """By a handle of its own: its number may be another one's by then. Linux 5.3 and newer have such."""
    try:
        os.close(os.pidfd_open(os.getpid()))
    except OSError:
        return False
    return True


def _handle(said: bytes) -> int:
    """Of a process that told its number; -1 where it has ended."""
    try:
        return os.pidfd_open(int(said))
    except (OSError, ValueError):
        return -1


def _unread(gate: int) -> int:
    """Bytes in a pipe."""
    return int(struct.unpack("i", fcntl.ioctl(gate, termios.FIONREAD, b"\0" * 4))[0])
