# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A run cut at any of its moments: before and after each command of the engine, between the changes one makes, and at each fsync.

Of a killed process nothing stays but files and what the engine has, as they are at that moment: no ``finally``, no ``__exit__``, no
thread goes on. So a run is made once, and at each moment both are copied: to go back to a copy is to be where the process was killed.
That a process that is killed for real leaves the very same is a test of its own (``killed``).

A moment at which nothing is other than it was at the one before (a question was answered, a file was flushed) is the same cut, and is
made once.
"""

from __future__ import annotations

import hashlib
import os
import pickle
import shutil
import stat
import sys
import threading
import traceback
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.restaking.avs.plugins.module_utils.policy.unnamed_volumes import is_unnamed

from tests.unit.support.memory_host import MemoryHost
from tests.unit.support.memory_world import World

Act = Callable[[MemoryHost], Any]
Moment = Callable[[str], None]
_CUT, _FAILED = 9, 70
# Of a record: when something was done, and by which release and version of a key folder; all of it may differ, or be one more.
_TIMES = ("committed_at", "installed_at", "removed_at")
_RELEASES = ("release", "previous_release", "previous_spec_digest")


class Kept:
    """A host as it was, to go back to."""

    def __init__(self, host: MemoryHost, name: str = "kept") -> None:
        self.host, self.world = host, pickle.dumps(host.world)
        self.folder = host.root / name
        shutil.rmtree(self.folder, ignore_errors=True)
        shutil.copytree(host.roots, self.folder, symlinks=True)

    def restore(self, for_good: bool = False) -> MemoryHost:
        """``for_good``: nobody goes back to it once more."""
        shutil.rmtree(self.host.roots)
        if for_good:
            self.folder.rename(self.host.roots)
        else:
            shutil.copytree(self.folder, self.host.roots, symlinks=True)
        self.host.engine.world = pickle.loads(self.world)
        return self.host


def told(host: MemoryHost, act: Act, moment: Moment) -> None:
    """``act``, with ``moment`` told of each of its moments, one at a time."""
    flush, turn = os.fsync, host.engine._turn

    def at(what: str) -> None:
        with turn:
            moment(what)

    def hooked(handle: int) -> None:
        at("fsync")
        flush(handle)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", hooked)
        patch.setattr(host.engine, "at", at)
        act(host)


def every_cut(host: MemoryHost, act: Act, since: str = "") -> Iterator[str]:
    """The host as it is where ``act`` is killed, at each moment that is a cut of its own, one after another; yields what the moment was.
    ``since``: the first one of interest, by how its name begins."""
    cuts: list[tuple[str, Kept]] = []
    seen: list[str] = []

    def moment(what: str) -> None:
        if not seen and not what.startswith(since):
            return
        now = fingerprint(host)
        if not seen or now != seen[-1]:
            cuts.append((f"{len(cuts)} {what}", Kept(host, f"cut{len(cuts)}")))
        seen.append(now)

    told(host, act, moment)
    for what, kept in cuts:
        kept.restore(for_good=True)
        yield what


def killed(host: MemoryHost, act: Act, number: int) -> None:
    """The host after a process of its own did ``act`` and was ended on the spot at a moment."""
    left = host.root / "world"
    seen: list[str] = []

    def moment(what: str) -> None:
        if len(seen) == number:
            left.write_bytes(pickle.dumps(host.world))
            os._exit(_CUT)
        seen.append(what)

    child = os.fork()
    if child == 0:
        # Nobody measures what this process reaches.
        sys.settrace(None)
        threading.settrace(None)  # type: ignore[arg-type]
        try:
            told(host, act, moment)
        except BaseException:
            traceback.print_exc()
        os._exit(_FAILED)
    _pid, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == _CUT, f"the process ended with {status} before moment {number}"
    host.engine.world = pickle.loads(left.read_bytes())


def fingerprint(host: MemoryHost) -> str:
    """Of all that stays where a process is killed."""
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
                "restart": item.service.get("restart"),
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


def _files(root: str | Path, below: str = "") -> Iterator[tuple[str, str]]:
    """Name and kind, mode and content of all there is, each folder before what is in it. Asked for at every moment of a run."""
    with os.scandir(root) as entries:
        found = sorted(entries, key=lambda entry: entry.name)
    for entry in found:
        mode, content = entry.stat(follow_symlinks=False).st_mode, ""
        if stat.S_ISLNK(mode):
            content = os.readlink(entry.path)
        elif stat.S_ISREG(mode):
            with open(entry.path, "rb") as handle:
                content = hashlib.sha256(handle.read()).hexdigest()
        yield f"{below}{entry.name}", f"{mode:o} {content}"
        if stat.S_ISDIR(mode):
            yield from _files(entry.path, f"{below}{entry.name}/")


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
        known = own.known()
        state = known.as_dict() if known is not None else {}
        found["state"][instance] = {
            **{name: value for name, value in state.items() if name not in (*_TIMES, *_RELEASES)},
            # A volume without a name has another one in every run.
            "volumes": [name for name in state.get("volumes") or () if not is_unnamed(name)],
            "times": [name for name in _TIMES if name in state],
            "containers": {
                name: {key: value for key, value in item.items() if key != "releases"}
                for name, item in (state.get("containers") or {}).items()
            },
        }
        release = own.release()
        for name, seen in _files(host.roots):
            base = os.path.basename(name)
            if (
                base
                in ("journal.jsonl", "state.json", "current", "artifacts.lock", f"{instance}.lock", f"{instance}.command.lock", "host.key")
                or "/releases" in name
            ):
                continue
            # A scratch folder has a name of its own each time.
            if name.startswith("tmp/"):
                continue
            if "..v" in name or base == "..data":
                name, seen = name.replace(_version(name), "..v"), seen if base != "..data" else ""
            # Half a record has the time in it, too.
            found["files"][name] = seen.partition(" ")[0] if base == ".state.json.tmp" else seen
        if release is not None:
            found["release"] = dict(_files(Path(own.releases) / release))
            noted = {release, state.get("previous_release"), *(r for c in (state.get("containers") or {}).values() for r in c["releases"])}
            if state.get("phase") == "committed":
                found["unknown releases"] = sorted(set(own.release_names()) - noted)
    return found


def _version(name: str) -> str:
    return next((part for part in name.split("/") if part.startswith("..v")), "..v")
