# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Numbers that own files, on a host where the same number may be somebody else."""

from __future__ import annotations

import grp
import os
import pwd
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ..common.errors import HostError
from ..common.findings import Finding
from ..common.rules import finding
from . import listing
from .listing import SOCKET, Entry, Tree

_MOST = (1 << 32) - 2
Owners = Mapping[int, int]


def table(given: Any) -> dict[int, int]:
    """Number -> number, of users and groups alike. Raises ``HostError`` (INV-001)."""
    try:
        found = {int(str(old)): int(str(new)) for old, new in dict(given or {}).items()}
    except (TypeError, ValueError):
        found = {-1: -1}
    if not all(0 <= number <= _MOST for pair in found.items() for number in pair):
        raise HostError(
            "not to be understood", [finding("INV-001", "avs_restore_owners", "is no table of numbers", 'Write {"1000": 2000}.')]
        )
    if 0 in found or 0 in found.values():
        raise HostError(
            "not to be understood",
            [finding("INV-001", "avs_restore_owners", "root is mapped to nobody, and nobody to root", "Take 0 away.")],
        )
    return found


def names(entries: Iterable[Entry]) -> dict[str, dict[str, str]]:
    """Who on this host has the numbers that own files: ``users`` and ``groups``, number -> name."""
    users, groups = _numbers(entries)
    found = {"users": {number: _user(number) for number in users}, "groups": {number: _group(number) for number in groups}}
    return {kind: {str(number): name for number, name in sorted(one.items()) if name} for kind, one in found.items()}


def taken(instance: str, entries: Iterable[Entry], then: Any, owners: Owners) -> list[Finding]:
    """Numbers that are somebody's here, and were not his where the backup was made (``then``: as of ``names``)."""
    known = then if isinstance(then, Mapping) else {}
    users, groups = _numbers(entries)
    found = []
    for kind, numbers, name_of in (("user", users, _user), ("group", groups, _group)):
        before = known.get(f"{kind}s") or {}
        for old in sorted(numbers):
            name = name_of(owners.get(old, old))
            if name and old not in owners and before.get(str(old)) != name:
                message = f"files of its {kind} {old} belong to {name} on this host"
                found.append(finding("BAK-012", f"{instance}: avs_restore_owners.{old}", message))
    return found


def mapped(entries: Sequence[Entry], owners: Owners) -> Sequence[Entry]:
    if not owners:
        return entries
    return [{**entry, "owner": [owners.get(number, number) for number in entry["owner"]]} for entry in entries]


def give(root: str, owners: Owners) -> None:
    """Let what is below a folder have its new owners; nobody else writes there. It goes by what is there, and not by a list: of what was
    written while it was listed the list says what may be something else by now. Raises ``OSError``."""
    # All of it first: by another of its names a file would be looked up again, by the owner it has then.
    for entry, _seen in list(listing.entries(Tree("", root))):
        new = [owners.get(number, number) for number in entry["owner"]]
        if new == entry["owner"] or entry["kind"] == SOCKET:
            continue
        path = os.path.join(root, entry["path"]) if entry["path"] else root
        os.lchown(path, *new)
        if entry["kind"] != "link":
            # The kernel takes from a file what it may do in its owner's name.
            os.chmod(path, entry["mode"])
            for name, value in (entry.get("attributes") or {}).items():
                os.setxattr(path, name, bytes.fromhex(value), follow_symlinks=False)


def _numbers(entries: Iterable[Entry]) -> tuple[set[int], set[int]]:
    pairs = {tuple(entry["owner"]) for entry in entries}
    return {pair[0] for pair in pairs} - {0}, {pair[1] for pair in pairs} - {0}


def _user(number: int) -> str:
    try:
        return pwd.getpwuid(number).pw_name
    except (KeyError, OverflowError):
        return ""


def _group(number: int) -> str:
    try:
        return grp.getgrgid(number).gr_name
    except (KeyError, OverflowError):
        return ""
