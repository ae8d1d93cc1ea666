# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether what variables of backups hold can be an option's value: a host would refuse it by the option's name, which is in no inventory."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ansible.module_utils.common.validation import check_type_dict, check_type_int, check_type_list

from ...module_utils.common.errors import InputError
from ...module_utils.common.rules import finding
from ..parsing.plain import plain

_TABLE = "is no table of names and values"
_LIST = "is no list"
_NUMBER = "is no whole number"
# Option of the modules -> the variable, what the module reads it by, and what is wrong where that cannot.
_TYPES: Mapping[str, tuple[str, Callable[[Any], Any], str]] = {
    "ids": ("avs_backup", check_type_list, _LIST),
    "classes": ("avs_backup_classes", check_type_dict, _TABLE),
    "acknowledged": ("avs_backup_acknowledged", check_type_dict, _TABLE),
    "backups_left": ("avs_ack_backups_left", check_type_list, _LIST),
    "keep": ("avs_backup_keep", check_type_dict, _TABLE),
    "schedules": ("avs_backup_schedules", check_type_dict, _TABLE),
    "owners": ("avs_restore_owners", check_type_dict, _TABLE),
    "max_stop": ("avs_backup_max_stop", check_type_int, _NUMBER),
    "prove": ("avs_backup_prove", check_type_int, _NUMBER),
    "prove_copies": ("avs_backup_prove_copies", check_type_int, _NUMBER),
    "random_delay": ("avs_backup_random_delay", check_type_int, _NUMBER),
    "lock_timeout": ("avs_lock_timeout", check_type_int, _NUMBER),
    "stop_timeout": ("avs_stop_timeout", check_type_int, _NUMBER),
}
_OF_RESTORES = {"acknowledged": ("avs_restore_acknowledged", check_type_list, _LIST)}


def require_types(arguments: Mapping[str, Any], restores: bool) -> None:
    """Raises ``InputError`` (INV-001) with all that are none. ``restores``: the options are those of a restore."""
    problems = []
    for name, (variable, check, wrong) in {**_TYPES, **(_OF_RESTORES if restores else {})}.items():
        value = plain(arguments.get(name))
        try:
            if value is not None:
                check(value)
        except (TypeError, ValueError):
            problems.append(finding("INV-001", variable, wrong, f"Correct {variable} (docs/backup.md)."))
    if problems:
        raise InputError("variables of backups are not as they should be", problems)
