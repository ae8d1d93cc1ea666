# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How a person starts the program on the host: a launcher in root's path, and what bash completes it with."""

from __future__ import annotations

import os
import shlex
import stat

from ..system import files

# The second line of a file of ours. Any other of the same name is somebody else's, and stays.
MARK = "# restaking.avs"
# Bytes; nothing of ours has longer beginnings.
_BEGINNING = 512
_LAUNCHER = """#!/bin/sh
{mark}
[ -s {copy} ] || {{ echo 'avsctl: the library of this host is gone, the next run of restaking.avs.install puts it back' >&2; exit 1; }}
[ $# -gt 0 ] || set -- --help
exec {command} "$@"
"""
# The program says what may follow, so that the two always fit.
_COMPLETION = """# What avsctl takes, for bash.
{mark}
_avsctl() {{
  local IFS=$'\\n'
  COMPREPLY=($({launcher} __complete "${{COMP_WORDS[@]:1:COMP_CWORD}}" 2>/dev/null))
}}
complete -F _avsctl avsctl
"""


def place_launcher(path: str, command: list[str]) -> bool:
    """``command``: an interpreter with its options, and the copy of the library behind them. Says whether it was put there."""
    words = [shlex.quote(word) for word in command]
    return _place(path, _LAUNCHER.format(mark=MARK, copy=words[-1], command=" ".join(words)), 0o755)


def place_completion(path: str, launcher: str) -> bool:
    return _place(path, _COMPLETION.format(mark=MARK, launcher=shlex.quote(launcher)), 0o644)


def _place(path: str, text: str, mode: int) -> bool:
    """Where it is ours to write, and nothing of somebody else's stands there."""
    folder = os.path.dirname(path)
    files.folder(folder)
    if not _is_roots(folder) or (os.path.lexists(path) and not _is_ours(path)):
        return False
    files.write(path, text.encode(), mode)
    return True


def _is_roots(folder: str) -> bool:
    """Whether nobody else can put something there. It may be a link: who made it could have made the folder."""
    found = os.stat(folder)
    return found.st_uid == os.geteuid() and not found.st_mode & 0o022


def _is_ours(path: str) -> bool:
    found = os.lstat(path)
    if not stat.S_ISREG(found.st_mode) or found.st_uid != os.geteuid():
        return False
    with open(path, "rb") as handle:
        lines = handle.read(_BEGINNING).split(b"\n")
    return len(lines) > 1 and lines[1] == MARK.encode()
