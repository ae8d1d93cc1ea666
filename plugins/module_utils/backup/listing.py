# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a tree of files is like, an entry each: enough to tell whether a copy is the same, and whether anybody wrote while it was copied.

What is in files is not part of it: restic knows that by its own digests, and reads it again whenever it restores.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import re
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest
from typing import Any

from . import descriptors
from .span import Span

Entry = dict[str, Any]
SOCKET, LINE = "socket", ""
_KINDS = {
    stat.S_IFREG: "file",
    stat.S_IFDIR: "folder",
    stat.S_IFLNK: "link",
    stat.S_IFIFO: "pipe",
    stat.S_IFSOCK: SOCKET,
    stat.S_IFCHR: "device",
    stat.S_IFBLK: "device",
}
_SHOWN = 5
# Names and targets that are not UTF-8.
_NO_TEXT = re.compile("[\ud800-\udfff]")
# In no version of restic are these anything but text.
NAMES = "names of attributes"
_encoded = json.JSONEncoder(sort_keys=True).encode


def line_of(entry: Entry) -> bytes:
    return f"{_encoded(entry)}\n".encode()


@dataclass(frozen=True)
class Tree:
    """``name`` of what is saved, where it is, and paths below it whose content is not looked at. ``loose``: somebody writes there meanwhile,
    so what is listed says how much there is, and no more. ``held``: somebody may write there, and is not to: what changes while it is looked
    at is told as written, and leads nowhere. ``known``: of one that is still, name, path below it, and what is there now -> its entry in short
    (``LINE``: as it is written), of what is known from before."""

    name: str
    path: str
    spared: Sequence[str] = ()
    loose: bool = False
    held: bool = False
    known: Callable[[str, str, os.stat_result], Entry | None] | None = None


@dataclass(frozen=True)
class Summary:
    """``sockets`` are never restored; ``size``: bytes of all files, holes included; ``digest`` of the entries; ``written``: names of
    what was changed at or after the instant that was given, the first few; ``odd``: name of its tree, path below it and modification time of
    each file that restic may take for unchanged by that time alone; ``doubtful``: one of each kind of thing that some versions of restic save
    and do not put back."""

    entries: int
    sockets: int
    size: int
    digest: str
    written: Sequence[str]
    odd: Sequence[tuple[str, str, int]] = ()
    doubtful: Sequence[Entry] = ()

    def but(self, written: Sequence[str]) -> Summary:
        """The same, with what was changed since."""
        return replace(self, written=list(dict.fromkeys((*self.written, *written)))[:_SHOWN])


def entries(tree: Tree) -> Iterator[tuple[Entry, os.stat_result]]:
    """Everything in a tree, folders before what is in them, in one order always; in short, where it is known. Raises ``OSError``."""
    if tree.loose:
        return _entries_of_loose(tree)
    return _entries_of_held(tree) if tree.held else _entries_of_still(tree)


def _entries_of_still(tree: Tree) -> Iterator[tuple[Entry, os.stat_result]]:
    first: dict[tuple[int, int], str] = {}
    spared = {os.path.join(tree.path, part) for part in tree.spared}
    waiting = [(tree.path, "")]
    while waiting:
        path, relative = waiting.pop()
        seen = os.lstat(path)
        known = tree.known(tree.name, relative, seen) if tree.known is not None else None
        yield known or _entry(tree.name, path, relative, seen, first), seen
        if stat.S_ISDIR(seen.st_mode) and path not in spared:
            names = sorted(os.listdir(path), key=os.fsencode, reverse=True)
            waiting += [(os.path.join(path, name), os.path.join(relative, name)) for name in names]


def _entries_of_held(tree: Tree) -> Iterator[tuple[Entry, os.stat_result]]:
    first: dict[tuple[int, int], str] = {}
    for relative, path in descriptors.walk(tree.path, tree.spared):
        seen = os.lstat(path)
        yield _entry(tree.name, path, relative, seen, first), seen


