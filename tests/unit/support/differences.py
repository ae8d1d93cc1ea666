# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where two pieces of nested data differ."""

from __future__ import annotations

from typing import Any


def differences(found: Any, wanted: Any, place: str = "") -> list[str]:
    if isinstance(found, dict) and isinstance(wanted, dict):
        names = sorted({*found, *wanted}, key=str)
        return [line for name in names for line in differences(found.get(name), wanted.get(name), f"{place}/{name}")]
    return [] if found == wanted else [f"{place}: {found!r}, not {wanted!r}"]
