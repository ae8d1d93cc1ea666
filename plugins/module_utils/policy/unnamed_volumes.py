# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Volumes nobody gave a name (rule PKG-022): the engine makes a new one with every new container, unless compose hands it on."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ..common.findings import Finding
from ..common.rules import finding
from ..docker.model import Model, services

# What the engine calls them: no volume of a compose file has such a name, which begins with the project's.
_UNNAMED = re.compile(r"[0-9a-f]{64}\Z")


def is_unnamed(volume: str) -> bool:
    return _UNNAMED.match(volume) is not None


def unnamed_of(inspected: Iterable[Mapping[str, Any]]) -> list[str]:
    """Names of the volumes without a name that containers, as the engine describes them, are using."""
    mounts = (mount for container in inspected for mount in container.get("Mounts") or ())
    return sorted({str(mount.get("Name")) for mount in mounts if mount.get("Type") == "volume" and is_unnamed(str(mount.get("Name")))})


def unnamed(place: str, service: str, target: str, of: str = "") -> Finding:
    """``of``: whose wish it is, where it is not the compose file's."""
    message = f"data in {target} of service {service} has no name{of}: it is lost to the node when the container is removed"
    return finding("PKG-022", place, message)


def judge_image_volumes(instance: str, model: Model, volumes: Mapping[str, Iterable[str]]) -> Iterator[Finding]:
    """``volumes``: image as the vendor names it -> folders for which it asks for a volume. Those that something is mounted on are none
    of the image's any more."""
    known = services(model)
    for name, service in known.items():
        covered = set(_covered(service))
        for origin in service.get("volumes_from") or ():
            covered.update(_covered(known.get(str(origin).partition(":")[0]) or {}))
        image = str(service.get("image") or "")
        for target in sorted({posixpath.normpath(target) for target in volumes.get(image, ())} - covered):
            yield unnamed(f"{instance}: services.{name}.image", name, target, f" ({image} makes a volume of it)")


def _covered(service: Mapping[str, Any]) -> Iterator[str]:
    for mount in service.get("volumes") or ():
        yield posixpath.normpath(str(mount.get("target")))
    tmpfs = service.get("tmpfs") or ()
    for text in [tmpfs] if isinstance(tmpfs, str) else tmpfs:
        yield posixpath.normpath(str(text).partition(":")[0])