def _entries_of_loose(tree: Tree) -> Iterator[tuple[Entry, os.stat_result]]:
    """Whoever writes there may put a link in the place of a folder: each is looked at by a descriptor of its own, and what is another thing
    by then, or gone, is left out."""
    first: dict[tuple[int, int], str] = {}
    seen = os.lstat(tree.path)
    yield {**_entry(tree.name, tree.path, "", seen, first), "loose": True}, seen
    waiting = [""]
    while waiting:
        inside = waiting.pop()
        if inside in tree.spared:
            continue
        try:
            handle = descriptors.folder(tree.path, inside)
        except OSError as error:
            if error.errno in descriptors.CHANGED:
                continue
            raise
        try:
            for name in sorted(os.listdir(handle), key=os.fsencode):
                relative = os.path.join(inside, name)
                try:
                    path = f"/proc/self/fd/{handle}/{name}"
                    seen = os.lstat(path)
                    entry = _entry(tree.name, path, relative, seen, first)
                except OSError as error:
                    if error.errno in descriptors.CHANGED:
                        continue
                    raise
                yield {**entry, "loose": True}, seen
                if stat.S_ISDIR(seen.st_mode):
                    waiting.append(relative)
        finally:
            os.close(handle)


def _entry(name: str, path: str, relative: str, seen: os.stat_result, first: dict[tuple[int, int], str]) -> Entry:
    kind = _KINDS.get(stat.S_IFMT(seen.st_mode), "other")
    found: Entry = {"in": name, "path": relative, "kind": kind, "owner": [seen.st_uid, seen.st_gid], "time": seen.st_mtime_ns}
    if kind == "link":
        found["to"] = os.readlink(path)
    else:
        found["mode"] = stat.S_IMODE(seen.st_mode)
    if kind == "file":
        found["size"] = seen.st_size
        if has_holes(path, seen):
            found["sparse"] = True
    if kind == "device":
        found["device"] = seen.st_rdev
    if seen.st_nlink > 1 and kind == "file":
        # Other names of one file: the first in our order stands for all. Of anything else restic makes one each, which is the same to a node.
        known = first.setdefault((seen.st_dev, seen.st_ino), relative)
        if known != relative:
            found["same"] = known
    attributes = _attributes(path)
    if attributes:
        found["attributes"] = attributes
    return found


def has_holes(path: str, seen: os.stat_result) -> bool:
    """Fewer blocks than bytes may also be compression, or what the kernel has not written yet."""
    if seen.st_blocks * 512 >= seen.st_size:
        return False
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        return os.lseek(handle, 0, os.SEEK_HOLE) < seen.st_size
    finally:
        os.close(handle)


def _attributes(path: str) -> dict[str, str]:
    names = os.listxattr(path, follow_symlinks=False)
    return {name: os.getxattr(path, name, follow_symlinks=False).hex() for name in sorted(names)} if names else {}


def _doubt(entry: Entry) -> str:
    """Which of the things that may not be put back it is; empty for all others."""
    if any(map(_NO_TEXT.search, entry.get("attributes", ()))):
        return NAMES
    if entry["kind"] != "link":
        return ""
    return "attributes of a link" if entry.get("attributes") else "target" if _NO_TEXT.search(entry["to"]) else ""


def restored(entry: Entry, path: str) -> str:
    """How what was put back at a path differs from a doubtful entry; empty where it does not. Raises ``OSError``."""
    if _doubt(entry) == NAMES:
        return f"{_name(entry)} has attributes whose names are no text"
    if not os.path.lexists(path):
        return f"{_name(entry)} is missing"
    return _difference(entry, _entry(entry["in"], path, entry["path"], os.lstat(path), {}))


def write(path: str, trees: Iterable[Tree], since: int, passed: Span | None = None, over: Callable[[], bool] = bool) -> Summary:
    """Write what trees are like to a file. ``since``: nanoseconds since the epoch; what changed at it or later is told; ``passed``: the
    pass of ``Summary.odd``; ``over``: whether nobody wants it any more. Raises ``OSError``."""
    count = sockets = size = 0
    total = hashlib.sha256()
    odd: list[tuple[str, str, int]] = []
    written: list[str] = []
    doubtful: dict[str, Entry] = {}
    with open(path, "xb") as raw:
        os.fchmod(raw.fileno(), 0o600)
        with gzip.GzipFile(fileobj=raw, mode="wb", compresslevel=1, mtime=0) as out:
            for tree in trees:
                for entry, seen in _unchanged(tree, written):
                    if over():
                        raise InterruptedError(f"{path} is wanted by nobody any more")
                    line = entry.get(LINE) or line_of(entry)
                    total.update(line)
                    out.write(line)
                    count += 1
                    sockets += entry["kind"] == SOCKET
                    size += entry.get("size", 0)
                    if tree.loose:
                        continue
                    if _doubt(entry):
                        doubtful.setdefault(_doubt(entry), entry)
                    if passed is not None and passed.is_odd(seen, since):
                        odd.append((tree.name, entry["path"], seen.st_mtime_ns))
                    if seen.st_ctime_ns >= since and len(written) < _SHOWN:
                        written.append(os.path.join(tree.name, entry["path"]))
        raw.flush()
        os.fsync(raw.fileno())
    return Summary(count, sockets, size, total.hexdigest(), written, odd, list(doubtful.values()))


