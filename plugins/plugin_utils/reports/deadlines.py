# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Until when a node has to be upgraded, as its package says it, and how long that is. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from ...module_utils.common.rules import finding

# From when on it is said in a finding, and from when on it is urgent.
_NEAR, _URGENT = timedelta(days=14), timedelta(days=3)


def told(place: str, times: Iterable[str], now: datetime) -> dict[str, Any]:
    """``upgrade_before``, the earliest of the times (ISO 8601, with an offset), ``time_left`` in words, and ``findings`` (UPG-003). All of
    them empty where there is none."""
    known = sorted((datetime.fromisoformat(time), time) for time in times)
    if not known:
        return {"upgrade_before": None, "time_left": None, "findings": []}
    until, text = known[0]
    left = until - now
    words = f"passed {_span(-left)} ago" if left <= timedelta() else f"in {_span(left)}"
    found = []
    if left <= _NEAR:
        how = (
            "its network has moved on"
            if left <= timedelta()
            else "there is time for one try"
            if left <= _URGENT
            else "its network moves on"
        )
        found = [finding("UPG-003", place, f"has to be upgraded before {text} ({words}): {how}").as_dict()]
    return {"upgrade_before": text, "time_left": words, "findings": found}


def _span(span: timedelta) -> str:
    hours = int(span.total_seconds() // 3600)
    return f"{span.days} days" if span.days > 1 else f"{hours} h" if hours else f"{int(span.total_seconds() // 60)} min"
