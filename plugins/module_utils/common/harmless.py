# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Text of strangers on its way to a person: what would move a terminal's cursor, or hide, is shown as an escape.

Every edge that shows a text passes it through here: messages, findings, warnings, steps, diffs, errors of lookups, tables. Data that
machines read on (ids, options, digests) is left as it is: changed, it would no longer be what the package says.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

# Control characters but tab and newline, lone surrogates, line and paragraph separators, and all that Unicode calls a format character or
# ignorable by default: overrides of direction, joiners, fillers, variation selectors, tags; and what is no character at all, which XML has no form for.
_HARMFUL = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u034f\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u115f\u1160\u17b4\u17b5\u180b-\u180f"
    "\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ud800-\udfff\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\ufffe\uffff\ufdd0-\ufdef"
    "\U000110bd\U000110cd\U00013430-\U0001345f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
    "\U0001fffe\U0001ffff\U0002fffe\U0002ffff\U0003fffe\U0003ffff\U0004fffe\U0004ffff\U0005fffe\U0005ffff"
    "\U0006fffe\U0006ffff\U0007fffe\U0007ffff\U0008fffe\U0008ffff\U0009fffe\U0009ffff\U000afffe\U000affff"
    "\U000bfffe\U000bffff\U000cfffe\U000cffff\U000dfffe\U000dffff\U000efffe\U000effff\U000ffffe\U000fffff"
    "\U0010fffe\U0010ffff]"
)
_TEXTS = ("place", "message", "remedy")


def harmless(text: str) -> str:
    """The text with ``\\x1b``, ``\\u202e`` and the like where such characters stood. Newlines and tabs stay, and so do all letters."""
    return _HARMFUL.sub(_escape, text.replace("\r\n", "\n"))


def bounded(text: str, width: int) -> str:
    """As much of one text as does not drown what stands beside it."""
    return text if len(text) <= width else f"{text[:width]}..."


def harmless_deep(value: Any) -> Any:
    """The same for all texts in nested data; names of fields too."""
    if isinstance(value, str):
        return harmless(value)
    if isinstance(value, Mapping):
        return {harmless_deep(name): harmless_deep(item) for name, item in value.items()}
    return [harmless_deep(item) for item in value] if isinstance(value, (list, tuple)) else value


def shown_findings(findings: Any) -> list[dict[str, Any]]:
    """Findings as a result carries them: their texts harmless, whatever else a dictionary holds left alone."""
    return [{name: harmless_deep(value) if name in _TEXTS else value for name, value in dict(item).items()} for item in findings or ()]


def shown_entry(entry: Mapping[str, Any]) -> dict[str, Any]:
    """An instance's part of a result: what it says of errors, health and findings is text to be shown, the rest is data."""
    shown = dict(entry)
    for name in ("drift", "error", "health"):
        if shown.get(name):
            shown[name] = harmless_deep(shown[name])
    if shown.get("findings"):
        shown["findings"] = shown_findings(shown["findings"])
    return shown


def _escape(match: re.Match[str]) -> str:
    code = ord(match.group())
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
