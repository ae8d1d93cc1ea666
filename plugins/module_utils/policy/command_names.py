# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a package's commands ask for and its compose file does not have (rule CMD-001): told before somebody needs the command."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from ..common import command_mounts
from ..common.findings import WARNING, Finding
from ..common.rules import finding
from ..common.spec import InstanceSpec
from ..docker.model import Model, services

_NONE = "none"


def unknown_names(spec: InstanceSpec, model: Model, inactive: Collection[str] = ()) -> Iterator[Finding]:
    """A warning for each: the node runs without its commands. ``inactive``: services of compose profiles that are not chosen."""
    there: dict[str, set[str]] = {
        "service": {*services(model), *inactive},
        # Compose has one of its own where a service names none.
        "network": {*(model.get("networks") or {}), "default", _NONE},
        "mounts": set(model.get("volumes") or {}),
    }
    for name, command in sorted(spec.commands.items()):
        if not isinstance(command, Mapping):
            continue
        volumes = [one.source for one in map(command_mounts.read, command.get("mounts") or ()) if one is not None and not one.is_folder]
        asked: dict[str, list[Any]] = {"service": [command.get("service")], "network": [command.get("network")], "mounts": volumes}
        for field, wanted in asked.items():
            for one in wanted:
                if one is not None and str(one) not in there[field]:
                    names = ", ".join(sorted(there[field])) or "none"
                    message = f"there is no {'volume' if field == 'mounts' else field} {one}; the package has {names}"
                    yield finding("CMD-001", f"{spec.id}: commands.{name}.{field}", message, "Correct the name.", severity=WARNING)
