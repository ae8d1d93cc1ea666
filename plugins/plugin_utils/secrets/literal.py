# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Values that stand in the inventory itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from .base import Problem, Request, SecretValue
from .source import Reference, Unnumbered


@dataclass(frozen=True)
class LiteralRequest(Request):
    """A value that stands in the inventory itself."""

    source: ClassVar[str] = "inventory"

    value: SecretValue

    def __str__(self) -> str:
        return "a value in the inventory"


class Literal(Unnumbered):
    """No entry names it by ``source``: what is no reference is a value."""

    name = LiteralRequest.source
    about = "the inventory"

    @classmethod
    def of_option(cls, reference: Reference, owner: str) -> LiteralRequest:
        raise NotImplementedError

    @classmethod
    def of_key(cls, reference: Reference, owner: str, opaque: bool, line: bool) -> tuple[LiteralRequest, None]:
        raise NotImplementedError

    def value(self, request: LiteralRequest) -> str | Problem:
        return request.value.reveal()
