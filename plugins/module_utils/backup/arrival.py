# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What came from another host and is not installed yet: what it is of, and whether it may start."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from ..common.errors import HostError
from ..common.findings import Finding
from ..common.rules import finding
from ..instance.store import InstanceStore
from ..system import files
from . import settings
from .origin import Origin
from .volumes import CACHE, DATA, FOLDER, MONOTONIC, Item

_VOLUME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")


@dataclass(frozen=True)
class Arrival:
    """``package`` and ``version`` the data is of, ``keys``: whether the node signs; ``origin`` as a document."""

    backup: str
    package: str
    version: str
    keys: bool
    origin: Mapping[str, str]


def of(manifest: Mapping[str, Any]) -> Arrival:
    package = manifest.get("package") or {}
    known = [(manifest.get(part) or {}).get("keys") for part in ("spec", "state") if manifest.get(part) is not None]
    # One of which nothing tells that it has none may have some.
    keys = any(known) or not known
    origin = Origin.of(manifest).as_dict()
    return Arrival(str(manifest["id"]), str(package.get("name") or ""), str(package.get("version") or ""), keys, origin)


def note(own: InstanceStore, arrived: Arrival) -> None:
    own.make()
    files.folder(settings.folder(own), 0o700)
    files.write_json(own.arrived_file, {"schema": 1, **asdict(arrived)})


def noted(own: InstanceStore) -> Arrival | None:
    """Raises ``HostError`` (OPS-010) where it cannot be used: nobody knows then whether the node may start."""
    try:
        found = files.read_json(own.arrived_file)
        if found is None:
            return None
        words = str(found["backup"]), str(found["package"]), str(found["version"])
        return Arrival(*words, bool(found["keys"]), dict(found["origin"]))
    except (OSError, ValueError, KeyError, TypeError):
        message = f"{own.arrived_file} cannot be used, and tells what was restored here from another host"
        remedy = "Remove the instance with its data (restaking.avs.uninstall, purge), and restore again."
        raise HostError(f"{own.id}: {message}", [finding("OPS-010", own.id, message, remedy)]) from None


def require_version(instance: str, arrived: Arrival, name: str, version: str) -> None:
    """Data of another version may be nothing the installed one can read. Raises ``HostError`` (BAK-003)."""
    if (arrived.package, arrived.version) != (name, version):
        message = f"the backup is of {arrived.package} {arrived.version or 'without a version'}, the entry is of {name} {version or 'without one'}"
        remedy = f"Write version: {arrived.version} in its entry; upgrade it once it runs." if arrived.version else "Use the same package."
        raise HostError(f"{instance}: {message}", [finding("BAK-003", instance, message, remedy)])


def require_plain(instance: str, items: Sequence[Item]) -> None:
    """Names and paths of a manifest become names and paths of this host. Raises ``HostError`` (BAK-003)."""
    for item in items:
        kind, _slash, key = item.name.partition("/")
        sound = item.name == FOLDER or (kind == "volumes" and _VOLUME.fullmatch(key) and _VOLUME.fullmatch(item.volume))
        if not sound or not item.path.startswith("/") or os.path.normpath(item.path) != item.path or item.path == "/":
            message = f"the backup has {item.name!r} of {item.path!r}, which is none of a node's"
            raise HostError(f"{instance}: {message}", [finding("BAK-003", instance, message, "Restore another one.")])


def outdated(items: Sequence[Item], fresh: bool) -> dict[str, str]:
    """Name -> class, of what a node would lack that was written after the backup, or was not in it. ``fresh``: nothing was written after.
    What is a cache it makes again."""
    found = {item.name: item.cls for item in items if item.cls != DATA}
    found.update({f"{item.name}/{name}": cls for item in items for name, cls in item.inner.items() if cls not in (DATA, CACHE)})
    return {name: cls for name, cls in found.items() if not (fresh and cls == MONOTONIC)}


def why_not(arrived: Arrival, own: Origin, old: Mapping[str, Any], dead: object) -> list[Finding]:
    """Why it may not start here. ``own``: this host; ``old``: what its old host said (``down``, and who that is); ``dead``: hosts that are
    named so."""
    origin = Origin.of(arrived.origin)
    if not arrived.keys or origin.is_that(own):
        return []
    answered = Origin.of(old).is_that(origin)
    if answered:
        return [] if old.get("down") else [finding("KEY-013", origin.name, f"{origin.name} answers, and did not give it up")]
    if origin.is_named(dead):
        return []
    said = str(old.get("problem") or "it was not asked")
    message = f"its old host {origin.name} has not confirmed that it is down there and its keys are gone: {said}"
    return [finding("KEY-013", origin.name, message)]
