# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A command of restic's that takes long, and says how far it is while it runs.

Its output comes by a pipe of ours, whatever starts it: what is progress is taken out as it comes, and nothing of it is kept. It is foreign
text, with names of files in it: numbers are taken, and nothing else.
"""

from __future__ import annotations

import json
import os
import re
import threading
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from ..system.command import RunCommand, await_the_end
from .progress import Progress

# Its names of what we count: of backup and of restore.
_COUNTS = {
    "bytes_done": "bytes",
    "bytes_restored": "bytes",
    "total_bytes": "total_bytes",
    "files_done": "files",
    "files_restored": "files",
    "total_files": "total_files",
    "seconds_remaining": "left",
}
# What check says in any version: "[0:05] 12.34%  3 / 20 packs".
_PARTS = re.compile(rb"\[[0-9:]{1,12}\] +[0-9.]{1,6}% +([0-9]{1,12}) / ([0-9]{1,12}) packs\b")
# Bytes of a line that is looked at, of output that is kept, and seconds for what is still in the pipe once the command has ended.
_LONGEST, _KEPT, _REST = 1 << 20, 64 << 20, 10.0


def run(progress: Progress, run_command: RunCommand, line: Sequence[str], descriptors: Sequence[int]) -> tuple[int, bytes, bytes]:
    """Exit code, output without progress, and messages. ``descriptors`` stay open in the command."""
    stream = None if progress.silent else _Stream(progress)
    if stream is not None:
        # By its path: a shell's redirections know descriptors below ten.
        line = ["/bin/sh", "-c", f'exec "$@" >/proc/self/fd/{stream.entrance}', "sh", *line]
        descriptors = [*descriptors, stream.entrance]
    try:
        code, out, err = run_command(
            list(line),
            cwd="/",
            encoding=None,
            expand_user_and_vars=False,
            handle_exceptions=False,
            pass_fds=tuple(descriptors),
            before_communicate_callback=await_the_end,
        )
    finally:
        said = stream.end() if stream is not None else b""
    return code, said + without_progress(progress, out), err


def without_progress(progress: Progress, out: bytes) -> bytes:
    return b"".join(line for line in out.splitlines(keepends=True) if not taken(progress, line))


def taken(progress: Progress, line: bytes) -> bool:
    """Whether a line was progress, and is told."""
    parts = _PARTS.match(line)
    if parts:
        progress.counts({"parts": int(parts[1]), "total_parts": int(parts[2])})
        return True
    if not line.startswith(b"{") or b'"status"' not in line[:100] or len(line) > _LONGEST:
        return False
    with suppress(ValueError, RecursionError):
        found: Any = json.loads(line)
        if isinstance(found, dict) and found.get("message_type") == "status":
            progress.counts({ours: found[theirs] for theirs, ours in _COUNTS.items() if theirs in found})
            return True
    return False


class _Stream:
    """``entrance``: what a command writes to. Whoever is not done with it when the command has ended is not waited for."""

    def __init__(self, progress: Progress) -> None:
        self._exit, self.entrance = os.pipe()
        self._progress = progress
        self._kept: list[bytes] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        size = 0
        with os.fdopen(self._exit, "rb") as lines:
            while True:
                line = lines.readline(_LONGEST)
                if not line:
                    return
                if not taken(self._progress, line) and size < _KEPT:
                    size += len(line)
                    self._kept.append(line)

    def end(self) -> bytes:
        os.close(self.entrance)
        self._reader.join(_REST)
        return b"".join(list(self._kept))