def _unchanged(tree: Tree, written: list[str]) -> Iterator[tuple[Entry, os.stat_result]]:
    """As ``entries``; of a tree that is held one that is gone, or another thing, ends them, and is ``written``."""
    try:
        yield from entries(tree)
    except OSError as error:
        if not tree.held or error.errno not in descriptors.CHANGED:
            raise
        written.append(tree.name)


def written_since(trees: Iterable[Tree], since: int, over: Callable[[], bool] = bool) -> list[str]:
    """Names of what was changed at or after an instant (nanoseconds since the epoch), the first few: a look at times alone, which is
    quicker than a list by far. Of a loose tree nothing is. ``over`` as of ``write``. Raises ``OSError``."""
    found: list[str] = []
    for tree in trees:
        for relative, changed in () if tree.loose else _changes(tree):
            if over():
                raise InterruptedError(f"what was written to {tree.name} is wanted by nobody any more")
            if changed >= since:
                found.append(os.path.join(tree.name, relative))
            if len(found) == _SHOWN:
                return found
    return found


def _changes(tree: Tree) -> Iterator[tuple[str, int]]:
    """Each path of a tree, and when it was changed: of one that is held, at any time, where it is another thing by now."""
    if tree.held:
        gone: list[str] = []
        yield from ((entry["path"], seen.st_ctime_ns) for entry, seen in _unchanged(tree, gone))
        yield from [("", 1 << 63)] * len(gone)
        return
    yield "", os.lstat(tree.path).st_ctime_ns
    spared = {os.path.join(tree.path, part) for part in tree.spared}
    waiting = [tree.path] if tree.path not in spared else []
    while waiting:
        with os.scandir(waiting.pop()) as found:
            for entry in found:
                yield entry.path[len(tree.path) + 1 :], entry.stat(follow_symlinks=False).st_ctime_ns
                if entry.is_dir(follow_symlinks=False) and entry.path not in spared:
                    waiting.append(entry.path)


def read(path: str) -> Iterator[Entry]:
    """The entries of such a file. Raises ``OSError``, ``EOFError`` and ``ValueError`` for what is none."""
    with gzip.open(path, "rb") as lines:
        for line in lines:
            yield json.loads(line)


def digest_of(path: str) -> str:
    """The digest a summary has, of what is in the file. Raises as ``read`` does."""
    total = hashlib.sha256()
    with gzip.open(path, "rb") as lines:
        for line in lines:
            total.update(line)
    return total.hexdigest()


def differences(recorded: Iterable[Entry], trees: Iterable[Tree]) -> list[str]:
    """What is not as it was recorded, a line each, the first few. Sockets are restored by nobody; holes may be more than there were. Of a
    loose tree no more is said than that it is there."""
    trees = list(trees)
    found = [f"{tree.name} is missing" for tree in trees if tree.loose and not os.path.isdir(tree.path)]
    there = (entry for tree in trees if not tree.loose for entry, _seen in entries(tree) if entry["kind"] != SOCKET)
    for one, other in zip_longest((entry for entry in recorded if entry["kind"] != SOCKET and not entry.get("loose")), there):
        text = _difference(one, other)
        if text:
            found.append(text)
        if len(found) == _SHOWN or (text and (one is None or other is None or _name(one) != _name(other))):
            break
    return found


def _difference(one: Mapping[str, Any] | None, other: Mapping[str, Any] | None) -> str:
    if one is None or other is None:
        return f"{_name(one or other or {})} is {'missing' if other is None else 'there, and was not'}"
    if _name(one) != _name(other):
        return f"{_name(one)} was expected, {_name(other)} is there"
    # Releases before noted other names of pipes, devices and links, too.
    spared = {key for key in ("sparse", "same") if (other.get(key) if key == "sparse" else one.get("kind") != "file")}
    fields = [key for key in sorted({*one, *other} - spared) if one.get(key) != other.get(key)]
    return f"{_name(one)} differs in {', '.join(fields)}" if fields else ""


def _name(entry: Mapping[str, Any]) -> str:
    return os.path.join(str(entry.get("in")), str(entry.get("path")))
