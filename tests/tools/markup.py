# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Ansible's documentation markup as Markdown, for tables."""

from __future__ import annotations

import re
from collections.abc import Iterable

_CODE = re.compile(r"\b(?:C|V|O|E|RV)\(([^)]*)\)")
_BOLD = re.compile(r"\bB\(([^)]*)\)")
_ITALIC = re.compile(r"\bI\(([^)]*)\)")
_LINK = re.compile(r"\bL\(([^,)]*),\s*([^)]*)\)")
_URL = re.compile(r"\bU\(([^)]*)\)")
_MODULE = re.compile(r"\bM\(([^)]*)\)")
_PLUGIN = re.compile(r"\bP\(([^)#]*)#([^)]*)\)")


def markdown(text: str) -> str:
    """One line of Markdown, safe in a table cell."""
    text = _CODE.sub(r"`\1`", text)
    text = _BOLD.sub(r"**\1**", text)
    text = _ITALIC.sub(r"*\1*", text)
    text = _LINK.sub(r"[\1](\2)", text)
    text = _URL.sub(r"<\1>", text)
    text = _MODULE.sub(r"`\1`", text)
    text = _PLUGIN.sub(r"`\1` (\2)", text)
    return " ".join(text.split()).replace("|", "\\|")


def paragraph(text: str | Iterable[str] | None) -> str:
    """A description, which is a string or a list of sentences, on one line."""
    lines = [text] if isinstance(text, str) else list(text or [])
    return " ".join(markdown(line) for line in lines)


def table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)
