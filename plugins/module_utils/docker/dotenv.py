# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Values into a compose-dialect ``.env``, in place.

The statement rules follow compose's own reader (the ``dotenv`` package of compose-go): quoted values may span lines,
``=`` or ``:`` separates, an unquoted value ends at `` #`` or the end of its line.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

_BLANK = "\t\v\f\r \x85\xa0"
_NEWLINE = "\n"
_EXPORT = re.compile(r"export[\t\v\f\r\n \x85\xa0]+")
_ESCAPED = {"\\": "\\\\", '"': '\\"', "$": "\\$", "\n": "\\n", "\r": "\\r"}


@dataclass(frozen=True)
class Statement:
    """``text[start:end]`` is what stands behind the name: separator and value, without blanks and comments around them."""

    name: str
    start: int
    end: int


def quote(value: str) -> str:
    """The double-quoted form compose reads back as ``value``, on one line. NUL cannot be written: ``ValueError``."""
    if "\0" in value:
        raise ValueError("a variable cannot hold NUL")
    return '"' + "".join(_ESCAPED.get(char, char) for char in value) + '"'


def assign(text: str, values: Mapping[str, str]) -> str:
    """``text`` with every statement that sets one of ``values`` changed in place; nothing is appended."""
    parts = []
    done = 0
    for statement in statements(text):
        if statement.name in values:
            parts += [text[done : statement.start], "=", quote(values[statement.name])]
            done = statement.end
    return "".join([*parts, text[done:]])


def append(text: str, values: Mapping[str, str]) -> str:
    """``text`` with one line a value behind it, sorted by name."""
    if not values:
        return text
    lines = [f"{name}={quote(value)}\n" for name, value in sorted(values.items())]
    newline = "" if not text or text.endswith("\n") else "\n"
    return text + newline + "".join(lines)


def put(texts: Mapping[str, str], values: Mapping[str, str]) -> dict[str, str]:
    """Files (name -> text, in compose's order) with ``values`` in place; what none of them sets is appended to the last."""
    known = {statement.name for text in texts.values() for statement in statements(text)}
    changed = {name: assign(text, values) for name, text in texts.items()}
    last = list(changed)[-1]
    changed[last] = append(changed[last], {name: value for name, value in values.items() if name not in known})
    return changed


def names(text: str) -> list[str]:
    """Variables a file sets, in order."""
    return [statement.name for statement in statements(text)]


def statements(text: str) -> list[Statement]:
    """All statements; stops where compose itself gives up (it then says so better than we could)."""
    return _read(text)[0]


def problem(text: str) -> str | None:
    """Why compose refuses a file, in its words, for who has no compose to ask."""
    found, why = _read(text)
    if why is not None:
        return why
    for statement in found:
        if any(char in _BLANK for char in statement.name):
            return f"line {text.count(_NEWLINE, 0, statement.start) + 1}: key cannot contain a space"
        if not statement.name or "\0" in text[statement.start : statement.end]:
            return "setenv: invalid argument"
    return None


def _read(text: str) -> tuple[list[Statement], str | None]:
    found: list[Statement] = []
    position = 1 if text.startswith("\ufeff") else 0
    while True:
        position = _statement_start(text, position)
        if position >= len(text):
            return found, None
        match = _EXPORT.match(text, position)
        name_start = match.end() if match else position
        separator = _separator(text, name_start)
        if separator is None:
            return found, f"line {text.count(_NEWLINE, 0, name_start) + 1}: unexpected character in variable name"
        name = text[name_start:separator].rstrip()
        name_end = name_start + len(name)
        if separator == len(text) or text[separator] == "\n":
            # A name alone takes its value from the environment, which is empty here.
            found.append(Statement(name, name_end, name_end))
            position = separator + 1
            continue
        start = _skip_blanks(text, separator + 1)
        quoted = text[start : start + 1] in ("'", '"')
        end = _quote_end(text, start) if quoted else _value_end(text, start)
        if end is None:
            return found, f"line {text.count(_NEWLINE, 0, start) + 1}: unterminated quoted value"
        found.append(Statement(name, name_end, end))
        position = end if quoted else _line_end(text, end)


def _statement_start(text: str, position: int) -> int:
    while position < len(text):
        if text[position].isspace() or text[position] in _BLANK:
            position += 1
        elif text[position] == "#":
            position = _line_end(text, position)
        else:
            break
    return position


def _separator(text: str, position: int) -> int | None:
    """Where the name ends; ``None`` for a character no name has."""
    while position < len(text):
        char = text[position]
        if char in "=:\n":
            return position
        if not (char in _BLANK or char in "_.-[]" or char.isalpha() or char.isnumeric()):
            return None
        position += 1
    return position


def _quote_end(text: str, position: int) -> int | None:
    """Behind the quote that closes the one at ``position``; ``None`` where it is never closed."""
    mark = text[position]
    position += 1
    while position < len(text):
        if text[position] == mark:
            return position + 1
        position += 2 if text[position] == "\\" else 1
    return None


def _value_end(text: str, position: int) -> int:
    """End of an unquoted value, its comment and the blanks before it left out."""
    line = text[position : _line_end(text, position)]
    comment = 0 if line.startswith("#") else line.find(" #")
    value = line if comment < 0 else line[:comment]
    return position + len(value.rstrip())


def _skip_blanks(text: str, position: int) -> int:
    while position < len(text) and text[position] in _BLANK:
        position += 1
    return position


def _line_end(text: str, position: int) -> int:
    end = text.find("\n", position)
    return len(text) if end < 0 else end
