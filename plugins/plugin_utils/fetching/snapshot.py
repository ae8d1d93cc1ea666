# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Turns a package's files, wherever they come from, into a stored tree that is safe to use."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ...module_utils.common.errors import InputError
from ..parsing.report import Report
from . import checksums
from .cache import Cache, key_of
from .tree import FILE, Entry, FileTree, unsafe

PACKAGE_FOLDER = "pkg"
_MAX_CHECKSUMS = 4 << 20
_NOTES = re.compile(r"(?:change-?log|release[-_ ]?notes|changes|history|news)(?:\.(?:md|rst|txt|adoc))?\Z", re.IGNORECASE)


@dataclass(frozen=True)
class Snapshot:
    """``tree`` is a folder of the cache and not to be written to. ``digests``: path -> SHA-256 of the stored files and of those checksum.txt lists.

    ``checksums`` is checksum.txt's content, ``None`` without the file; ``notes``: there are release notes at the root or in ``pkg/``.
    """

    tree: Path
    tree_sha256: str
    digests: Mapping[str, str]
    checksums: bytes | None
    notes: bool


def snapshot(tree: FileTree, folder: str, cache: Cache, identity: str | None = None, beside: Sequence[str] = ()) -> Snapshot:
    """Store what lies in ``folder`` (empty: everything), and the files at the root named in ``beside``, under its own digest.

    ``identity`` names the content (a commit): what was stored for it once is not read again. Raises ``InputError`` with SRC-003 for
    everything unsafe in the folder.
    """
    key = key_of(identity, folder, *beside) if identity else None
    known = cache.read("snapshot", key) if key else None
    if known:
        stored = cache.tree(known["tree_sha256"])
        if stored is not None:
            checksums = known["checksums"]
            content = None if checksums is None else checksums.encode("utf-8", "surrogateescape")
            return Snapshot(stored, known["tree_sha256"], known["digests"], content, known["notes"])
    entries = tree.entries(folder)
    chosen = [entry for entry in entries if not folder or entry.path in (folder, *beside) or entry.path.startswith(f"{folder}/")]
    problems = unsafe(chosen)
    if problems:
        raise InputError("the package's files are not safe to use", problems)
    digests: dict[str, str] = {}
    stored, tree_sha256 = cache.store_tree(_contents(tree, chosen, digests))
    content = _checksums(tree, entries)
    if content is not None:
        digests.update(_digests_outside(tree, entries, content, digests))
    taken = Snapshot(stored, tree_sha256, digests, content, any(is_notes(entry) for entry in entries))
    if key:
        record = {
            "tree_sha256": tree_sha256,
            "digests": digests,
            "checksums": None if content is None else content.decode("utf-8", "surrogateescape"),
            "notes": taken.notes,
        }
        cache.write("snapshot", key, record)
    return taken


def _contents(tree: FileTree, entries: Sequence[Entry], digests: dict[str, str]) -> Iterator[tuple[str, bytes, bool]]:
    executable = {entry.path: entry.executable for entry in entries}
    for path, data in tree.read(executable):
        digests[path] = hashlib.sha256(data).hexdigest()
        yield path, data, executable[path]


def _checksums(tree: FileTree, entries: Sequence[Entry]) -> bytes | None:
    for entry in entries:
        if entry.path == checksums.FILE and entry.kind == FILE and entry.size <= _MAX_CHECKSUMS:
            return next(tree.read([entry.path]))[1]
    return None


def _digests_outside(tree: FileTree, entries: Sequence[Entry], content: bytes, known: Mapping[str, str]) -> dict[str, str]:
    """Of files that checksum.txt lists beside those of the package; links among them count as missing."""
    listed = checksums.parse_checksums(content, Report(checksums.FILE))
    outside = {path for path in listed if path not in known}
    if any("/" in path for path in outside):
        entries = tree.entries()
    regular = [entry.path for entry in entries if entry.path in outside and entry.kind == FILE and not unsafe([entry])]
    return {path: hashlib.sha256(data).hexdigest() for path, data in tree.read(regular)}


def is_notes(entry: Entry) -> bool:
    """Whether a file of a package's repository holds its release notes."""
    parts = entry.path.split("/")
    return entry.kind == FILE and entry.size > 0 and _NOTES.match(parts[-1]) is not None and parts[:-1] in ([], [PACKAGE_FOLDER])
