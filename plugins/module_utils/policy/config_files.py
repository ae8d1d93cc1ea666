# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Configuration files a package wants values merged into (``configs`` of runtime.yml)."""

from __future__ import annotations

import json
import posixpath
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Callable

from ..common.findings import Finding
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
        try:
            given = read(path)
            base = {} if given is None else json.loads(given.decode("utf-8"))
        except (OSError, ValueError) as error:
            findings.append(finding("PKG-016", place, f"the file of the package is not JSON: {error}"))
            continue

        def filled(value: Any, path: str = path) -> Any:
            if isinstance(value, str):
                return values[names[path, value]]
            if isinstance(value, Mapping):
                return {name: filled(item) for name, item in value.items()}
            return [filled(item) for item in value] if isinstance(value, list) else value

        content = merged(base, filled(config.merge))
        secret = secrets_in(content, tokens)
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
        found[posixpath.normpath(path)] = json.dumps(content, indent=2) + "\n"
    return found, findings


def merged(base: Any, changes: Any) -> Any:
    """Objects are merged name by name, anything else is replaced."""
    if isinstance(base, Mapping) and isinstance(changes, Mapping):
        return {**base, **{name: merged(base.get(name), value) for name, value in changes.items()}}
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
