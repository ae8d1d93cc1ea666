# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""After a call: the units of the instances it was about, and what is said of them in its result."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..common.errors import HostError
from ..common.findings import WARNING, Finding
from ..common.rules import finding
from ..common.words import GONE, STARTED
from ..instance.hold import MOVED
from ..status.entry import tell
from ..system.command import RunCommand
from ..system.full import os_error_text
from .units import Plan, Units


def settle(result: dict[str, Any], run_command: RunCommand, dry: bool, units: Units | None = None) -> None:
    """Have what runs come back when the host starts, and what does not, not. ``dry``: only say so. A host on which that cannot be done
    is told of, and its nodes run all the same."""
    units = units or Units()
    sound = [entry for entry in result.get("instances") or () if not entry.get("error")]
    if not sound or not units.usable():
        return
    gone = [entry for entry in sound if _is_gone(entry) and units.is_timed(entry["id"])]
    if gone:
        _drop_timers(result, gone, units, None if dry else run_command)
    plan = units.plan(
        [entry["id"] for entry in sound if entry["state"] == STARTED], [entry["id"] for entry in sound if entry["state"] != STARTED]
    )
    if plan == Plan() or not (dry or units.startable()):
        return
    if not dry:
        try:
            units.carry_out(plan, run_command)
        except (OSError, HostError) as error:
            text = error.message if isinstance(error, HostError) else os_error_text(error, units.folder)
            _say(result, sound, finding("OPS-020", "systemd", text, severity=WARNING))
            return
    if plan.write:
        # The first time this release meets the host, or its template was not as it is now: that is the collection's own affair, as the
        # program beside it is, and no change of a node.
        return
    for entry in sound:
        actions = plan.actions(entry["id"])
        if actions:
            entry["actions"] = [*entry["actions"], *(action.as_dict() for action in actions)]
            entry["changed"] = result["changed"] = True


def _is_gone(entry: Mapping[str, Any]) -> bool:
    """Whether it is not backed up here any more: it was removed, or given up to another host."""
    return entry["state"] == GONE or (entry.get("hold") or {}).get("kind") == MOVED or bool((entry.get("move") or {}).get("down"))


def _say(result: dict[str, Any], entries: list[dict[str, Any]], problem: Finding) -> None:
    tell(entries[0], [problem])
    result["findings"] = [*(result.get("findings") or ()), problem.as_dict()]


def _drop_timers(result: dict[str, Any], gone: list[dict[str, Any]], units: Units, run_command: RunCommand | None) -> None:
    """What is gone is not backed up any more; its backups stay. Without ``run_command`` it is only said."""
    from .timers import Timers

    timers = Timers(units)
    plan = timers.dropping([entry["id"] for entry in gone])
    try:
        if run_command is not None:
            timers.carry_out(plan, run_command)
    except (OSError, HostError) as error:
        text = error.message if isinstance(error, HostError) else os_error_text(error, units.folder)
        _say(result, gone, finding("OPS-020", "systemd", text, severity=WARNING))
        return
    for entry in gone:
        entry["actions"] = [*entry["actions"], *(action.as_dict() for action in plan.actions(entry["id"]))]
        entry["changed"] = result["changed"] = True
