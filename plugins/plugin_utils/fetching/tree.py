# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""File trees from strangers (git, folder, archive) behind one interface, and what makes one unsafe."""

from __future__ import annotations

import os
import stat
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from ...module_utils.common.errors import InputError
from ...module_utils.common.findings import Finding
from ...module_utils.common.names import is_inside
from ...module_utils.common.rules import finding

MAX_FILES = 10_000
MAX_FILE_BYTES = 32 << 20
MAX_TREE_BYTES = 128 << 20

FILE = "file"


@dataclass(frozen=True)
class Entry:
    """``path`` as stored, never normalised; ``kind`` is ``file`` or a word for what it is instead; ``size`` in bytes."""

    path: str
    kind: str
    size: int
    executable: bool = False


class FileTree(Protocol):
    """A tree of files; nothing in it has been judged yet."""

    def entries(self, prefix: str = "") -> Sequence[Entry]:
        """Everything but folders, sorted by path; with ``prefix`` only what lies in that folder, or beside it at the root.

        Raises ``InputError`` where the tree cannot be listed.
        """

    def read(self, paths: Iterable[str]) -> Iterator[tuple[str, bytes]]:
        """Contents of regular files, in the order asked for. Raises ``InputError``."""


def unsafe(entries: Sequence[Entry]) -> list[Finding]:
    """SRC-003 for everything that must not be written to disk or sent to a host."""
    found = []
    seen: dict[str, str] = {}
    for entry in entries:
        why = _why_unsafe(entry)
        if why:
            found.append(finding("SRC-003", _place(entry.path), why))
        for folded, name in _folded(entry.path):
            if seen.setdefault(folded, name) != name:
                found.append(finding("SRC-003", _place(name), f"differs from {_place(seen[folded])} in case or accents only"))
    if len(entries) > MAX_FILES:
        found.append(finding("SRC-003", "", f"holds {len(entries)} files, more than {MAX_FILES}"))
    if sum(entry.size for entry in entries) > MAX_TREE_BYTES:
        found.append(finding("SRC-003", "", f"is larger than {MAX_TREE_BYTES >> 20} MiB"))
    return found


def _why_unsafe(entry: Entry) -> str | None:
    if entry.kind != FILE:
        return f"is a {entry.kind}, only regular files are allowed"
    parts = entry.path.split("/")
    if not is_inside(entry.path) or any(part in ("", ".") for part in parts):
        return "is not a relative path that stays in the tree"
    if any(part.lower() == ".git" for part in parts):
        return "lies in a folder named like git's own"
    if any(len(part.encode("utf-8", "surrogateescape")) > 255 for part in parts) or len(entry.path) > 1024:
        return "has a name too long for a file system"
    if any(0xD800 <= ord(char) < 0xE000 for char in entry.path):
        return "has a name that is not UTF-8"
    if entry.size > MAX_FILE_BYTES:
        return f"is larger than {MAX_FILE_BYTES >> 20} MiB"
    return None


def _folded(path: str) -> Iterator[tuple[str, str]]:
    """Each prefix of a path in the form under which a forgiving file system would confuse it with another."""
    parts = path.split("/")
    for depth in range(1, len(parts) + 1):
        name = "/".join(parts[:depth])
        yield unicodedata.normalize("NFC", name).casefold(), name


def _place(path: str) -> str:
    return path if path.isprintable() else ascii(path)


class FolderTree:
    """A folder on the controller. Links are listed, never followed; git's own folder at the root is passed over."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def entries(self, prefix: str = "") -> Sequence[Entry]:
        found: list[Entry] = []
        try:
            waiting = [""]
            while waiting:
                waiting += self._below(waiting.pop(), prefix, found)
        except OSError as error:
            raise InputError(
                f"{self.root} cannot be read: {error.strerror}", [finding("SRC-001", str(self.root), f"cannot be read: {error.strerror}")]
            ) from None
        return sorted(found, key=lambda entry: entry.path)

    def _below(self, folder: str, prefix: str, found: list[Entry]) -> list[str]:
        """Note what is directly in a folder; returns the folders in there."""
        folders = []
        with os.scandir(self.root / folder) as items:
            for item in items:
                path = f"{folder}/{item.name}" if folder else item.name
                status = item.stat(follow_symlinks=False)
                if stat.S_ISDIR(status.st_mode):
                    if path != ".git" and _leads_to(path, prefix):
                        folders.append(path)
                elif path != ".git" and (not folder or _leads_to(path, prefix)):
                    found.append(Entry(path, _kind(status.st_mode), status.st_size, bool(status.st_mode & stat.S_IXUSR)))
                if len(found) > 20 * MAX_FILES:
                    place = str(self.root)
                    raise InputError(
                        f"{place} holds too many files", [finding("SRC-003", place, f"holds more than {20 * MAX_FILES} files")]
                    )
        return folders

    def read(self, paths: Iterable[str]) -> Iterator[tuple[str, bytes]]:
        for path in paths:
            try:
                descriptor = os.open(self.root / path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
                with open(descriptor, "rb") as handle:
                    data = handle.read(MAX_FILE_BYTES + 1)
            except OSError as error:
                raise InputError(
                    f"{path} cannot be read: {error.strerror}", [finding("SRC-001", path, f"cannot be read: {error.strerror}")]
                ) from None
            yield path, data


def _leads_to(path: str, prefix: str) -> bool:
    """Whether a path lies in the folder ``prefix``, or is one of the folders on the way to it."""
    return not prefix or f"{path}/".startswith(f"{prefix}/") or f"{prefix}/".startswith(f"{path}/")


def _kind(mode: int) -> str:
    for test, name in ((stat.S_ISREG, FILE), (stat.S_ISLNK, "symbolic link"), (stat.S_ISFIFO, "pipe"), (stat.S_ISSOCK, "socket")):
        if test(mode):
            return name
    return "device"
