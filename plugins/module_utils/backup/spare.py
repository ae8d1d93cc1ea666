# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A little room that is kept in a repository for the day on which its disk is full to the last byte: before restic removes anything it
writes a lock, and then an index, and none of its options has it do without. What stands in its folder beside its own files it passes over."""

from __future__ import annotations

import os
import shutil
from contextlib import suppress

from ..system import files

SIZE = 4 << 20
# On a disk with less room it would be missed.
_FROM = 16 * SIZE


def place(repository: str) -> str:
    return os.path.join(repository, "avs-spare")


def give(repository: str) -> None:
    """Let it go, where hardly anything else is free."""
    with suppress(OSError):
        if shutil.disk_usage(repository).free < SIZE:
            files.remove(place(repository))


def keep(repository: str) -> None:
    """Have it again, where there is room. Of bytes that no file system makes smaller."""
    with suppress(OSError):
        if not os.path.lexists(place(repository)) and shutil.disk_usage(repository).free >= _FROM:
            files.write(place(repository), os.urandom(SIZE))
