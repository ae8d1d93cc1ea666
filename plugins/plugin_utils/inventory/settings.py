# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The variables beside the list of instances, checked on the controller before a host is asked anything."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ...module_utils.common.findings import Finding
from ...module_utils.common.rules import finding
from ..parsing import corrections
from ..parsing.report import shown
from ..secrets.sources import OFFERED

_LONGEST = 86_400
_seconds_meant = corrections.seconds(0, _LONGEST)
_YES, _NO = ("yes", "true", "on", "1", "y", "t"), ("no", "false", "off", "0", "n", "f")


class _Wrong(Exception):
    """Says what was wanted."""


def _word(*words: str) -> Callable[[Any], str]:
    def check(value: Any) -> str:
        if value not in words:
            raise _Wrong(" or ".join(words))
        return str(value)

    return check


def _seconds(value: Any) -> int:
    try:
        number = int(value) if isinstance(value, (int, str)) and not isinstance(value, bool) else -1
    except ValueError:
        number = -1
    if not 0 <= number <= _LONGEST:
        raise _Wrong(f"a number of seconds (0-{_LONGEST})")
    return number


def _switch(value: Any) -> bool:
    low = str(value).lower()
    if low not in (*_YES, *_NO):
        raise _Wrong("true or false")
    return low in _YES


# Variables of the roles, playbooks and sources of secrets whose names begin with `avs_`.
VARIABLES = (
    *("avs_instances", "avs_taps", "avs_lock_timeout", "avs_image_policy", "avs_artifact_redirects", "avs_stop_timeout", "avs_renew"),
    *("avs_cache_dir", "avs_hosts_group", "avs_serial", "avs_max_fail_percentage", "avs_become", "avs_status_fail", "avs_status_ids"),
    *("avs_uninstall", "avs_uninstall_confirm", "avs_purge", "avs_verify", "avs_logs", "avs_logs_since", "avs_logs_tail"),
    *("avs_stop", "avs_stop_key", "avs_stop_all", "avs_stop_confirm", "avs_stop_reason", "avs_connect_timeout"),
    *("avs_start", "avs_start_all", "avs_restart", "avs_restart_all", "avs_restart_confirm"),
    *("avs_backup", "avs_backup_all", "avs_backup_repository", "avs_backup_password", "avs_backup_classes", "avs_backup_acknowledged"),
    *(
        "avs_backup_copies",
        "avs_backup_keep",
        "avs_backup_max_stop",
        "avs_backup_prove",
        "avs_backup_prove_copies",
        "avs_backup_schedule",
        "avs_backup_schedules",
        "avs_backup_random_delay",
        "avs_backup_poll",
        "avs_backup_verify",
        "avs_restore",
        "avs_restore_confirm",
        "avs_restore_backup",
        "avs_restore_from",
        "avs_backups_from",
        "avs_restore_acknowledged",
        "avs_restore_to",
        "avs_restore_owners",
        "avs_ack_old_host_dead",
        "avs_ack_backups_left",
        "avs_start_take_back",
        "avs_upgrade",
        "avs_upgrade_all",
        "avs_upgrade_acknowledged",
        "avs_upgrade_chain",
        "avs_upgrade_poll",
        "avs_rollback",
        "avs_rollback_from",
        "avs_rollback_confirmed",
    ),
    *("avs_wave", "avs_max_unavailable", "avs_rollout_soak", "avs_rollout_at_once", "avs_rollout_folder", "avs_rollout_report"),
    *("avs_rollout_without_canary",),
    *("avs_plugin", "avs_plugin_ids", "avs_plugin_args", "avs_plugin_confirmed", "avs_plugin_poll"),
    *("avs_prune_confirm", "avs_prune_format", "avs_prune_file"),
    *(
        f"avs_{playbook}_{what}"
        for playbook in ("status", "plan", "outdated", "packages", "backups")
        for what in ("format", "query", "file")
    ),
    *("avs_outdated_ids", "avs_outdated_fail", "avs_package", "avs_profile", "avs_package_version", "avs_packages_hosts"),
    # The last two are artifacts of a job, which a workflow hands to the next one.
    *("avs_playbook", "avs_artifacts", "avs_report", "avs_summary"),
    *(name for source in OFFERED.values() for name in source.variables),
)
# Option of the module -> the roles' variable, and its values.
_TABLE: Mapping[str, tuple[str, Callable[[Any], Any]]] = {
    "lock_timeout": ("avs_lock_timeout", _seconds),
    "image_policy": ("avs_image_policy", _word("tag", "digest")),
    "artifact_redirects": ("avs_artifact_redirects", _word("public", "any")),
    "stop_timeout": ("avs_stop_timeout", _seconds),
    "renew": ("avs_renew", _switch),
}


def checked(given: Mapping[str, Any]) -> tuple[dict[str, Any], list[Finding]]:
    """The settings in their final form, and a finding (INV-001) for each that is none; what is not of the table passes as it is."""
    values: dict[str, Any] = {}
    findings = []
    for name, value in given.items():
        if name not in _TABLE:
            values[name] = value
            continue
        variable, check = _TABLE[name]
        if value is None:
            continue
        try:
            values[name] = check(value)
        except _Wrong as wanted:
            remedy = _seconds_meant(str(value)) if check is _seconds else None
            findings.append(finding("INV-001", variable, f"{shown(value)} is not {wanted}", remedy or f"Correct {variable}: {wanted}."))
    return values, findings


def misspelt(names: Iterable[str]) -> list[Finding]:
    """A warning for each variable that does nothing and is nearly one of ours."""
    found = []
    # A host has thousands of variables, and few of them begin like ours.
    for name in sorted(name for name in names if name.startswith("avs") and name not in VARIABLES):
        close = difflib.get_close_matches(name, VARIABLES, n=1, cutoff=0.85)
        if close:
            found.append(
                finding("INV-004", name, f"is no variable of this collection (did you mean {close[0]}?)", f"Rename it to {close[0]}.")
            )
    return found
