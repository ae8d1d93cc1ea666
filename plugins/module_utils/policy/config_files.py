# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Configuration files a package wants values merged into (``configs`` of runtime.yml)."""

from __future__ import annotations

import json
import math
import posixpath
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Any, Callable

from ..common.findings import WARNING, Finding
from ..common.rules import finding
from ..common.spec import Config
from ..docker.model import secrets_in


def expressions(configs: Iterable[Config]) -> dict[str, str]:
    """Every text to be merged, under a name of its own, for compose to interpolate."""
    return {name: text for _path, name, text in _texts(configs)}


def render(
    instance: str, configs: Iterable[Config], read: Callable[[str], bytes | None], values: Mapping[str, str], tokens: Mapping[str, str]
) -> tuple[dict[str, str], list[Finding]]:
    """File name -> JSON text, and what is wrong. ``read`` gives a file of the package, ``None`` where there is none, and may raise
    ``OSError``; ``values`` are the interpolated expressions."""
    findings: list[Finding] = []
    found = {}
    names = {(path, text): name for path, name, text in _texts(configs)}
    for config in configs:
        path = config.path
        place = f"{instance}: configs.{path}"
        if posixpath.normpath(path) in found:
            findings.append(finding("PKG-016", place, "another entry is of the same file", "Put what is to be merged into one entry."))
            continue
        notes: list[str] = []
        try:
            given = read(path)
            base = {} if given is None else _parsed(given, notes)
            content = merged(base, _filled(config.merge, path, values, names), notes)
            secret = secrets_in(content, tokens)
            text = json.dumps(content, indent=2) + "\n"
        except RecursionError:
            findings.append(finding("PKG-016", place, "the file of the package is nested too deeply"))
            continue
        except (OSError, ValueError) as error:
            findings.append(finding("PKG-016", place, f"the file of the package is not JSON: {error}"))
            continue
        findings += [finding("PKG-016", place, note, "Correct the package's file, or what is merged.", WARNING) for note in notes]
        if secret:
            findings.append(
                finding(
                    "PKG-016",
                    place,
                    f"{secret[0]} would be written to a file on disk",
                    "Hand the secret to the service by environment or key file.",
                )
            )
            continue
        found[posixpath.normpath(path)] = text
    return found, findings


def _filled(value: Any, path: str, values: Mapping[str, str], names: Mapping[tuple[str, str], str]) -> Any:
    if isinstance(value, str):
        return values[names[path, value]]
    if isinstance(value, Mapping):
        return {name: _filled(item, path, values, names) for name, item in value.items()}
    return [_filled(item, path, values, names) for item in value] if isinstance(value, list) else value


def _parsed(data: bytes, notes: list[str]) -> Any:
    """JSON as a node would read it. ``notes`` gets what is not written again as it stands there; what JSON has no word for raises
    ``ValueError``."""

    def pairs(items: list[tuple[str, Any]]) -> dict[str, Any]:
        together = dict(items)
        twice = (
            sorted({name for name in together if sum(name == other for other, _value in items) > 1}) if len(together) < len(items) else []
        )
        notes.extend(f"{name} stands twice in one place; the last one counts" for name in twice)
        return together

    def number(text: str) -> float:
        value = float(text)
        if math.isinf(value):
            raise ValueError(f"{text} is more than a number can be")
        if Decimal(text) != Decimal(repr(value)):
            notes.append(f"{text} becomes {value!r}")
        return value

    return json.loads(data.decode("utf-8"), object_pairs_hook=pairs, parse_float=number)


def merged(base: Any, changes: Any, notes: list[str] | None = None, path: str = "") -> Any:
    """Objects are merged name by name, anything else is replaced. ``notes`` gets where an object or a list goes for something else."""
    if isinstance(base, Mapping) and isinstance(changes, Mapping):
        inner = {name: merged(base.get(name), value, notes, f"{path}.{name}" if path else str(name)) for name, value in changes.items()}
        return {**base, **inner}
    if notes is not None and base and isinstance(base, (Mapping, list)) and type(base) is not type(changes):
        kind = "an object" if isinstance(base, Mapping) else "a list"
        notes.append(f"{path or 'the whole file'} is {kind} in the package's file, and replaced by something else")
    return changes


def _texts(configs: Iterable[Config]) -> Iterator[tuple[str, str, str]]:
    number = 0
    for config in configs:
        for text in sorted(set(_leaves(config.merge))):
            yield config.path, f"C_{number}", text
            number += 1


def _leaves(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _leaves(item)
    elif isinstance(value, list):
        for item in value:
            yield from _leaves(item)
