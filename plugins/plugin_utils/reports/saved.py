# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which backups hosts have, and what a backup, a proof and a restore came to."""

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


def came_to(entry: Mapping[str, Any], check: bool = False) -> list[str]:
    """Lines on what was made, or put back, for an entry of instance_backup or instance_restore; none for any other."""
    lines = []
    made, back = entry.get("backup"), entry.get("restored")
    if isinstance(made, Mapping) and "added" in made:
        lines.append(f"backup {made.get('id')} of {_size(made, 'size')}, {_size(made, 'added')} of them new; {_down(made)}")
        kept = {**(made.get("omitted") or {}), **(made.get("left") or {})}
        lines += [f"not in it: {name} ({why})" for name, why in sorted(kept.items())]
        lines += [f"copied to {name}: {', '.join(ids) or 'nothing new'}" for name, ids in sorted((made.get("copies") or {}).items())]
        lines += [f"removed because it is not kept: {one}" for one in made.get("removed") or ()]
    if isinstance(back, Mapping):
        lines.append(f"{'would put back' if check else 'put back'} backup {back.get('id')} of {str(back.get('time'))[:19]}Z")
    lines += [f"what was there is kept, and the next restore refused: {path}" for path in (entry.get("replaced") or {}).values()]
    return lines


def proved(entry: Mapping[str, Any]) -> list[str]:
    """Lines on what was proven."""
    made = entry.get("backup")
    if entry.get("error") or not isinstance(made, Mapping):
        return ["it was not proven, as its task says"]
    return [f"backup {made.get('id')} was restored aside and is what was saved: {made.get('files')} files, {_size(made, 'size')}"]


def _size(made: Mapping[str, Any], name: str) -> str:
    return f"{int(made.get(name) or 0) / (1 << 20):.1f} MiB"


def _down(made: Mapping[str, Any]) -> str:
    return f"{made.get('seconds')} s of copying while it was down"
