# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A line of what a bench prints."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """``value`` and ``budget`` share ``unit``; a row within its budget is ``ok``."""

    what: str
    value: float
    budget: float
    unit: str
    detail: str

    @property
    def ok(self) -> bool:
        return self.value <= self.budget

    def __str__(self) -> str:
        return f"{'ok  ' if self.ok else 'OVER'}  {self.value:8.2f} <= {self.budget:<5g}{self.unit:8}  {self.what}  ({self.detail})"
