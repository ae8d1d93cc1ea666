# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is off with an instance that was looked at: one verdict for a person on the host and for one at the controller. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ..common.words import STARTED

# In the place of a service: what was changed is none's.
FILES = "(files)"


def off(entry: Mapping[str, Any]) -> Iterator[str]:
    """A text for everything that is not as it should be. ``entry``: of ``status/read``, with its ``drift``. What is held, or stopped, is
    well as long as it is down."""
    health = entry.get("health") or {}
    to_run = entry.get("state") == STARTED and not entry.get("hold")
    if entry.get("phase") == "damaged" or (to_run and health.get("status") != "healthy"):
        yield f"is {health.get('status')}: {health.get('detail')}"
    if not to_run and any(item.get("state") == "running" for item in entry.get("containers") or ()):
        yield "is to be down, and runs"
    for item in entry.get("drift") or ():
        if item.get("service") == FILES:
            yield f"{item.get('what')}: {item.get('found')} since it was installed"
            continue
        yield f"{item.get('service')}: {item.get('what')} is {item.get('found')}, was made as {item.get('wanted')}"
