# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is asked of a secret source, and how it answers without showing a value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ...module_utils.common.findings import Finding
from ...module_utils.common.rules import finding

if TYPE_CHECKING:
    pass


@dataclass(frozen=True, order=True)
class SecretPath:
    """One secret of a KV version 2 store; ``version`` 0 means the newest."""

    mount_point: str
    path: str
    version: int = 0

    def __str__(self) -> str:
        return f"{self.mount_point}/{self.path}" + (f" version {self.version}" if self.version else "")


@dataclass(frozen=True, order=True)
class SecretRequest:
    """One field of one secret. ``encoding`` is ``base64`` where the field holds bytes in that form."""

    path: SecretPath
    field: str
    encoding: str = ""

    def __str__(self) -> str:
        return f"field {self.field} of {self.path}"


@dataclass(frozen=True)
class SecretIdentity:
    """A secret's version as its store numbers it.

    ``created`` is the store's time of that version: after a secret was deleted with its history and written anew, the numbers start
    again, and only the time tells the two apart.
    """

    number: int
    created: str

    def as_text(self, store: str, request: SecretRequest) -> str:
        """``vault:<store>:<mount>/<path>#<number>@<created>:<field>``: compared as a whole, never taken apart."""
        text = f"vault:{store}:{request.path.mount_point}/{request.path.path}#{self.number}@{self.created}:{request.field}"
        return f"{text}:{request.encoding}" if request.encoding else text


@dataclass(frozen=True)
class Problem:
    """Why a secret cannot be had; ``rule`` is SEC-001, SEC-002 or SEC-003. Never holds a value."""

    rule: str
    message: str
    remedy: str

    def at(self, place: str) -> Finding:
        return finding(self.rule, place, self.message, self.remedy)


@dataclass(frozen=True)
class FileRequest:
    """A file on the controller, as the inventory names it; of a password's file the newline at the end is no part. An ``opaque`` one
    may hold any bytes."""

    path: str
    password: bool = False
    opaque: bool = False

    def __str__(self) -> str:
        return self.path


@dataclass(frozen=True)
class LiteralRequest:
    """A value that stands in the inventory itself."""

    value: SecretValue

    def __str__(self) -> str:
        return "a value in the inventory"


Request = SecretRequest | FileRequest | LiteralRequest


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

    ``line``: the newline at its end is no part of it (passwords, options); ``form``: what a key's value is to look like.
    """

    instance: str
    name: str
    place: str
    request: Request
    line: bool = False
    form: Form | None = None


def vault_request(reference: Mapping[str, Any], field: str, encoding: str = "") -> SecretRequest:
    """The request of a checked inventory reference (``source: vault``)."""
    path = SecretPath(reference.get("mount_point") or "secret", reference["path"].strip("/"), reference.get("version") or 0)
    return SecretRequest(path, field, encoding)


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
