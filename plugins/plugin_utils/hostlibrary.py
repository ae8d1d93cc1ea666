# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The copy of the library a host keeps (``module_utils/library.py``): its name, how it is started, what it said."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..module_utils.library import FOLDER

# What a shell ends with that finds no such program, or one it cannot start.
_MISSING = (126, 127)
_START = (
    "if [ -x {path} ]; then {path}; else (exit 127); fi; code=$?; "
    # What nobody reads would look like a broken connection.
    'if [ "$code" = 126 ] || [ "$code" = 127 ]; then cat >/dev/null; fi; exit "$code"'
)


def copy_name(interpreter: str) -> str:
    """Of the copy of this very library for a Python the inventory names: other code, other name."""
    digest = hashlib.sha256(interpreter.encode())
    for path in sorted((Path(__file__).parents[1] / "module_utils").glob("*.py")):
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return f"avsctl-{digest.hexdigest()[:16]}.pyz"


def start(name: str) -> str:
    """A command for the host's shell that starts the copy, or reads its input and ends as if there was none."""
    return _START.format(path=f"{FOLDER}/{name}")


def said(done: Mapping[str, Any]) -> dict[str, Any] | None:
    """The result a finished command printed last, ``None`` where it printed none."""
    for line in reversed(done["stdout"].splitlines()):
        if line.startswith("{"):
            try:
                result: dict[str, Any] = json.loads(line)
            except ValueError:
                return None
            return result
    return None


def died(done: Mapping[str, Any], name: str) -> dict[str, Any]:
    """A result for a command that printed none: what is known of it."""
    last = (str(done["stderr"]).strip() or "no message").splitlines()[-1]
    return {"failed": True, "msg": f"{FOLDER}/{name} ended with {done['rc']}: {last}"}


def is_missing(done: Mapping[str, Any]) -> bool:
    """Whether there is no copy, or none this host can start."""
    return done["rc"] in _MISSING
