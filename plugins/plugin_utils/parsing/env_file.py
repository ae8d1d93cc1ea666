# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reads compose's ``.env`` dialect, and the references compose interpolates. Only to judge a package: the host resolves with compose itself."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping

# A chain of variables that double each other must not outgrow what a process can be handed, nor many of them together our memory.
MAX_VALUE = 131_071
MAX_TOTAL = 8 << 20

_LINE = re.compile(r"[ \t]*(?:export[ \t]+)?(?P<name>[A-Za-z_][A-Za-z0-9_.-]*)[ \t]*(?P<mark>[=:])[ \t]*(?P<rest>.*)", re.DOTALL)
# Compose takes what follows the mark for a value even where it begins with a #, as in `KEY= # comment`.
_COMMENT = re.compile(r"[ \t]#.*\Z")
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", '"': '"', "\\": "\\", "$": "$$"}
_REFERENCE = re.compile(r"\$(?:\$|(?P<bare>[A-Za-z_][A-Za-z0-9_]*)|\{(?P<braced>[A-Za-z_][A-Za-z0-9_]*)(?P<operator>:?[-+?])?)")


class Outgrown(Exception):
    """Variables that multiply each other have become more than ``MAX_TOTAL`` characters."""


class Budget:
    """Characters that may still be filled in. ``take`` raises ``Outgrown`` when there are none left."""

    def __init__(self, left: int = MAX_TOTAL) -> None:
        self._left = left

    def take(self, text: str | None) -> str | None:
        self._left -= len(text or "")
        if self._left < 0:
            raise Outgrown
        return text


def parse_env(data: bytes) -> dict[str, str]:
    """Variable -> value as written, quotes removed; references stay, a literal ``$`` reads ``$$``. Lines that set nothing are passed over."""
    values: dict[str, str] = {}
    lines = iter(data.decode("utf-8", "replace").removeprefix("\ufeff").replace("\r\n", "\n").split("\n"))
    for line in lines:
        match = _LINE.match(line)
        if match is None or line.lstrip().startswith("#"):
            continue
        rest = match["rest"]
        quote = rest[:1]
        if quote in ("'", '"'):
            body = _quoted(rest[1:], quote, lines)
            values[match["name"]] = body.replace("$", "$$") if quote == "'" else _unescape(body)
        else:
            values[match["name"]] = _COMMENT.sub("", rest).strip()
    return values


def _quoted(first: str, quote: str, lines: Iterator[str]) -> str:
    """What stands between two quotes, which may be lines apart; no character is looked at twice. A quote that is never closed ends with
    the file."""
    parts = [first]
    end = _closing(first, quote)
    while end is None:
        following = next(lines, None)
        if following is None:
            return "\n".join(parts)
        # A backslash at the end of a line takes the line break.
        end = _closing(following, quote)
        parts.append(following)
    return "\n".join([*parts[:-1], parts[-1][:end]])


def _closing(body: str, quote: str) -> int | None:
    escaped = False
    for position, char in enumerate(body):
        if escaped:
            escaped = False
        elif char == "\\":
            escaped = True
        elif char == quote:
            return position
    return None


def _unescape(body: str) -> str:
    return re.sub(r"\\(.)", lambda match: _ESCAPES.get(match[1], match[0]), body, flags=re.DOTALL)


def references(text: str) -> dict[str, bool]:
    """Variables a text refers to -> whether compose needs a value from elsewhere (no default, no alternative beside it)."""
    found: dict[str, bool] = {}
    for match in _REFERENCE.finditer(text):
        name = match["bare"] or match["braced"]
        if name:
            found[name] = found.get(name, False) or match["operator"] in (None, ":?", "?")
    return found


def resolve_env(raw: Mapping[str, str], overrides: Mapping[str, str]) -> dict[str, str]:
    """The final value of every variable: ``overrides`` literally, the rest chained to earlier lines as compose chains them.

    Raises ``Outgrown``.
    """
    values: dict[str, str] = {}
    budget = Budget()
    for name, text in raw.items():
        values[name] = overrides[name] if name in overrides else budget.take(interpolate(text, values)) or ""
    return {**overrides, **values}


def interpolate(text: str, values: Mapping[str, str], depth: int = 8, unset: str | None = None) -> str | None:
    """The text with its references filled as compose does, or ``None`` where that needs a value nobody gives. ``unset`` stands in for a
    variable without one; compose takes it for empty."""
    result, position, length = [], 0, 0
    while True:
        match = _REFERENCE.search(text, position)
        if match is None:
            break
        result.append(text[position : match.start()])
        position = match.end()
        name = match["bare"] or match["braced"]
        if not name:
            result.append("$")
            continue
        filled = values.get(name, None if match["operator"] else unset)
        if match["braced"]:
            end = closing_brace(text, position)
            if end is None or depth <= 0:
                return None
            filled = _operate(filled, match["operator"], text[position:end], lambda word: interpolate(word, values, depth - 1, unset))
            position = end + 1
        if filled is None:
            return None
        # Thousands of references to one long value must not be put together first.
        length += len(filled)
        if length > MAX_VALUE:
            return None
        result.append(filled)
    result.append(text[position:])
    joined = "".join(result)
    return joined if len(joined) <= MAX_VALUE else None


def closing_brace(text: str, position: int) -> int | None:
    """Where the brace before ``position`` is closed."""
    level = 1
    for index in range(position, len(text)):
        if text[index] == "{":
            level += 1
        elif text[index] == "}":
            level -= 1
            if not level:
                return index
    return None


def _operate(value: str | None, operator: str | None, word: str, fill: Callable[[str], str | None]) -> str | None:
    """One reference with compose's operators: ``-`` default, ``+`` alternative, ``?`` required; the colon counts empty as unset. ``fill``
    fills the references in the word behind the operator."""
    if operator is None:
        return None if word else value
    missing = value is None or (operator.startswith(":") and value == "")
    if operator.endswith("-"):
        return fill(word) if missing else value
    if operator.endswith("+"):
        return "" if missing else fill(word)
    return None if missing else value
