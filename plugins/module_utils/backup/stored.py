# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What an instance has stored, by its name and class."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any

from ..docker.engine import Engine
from ..docker.model import map_texts
from ..instance.state import State
from ..instance.store import InstanceStore
from ..policy.mounts import below
from ..policy.unnamed_volumes import is_unnamed
from ..system import files
from . import settings, uses
from .volumes import Plan, There, plan, require_folders


def planned(engine: Engine, own: InstanceStore, state: State, wanted: settings.Settings) -> Plan:
    """What is saved of an instance, by its name and class. Raises ``HostError`` (BAK-002, OPS-010)."""
    # As it lies there, each $ stands twice.
    model = map_texts(json.loads(own.compose_file() or "{}"), lambda text: text.replace("$$", "$"))
    names = {str((entry or {}).get("name") or key) for key, entry in (model.get("volumes") or {}).items()}
    remembered = {name for name in state.volumes if not is_unnamed(name)}
    described = [_in_place(item) for item in engine.inspect_volumes(sorted((names | remembered) & set(engine.volumes())))]
    data = os.path.realpath(own.data) if os.path.isdir(own.data) else ""
    there = There(own.id, model, described, data, (own.root, own.run), _unnamed(engine, own.id), _astray(model, own))
    return plan(there, uses.of(own.spec()), wanted.classes, wanted.acknowledged)


def to_save(engine: Engine, own: InstanceStore, state: State, wanted: settings.Settings) -> Plan:
    """The same for one who saves it: what has a class of its own below ``data/`` is what that says. Raises ``HostError`` (BAK-002, OPS-010)."""
    found = planned(engine, own, state, wanted)
    for item in found.items:
        require_folders(own.id, item, wanted.classes)
    return found


def _unnamed(engine: Engine, instance: str) -> list[str]:
    """Where containers of an instance have volumes without a name."""
    found = set()
    for item in engine.inspect(container.id for container in engine.containers(instance)):
        service = ((item.get("Config") or {}).get("Labels") or {}).get("avs.service")
        for mount in item.get("Mounts") or ():
            if mount.get("Type") == "volume" and is_unnamed(str(mount.get("Name"))):
                found.add(f"{service}:{mount.get('Destination')}")
    return sorted(found)


def _in_place(volume: Mapping[str, Any]) -> dict[str, Any]:
    return {**volume, "Mountpoint": os.path.realpath(str(volume.get("Mountpoint") or ""))}


def _astray(model: Mapping[str, Any], own: InstanceStore) -> list[str]:
    """Mounted folders below ``data/`` that are, or lie behind, a link: a backup would have the link alone."""
    found = set()
    for service in (model.get("services") or {}).values():
        for mount in service.get("volumes") or ():
            relative = below(str(mount.get("source") or ""), own.data) if mount.get("type") == "bind" else None
            if relative is not None and files.has_link(own.data, relative):
                found.add(str(mount["source"]))
    return sorted(found)
