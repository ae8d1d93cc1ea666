# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a row of the table of compose settings is."""

from __future__ import annotations

from dataclasses import dataclass

from .setting_values import Allowed

# In a path: an entry whose name somebody chose, an item of a list.
NAMED, ITEM = ".*", "[]"


@dataclass(frozen=True)
class Setting:
    """``path`` as in ``services.*.ports[].target``; ``why`` these values; ``becomes`` what the policy makes of it, kept where empty."""

    path: str
    allowed: Allowed
    why: str
    becomes: str = ""
