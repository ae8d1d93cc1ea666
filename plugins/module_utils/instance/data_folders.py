# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Folders below ``data/``: which there are to be, whose they are, with which mode.

A container may give its own folder to another user, or close it, so what was recorded once is not looked at again: only a new
or changed declaration, and what a run left that was killed before it recorded it, is put right. What lies in a folder is the node's.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping

from ..common.actions import Action
from ..common.spec import Directory
from ..system import files
from .state import Folder

Folders = dict[str, Folder]


def wanted_folders(directories: Iterable[Directory], undeclared: Mapping[str, str | None]) -> Folders:
    """``undeclared``: folders the compose file mounts and nobody declared -> owner."""
    found = {path: Folder(owner=owner, mode="0755") for path, owner in undeclared.items()}
    found.update({os.path.normpath(entry.path): Folder(owner=entry.owner, mode=entry.mode) for entry in directories})
    return found


def settled_folders(data: str, wanted: Folders, recorded: Mapping[str, Folder]) -> Folders:
    """Those that are there, and were made just so."""
    return {path: want for path, want in wanted.items() if recorded.get(path) == want and os.path.isdir(os.path.join(data, path))}


def folder_actions(data: str, wanted: Folders, settled: Folders) -> list[Action]:
    actions = []
    for path, want in wanted.items():
        place = os.path.join(data, path)
        if not os.path.isdir(place):
            actions.append(Action("files", f"data/{path}", "create"))
        elif path not in settled and not _is(os.stat(place), want):
            actions.append(Action("files", f"data/{path}", "update"))
    return actions


def place_folders(data: str, wanted: Folders, settled: Folders) -> None:
    """Raises ``HostError`` where a link stands in the way."""
    files.folder(data)
    for path, want in wanted.items():
        handle = files.inside(data, path)
        try:
            if path not in settled:
                owner = owner_of(want)
                if owner is not None:
                    os.fchown(handle, *owner)
                os.fchmod(handle, int(want.mode, 8))
                os.fsync(handle)
        finally:
            os.close(handle)


def _is(found: os.stat_result, want: Folder) -> bool:
    owner = owner_of(want)
    return (owner is None or (found.st_uid, found.st_gid) == owner) and found.st_mode & 0o7777 == int(want.mode, 8)


def owner_of(want: Folder) -> tuple[int, int] | None:
    """The group is the user's number where none is given."""
    if not want.owner:
        return None
    uid, _colon, gid = want.owner.partition(":")
    return int(uid), int(gid or uid)
