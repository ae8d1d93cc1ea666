# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which machine this is."""

from __future__ import annotations

import hashlib

from . import files


def identity(path: str = "/etc/machine-id") -> str:
    """A digest of the id systemd gave it, which itself is nobody's else to know; empty where it has none."""
    try:
        known = files.read(path).strip()
    except OSError:
        return ""
    return hashlib.sha256(b"restaking.avs machine " + known).hexdigest() if known else ""
