# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What to write in place of what was written, where it is plain what is meant: each takes a text and returns a remedy, or ``None``."""

from __future__ import annotations

import re
from collections.abc import Callable

from ...module_utils.common.names import is_name, is_version

Remedy = Callable[[str], "str | None"]

_UNITS = {"s": 1, "sec": 1, "second": 1, "m": 60, "min": 60, "minute": 60, "h": 3600, "hr": 3600, "hour": 3600, "d": 86_400, "day": 86_400}
_SPAN = re.compile(r"([0-9]{1,9})(?:\.0+)? *([a-z]+?)s?(?![a-z])")
_SIZE = re.compile(r"([1-9][0-9]{0,14}) *([bkmg])i?b?\Z", re.IGNORECASE)
_SHARE = re.compile(r"([0-9]+)(?:[.,]([0-9]+))? *(m|cpus?|cores?)?\Z", re.IGNORECASE)


def nothing(_text: str) -> str | None:
    return None


def version(text: str) -> str | None:
    """A version that lacks nothing but its ``v``."""
    wanted = f"v{text.removeprefix('V')}"
    return _write(wanted) if is_version(wanted) and not is_version(text) else None


def name(text: str) -> str | None:
    """``OP_1`` is ``op-1``."""
    wanted = re.sub(r"[ _.]", "-", text.strip().lower())
    return _write(wanted) if is_name(wanted) and wanted != text else None


def one_of(*words: str) -> Remedy:
    """A word in other letters."""
    return lambda text: _write(text.strip().lower()) if text.strip().lower() in words and text not in words else None


def seconds(low: int, high: int) -> Remedy:
    """``5m`` is 300."""

    def remedy(text: str) -> str | None:
        spans = _SPAN.findall(text.lower())
        if not spans or _SPAN.sub("", text.lower()).strip() or any(unit not in _UNITS for _number, unit in spans):
            return None
        found = sum(int(number) * _UNITS[unit] for number, unit in spans)
        return _write(str(found)) if low <= found <= high else None

    return remedy


def size(text: str) -> str | None:
    """``2 GiB`` is ``2g``."""
    match = _SIZE.match(text.strip())
    return _write(f"{match[1]}{match[2].lower()}") if match else None


def processors(text: str) -> str | None:
    """``500m`` and ``0,5`` are ``0.5``."""
    match = _SHARE.match(text.strip())
    if match is None:
        return None
    number = float(f"{match[1]}.{match[2] or 0}") / (1000 if match[3] in ("m", "M") else 1)
    return _write(f"{number:g}") if 0 < number <= 4096 else None


def switch(text: str) -> str | None:
    """``"yes"`` in quotes is a text."""
    words = {"yes": "true", "true": "true", "on": "true", "no": "false", "false": "false", "off": "false"}
    return _write(words[text.lower()]) if text.lower() in words else None


def hexadecimal(text: str) -> str | None:
    """Digits in large letters, where their number is right."""
    return _write(text.lower()) if re.fullmatch(r"[0-9a-fA-F]{40}|[0-9a-fA-F]{64}", text) and text != text.lower() else None


def _write(text: str) -> str:
    return f"Write {text}."
