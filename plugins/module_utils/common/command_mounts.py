# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How a command names what is mounted for it: ``node-data``, ``data/db:ro``, ``node-data:/srv/data:ro``."""

from __future__ import annotations

import re
from dataclasses import dataclass

from .names import is_inside

FOLDER = "data/"
_VOLUME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,127}\Z")
_TARGET = re.compile(r"(?:/[^/:\s\\\x00-\x1f\x7f]+)+\Z")
# What a container needs for itself, or what would take the program's own files away.
_OWN = ("/dev", "/proc", "/sys", "/etc", "/bin", "/sbin", "/lib", "/lib64", "/usr")


@dataclass(frozen=True)
class Named:
    """``source``: a volume of the compose file, or a folder as ``data/<path below the instance's data folder>``; ``target``: where in the
    container, ``None`` where the package's service has it."""

    source: str
    target: str | None = None
    read_only: bool = False

    @property
    def is_folder(self) -> bool:
        return self.source.startswith(FOLDER)


def read(text: object) -> Named | None:
    """``None`` for what is none."""
    if not isinstance(text, str):
        return None
    source, *rest = text.split(":")
    read_only = rest[-1:] == ["ro"]
    rest = rest[:-1] if read_only else rest
    target = rest[0] if rest else None
    folder = source.startswith(FOLDER) and is_inside(source) and "." not in source.split("/")[1:] and source.strip("/") != "data"
    if len(rest) > 1 or not (folder or _VOLUME.match(source)) or not (target is None or is_target(target)):
        return None
    return Named(source.rstrip("/"), target, read_only)


def is_target(path: str) -> bool:
    """Whether something may be mounted there."""
    if not _TARGET.match(path) or {".", ".."} & set(path.split("/")):
        return False
    return not any(path == place or path.startswith(f"{place}/") for place in _OWN)
