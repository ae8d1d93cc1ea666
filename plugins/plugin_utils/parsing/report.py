# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Collects findings about one file, so that a parser can go on after the first problem."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ...module_utils.common.findings import Finding, errors_of
from ...module_utils.common.harmless import bounded
from ...module_utils.common.rules import finding
from .plain import Odd
from .text import scrub

_SHOWN = 120


def shown(value: Any) -> str:
    """A value as an error text shows it: short, on one line, unmistakable, credentials of a URL removed."""
    if value is None or isinstance(value, bool):
        # As YAML writes them, which is what its author looks for.
        return {None: "null", True: "true", False: "false"}[value]
    text = scrub(ascii(value) if isinstance(value, str) and not value.isprintable() else repr(value))
    return bounded(text, _SHOWN)


_KINDS = ((bool, "boolean"), (str, "text"), ((int, float), "number"), (Mapping, "mapping"), (Sequence, "list"))


def kind_of(value: Any) -> str:
    """What a value is in the words of the format, whatever subclass Ansible made of it."""
    if isinstance(value, Odd):
        return value.kind
    return next((kind for types, kind in _KINDS if isinstance(value, types)), "null" if value is None else "value")


def path_of(parent: str, key: str | int) -> str:
    """``options`` + ``2`` -> ``options[2]``; ``options[2]`` + ``type`` -> ``options[2].type``."""
    if isinstance(key, int):
        return f"{parent}[{key}]"
    return f"{parent}.{key}" if parent else key


def did_you_mean(name: object, known: Iterable[str]) -> str:
    """`` (did you mean default?)`` for a name that is nearly a known one, else nothing."""
    close = difflib.get_close_matches(str(name), list(known), n=1)
    return f" (did you mean {close[0]}?)" if close else ""


@dataclass(frozen=True)
class Rules:
    """Which rule speaks of a wrong type, a missing field, an unknown field."""

    type: str = "PKG-002"
    missing: str = "PKG-004"
    unknown: str = "PKG-003"


class Report:
    """Findings of one file; ``file`` is its path as a reader of the package knows it."""

    def __init__(self, file: str, rules: Rules = Rules()) -> None:
        self.file = file
        self.rules = rules
        self.findings: list[Finding] = []

    def add(self, rule: str, field: str, message: str, remedy: str | None = None, severity: str | None = None) -> None:
        place = ": ".join(part for part in (self.file, field) if part)
        self.findings.append(finding(rule, place, message, remedy, severity))

    def has_errors(self, field: str) -> bool:
        """Whether anything at or below a field was found wrong, so that what refers to it cannot be judged."""
        place = f"{self.file}: {field}" if self.file else field
        return any(item.place == place or item.place.startswith((f"{place}.", f"{place}[")) for item in errors_of(self.findings))

    def unknown_fields(self, data: Mapping[str, Any], known: Iterable[str], field: str = "") -> None:
        """One finding for each key the format does not know."""
        names = list(known)
        for key in data:
            if key not in names:
                remedy = f"Remove it, or use one of: {', '.join(names)}."
                message = f"is not a field of the format{did_you_mean(key, names)}"
                self.add(self.rules.unknown, path_of(field, str(key)), message, remedy)
