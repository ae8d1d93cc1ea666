# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where mounts go in their containers (rule PKG-019): the engine takes no place twice, and makes none below what is read-only."""

from __future__ import annotations

import posixpath
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..common.findings import Finding
from ..common.rules import finding
from ..common.spec import Artifact
from ..docker.model import Model, services
from .mounts import HARMLESS, Layout, below

_FILE, _FOLDER = "file", "folder"
# Files the engine mounts itself, into whatever lies around them.
_THE_ENGINES = ("/etc/hostname", "/etc/hosts", "/etc/resolv.conf")
_DEVICES = frozenset(f"/dev/{name}" for name in ("null", "zero", "full", "random", "urandom", "tty"))
# What runc lets be mounted below /proc: files that show less than the host's, and memory on folders that show nothing a process needs.
_PROC_FILES = frozenset(f"/proc/{name}" for name in (
    "cpuinfo", "diskstats", "meminfo", "stat", "swaps", "uptime", "loadavg", "slabinfo", "net/dev", "sys/kernel/ns_last_pid",
    "sys/crypto/fips_enabled",
))  # fmt: skip
_PROC_FOLDERS = frozenset(f"/proc/{name}" for name in ("acpi", "asound", "bus", "driver", "fs", "irq", "scsi", "tty"))
# Nobody can make a folder in sysfs.
_SYS_FOLDERS = frozenset(("block", "bus", "class", "dev", "devices", "firmware", "fs", "hypervisor", "kernel", "module", "power"))
# Bytes Linux takes for a name, and for a path.
_NAME, _PATH = 255, 4095


@dataclass(frozen=True)
class Points:
    """Folders that must be there before a container starts, for something is mounted on them: ``tree`` relative to the package's tree,
    ``data`` below ``data/``."""

    findings: list[Finding] = field(default_factory=list)
    tree: set[str] = field(default_factory=set)
    data: set[str] = field(default_factory=set)


@dataclass(frozen=True)
class _Sources:
    """Where mounts come from; ``artifacts`` by their whole paths."""

    layout: Layout
    artifacts: Collection[str]

    def kind(self, source: str) -> str:
        relative = below(source, self.layout.tree)
        if relative is not None:
            return _FILE if relative in self.layout.files else _FOLDER
        known = source in HARMLESS or source in self.artifacts or below(source, self.layout.configs) is not None
        return _FILE if known else _FOLDER


@dataclass(frozen=True)
class _Mount:
    target: str
    kind: str
    source: str | None = None
    read_only: bool = False
    memory: bool = False


def mount_points(instance: str, declared: Iterable[Artifact], model: Model, layout: Layout) -> Points:
    """``model`` has its mounts in their final form (``place_mounts``)."""
    points = Points()
    sources = _Sources(layout, frozenset(posixpath.join(layout.data, posixpath.normpath(item.path)) for item in declared))
    for name, service in services(model).items():
        place = f"{instance}: services.{name}.volumes"
        mounts = [*_mounts(service, model, sources)]
        for mount in mounts:
            _judge_target(points, place, mount, [other for other in mounts if other is not mount])
            _judge_around_the_engines(points, place, mount, [other.target for other in mounts], layout)
        for mount in {one.target: one for one in mounts}.values():
            around = [other for other in mounts if below(mount.target, other.target) not in (None, ".")]
            if around:
                _judge_nested(points, place, mount, max(around, key=lambda other: len(other.target)), sources)
    points.findings[:] = dict.fromkeys(points.findings)
    return points


def _mounts(service: Mapping[str, Any], model: Model, sources: _Sources) -> Iterator[_Mount]:
    for mount in service.get("volumes") or ():
        source = str(mount["source"]) if mount.get("type") == "bind" else None
        kind, memory = sources.kind(source) if source else _FOLDER, mount.get("type") == "tmpfs"
        yield _Mount(_normal(mount["target"]), kind, source, bool(mount.get("read_only")), memory)
    places = service.get("tmpfs") or ()
    for target in dict.fromkeys(_normal(str(text).partition(":")[0]) for text in ([places] if isinstance(places, str) else places)):
        yield _Mount(target, _FOLDER, memory=True)
    for section, folder in (("secrets", "/run/secrets"), ("configs", "/")):
        for use in service.get(section) or ():
            source = ((model.get(section) or {}).get(use.get("source")) or {}).get("file")
            if source:
                yield _Mount(_normal(posixpath.join(folder, str(use.get("target") or use["source"]))), _FILE, str(source), True)


