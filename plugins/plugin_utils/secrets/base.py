# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is asked of a secret source, and how it answers without showing a value."""

from __future__ import annotations

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
