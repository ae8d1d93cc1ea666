# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a node has stored where an upgrade leaves it behind: in the writable layer of its containers, and in volumes without a name
(docs/decisions/predecessor.md)."""

from __future__ import annotations

import os
import posixpath
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from ..common.findings import Finding
from ..common.rules import finding
from ..docker.containers import Container
from ..docker.engine import Engine
from ..policy.unnamed_volumes import is_unnamed

# What a start makes, or what is gone with any restart of a host: no data.
PASSING = ("/tmp", "/run", "/var/run", "/var/tmp", "/var/cache", "/var/log", "/dev", "/proc", "/sys", "/root/.cache")
# Where the engine mounts its init (`init: true`): the file it lies over is in the container's layer, and not among its mounts.
_INIT = tuple(f"{folder}/docker-init" for folder in ("/sbin", "/usr/sbin", "/bin", "/usr/bin"))
_MOST = 5


def left_behind(engine: Engine, instance: str, containers: Sequence[Container], acknowledged: Collection[str] = ()) -> list[Finding]:
    """A finding for each service that has something there. ``acknowledged``: ``service:path`` of what may go."""
    found: list[Finding] = []
    for item in sorted(engine.inspect(one.id for one in containers), key=_service_of):
        service = _service_of(item)
        places = [*_written(engine, item), *_unnamed(item)]
        left = [path for path in places if not _is_acknowledged(service, path, acknowledged)]
        if left:
            shown = ", ".join(left[:_MOST]) + (f" and {len(left) - _MOST} more" if len(left) > _MOST else "")
            message = f"{shown} of service {service} is in its container alone, and would be lost"
            names = ", ".join(f"{service}:{path}" for path in left[:_MOST])
            remedy = f"Have the package give it a volume; or, if it may go, name it in avs_upgrade_acknowledged ({names})."
            found.append(finding("UPG-011", f"{instance}: services.{service}", message, remedy))
    return found


def _service_of(inspected: Mapping[str, Any]) -> str:
    return str(((inspected.get("Config") or {}).get("Labels") or {}).get("avs.service") or inspected.get("Name") or "")


def _written(engine: Engine, inspected: Mapping[str, Any]) -> list[str]:
    """Paths of the writable layer, the outermost of each. Raises ``HostError`` where the engine does not say."""
    if (inspected.get("HostConfig") or {}).get("ReadonlyRootfs"):
        return []
    mounted = [posixpath.normpath(str(mount.get("Destination"))) for mount in inspected.get("Mounts") or ()]
    mounted += [posixpath.normpath(path) for path in (inspected.get("HostConfig") or {}).get("Tmpfs") or ()]
    changed = [line.partition(" ") for line in engine.ask(["diff", "--", str(inspected["Id"])]).splitlines()]
    added = [path for kind, _space, path in changed if kind == "A" and not _is_spared(path, mounted)]
    # What only changed is a file, unless something below it is named: of a folder that is all there is to it.
    touched = [path for kind, _space, path in changed if kind == "C" and not _is_spared(path, mounted)]
    files = [path for path in touched if not any(other.startswith(f"{path.rstrip('/')}/") for _kind, _space, other in changed)]
    return _outermost([*added, *files])


def _is_spared(path: str, mounted: Iterable[str]) -> bool:
    """Whether nothing at a path is data: it passes, or is a mount, or leads to one."""
    if path in _INIT or any(path == place or path.startswith(f"{place}/") for place in (*PASSING, *mounted)):
        return True
    return any(place.startswith(f"{path.rstrip('/')}/") for place in mounted)


def _outermost(paths: Iterable[str]) -> list[str]:
    found: list[str] = []
    for path in sorted(paths):
        if not found or not path.startswith(f"{found[-1].rstrip('/')}/"):
            found.append(path)
    return found


def _unnamed(inspected: Mapping[str, Any]) -> list[str]:
    """Where volumes without a name are that hold something."""
    mounts = [mount for mount in inspected.get("Mounts") or () if mount.get("Type") == "volume" and is_unnamed(str(mount.get("Name")))]
    return sorted(str(mount.get("Destination")) for mount in mounts if _holds_something(str(mount.get("Source") or "")))


def _holds_something(folder: str) -> bool:
    """What cannot be looked into is not known to be empty."""
    try:
        return bool(os.listdir(folder))
    except FileNotFoundError:
        return False
    except OSError:
        return True


def _is_acknowledged(service: str, path: str, acknowledged: Collection[str]) -> bool:
    places = [place.rstrip("/") for own, _colon, place in (one.partition(":") for one in acknowledged) if own == service]
    return any(path == place or path.startswith(f"{place}/") for place in places)
