# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Locks in repositories: whose they are."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from typing import Any


def said(lock: Mapping[str, Any] | None) -> str:
    """Whose it is, in words."""
    if lock is None:
        return "somebody, who cannot be read"
    return f"process {lock.get('pid')} of {lock.get('hostname')} since {str(lock.get('time'))[:19]}Z"


def is_dead(lock: Mapping[str, Any]) -> bool:
    """Whether a lock is of a process of this host that is gone. One whose number another program has by now is gone as well."""
    if lock.get("hostname") != socket.gethostname():
        return False
    try:
        with open(f"/proc/{int(lock['pid'])}/comm", encoding="utf-8", errors="replace") as handle:
            return handle.read().strip() != "restic"
    except FileNotFoundError:
        return True
    except (OSError, KeyError, TypeError, ValueError):
        return False
