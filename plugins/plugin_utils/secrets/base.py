# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is asked of a secret source, and how it answers without showing a value."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from ...module_utils.common.findings import Finding
from ...module_utils.common.rules import finding


@dataclass(frozen=True)
class Problem:
    """Why a secret cannot be had; ``rule`` is SEC-001, SEC-002 or SEC-003. Never holds a value."""

    rule: str
    message: str
    remedy: str

    def at(self, place: str) -> Finding:
        return finding(self.rule, place, self.message, self.remedy)


@dataclass(frozen=True)
class Request:
    """What is asked of a source, which has a subclass of its own; ``source`` is the source's name."""

    source: ClassVar[str] = ""


@dataclass(frozen=True)
class Form:
    """What a key's value is to look like: a keystore of ``kind``, or its ``password``; ``variable``: it becomes the value of one."""

    what: str
    kind: str
    password: bool = False
    variable: bool = False


@dataclass(frozen=True)
class Need:
    """A secret an instance needs: ``name`` as in the spec (``key.bls.keystore``), ``place`` where the inventory asks for it.

    ``request`` is a ``Request``, whose fields its source alone knows.
    ``line``: the newline at its end is no part of it (passwords, options); ``form``: what a key's value is to look like.
    """

    instance: str
    name: str
    place: str
    request: Any
    line: bool = False
    form: Form | None = None


def text_of(value: Any) -> str | None:
    """What a store keeps under a name, as text: a text, a whole number, or a keystore that is kept as JSON. ``None`` for what JSON may have
    changed (1.10 is 1.1 to it) or what is no one value."""
    if isinstance(value, str):
        return value
    if isinstance(value, Mapping):
        return json.dumps(value, separators=(",", ":"))
    whole = isinstance(value, int) and not isinstance(value, bool)
    return str(value) if whole and abs(value) < 1 << 53 else None


def no_text(what: str, value: Any) -> Problem:
    """Why ``text_of`` had none."""
    kind = "true or false" if isinstance(value, bool) else "a list" if isinstance(value, list) else "a number that JSON may have changed"
    return Problem("SEC-003", f"{what} is {kind}, not a text", "Store it in quotes, as text.")


def without_newline(text: str) -> str:
    """A password or option as it is meant: editors and ``echo`` end a file with a newline, nobody types one."""
    return text.removesuffix("\n").removesuffix("\r")


class SecretValue:
    """A secret given in clear; only ``reveal`` hands it out, no text form, pickle or comparison of this object does."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        return self._value

    def __repr__(self) -> str:
        return "SecretValue(***)"

    def __reduce__(self) -> Any:
        raise TypeError("a secret value is not to be stored")
