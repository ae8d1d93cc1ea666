# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Processes: which one a number means, and ``AnsibleModule.run_command`` where there is no module."""

from __future__ import annotations

import os
import subprocess
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
    """Exit code, output and messages of a command that gets no input. Raises ``OSError`` where it cannot be started.

    Whatever ends the wait for it ends the command first: nothing is to go on that nobody waits for.
    """
    # Not pipes: something the command leaves running in the background would hold them open.
    with _memory() as out, _memory() as err:
        with subprocess.Popen(args, cwd=cwd, pass_fds=tuple(pass_fds), stdin=subprocess.DEVNULL, stdout=out, stderr=err) as process:
            try:
                code = process.wait()
            except BaseException:
                # It tells its own commands; killed at once, it could not.
                process.terminate()
                with suppress(subprocess.TimeoutExpired):
                    process.wait(_GRACE)
                process.kill()
                raise
        return code, _content(out), _content(err)


def _memory() -> IO[bytes]:
    """A file of no name, in memory where this Python can."""
    if hasattr(os, "memfd_create"):
        return open(os.memfd_create("output"), "w+b")
    import tempfile

    return tempfile.TemporaryFile()


def _content(file: IO[bytes]) -> bytes:
    """All of it, from wherever the command has left the position they share."""
    return os.pread(file.fileno(), os.fstat(file.fileno()).st_size, 0)
