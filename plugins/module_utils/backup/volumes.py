# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which of an instance's volumes and folders are saved, by their class, and which are not and why. Decides; changes nothing."""

from __future__ import annotations

import os
import posixpath
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ..common.errors import HostError
from ..common.findings import Finding
from ..common.rules import finding
from ..docker.model import Model, services
from ..policy.mounts import HARMLESS, below
from ..system import files
from .uses import Use

DATA, MONOTONIC, SECRET, CACHE = "data", "monotonic", "secret", "cache"
CLASSES = (DATA, MONOTONIC, SECRET, CACHE)
SAVED = (DATA, MONOTONIC)
# Of a volume that no service of what is installed has.
UNUSED = "unused"
# The folder of an instance that holds what its package binds by relative paths.
FOLDER = "data"


@dataclass(frozen=True)
class Item:
    """Something that is saved. ``name``: ``volumes/<name in the compose file>`` or ``data``; ``path`` on this host; ``volume``: its name
    in the engine; ``inner``: folders below it that have a class of their own; ``live``: it may be copied while the node runs. Of a volume the
    package saved itself ``path`` is the folder it made in there, and ``volume_path`` the volume's own."""

    name: str
    path: str
    cls: str
    volume: str = ""
    inner: Mapping[str, str] = field(default_factory=dict)
    live: bool = False
    volume_path: str = ""

    @property
    def top(self) -> str:
        """The folder all of which a container may write, and nothing above it."""
        return self.volume_path or self.path

    def guarded(self, classes: Mapping[str, str]) -> Item:
        """With what somebody calls ``monotonic`` by now. ``classes``: volume of the compose file, or ``data/<folder>`` -> class."""
        folder, _slash, name = self.name.partition("/")
        said = [key for key, cls in classes.items() if cls == MONOTONIC]
        if self.name != FOLDER:
            return replace(self, cls=MONOTONIC) if folder == "volumes" and name in said else self
        inner = {key[len(FOLDER) + 1 :]: MONOTONIC for key in said if key.startswith(f"{FOLDER}/")}
        return replace(self, inner={**self.inner, **inner})

    @property
    def spared(self) -> list[str]:
        """Folders below it whose content is not saved."""
        return sorted(name for name, cls in self.inner.items() if cls not in SAVED)

    def as_dict(self) -> dict[str, Any]:
        live = {"live": True} if self.live else {}
        return {"name": self.name, "path": self.path, "class": self.cls, "volume": self.volume, "inner": dict(self.inner), **live}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Item:
        inner = {str(name): str(value) for name, value in (data.get("inner") or {}).items()}
        volume, live = str(data.get("volume") or ""), bool(data.get("live"))
        return cls(str(data["name"]), str(data["path"]), str(data["class"]), volume, inner, live)


@dataclass(frozen=True)
class Plan:
    """``omitted``: name -> class, of what is not saved because of its class, or ``unused``; ``left``: name -> why it cannot be saved."""

    items: Sequence[Item]
    omitted: Mapping[str, str]
    left: Mapping[str, str]
    findings: Sequence[Finding]


@dataclass(frozen=True)
class There:
    """What an instance has. ``volumes``: as the engine describes them; ``data``: its data folder, empty where there is none; ``own``:
    folders of this collection, in which no node keeps anything else; ``unnamed``: ``<service>:<folder>`` of volumes without a name;
    ``astray``: mounted folders below ``data`` that a link leads away from there."""

    instance: str
    model: Model
    volumes: Sequence[Mapping[str, Any]]
    data: str
    own: Sequence[str]
    unnamed: Sequence[str] = ()
    astray: Sequence[str] = ()


def plan(there: There, declared: Mapping[str, Use], wanted: Mapping[str, str], acknowledged: Iterable[str] = ()) -> Plan:
    """``declared`` by the package, ``wanted`` by the operator (which counts first): name -> class. A name is that of a volume in the compose
    file, or ``data/<folder>``.

    Raises ``HostError`` (BAK-002) where something cannot be saved and is not ``acknowledged``, or a class is given to what is not there.
    """
    classes = {**{name: use.cls for name, use in declared.items()}, **wanted}
    known = {key: entry or {} for key, entry in (there.model.get("volumes") or {}).items()}
    described = {str(item.get("Name")): item for item in there.volumes}
    items: list[Item] = []
    omitted: dict[str, str] = {}
    left: dict[str, str] = {}
    told: list[Finding] = []
    for key, entry in sorted(known.items()):
        name = str(entry.get("name") or key)
        cls = classes.get(key, DATA)
        why = _why_not(entry, described.get(name))
        if cls not in SAVED:
            omitted[key] = cls
        elif why:
            left[key] = why
        elif name in described:
            live = key in declared and declared[key].live
            items.append(Item(f"volumes/{key}", str(described[name]["Mountpoint"]), cls, name, live=live))
            if key not in classes:
                message = "has no class and is taken for data of the node"
                told.append(finding("BAK-001", f"{there.instance}: volumes.{key}", message))
    used = {str(entry.get("name") or key) for key, entry in known.items()}
    omitted.update({name: UNUSED for name in described if name not in used})
    inner = {key[len(FOLDER) + 1 :]: cls for key, cls in sorted(classes.items()) if key.startswith(f"{FOLDER}/")}
    if there.data:
        items.append(Item(FOLDER, there.data, DATA, inner=inner))
    left.update(dict.fromkeys(there.unnamed, "is a volume without a name, so that nothing tells where it belongs"))
    left.update(dict.fromkeys(_foreign(there), "is a folder of the host"))
    left.update(dict.fromkeys(there.astray, "is a link to somewhere else"))
    _require(there, known, wanted, inner)
    _require_acknowledged(there.instance, left, set(acknowledged))
    return Plan(items, omitted, left, told)


