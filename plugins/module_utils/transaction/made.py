# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What another version has of volumes and networks that the one before had not: made before a migration needs it, gone with a way back."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from typing import Any

from ..common.findings import Finding
from ..docker.engine import REMOVAL, Engine
from ..docker.names import project
from ..instance.store import InstanceStore, left
from ..instance.transaction import Transaction
from ..reconcile.prepare import Prepared
from ..system import files
from .staying import name_of

_KINDS = ("volume", "network")
_KEY = "com.docker.compose.volume"


def creates(item: Prepared) -> bool:
    return any(action.kind in _KINDS and action.action == "create" for action in item.actions)


def of_ours(engine: Engine, own: InstanceStore) -> set[str]:
    """Volumes of an instance."""
    return {name for name, owner in engine.volumes().items() if owner == project(own.id)}


def networks(engine: Engine, own: InstanceStore) -> set[str]:
    """Those of an instance that are there, whichever version made them."""
    return {name for name, owner in engine.networks().items() if owner == project(own.id)}


def since(engine: Engine, own: InstanceStore, known: Transaction) -> set[str]:
    """Volumes that an upgrade has made."""
    return set() if known.volumes is None else of_ours(engine, own) - set(known.volumes)


def put_aside(engine: Engine, own: InstanceStore, known: Transaction, hold: tuple[int, ...]) -> tuple[dict[str, str], list[Finding]]:
    """Of a node that is down: volumes there were none of are gone, or empty where something is in them, which a second try would take for its
    own. What must not go back stays. Returns where what was in them lies (name -> path), and what could not be done: it keeps nobody down."""
    found = engine.inspect_volumes(sorted(since(engine, own, known)))
    goes = {str(one["Name"]): one for one in found if _name(one) not in known.stays}
    aside: dict[str, str] = {}
    told: list[Finding] = []
    users = _users(engine, own, goes)
    if users:
        # The version before has none of these, or makes its own anew.
        engine.run(["rm", "-f", "--", *users], timeout=REMOVAL, hold=hold)
    for name, one in goes.items():
        place = str(one.get("Mountpoint") or "")
        if not os.path.isabs(place):
            # Where it lies is known to its driver alone.
            continue
        place = os.path.realpath(place)
        beside = f"{place}.replaced-{known.name}"
        try:
            if os.path.lexists(beside) or (os.path.isdir(place) and os.listdir(place)):
                _emptied(place, beside)
                aside[_name(one)] = beside
                continue
        except OSError as error:
            told.append(left(place, f"could not be put aside: {error.strerror or error}"))
            continue
        done = engine.run(["volume", "rm", "--", name], hold=hold)
        if done.code:
            told.append(left(place, f"the volume {name} could not be removed: {done.message}"))
    return aside, told


def _name(volume: Mapping[str, Any]) -> str:
    return name_of(str((volume.get("Labels") or {}).get(_KEY) or volume.get("Name")))


def _users(engine: Engine, own: InstanceStore, volumes: Collection[str]) -> list[str]:
    """Containers of an instance that have one of these mounted: only the version that is left has."""
    there = engine.inspect(one.id for one in engine.containers(own.id)) if volumes else []
    return sorted(str(one["Id"]) for one in there if any(mount.get("Name") in volumes for mount in one.get("Mounts") or ()))


def _emptied(place: str, beside: str) -> None:
    """As the engine makes one, which gives it the owner its image has for it."""
    status = os.stat(place if os.path.lexists(place) else beside)
    if not os.path.lexists(beside):
        os.rename(place, beside)
    files.folder(place, status.st_mode & 0o7777)
    os.chown(place, status.st_uid, status.st_gid)
    files.sync_folder(os.path.dirname(place))
