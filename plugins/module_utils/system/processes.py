# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Processes: which one a number means, and ``AnsibleModule.run_command`` where there is no module."""

from __future__ import annotations

import errno
import fcntl
import os
import signal
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import IO, Any

# Seconds a command has to end in, once the process that waits for it is told to end.
_GRACE = 20.0


def birth(pid: int) -> int | None:
    """When a process was started, in ticks since the host was; with its number it is no other one. ``None`` where there is none, or where
    it has ended and nobody has asked how."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as handle:
            # Its name comes before, and may have anything in it.
            fields = handle.read().rpartition(b")")[2].split()
        return None if fields[0] in (b"Z", b"X") else int(fields[19])
    except (OSError, ValueError, IndexError):
        return None


def run_command(args: list[str], *, cwd: str, pass_fds: Sequence[int], **_options: Any) -> tuple[int, bytes, bytes]:
    """Exit code, output and messages of a command that gets no input; below zero, the signal that ended it. Raises ``OSError``.

    Whatever ends the wait for it ends the command first: nothing is to go on that nobody waits for.
    """
    # Not pipes: something the command leaves running in the background would hold them open.
    with _memory() as out, _memory() as err:
        process = _started(args, cwd, pass_fds, (out.fileno(), err.fileno()))
        try:
            code = _end_of(os.waitpid(process, 0)[1])
        except BaseException:
            _end(process)
            raise
        return code, _content(out), _content(err)


def _started(args: Sequence[str], cwd: str, pass_fds: Sequence[int], outputs: tuple[int, int]) -> int:
    """The number of a process that has no other descriptors than these."""
    if "/" in args[0] and not os.access(args[0], os.X_OK):
        os.stat(args[0])
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), args[0])
    process = os.fork()
    if not process:
        _become(args, cwd, pass_fds, outputs)
    return process


def _become(args: Sequence[str], cwd: str, pass_fds: Sequence[int], outputs: tuple[int, int]) -> None:
    """Calls of the system alone: what other threads held when this process was made is held for good."""
    try:
        os.chdir(cwd)
        # Where ours were closed, these may have got their numbers.
        own = [fcntl.fcntl(fd, fcntl.F_DUPFD, 3) for fd in (os.open(os.devnull, os.O_RDONLY), *outputs)]
        for place, fd in enumerate(own):
            os.dup2(fd, place)
            os.close(fd)
        for fd in pass_fds:
            os.set_inheritable(fd, True)
        # Python ignores these, and what it starts should not.
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
        signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
        os.execvp(args[0], list(args))
    finally:
        os._exit(127)


def _end_of(status: int) -> int:
    return -os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)


def _end(process: int) -> None:
    """It tells its own commands; killed at once, it could not."""
    with suppress(ProcessLookupError, ChildProcessError):
        os.kill(process, signal.SIGTERM)
        until = time.monotonic() + _GRACE
        while os.waitpid(process, os.WNOHANG) == (0, 0):
            if time.monotonic() > until:
                os.kill(process, signal.SIGKILL)
                os.waitpid(process, 0)
                return
            time.sleep(0.05)


def _memory() -> IO[bytes]:
    """A file of no name, in memory where this Python can."""
    if hasattr(os, "memfd_create"):
        return open(os.memfd_create("output"), "w+b")
    import tempfile

    return tempfile.TemporaryFile()


def _content(file: IO[bytes]) -> bytes:
    """All of it, from wherever the command has left the position they share."""
    return os.pread(file.fileno(), os.fstat(file.fileno()).st_size, 0)
