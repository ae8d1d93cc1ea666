# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Users, groups and rights the engine does not take (rule PKG-020): moby's ``user``, capabilities(7). Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from ..common.spec import Privileges
from .exceptions import capability

Problem = tuple[str, str, str]

_LAST = 2**31 - 1
# capabilities(7), as of Linux 5.9; there has been none since.
_CAPABILITIES = frozenset((
    "ALL", "AUDIT_CONTROL", "AUDIT_READ", "AUDIT_WRITE", "BLOCK_SUSPEND", "BPF", "CHECKPOINT_RESTORE", "CHOWN", "DAC_OVERRIDE",
    "DAC_READ_SEARCH", "FOWNER", "FSETID", "IPC_LOCK", "IPC_OWNER", "KILL", "LEASE", "LINUX_IMMUTABLE", "MAC_ADMIN", "MAC_OVERRIDE", "MKNOD",
    "NET_ADMIN", "NET_BIND_SERVICE", "NET_BROADCAST", "NET_RAW", "PERFMON", "SETFCAP", "SETGID", "SETPCAP", "SETUID", "SYSLOG", "SYS_ADMIN",
    "SYS_BOOT", "SYS_CHROOT", "SYS_MODULE", "SYS_NICE", "SYS_PACCT", "SYS_PTRACE", "SYS_RAWIO", "SYS_RESOURCE", "SYS_TIME",
    "SYS_TTY_CONFIG", "WAKE_ALARM",
))  # fmt: skip


def judge_users(service: Mapping[str, Any], stated: Privileges | None) -> Iterator[Problem]:
    """``stated``: the service's privileges in ``runtime.yml``, ``None`` where it names none; they win over the compose file's."""
    user = str((stated and stated.user) or service.get("user") or "")
    for part in user.split(":"):
        if _beyond(part):
            yield "user", f"{part} is not within 0 and {_LAST}", "Correct it."
    for group in service.get("group_add") or ():
        if _beyond(str(group)):
            yield "group_add", f"{group} is not within 0 and {_LAST}", "Correct it."
    for name in (service.get("cap_add") if stated is None else stated.cap_add) or ():
        if capability(name) not in _CAPABILITIES:
            yield "cap_add", f"{name} is no capability of Linux", "Correct it."


def _beyond(text: str) -> bool:
    return re.fullmatch(r"-?[0-9]+", text) is not None and (len(text) > 10 or not 0 <= int(text) <= _LAST)
