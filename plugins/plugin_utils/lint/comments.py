# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Comments that are none: a ``#`` without a space before it is part of the value, in ``.env`` files and in YAML alike."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator

import yaml

from ...module_utils.common.findings import Finding
from ...module_utils.common.rules import finding
from ..packages.profile import Profile
from ..parsing.yaml_file import MAX_BYTES

_LINE = re.compile(r"[ \t]*(?:export[ \t]+)?(?P<name>[A-Za-z_][A-Za-z0-9_.-]*)[ \t]*[=:][ \t]*(?P<rest>[^'\"\s].*)\Z")
_DROPPED = re.compile(r"[ \t]#.*\Z")
# Prose, in which a # means nothing.
_PROSE = ("help", "description")


def became_values(profile: Profile) -> Iterator[Finding]:
    """A warning for every value without quotes that a ``#`` stands in, but in addresses, which have fragments."""
    for name in profile.env_files:
        place = posixpath.join(profile.compose_dir, name)
        for variable, value in _env(_read(profile, name)):
            yield _odd(f"{place}: {variable}", value)
    for name in ("profile.yml", *profile.compose_files):
        for line, value in _yaml(_read(profile, name)):
            yield _odd(f"{posixpath.join(profile.compose_dir, name)}: line {line}", value)


def _odd(place: str, value: str) -> Finding:
    return finding("PKG-021", place, f"the value is {value[:60]!r}, # and all: no comment begins there")


def _read(profile: Profile, name: str) -> bytes:
    path = profile.tree / profile.compose_dir / name
    return path.read_bytes() if path.is_file() and path.stat().st_size <= MAX_BYTES else b""


def _is_odd(value: str) -> bool:
    return "#" in value and "://" not in value


def _env(data: bytes) -> Iterator[tuple[str, str]]:
    for line in data.decode("utf-8", "replace").splitlines():
        match = _LINE.match(line)
        value = _DROPPED.sub("", match["rest"]) if match else ""
        if match and _is_odd(value):
            yield match["name"], value


def _yaml(data: bytes) -> Iterator[tuple[int, str]]:
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    before = ""
    try:
        for event in yaml.parse(data.decode("utf-8", "replace"), Loader=loader):
            value = event.value if isinstance(event, yaml.ScalarEvent) else ""
            plain = isinstance(event, yaml.ScalarEvent) and event.implicit[0]
            if plain and _is_odd(value) and before not in _PROSE:
                yield (event.start_mark.line + 1 if event.start_mark else 0), value
            before = value
    except yaml.YAMLError:
        return
