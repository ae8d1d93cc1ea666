# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A package in a tar or zip file, read in place: nothing is unpacked before it was judged."""

from __future__ import annotations

import os
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Sequence
from lzma import LZMAError
from pathlib import Path
from typing import BinaryIO

from ...module_utils.common.errors import InputError
from ...module_utils.common.rules import finding
from ...module_utils.system.regular import open_regular
from . import packed
from .tree import FILE, MAX_FILE_BYTES, MAX_FILES, MAX_TREE_BYTES, Entry

_BROKEN = (OSError, EOFError, ValueError, tarfile.TarError, zipfile.BadZipFile, zlib.error, LZMAError, NotImplementedError, RuntimeError)


class ArchiveTree:
    """The archive's files; one folder around everything (as forges pack it) is taken off. Raises ``InputError``."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            with open_regular(path) as handle:
                size = os.fstat(handle.fileno()).st_size
                if size > packed.MAX_BYTES:
                    raise packed.TooLarge(f"is larger than allowed ({MAX_TREE_BYTES >> 20} MiB in all)")
                self._zip = zipfile.is_zipfile(handle)
                members = self._zip_members(handle) if self._zip else self._tar_members(handle)
        except packed.TooLarge as error:
            raise self._refused("SRC-003", str(error)) from None
        except _BROKEN as error:
            raise self._refused("SRC-001", f"is no tar or zip file that can be read: {error}") from None
        self._around = _common_folder(members)
        self._members = {name.removeprefix(self._around): entry for name, entry in members.items()}

    def entries(self, prefix: str = "") -> Sequence[Entry]:
        found = [
            Entry(path, entry.kind, entry.size, entry.executable)
            for path, entry in self._members.items()
            if not prefix or "/" not in path or path.startswith(f"{prefix}/")
        ]
        return sorted(found, key=lambda entry: entry.path)

    def read(self, paths: Iterable[str]) -> Iterator[tuple[str, bytes]]:
        wanted = list(paths)
        try:
            with open_regular(self.path) as handle:
                contents = self._zip_contents(handle, wanted) if self._zip else self._tar_contents(handle, wanted)
        except packed.TooLarge as error:
            raise self._refused("SRC-003", str(error)) from None
        except _BROKEN as error:
            raise self._refused("SRC-001", f"cannot be read: {error}") from None
        for path in wanted:
            yield path, contents[path]

    def _refused(self, rule: str, why: str) -> InputError:
        return InputError(f"{self.path} {why}", [finding(rule, str(self.path), why)])

    def _judge(self, members: dict[str, Entry], entry: Entry, total: int) -> int:
        """Limits that must hold while the archive is still being listed, because listing may mean decompressing."""
        if entry.path in members:
            raise self._refused("SRC-003", f"holds {entry.path!r} twice")
        members[entry.path] = entry
        total += max(entry.size, 0)
        if len(members) > MAX_FILES or total > MAX_TREE_BYTES or entry.size > MAX_FILE_BYTES:
            limits = f"{MAX_FILES} files, {MAX_FILE_BYTES >> 20} MiB a file, {MAX_TREE_BYTES >> 20} MiB in all"
            raise self._refused("SRC-003", f"is larger than allowed ({limits})")
        return total

    def _tar_members(self, handle: BinaryIO) -> dict[str, Entry]:
        members: dict[str, Entry] = {}
        total = 0
        for _archive, member in packed.members(handle):
            if member.isdir():
                continue
            kind = FILE if member.isreg() and not member.issparse() else _tar_kind(member)
            total = self._judge(members, Entry(member.name.removeprefix("./"), kind, member.size, bool(member.mode & stat.S_IXUSR)), total)
        return members

    def _tar_contents(self, handle: BinaryIO, wanted: Sequence[str]) -> dict[str, bytes]:
        names = {f"{self._around}{path}": path for path in wanted}
        contents = {}
        for archive, member in packed.members(handle, MAX_FILE_BYTES):
            name = member.name.removeprefix("./")
            if name in names and member.isreg():
                content = archive.extractfile(member)
                contents[names[name]] = content.read(MAX_FILE_BYTES) if content else b""
        return contents

    def _zip_members(self, handle: BinaryIO) -> dict[str, Entry]:
        members: dict[str, Entry] = {}
        total = 0
        with zipfile.ZipFile(handle) as archive:
            for member in archive.infolist():
                mode = member.external_attr >> 16
                if member.orig_filename != member.filename:
                    raise self._refused("SRC-003", f"holds the name {member.orig_filename!r}, which systems read differently")
                if member.is_dir():
                    continue
                kind = FILE if stat.S_IFMT(mode) in (0, stat.S_IFREG) else "symbolic link" if stat.S_ISLNK(mode) else "special file"
                if member.flag_bits & 1:
                    raise self._refused("SRC-001", f"holds the encrypted file {member.filename!r}")
                total = self._judge(members, Entry(member.filename, kind, member.file_size, bool(mode & stat.S_IXUSR)), total)
        return members

    def _zip_contents(self, file: BinaryIO, wanted: Sequence[str]) -> dict[str, bytes]:
        contents = {}
        with zipfile.ZipFile(file) as archive:
            for path in wanted:
                with archive.open(f"{self._around}{path}") as handle:
                    data = handle.read(self._members[path].size + 1)
                if len(data) != self._members[path].size:
                    raise ValueError(f"{path} does not have the size the archive states")
                contents[path] = data
        return contents


def _tar_kind(member: tarfile.TarInfo) -> str:
    if member.issym():
        return "symbolic link"
    if member.islnk():
        return "hard link"
    return "sparse file" if member.issparse() else "special file"


def _common_folder(members: Iterable[str]) -> str:
    """``name/`` where everything lies in one folder that is not the package's own ``pkg``, else nothing."""
    tops = {name.split("/", 1)[0] for name in members}
    top = next(iter(tops)) if len(tops) == 1 else ""
    return f"{top}/" if top not in ("", ".", "..", "pkg") and all("/" in name for name in members) else ""
