# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every setting of a compose file against one table: what is not in it, and values it does not allow, are refused. Pure.

The rows are in ``settings_of_services`` and ``settings_of_sections``; ``docs/security/compose-settings.md`` is made of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ..common.findings import Finding
from ..common.rules import finding
from ..docker.model import Model
from .exceptions import Grants, granted
from .setting_values import REMOVE, About, Problem, pairs
from .settings_of_sections import SECTIONS
from .settings_of_services import SERVICES
from .settings_table import ITEM, NAMED, Setting

TABLE: dict[str, Setting] = {row.path: row for row in (*SECTIONS, *SERVICES)}
# Rows whose children are named by somebody (networks, options), and those whose children are items of a list.
_MAPPINGS = frozenset(path[: -len(NAMED)] for path in TABLE if path.endswith(NAMED))
_LISTS = frozenset(path.partition(ITEM)[0] for path in TABLE if ITEM in path)


def judge_settings(instance: str, model: Model, allowed: Grants) -> Iterator[Finding]:
    """A finding for every setting or value that is not allowed, at its place: ``<instance>: services.node.logging``."""
    for section, value in model.items():
        if section.startswith("x-"):
            continue
        if section not in TABLE:
            yield finding("PRIV-002", f"{instance}: {section}", f"{section} is not a setting known to be safe", REMOVE)
        elif section + NAMED not in TABLE:
            for place, problem in _walk(section, section, value, About(model, {})):
                yield _verdict(f"{instance}: {place}", problem, {})
        else:
            for name, entry in (value or {}).items():
                about = About(model, entry or {}, str(name))
                lifted = allowed.get(str(name), {}) if section == "services" else {}
                for place, problem in _walk(section + NAMED, f"{section}.{name}", entry, about):
                    yield _verdict(f"{instance}: {place}", problem, lifted)


def _verdict(place: str, problem: Problem, lifted: Mapping[str, str]) -> Finding:
    if problem.grant:
        return granted(place, problem.grant, problem.message, lifted)
    return finding(problem.rule, place, problem.message, problem.remedy)


def _walk(path: str, place: str, value: Any, about: About) -> Iterator[tuple[str, Problem]]:
    """``path`` is the row, ``place`` where the value stands."""
    row = TABLE[path]
    if value is None:
        return
    yield from ((place, problem) for problem in row.allowed.judge(value, about))
    if row.allowed.whole:
        return
    if path in _MAPPINGS:
        for name, entry in pairs(value).items():
            yield from _walk(path + NAMED, f"{place}.{name}", entry, About(about.model, about.owner, name))
    elif path in _LISTS and isinstance(value, (list, tuple)):
        for entry in value:
            # Short forms (`8080:80`) say the same as the long ones; compose writes them out before a host judges them.
            if isinstance(entry, Mapping):
                yield from _fields(path + ITEM, place, entry, about)
    elif isinstance(value, Mapping):
        yield from _fields(path, place, value, about)


def _fields(path: str, place: str, value: Mapping[str, Any], about: About) -> Iterator[tuple[str, Problem]]:
    if path in TABLE and path.endswith(ITEM):
        yield from ((place, problem) for problem in TABLE[path].allowed.judge(value, about))
    for field, entry in value.items():
        # Some releases of compose print the names of its own source (`Path` for `path`).
        known = next((name for name in (f"{path}.{field}", f"{path}.{str(field).lower()}") if name in TABLE), None)
        if known is not None:
            yield from _walk(known, f"{place}.{field}", entry, about)
        elif not str(field).startswith("x-"):
            yield f"{place}.{field}", Problem(f"{field} is not a setting known to be safe")
