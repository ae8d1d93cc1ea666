# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Package trees on their way to a host: the same tree always gives the same bytes."""

from __future__ import annotations

import base64
import gzip
import io
import os
import stat
import tarfile
from pathlib import Path

from ...module_utils.common.errors import InputError
from ...module_utils.common.rules import finding
from ...module_utils.system.trees import tree_files

# What one module call carries through a connection's standard input without trouble; a compose package has a few hundred KiB.
MAX_BYTES = 32 << 20


def pack(tree: Path, place: str = "") -> str:
    """base64 of a ``tar.gz`` with the tree's regular files, in the order and under the paths of ``tree_digest``.

    Owners, times and modes carry no meaning: 0, 0, and 0755 or 0644. ``place`` names the instance in errors. Raises ``InputError`` where
    the packed tree is larger than 32 MiB.
    """
    packed = io.BytesIO()
    with (
        gzip.GzipFile(fileobj=packed, mode="wb", compresslevel=6, mtime=0) as compressed,
        tarfile.open(fileobj=compressed, mode="w", format=tarfile.PAX_FORMAT) as archive,
    ):
        for name in tree_files(str(tree)):
            _add(archive, tree / name, name)
            if packed.tell() > MAX_BYTES:
                raise _too_large(tree, place)
    if packed.tell() > MAX_BYTES:
        raise _too_large(tree, place)
    return base64.b64encode(packed.getvalue()).decode("ascii")


def _add(archive: tarfile.TarFile, path: Path, name: str) -> None:
    with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC), "rb") as handle:
        status = os.fstat(handle.fileno())
        entry = tarfile.TarInfo(name)
        entry.size = status.st_size
        entry.mode = 0o755 if status.st_mode & stat.S_IXUSR else 0o644
        archive.addfile(entry, handle)


def _too_large(tree: Path, place: str) -> InputError:
    total = sum(os.path.getsize(tree / name) for name in tree_files(str(tree)))
    message = f"the package's tree is too large to send: {total >> 20} MiB, packed more than {MAX_BYTES >> 20} MiB"
    remedy = "Ask the AVS team to list large files under artifacts in runtime.yml: hosts then download them."
    return InputError(message, [finding("SRC-003", place, message, remedy)])
