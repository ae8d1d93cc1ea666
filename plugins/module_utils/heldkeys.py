# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Keys an instance has had until now, whatever becomes of it in this run: nobody else may start with them meanwhile."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def held(instance: str, state: Mapping[str, Any] | None) -> dict[str, Any]:
    """``id``, ``state`` and ``keystores`` as in a result, from what the host recorded."""
    known = state or {}
    gone = known.get("phase") == "absent"
    return {
        "id": instance,
        "state": "absent" if gone else "started",
        "keystores": {} if gone else known.get("keys") or {},
    }
