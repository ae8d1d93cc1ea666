# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Names from outside that become part of a path, an id or a label: one strict pattern each."""

from __future__ import annotations

import posixpath
import re

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,62}\Z")
_PROFILE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}\Z")
_PART = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}\Z")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_VERSION = re.compile(r"v(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(?:-([0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*))?(?:\+[0-9A-Za-z.-]+)?\Z")


def is_name(text: object) -> bool:
    """Package names, tags and instance ids."""
    return isinstance(text, str) and _NAME.match(text) is not None


def is_profile(text: object) -> bool:
    return isinstance(text, str) and _PROFILE.match(text) is not None and ".." not in text


def is_part(text: object) -> bool:
    """Names inside of a compose file (services, networks, volumes, its profiles): never an option of a command, never a path."""
    return isinstance(text, str) and _PART.match(text) is not None


def is_variable(text: object) -> bool:
    """A name compose can interpolate."""
    return isinstance(text, str) and _VARIABLE.match(text) is not None


def is_version(text: object) -> bool:
    """A git tag that is a semantic version with the prefix ``v``."""
    return isinstance(text, str) and _VERSION.match(text) is not None


def version_key(text: str) -> tuple[int, int, int, bool, list[tuple[int, int, str]]]:
    """Sort key of a version by semantic versioning's precedence; raises ``ValueError`` for anything else."""
    match = _VERSION.match(text)
    if match is None:
        raise ValueError(f"{text!r} is not a version like v1.2.3")
    pre = match.group(4)
    parts = [] if pre is None else [(0, int(part), "") if part.isdigit() else (1, 0, part) for part in pre.split(".")]
    return (int(match.group(1)), int(match.group(2)), int(match.group(3)), pre is None, parts)


def is_prerelease(text: str) -> bool:
    match = _VERSION.match(text)
    return match is not None and match.group(4) is not None


def is_inside(path: object) -> bool:
    """A relative POSIX path that stays below its root: no ``..``, not absolute, no control characters or backslash."""
    if not isinstance(path, str) or not path or path.startswith("/") or "\\" in path:
        return False
    if any(ord(char) < 32 or ord(char) == 127 for char in path):
        return False
    return ".." not in path.split("/") and posixpath.normpath(path) != ".."
