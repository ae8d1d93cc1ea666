# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Hides secret values in texts of others: engine messages, container logs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

from .contents import visible_form

MASK = "********"
# A shorter text is no secret, and hiding it would garble every message.
_SHORTEST = 4
_SHORTEST_PART = 16


class Mask:
    """Callable: a text without any of the values, as they are, as JSON and Python write them, or in part."""

    def __init__(self, values: Iterable[str]) -> None:
        found: set[str] = set()
        for value in values:
            found.update(form for form in _forms(value) if len(form) >= _SHORTEST)
        self._forms = sorted(found, key=len, reverse=True)

    def __call__(self, text: str) -> str:
        for form in self._forms:
            text = text.replace(form, MASK)
        return text

    def deep(self, value: Any) -> Any:
        """The same for nested data."""
        if isinstance(value, str):
            return self(value)
        if isinstance(value, dict):
            return {name: self.deep(item) for name, item in value.items()}
        return [self.deep(item) for item in value] if isinstance(value, (list, tuple)) else value


def _forms(value: str) -> Iterator[str]:
    value = visible_form(value)
    yield value
    yield value.strip()
    yield json.dumps(value)[1:-1]
    yield json.dumps(value, ensure_ascii=False)[1:-1]
    yield repr(value)[1:-1]
    if "\n" in value:
        yield from (line.strip() for line in value.splitlines() if len(line.strip()) >= _SHORTEST_PART)
    if value[:1] in ("{", "["):
        try:
            content = json.loads(value)
            # Of a keystore the public id may be read by anybody, the encrypted part may not.
            secret = (content.get("crypto") or content.get("Crypto") or content) if isinstance(content, dict) else content
            yield from (leaf for leaf in _leaves(secret) if len(leaf) >= _SHORTEST_PART)
        except (ValueError, RecursionError):
            return


def _leaves(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from _leaves(item)
    elif isinstance(value, list):
        for item in value:
            yield from _leaves(item)
