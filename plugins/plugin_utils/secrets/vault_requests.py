# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is asked of a KV version 2 store, and what it says of a version."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from .base import Request


@dataclass(frozen=True, order=True)
class SecretPath:
    """One secret of a KV version 2 store; ``version`` 0 means the newest."""

    mount_point: str
    path: str
    version: int = 0

    def __str__(self) -> str:
        return f"{self.mount_point}/{self.path}" + (f" version {self.version}" if self.version else "")


@dataclass(frozen=True, order=True)
class SecretRequest(Request):
    """One field of one secret. ``encoding`` is ``base64`` where the field holds bytes in that form."""

    source: ClassVar[str] = "vault"

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


def vault_request(reference: Mapping[str, Any], field: str, encoding: str = "") -> SecretRequest:
    """The request of a checked inventory reference (``source: vault``)."""
    path = SecretPath(reference.get("mount_point") or "secret", reference["path"].strip("/"), reference.get("version") or 0)
    return SecretRequest(path, field, encoding)
