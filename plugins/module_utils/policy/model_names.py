# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Names in a model that become part of paths, names and command lines (rule PKG-005). Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ..common.findings import Finding
from ..common.names import is_part
from ..common.rules import finding
from ..docker.model import Model, services

_REMEDY = "Use letters, digits and `._-`, beginning with a letter, a digit or `_`."


def judge_names(instance: str, model: Model) -> Iterator[Finding]:
    """Services, networks, volumes, configs and secrets, and what they call each other."""
    for section in ("services", "networks", "volumes", "configs", "secrets"):
        for name, entry in (model.get(section) or {}).items():
            yield from _judge(f"{instance}: {section}.{name}", name)
            called = (entry or {}).get("name")
            if called and section in ("networks", "volumes") and entry.get("external"):
                yield from _judge(f"{instance}: {section}.{name}.name", called)
    for name, service in services(model).items():
        for field in ("depends_on", "networks"):
            yield from _used(f"{instance}: services.{name}.{field}", service.get(field))


def _used(place: str, names: Any) -> Iterator[Finding]:
    for name in names if isinstance(names, (Mapping, list)) else ():
        yield from _judge(place, name)


def _judge(place: str, name: Any) -> Iterator[Finding]:
    if not is_part(name):
        yield finding("PKG-005", place, f"{name!r} cannot be part of a path or a command", _REMEDY)
