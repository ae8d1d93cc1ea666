# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""When an instance is backed up by itself: the timer of systemd its host has for that is all that says so."""

from __future__ import annotations

import os

from ..system import files

FOLDER = "/etc/systemd/system"
_CALENDAR = "OnCalendar="


def timer_of(instance: str) -> str:
    return f"avs-backup@{instance}.timer"


def service_of(instance: str) -> str:
    return f"avs-backup@{instance}.service"


def schedule_of(instance: str, folder: str = "") -> str:
    """When, as ``OnCalendar`` has it; empty where it is not, or nobody can tell."""
    try:
        lines = files.read(os.path.join(folder or FOLDER, timer_of(instance))).decode().splitlines()
    except (OSError, ValueError):
        return ""
    return next((line[len(_CALENDAR) :] for line in lines if line.startswith(_CALENDAR)), "")
