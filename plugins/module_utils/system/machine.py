# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which machine this is."""

from __future__ import annotations

import hashlib
import re
import socket

from . import files


def identity(path: str = "/etc/machine-id") -> str:
    """A digest of the id systemd gave it, which itself is nobody's else to know; empty where it has none."""
    try:
        known = files.read(path).strip()
    except OSError:
        return ""
    return hashlib.sha256(b"restaking.avs machine " + known).hexdigest() if known else ""


def mark() -> str:
    """By what its work is told from that of other machines: what it calls itself, and a digest of that with its id. Copies of one machine have its id,
    and a name of their own. Letters, digits and ``._-:`` alone."""
    name = socket.gethostname()
    digest = hashlib.sha256(f"{identity()}\0{name}".encode()).hexdigest()
    return f"{re.sub(r'[^A-Za-z0-9._-]', '-', name)[:60]}:{digest[:24]}"
