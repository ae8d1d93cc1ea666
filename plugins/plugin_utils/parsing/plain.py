# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Values as the plain builtins that JSON, YAML and dict lookups expect."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, time
from typing import Any

from .spelling import moment, number

_DEPTH = 64
# More than a float can hold; Python refuses to write numbers much larger than this as text.
_BITS = 1023


class Odd:
    """Stands where a value has no plain form: no field accepts it, and whoever reports that can say what ``kind`` it was.

    The value itself is dropped: it may be large, or a secret.
    """

    def __init__(self, kind: str) -> None:
        self.kind = kind

    def __repr__(self) -> str:
        return f"<{self.kind}>"


def plain(value: Any) -> Any:
    """Copy of a value tree made of exact builtin types.

    Ansible hands over subclasses of the builtins that carry tags (origin, trust); those must not reach files, digests or results.
    A date, which YAML makes of ``2026-01-01`` without quotes, becomes text again; a number that was written as another stays one that
    remembers how (``spelling.Respelled``). What JSON has no form for becomes ``Odd``.
    """
    return _plain(value, ())


def _plain(value: Any, above: tuple[int, ...]) -> Any:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, int):
        return number(value) if value.bit_length() <= _BITS else Odd("number too large")
    if isinstance(value, float):
        return float(value)
    if isinstance(value, (date, time)):
        return moment(value)
    if isinstance(value, (Mapping, list, tuple, set, frozenset)):
        # An anchor of YAML may stand inside of what it names.
        if id(value) in above or len(above) >= _DEPTH:
            return Odd("value within itself" if id(value) in above else "value nested too deep")
        inner = (*above, id(value))
        if isinstance(value, Mapping):
            return {_key(key, inner): _plain(item, inner) for key, item in value.items()}
        items = [_plain(item, inner) for item in value]
        return sorted(items, key=repr) if isinstance(value, (set, frozenset)) else items
    return Odd(type(value).__name__)


def _key(key: Any, above: tuple[int, ...]) -> Any:
    found = _plain(key, above)
    return Odd(type(key).__name__) if isinstance(found, (list, dict)) else found