def _why_not(entry: Mapping[str, Any], described: Mapping[str, Any] | None) -> str:
    """Why a volume cannot be saved; empty where it can."""
    driver = str((described or {}).get("Driver") or entry.get("driver") or "local")
    options = (described or {}).get("Options") or entry.get("driver_opts") or {}
    if entry.get("external"):
        return "is external: others may use it, too"
    if driver != "local":
        return f"is kept by the plugin {driver}"
    if options:
        return f"is no folder of the engine's ({', '.join(sorted(map(str, options)))})"
    return ""


def _foreign(there: There) -> list[str]:
    """Folders of the host that a service may write to."""
    found = set()
    for service in services(there.model).values():
        for mount in service.get("volumes") or ():
            source = posixpath.normpath(str(mount.get("source") or "")) if mount.get("type") == "bind" else ""
            ours = any(below(source, folder) is not None for folder in (*there.own, there.data) if folder)
            if source and not (ours or mount.get("read_only") or source in HARMLESS or source.endswith(".sock")):
                found.add(source)
    return sorted(found)


def _require(there: There, known: Mapping[str, Any], wanted: Mapping[str, str], inner: Mapping[str, str]) -> None:
    """Of what a package declares a part may be of services that are not chosen; what an operator wants is meant."""
    problems = []
    for name, cls in sorted(wanted.items()):
        place = f"{there.instance}: classes.{name}"
        if cls not in CLASSES:
            problems.append(finding("BAK-002", place, f"{cls!r} is no class", f"Say one of {', '.join(CLASSES)}."))
        folder = name[len(FOLDER) + 1 :] if name.startswith(f"{FOLDER}/") else ""
        if folder and (posixpath.normpath(folder) != folder or folder.startswith(("../", "/")) or folder in (".", "..")):
            problems.append(finding("BAK-002", place, "is no folder below data/", "Write data/<folder>, as it is below data/ on the host."))
        if not folder and name not in known:
            have = ", ".join(sorted(known)) or "none"
            problems.append(finding("BAK-002", place, f"is no volume of this instance ({have})", "Correct the name, or take it away."))
    for name in inner:
        above = [other for other in inner if other != name and below(name, other) is not None]
        if above:
            text = f"lies in data/{above[0]}, which has a class of its own"
            problems.append(finding("BAK-002", f"{there.instance}: classes.data/{name}", text, "Give a class to one of them."))
    if problems:
        raise HostError(f"{there.instance} cannot be backed up: its classes are not as they should be", problems)


def require_folders(instance: str, item: Item, wanted: Mapping[str, str]) -> None:
    """Whether what has a class of its own below an item is a folder there, as no file can have one, and a link leaves what it leads to in the
    backup. ``wanted`` by the operator: what nobody else is to have, and what must not go back, is there under that name. Raises
    ``HostError`` (BAK-002)."""
    problems = []
    for name, cls in sorted(item.inner.items()):
        path, key = os.path.join(item.path, name), f"{item.name}/{name}"
        if cls == DATA:
            continue
        if files.has_link(item.path, name):
            text, remedy = "is a link, or lies behind one", "Give the class to the folder the link leads to."
        elif os.path.lexists(path) and not os.path.isdir(path):
            text, remedy = (
                "is no folder: a class is of all that is in one",
                "Give the class to its folder, or have the node keep it in one of its own.",
            )
        elif cls in (SECRET, MONOTONIC) and key in wanted and not os.path.lexists(path):
            text, remedy = (
                f"is not there, and what is {cls} may have another name",
                "Correct the name, make the folder, or take the class away.",
            )
        else:
            continue
        problems.append(finding("BAK-002", f"{instance}: classes.{key}", f"{key} {text}", remedy))
    if problems:
        raise HostError(f"{instance} cannot be backed up: its classes are not as they should be", problems)


def _require_acknowledged(instance: str, left: Mapping[str, str], acknowledged: set[str]) -> None:
    problems = [
        finding("BAK-002", f"{instance}: {name}", f"{name} {why}; it would not be in the backup")
        for name, why in sorted(left.items())
        if name not in acknowledged
    ]
    if problems:
        raise HostError(f"{instance} cannot be backed up as a whole", problems)
