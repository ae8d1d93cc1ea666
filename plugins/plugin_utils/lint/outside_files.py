# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Files that a compose file reads while it is resolved: on a host only the package's own can be (rule PKG-018)."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping
from typing import Any

from ...module_utils.common.findings import ERROR, WARNING, Finding
from ...module_utils.common.rules import finding
from ..packages.profile import Profile
from .compose_file import ComposeFiles

_REMOTE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:|[^/]+@[^/]+:|[^/]+\.git(?:#|\Z)")
_REMEDY = "Put the file into the package."


def judge_files(profile: Profile, files: ComposeFiles) -> Iterator[Finding]:
    """``env_file``, ``label_file``, ``extends`` and ``include`` that name a file outside of the package, or one of another machine."""
    for name, settings in files.services.items():
        place = files.places[f"services.{name}"]
        for field in ("env_file", "label_file"):
            for path, needed in _paths(settings.get(field)):
                yield from _judge(f"{place}.{field}", path, needed, profile, files)
        extended = settings.get("extends")
        if isinstance(extended, Mapping):
            yield from _judge(f"{place}.extends.file", extended.get("file"), True, profile, files)
    for place, included in files.included:
        parts: list[Any] = [included]
        if isinstance(included, Mapping):
            parts = [
                included.get("project_directory"),
                *(path for field in ("path", "env_file") for path, _ in _paths(included.get(field))),
            ]
        for path in parts:
            yield from _judge(place, path, True, profile, files)


def _paths(value: Any) -> Iterator[tuple[Any, bool]]:
    """Each path with whether it must exist."""
    for item in value if isinstance(value, list) else [value]:
        if isinstance(item, Mapping):
            yield item.get("path"), str(item.get("required", True)).lower() != "false"
        else:
            yield item, True


def _judge(place: str, written: Any, needed: bool, profile: Profile, files: ComposeFiles) -> Iterator[Finding]:
    path = files.text(written) if isinstance(written, str) else None
    if path and _is_outside(path, profile.compose_dir):
        message = f"{path} is not a file of the package, which is all that is read when it is resolved on a host"
        yield finding("PKG-018", place, message, _REMEDY, ERROR if needed else WARNING)


def _is_outside(path: str, folder: str) -> bool:
    joined = posixpath.normpath(posixpath.join(folder or ".", path))
    return path.startswith(("/", "~")) or joined == ".." or joined.startswith("../") or _REMOTE.match(path) is not None
