# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which backups hosts have."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def backup_rows(results: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """One row a backup: ``host``, ``repository``, and what instance_backup says of it. ``results``: host -> its result."""
    return [
        {"host": host, "repository": entry.get("repository"), **item}
        for host, result in sorted(results.items())
        for entry in result.get("instances") or ()
        for item in entry.get("backups") or ()
    ]
