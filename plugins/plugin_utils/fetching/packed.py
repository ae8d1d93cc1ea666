# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A tar file of a stranger, compressed or not, as a stream that gives no more than was agreed to.

Python's reader takes the size of a header from the header: what stands there is asked for, and so held, in one piece. And it keeps
every member it has seen.
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import tarfile
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO, cast

from .tree import MAX_FILE_BYTES, MAX_FILES, MAX_TREE_BYTES

# A name is at most 4096 bytes long, and of all else a header may say nothing is used.
MAX_HEADER = 64 << 10
# Files, folders and the headers before them.
MAX_MEMBERS = 4 * MAX_FILES
# What is around the files: blocks of 512 bytes, and headers.
MAX_BYTES = MAX_TREE_BYTES + MAX_MEMBERS * 2048
# Bytes; `xz -9` needs 65 MiB to be undone, and a file may ask for 4 GiB.
_MEMORY = 96 << 20
_CHUNK = 64 << 10


class TooLarge(Exception):
    """The archive holds more than is allowed, or says so. The message goes on from its name."""


class Xz:
    """Decompresses forward only, which is all that reading a tar file in its own order takes, within ``_MEMORY``."""

    def __init__(self, handle: BinaryIO) -> None:
        self._handle, self._position, self._ready = handle, 0, b""
        self._decompressor = lzma.LZMADecompressor(memlimit=_MEMORY)

    def read(self, size: int = -1) -> bytes:
        parts, left = [], size
        while left > 0:
            if not self._ready and not self._more(left):
                break
            parts.append(self._ready[:left])
            self._ready = self._ready[left:]
            left -= len(parts[-1])
        data = b"".join(parts)
        self._position += len(data)
        return data

    def _more(self, size: int) -> bool:
        while not self._ready and not self._decompressor.eof:
            wanted = _CHUNK * int(self._decompressor.needs_input)
            given = self._handle.read(wanted)
            if wanted and not given:
                raise EOFError("the compressed file ends too early")
            self._ready = self._decompressor.decompress(given, min(size, _CHUNK))
        return bool(self._ready)

    def seek(self, position: int, _whence: int = 0) -> int:
        if position < self._position:
            raise ValueError("the archive's files are not in its own order")
        while self._position < position and self.read(min(_CHUNK, position - self._position)):
            pass
        return self._position

    def tell(self) -> int:
        return self._position


_MAGIC: tuple[tuple[bytes, Callable[[BinaryIO], Any]], ...] = (
    (b"\x1f\x8b", lambda handle: gzip.GzipFile(fileobj=handle)),
    (b"BZh", bz2.BZ2File),
    (b"\xfd7zXZ\x00", Xz),
    (b"\x5d\x00\x00", Xz),
)


class Bounded:
    """As much of a file object as ``tarfile`` uses. ``TooLarge`` where one read is larger than ``piece``, or the stream than
    ``MAX_BYTES``."""

    def __init__(self, stream: Any, piece: int) -> None:
        self._stream, self._piece = stream, piece

    def read(self, size: int = -1) -> bytes:
        if size < 0 or size > self._piece:
            raise TooLarge(f"holds a header of more than {MAX_HEADER >> 10} KiB, or a file of more than {MAX_FILE_BYTES >> 20} MiB")
        data: bytes = self._stream.read(size)
        self._judge(self._stream.tell())
        return data

    def seek(self, position: int, whence: int = 0) -> int:
        # Forward in a compressed stream is to decompress what lies between.
        self._judge(position)
        return int(self._stream.seek(position, whence))

    def tell(self) -> int:
        return int(self._stream.tell())

    def _judge(self, position: int) -> None:
        if position > MAX_BYTES:
            raise TooLarge(f"is larger than allowed ({MAX_TREE_BYTES >> 20} MiB in all)")


def members(handle: BinaryIO, piece: int = MAX_HEADER) -> Iterator[tuple[tarfile.TarFile, tarfile.TarInfo]]:
    """Every member, and the archive to read it from before the next one is asked for. ``piece``: bytes that may be asked for at once;
    the largest file to be read, where files are. Raises ``TooLarge``, and what Python's readers raise of a broken file."""
    handle.seek(0)
    start = handle.read(6)
    handle.seek(0)
    opener = next((opener for magic, opener in _MAGIC if start.startswith(magic)), None)
    bounded = Bounded(opener(handle) if opener else handle, piece)
    with tarfile.open(fileobj=cast("BinaryIO", bounded), mode="r:") as archive:
        count = 0
        while (member := archive.next()) is not None:
            count += 1
            if count > MAX_MEMBERS:
                raise TooLarge(f"holds more than {MAX_MEMBERS} files and folders")
            yield archive, member
            archive.members.clear()  # type: ignore[attr-defined]
