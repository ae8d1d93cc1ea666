# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Values that YAML 1.1, which Ansible reads inventories with, has made into others than their author wrote: `0x1f` is 31 to it, `1:30` is 90."""

from __future__ import annotations

import functools
import re
from datetime import date, datetime, time
from typing import Any

import yaml

_TOKEN = re.compile(r"[-+]?[0-9][0-9a-zA-Z_:]*(?=[\s,\]}#'\"]|\Z)")
_MISREAD = re.compile(r"[-+]?0[0-9_]+\Z|.*:")


class Respelled(int):
    """A number whose author did not write it as the decimal number it is; ``text`` is what stands in the file."""

    text: str

    def __new__(cls, value: int, text: str) -> Respelled:
        self = super().__new__(cls, value)
        self.text = text
        return self

    def __repr__(self) -> str:
        return self.text

    __str__ = __repr__

    @property
    def misread(self) -> bool:
        """Whether people read another number than YAML does: `0100` is 64 to it, `1:30` is 90. That `0x12` is 18 is no surprise."""
        return _MISREAD.match(self.text) is not None


class Rewritten(str):
    """The text of a moment that YAML read: its author may have written it in another form."""

    __slots__ = ()


def moment(value: date | time) -> str:
    """A date or moment as text. Of a date YAML knows one form, of a moment many."""
    text = value.isoformat()
    return text if isinstance(value, date) and not isinstance(value, datetime) else Rewritten(text)


def number(value: int) -> int:
    """The number itself, or ``Respelled`` where the file it comes from is known and says it in another way."""
    # Ansible's own integers, which know where they stand, are of a class of their own.
    if value.__class__ is int:
        return value
    text = _written(value)
    plain = int(value)
    if text is None or text == str(plain) or not _reads_as(text, plain):
        return plain
    return Respelled(plain, text)


def _reads_as(text: str, value: int) -> bool:
    """Whether YAML makes this number of the text: what lies at that place now may be another text, or the cipher of it (Ansible Vault)."""
    try:
        found = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError):
        return False
    return isinstance(found, int) and not isinstance(found, bool) and found == value


def _written(value: Any) -> str | None:
    """What stands where Ansible says the value comes from, if that is a number."""
    try:
        from ansible._internal._datatag._tags import Origin
    except ImportError:
        return None
    origin = Origin.get_tag(value)
    path, line, column = (getattr(origin, name, None) for name in ("path", "line_num", "col_num"))
    if not path or not line or not column:
        return None
    lines = _lines(str(path))
    match = _TOKEN.match(lines[line - 1], column - 1) if line <= len(lines) else None
    # The colon behind a key is not part of it.
    return match.group().rstrip(":") if match else None


@functools.lru_cache(maxsize=64)
def _lines(path: str) -> tuple[str, ...]:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return tuple(file.read(1 << 22).split("\n"))
    except OSError:
        return ()
