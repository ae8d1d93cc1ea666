# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which images of a host nobody needs, and whose they are; who is in doubt is left alone."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..common.findings import WARNING, Finding
from ..common.rules import finding
from ..docker.engine import REMOVAL, Engine
from ..docker.references import repository_of, tag_of
from .records import Once, Records


@dataclass(frozen=True)
class OldImage:
    """``names``: all it has, each of them ours; ``size`` in bytes, of all its layers: those it shares with another image stay."""

    id: str
    names: tuple[str, ...]
    size: int
    instances: tuple[str, ...]


@dataclass(frozen=True)
class Unused:
    """``kept``: image -> why it stays though nobody runs it."""

    images: tuple[OldImage, ...]
    kept: Mapping[str, str]


def unused_images(engine: Engine, records: Records) -> Unused:
    """Images that instances used once, that no container of the host uses, running or not, and that nothing installed would go back to."""
    if not records.once:
        return Unused((), {})
    known = engine.images([*records.once, *records.needed])
    taken = {str(item.get("Image")) for item in engine.inspect(one["id"] for one in engine.everything())}
    taken |= {str(known[name]["Id"]) for name in records.needed if name in known}
    by_id: dict[str, dict[str, Once]] = {}
    for name, once in sorted(records.once.items()):
        if name in known and known[name]["Id"] not in taken:
            by_id.setdefault(str(known[name]["Id"]), {})[name] = once
    images, kept, registries = [], {}, _Registries(engine)
    for ident, ours in by_id.items():
        image = known[next(iter(ours))]
        names = _names(image)
        why = _whose(names, ours, records) or registries.doubt(ours)
        if why:
            kept[next(iter(ours))] = why
            continue
        instances = sorted({instance for once in ours.values() for instance in once.instances})
        images.append(OldImage(ident, tuple(names), int(image.get("Size") or 0), tuple(instances)))
    return Unused(tuple(images), kept)


def _names(image: Mapping[str, Any]) -> list[str]:
    """Tags first: with the last of them the engine lets go of digests by itself."""
    return [str(name) for kind in ("RepoTags", "RepoDigests") for name in image.get(kind) or () if not str(name).startswith("<none>")]


def _whose(names: list[str], ours: Mapping[str, Once], records: Records) -> str:
    """Why an image is not ours to remove, empty where it is."""
    if records.unreadable:
        return f"it may be needed by {', '.join(records.unreadable)}, whose record cannot be read"
    if not any("@sha256:" in name for name in ours):
        return "it came from no registry, and could not be had again"
    repositories = {repository_of(name) for name in ours if "@" in name}
    tags = {_tagged(reference) for once in ours.values() for reference in once.references}
    others = [name for name in names if (repository_of(name) not in repositories if "@" in name else _tagged(name) not in tags)]
    return f"it also has the name {', '.join(others)}, which is not ours" if others else ""


@dataclass
class _Registries:
    """Whether an image could be had again. That it has a digest says so, but where the engine keeps images in containerd's store: there
    what was built on the host has one, too, and the registry is asked."""

    engine: Engine
    _own: bool | None = field(default=None)

    def doubt(self, names: Mapping[str, Once]) -> str:
        """Why an image is perhaps nowhere else, empty where it is."""
        if self._own is None:
            info = json.loads(self.engine.ask(["info", "--format", "{{json .}}"]) or "{}")
            self._own = any("io.containerd.snapshotter" in str(pair) for pair in info.get("DriverStatus") or ())
        wanted = [name for name in names if "@" in name] if self._own else []
        if not wanted or any(self.engine.run(["manifest", "inspect", "--verbose", "--", name]).code == 0 for name in wanted):
            return ""
        return "its registry does not say that it still has it, and what was built on the host looks the same"


def _tagged(reference: str) -> tuple[str, str | None]:
    name = reference.partition("@")[0]
    return repository_of(name), tag_of(name) or (None if "@" in reference else "latest")


def remove_image(engine: Engine, image: OldImage) -> Finding | None:
    """Take its names away, never by force; what the engine then still refuses (somebody has just begun to use it) stays, and is told."""
    for name in image.names:
        if not engine.images([name]):
            continue
        done = engine.run(["image", "rm", "--", name], timeout=REMOVAL)
        if done.code and engine.images([name]):
            return finding("OPS-005", name, f"the engine does not remove it: {done.message}", severity=WARNING)
    return None