def _normal(target: Any) -> str:
    return posixpath.normpath(str(target))


def _judge_target(points: Points, place: str, mount: _Mount, others: list[_Mount]) -> None:
    if not mount.target.startswith("/"):
        _refuse(
            points,
            place,
            f"{mount.target} is no absolute path in the container",
            "Write it from the root; the name of a volume has two letters or more.",
        )
    elif mount.target in ("/", "//"):
        _refuse(points, place, "a mount on / would hide the whole image", "Mount a folder below it.")
    elif mount.target in ("/dev", "/proc"):
        _refuse(points, place, f"a mount on {mount.target} would hide what no process can do without", "Mount a folder below it.")
    elif any(len(part.encode()) > _NAME for part in mount.target.split("/")) or len(mount.target.encode()) > _PATH:
        _refuse(points, place, f"{mount.target[:80]}... is longer than Linux takes", "Shorten it.")
    elif _in_the_kernels(mount):
        _refuse(points, place, f"{mount.target} is the kernel's, and nothing can be mounted there", "Mount it elsewhere.")
    elif mount.kind == _FOLDER and (mount.target in _THE_ENGINES or mount.target in _DEVICES):
        _refuse(points, place, f"{mount.target} is a file, and a folder is mounted on it", "Mount a file, or the folder elsewhere.")
    elif any(other.target == mount.target for other in others):
        _refuse(points, place, f"two things are mounted on {mount.target}", "Mount one of them elsewhere, or remove it.")


def _in_the_kernels(mount: _Mount) -> bool:
    if below(mount.target, "/proc") is not None:
        return mount.target not in (_PROC_FOLDERS if mount.memory else _PROC_FILES) or (mount.kind == _FOLDER and not mount.memory)
    inner = below(mount.target, "/sys")
    return inner not in (None, ".") and str(inner).partition("/")[0] not in _SYS_FOLDERS


def _judge_around_the_engines(points: Points, place: str, mount: _Mount, targets: Collection[str], layout: Layout) -> None:
    """A folder that is read-only and has no such file leaves the engine no place for its own."""
    if mount.target != "/etc" or not mount.read_only or mount.source is None or mount.kind == _FILE:
        return
    tree, key = below(mount.source, layout.tree), below(mount.source, layout.keys)
    there = () if tree is None else layout.files
    missing = [
        path for path in _THE_ENGINES if path not in targets and posixpath.normpath(f"{tree}/{posixpath.basename(path)}") not in there
    ]
    if missing and (tree is not None or key is not None):
        message = f"/etc is mounted read-only and has no {', '.join(map(posixpath.basename, missing))}, which the engine mounts there"
        _refuse(points, place, message, "Mount a folder below /etc.")


def _judge_nested(points: Points, place: str, mount: _Mount, outer: _Mount, sources: _Sources) -> None:
    """The engine makes a missing mount point, but not in what is mounted read-only."""
    layout, inner = sources.layout, str(below(mount.target, outer.target))
    if outer.kind == _FILE:
        _refuse(points, place, f"{mount.target} lies below {outer.target}, which is a file", "Mount it elsewhere.")
        return
    if not outer.read_only or outer.source is None:
        return
    where = posixpath.join(outer.source, inner)
    tree, data = below(where, layout.tree), below(where, layout.data)
    if where in sources.artifacts or (mount.source is not None and below(mount.source, layout.keys) is not None):
        # An artifact is there before a container starts; which files a service's key folder has, policy.key_mounts knows.
        return
    if tree is not None:
        there = _FILE if tree in layout.files else _FOLDER if tree in layout.folders else None
        if there is None and mount.kind == _FOLDER:
            points.tree.add(tree)
        elif there != mount.kind:
            what = "no such file" if there is None else f"a {there} of that name"
            message = f"a {mount.kind} is mounted on {mount.target}, inside a folder of the package that is read-only and has {what}"
            _refuse(points, place, message, f"Add an empty {mount.kind} {tree} to the package, or mount it elsewhere.")
    elif data is not None and mount.kind == _FOLDER:
        points.data.add(data)
    elif data is not None or below(outer.source, layout.keys) is not None:
        message = f"{mount.target} lies below {outer.target}, which is mounted read-only and has no such file"
        _refuse(points, place, message, "Mount it elsewhere.")


def _refuse(points: Points, place: str, message: str, remedy: str) -> None:
    points.findings.append(finding("PKG-019", place, message, remedy))
