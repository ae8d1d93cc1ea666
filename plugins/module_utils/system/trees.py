# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Folders of files as they are compared: which files, and one digest for all."""

from __future__ import annotations

import hashlib
import os

from .deep import walk
from .files import is_file, read


def tree_files(root: str) -> list[str]:
    """Relative POSIX paths of the regular files below ``root``, sorted bytewise; symlinks are not followed."""
    found = []
    for folder, folders, files in walk(root):
        folders[:] = sorted(name for name in folders if not os.path.islink(os.path.join(folder, name)))
        for name in files:
            path = os.path.join(folder, name)
            if is_file(path):
                found.append(os.path.relpath(path, root).replace(os.sep, "/"))
    return sorted(found, key=lambda path: path.encode())


def tree_digest(root: str) -> str:
    """SHA-256 over ``<sha256 of the file>  <relative path>\\n`` of every regular file, sorted: the tree's ``tree_sha256``."""
    total = hashlib.sha256()
    for path in tree_files(root):
        content = hashlib.sha256(read(os.path.join(root, path))).hexdigest()
        total.update(f"{content}  {path}\n".encode())
    return total.hexdigest()
