# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A run killed at any of its moments: before and after each command of the engine, between the changes one makes, and at each fsync.

The run is a process of its own, which ends on the spot as killed ones do: no ``finally``, no ``__exit__``, no thread goes on, locks go
with the process. What stays are the files and the engine, as they were. The engine lives in memory, so the process leaves a copy of it
as it dies.

A moment at which nothing is other than it was at the one before (a question was answered, a file was flushed) is the same cut, and is
made once.
"""

from __future__ import annotations

import gc
import hashlib
import json
import os
import pickle
import shutil
import sys
import threading
import traceback
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from tests.unit.support.memory_host import MemoryHost
from tests.unit.support.memory_world import World

Act = Callable[[MemoryHost], Any]
_CUT, _FAILED = 9, 70
# Of a record: when something was done, and by which release and version of a key folder; all of it may differ, or be one more.
_TIMES = ("committed_at", "installed_at", "removed_at")
_RELEASES = ("release", "previous_release", "previous_spec_digest")


class Moments:
    """``n``: the one to die at, by default none; then ``told`` are all of them, with ``True`` where something has changed since the last."""

    def __init__(self, host: MemoryHost, n: int | None) -> None:
        self.host, self.n = host, n
        self.told: list[tuple[str, bool]] = []
        self._seen, self._last = 0, ""

    def __call__(self, what: str) -> None:
        with self.host.engine._turn:
            if self.n is None:
                now = fingerprint(self.host)
                self.told.append((what, now != self._last))
                self._last = now
            elif self._seen == self.n:
                leave(self.host, _CUT)
            self._seen += 1


def leave(host: MemoryHost, code: int) -> None:
    (host.root / "world").write_bytes(pickle.dumps(host.world))
    os._exit(code)


def apart(host: MemoryHost, act: Act, n: int | None = None) -> list[tuple[str, bool]]:
    """Run in a process of its own until moment ``n`` or to its end; the engine is what it left. Returns the moments of a whole run."""
    # What the child does not touch need not be copied for it.
    gc.freeze()
    child = os.fork()
    if child == 0:
        moments = Moments(host, n)
        flush = os.fsync

        def hooked(handle: int) -> None:
            moments("fsync")
            flush(handle)

        # Nobody measures what this process reaches.
        sys.settrace(None)
        threading.settrace(None)  # type: ignore[arg-type]
        try:
            os.fsync = hooked  # type: ignore[assignment]
            host.engine.at = moments
            act(host)
            (host.root / "moments").write_text(json.dumps(moments.told))
            leave(host, 0)
        except BaseException:
            traceback.print_exc()
            sys.stderr.flush()
            os._exit(_FAILED)
    gc.unfreeze()
    _pid, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    assert code == (0 if n is None else _CUT), f"the process ended with {code} at {n}"
    host.engine.world = pickle.loads((host.root / "world").read_bytes())
    return [(what, new) for what, new in json.loads((host.root / "moments").read_text())] if n is None else []


class Kept:
    """A host as it was, to go back to."""

    def __init__(self, host: MemoryHost) -> None:
        self.host, self.world = host, pickle.dumps(host.world)
        self.folder = host.root / "kept"
        shutil.rmtree(self.folder, ignore_errors=True)
        shutil.copytree(host.roots, self.folder, symlinks=True)

    def restore(self) -> MemoryHost:
        shutil.rmtree(self.host.roots)
        shutil.copytree(self.folder, self.host.roots, symlinks=True)
        self.host.engine.world = pickle.loads(self.world)
        return self.host


def every_cut(host: MemoryHost, act: Act, since: str = "") -> Iterator[str]:
    """The host after ``act`` was killed at each moment that is a cut of its own, one after another; yields what the moment was. In the
    end it is as before. ``since``: the first one of interest, by how its name begins."""
    before = Kept(host)
    moments = apart(host, act)
    first = next(number for number, (what, _new) in enumerate(moments) if what.startswith(since))
    for number, (what, new) in enumerate(moments):
        if new and number >= first:
            apart(before.restore(), act, number)
            yield f"{number} {what}"
    before.restore()


def fingerprint(host: MemoryHost) -> str:
    whole = hashlib.sha256(repr(_engine(host.world, True)).encode())
    for name, seen in _files(host.roots):
        whole.update(f"{name} {seen}".encode())
    return whole.hexdigest()


def _engine(world: World, ids: bool) -> dict[str, Any]:
    """``ids``: containers by their ids, too."""
    return {
        "containers": {
            item.name: {
                "state": item.state,
                "code": item.code,
                "image": item.image,
                "labels": item.labels,
                "nets": sorted(item.nets),
                "env": item.service.get("environment"),
                # A volume is known by when it was made: its name may have been given to another one.
                "mounts": {
                    target: (world.volumes[source]["Made"] if ids else source in world.volumes) if kind == "volume" else source
                    for target, (kind, source) in item.mounts.items()
                },
                **({"id": item.id} if ids else {}),
            }
            for item in sorted(world.containers.values(), key=lambda item: item.name)
        },
        "networks": {name: net["Labels"] for name, net in sorted(world.networks.items())},
        "volumes": {name: volume["Labels"] for name, volume in sorted(world.volumes.items()) if ids or not _anonymous(volume)},
        "images": sorted(world.images),
    }


def _anonymous(volume: Mapping[str, Any]) -> bool:
    return "com.docker.volume.anonymous" in volume["Labels"]


def _files(root: Path) -> Iterator[tuple[str, str]]:
    for folder, folders, names in os.walk(root):
        folders.sort()
        for name in sorted([*folders, *names]):
            path = os.path.join(folder, name)
            seen = os.lstat(path)
            content = os.readlink(path) if os.path.islink(path) else ""
            if os.path.isfile(path) and not os.path.islink(path):
                with open(path, "rb") as handle:
                    content = hashlib.sha256(handle.read()).hexdigest()
            yield os.path.relpath(path, root), f"{seen.st_mode:o} {content}"


def volumes_of(world: World) -> dict[str, str]:
    """Where data lives: volume -> which one it is. Those without a name are called by the container and the place they are at."""
    found = {name: str(volume["Made"]) for name, volume in world.volumes.items() if not _anonymous(volume)}
    for item in world.containers.values():
        for target, (kind, source) in item.mounts.items():
            if kind == "volume" and _anonymous(world.volumes[source]):
                found[f"{item.labels['avs.service']}:{target}"] = str(world.volumes[source]["Made"])
    return found


def end_of(host: MemoryHost) -> dict[str, Any]:
    """What a run comes to, without what may differ between one that was cut and one that was not: times, numbers of releases and of key
    folders, the journal."""
    found: dict[str, Any] = {"engine": _engine(host.world, False), "half": host.half_files(), "state": {}, "files": {}}
    for instance in host.store.ids():
        own = host.store.instance(instance)
        state = own.known() or {}
        found["state"][instance] = {
            **{name: value for name, value in state.items() if name not in (*_TIMES, *_RELEASES)},
            "times": [name for name in _TIMES if name in state],
            "containers": {
                name: {key: value for key, value in item.items() if key != "releases"}
                for name, item in (state.get("containers") or {}).items()
            },
        }
        release = own.release()
        for name, seen in _files(host.roots):
            base = os.path.basename(name)
            if base in ("journal.jsonl", "state.json", "current", "artifacts.lock", f"{instance}.lock", "host.key") or "/releases" in name:
                continue
            if "..v" in name or base == "..data":
                name, seen = name.replace(_version(name), "..v"), seen if base != "..data" else ""
            found["files"][name] = seen
        if release is not None:
            found["release"] = dict(_files(Path(own.releases) / release))
            known = {release, state.get("previous_release"), *(r for c in (state.get("containers") or {}).values() for r in c["releases"])}
            if state.get("phase") == "committed":
                found["unknown releases"] = sorted(set(own.release_names()) - known)
    return found


def _version(name: str) -> str:
    return next((part for part in name.split("/") if part.startswith("..v")), "..v")
