# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``AnsibleModule.run_command`` where there is no module: in the copy of the library on a host, so Python 3.9 has to do."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from typing import IO, Any


def run_command(args: list[str], *, cwd: str, pass_fds: Sequence[int], **_options: Any) -> tuple[int, bytes, bytes]:
    """Exit code, output and messages of a command that gets no input. Raises ``OSError`` where it cannot be started."""
    # Not pipes: something the command leaves running in the background would hold them open.
    with _memory() as out, _memory() as err:
        done = subprocess.run(args, cwd=cwd, pass_fds=pass_fds, stdin=subprocess.DEVNULL, stdout=out, stderr=err, check=False)
        return done.returncode, _content(out), _content(err)


def _memory() -> IO[bytes]:
    """A file of no name, in memory where this Python can."""
    if hasattr(os, "memfd_create"):
        return open(os.memfd_create("output"), "w+b")
    import tempfile

    return tempfile.TemporaryFile()


def _content(file: IO[bytes]) -> bytes:
    """All of it, from wherever the command has left the position they share."""
    return os.pread(file.fileno(), os.fstat(file.fileno()).st_size, 0)
