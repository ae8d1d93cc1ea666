# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A node goes from one host to another with what it has stored: its old host gives it up, and only then may the new one start it.

On the new host what was restored is held from before its first file is there until the old host has said that the node is down there and
its keys are gone, or somebody took it upon himself that this host is dead. So whatever cuts it, no run and no start has both of them sign.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, field, replace
from typing import Any

from ..backup import arrival, copies, listing, origin, owners, verify, whose
from ..backup import restore as swaps
from ..backup.kept import Backup
from ..backup.origin import Origin
from ..backup.restic import Restic
from ..backup.restore import Place, Swap
from ..backup.settings import Settings, keep
from ..backup.verify import Seal
from ..backup.volumes import FOLDER, Item
from ..common.actions import Action
from ..common.errors import HostError
from ..common.findings import WARNING, Finding
from ..common.rules import finding
from ..common.spec import InstanceSpec
from ..common.words import ABSENT
from ..docker.compose import engine_error
from ..docker.names import project
from ..instance import hold
from ..instance.state import read_state
from ..instance.store import InstanceStore
from ..status.entry import entry_of, tell
from ..system import files
from ..system.clock import now
from ..system.lock import Lock
from .choosing import backups_of, chosen_of
from .control import acted
from .own import Way
from .repositories import Asked, Host, ready, wanted_settings
from .saving import each

_PURGE = "Remove it from this host with what it has stored (restaking.avs.uninstall, purge), if nobody needs that."


@dataclass(frozen=True)
class Wanted:
    """``backup``: an id, empty for the newest; ``version`` of the entry it is to be installed by (``None``: not to be compared), and
    ``keys``: whether it has some; ``acknowledged``: what may be as it was then; ``owners``: number -> number; ``old``: what its old host
    said, ``dead``: hosts that are named so; ``to``: what the inventory calls the new host; ``machine``: digest of the old one, empty where
    it is not known, and ``since``: when it said that it has it held, empty where nothing rests on it."""

    backup: str = ""
    version: str | None = None
    acknowledged: Sequence[str] = ()
    owners: Mapping[int, int] = field(default_factory=dict)
    old: Mapping[str, Any] = field(default_factory=dict)
    dead: Sequence[str] = ()
    to: str = ""
    machine: str = ""
    keys: bool = True
    since: str = ""


def looked(host: Host, name: str, way: Way, asked: Asked, wanted: Wanted) -> dict[str, Any]:
    """What a restore on this host would be of; changes nothing. ``move`` of the entry says whose backup it is, and what it needs."""

    def step(_name: str, _descriptors: tuple[int, ...]) -> dict[str, Any]:
        with _alone(host, name, way) as descriptors, _visit(host, name, asked, wanted, descriptors) as visit:
            entry = visit.entry()
            entry["move"] = visit.told()
            tell(entry, visit.taken())
            return entry

    return each(host, [name], replace(way, check=True), step)


def brought(host: Host, name: str, way: Way, asked: Asked, wanted: Wanted) -> dict[str, Any]:
    """Put a backup of another host where the instance will find it once it is installed, and hold it. Nothing is changed where its old
    host has not said that it will give it up."""

    def step(_name: str, locked: tuple[int, ...]) -> dict[str, Any]:
        with (
            _alone(host, name, way) if way.check else nullcontext(locked) as descriptors,
            _visit(host, name, asked, wanted, descriptors) as visit,
        ):
            visit.require_allowed()
            entry = visit.entry()
            if not way.check:
                with Lock(visit.own.lock, way.holder, way.lock_timeout):
                    _bring(visit, way, _kept(visit, asked))
            entry["move"] = visit.told()
            acted(entry, *visit.actions())
            tell(entry, visit.taken())
            return entry

    return each(host, [name], way, step)


@contextmanager
def _alone(host: Host, name: str, way: Way) -> Iterator[tuple[int, ...]]:
    """A look brings the password, and reads what it looks at, as a restore does: two at once are in each other's way. Nothing of it stays."""
    path = os.path.join(host.store.locks, f"{name}.backup.lock")
    there = os.path.lexists(path)
    with Lock(path, way.holder, way.lock_timeout) as lock:
        try:
            yield (lock.fd,)
        finally:
            if not there:
                files.remove(path)


def confirmed(host: Host, name: str, way: Way, asked: Asked, wanted: Wanted) -> dict[str, Any]:
    """Lift what holds it here, once its old host gave it up. The next run installs and starts it."""

    def step(_name: str, _descriptors: tuple[int, ...]) -> dict[str, Any]:
        own = host.store.instance(name)
        known, arrived = hold.hold_of(own), arrival.noted(own)
        held = known is not None and known.kind == hold.AWAITED
        entry = entry_of(InstanceSpec(id=name), own.known(), host.engine.containers(name))
        if way.check or (not held and (arrived is None or arrived.confirmed)):
            acted(entry, *([Action("hold", name, "remove")] if way.check else []))
            return entry
        if arrived is None:
            raise HostError(f"{name} is not here yet", [finding("BAK-003", name, "nothing was restored here", "Restore again.")])
        old = {} if wanted.old.get("trial") else wanted.old
        problems = arrival.why_not(arrived, origin.here(own, asked.host), old, wanted.dead)
        problems += _written(name, arrived, arrival.written_since(arrived, old, wanted.acknowledged))
        if problems:
            raise HostError(f"{name} stays held", problems)
        arrival.note(own, replace(arrived, confirmed=True))
        if held:
            hold.lift(own)
            own.note("lift", holder=way.holder, backup=arrived.backup)
            acted(entry, Action("hold", name, "remove"))
        return entry

    return each(host, [name], way, step)


def _written(name: str, arrived: arrival.Arrival, found: Mapping[str, str]) -> list[Finding]:
    when = f"the backup of {arrived.time}" if arrived.time else "the backup: the node was on another host"
    return [
        finding("BAK-005", f"{name}: {item}", f"is of the class {cls}, and may have been written since {when}")
        for item, cls in sorted(found.items())
    ]


@dataclass(frozen=True)
class _Visit:
    """A backup that is looked at on a host where its instance is not installed. ``marks`` of the hosts that made it and the newest one."""

    host: Host
    own: InstanceStore
    restic: Restic
    backup: Backup
    seal: Seal
    wanted: Wanted
    here: Origin
    arrived: arrival.Arrival
    found: Sequence[Finding] = ()
    marks: Sequence[str] = ()

    @property
    def outdated(self) -> dict[str, str]:
        return arrival.outdated(self.seal.items, arrival.unwritten(self.arrived, self.wanted.old))

    @property
    def rests(self) -> dict[str, str]:
        """What goes as it is on the word of its old host alone."""
        known = {*self.outdated, *self.wanted.acknowledged}
        return {name: cls for name, cls in arrival.outdated(self.seal.items, False).items() if name not in known}

    def entry(self) -> dict[str, Any]:
        return entry_of(InstanceSpec(id=self.own.id), self.own.known(), ())

    def told(self) -> dict[str, Any]:
        manifest = self.seal.manifest
        return {
            **self.arrived.origin,
            "name": Origin.of(self.arrived.origin).name,
            "backup": self.backup.as_dict(),
            "keys": self.arrived.keys and not Origin.of(self.arrived.origin).is_surely(self.here),
            "outdated": self.outdated,
            "omitted": manifest.get("omitted") or {},
            "left": manifest.get("left") or {},
        }

    def taken(self) -> list[Finding]:
        numbers = owners.taken(self.own.id, listing.read(self.seal.listing), self.seal.manifest.get("owners"), self.wanted.owners)
        return [*self.found, *numbers]

    def require_allowed(self) -> None:
        """Every reason why not, at once. Raises ``HostError``."""
        problems = arrival.why_not(self.arrived, self.here, self.wanted.old, self.wanted.dead)
        left = {name: cls for name, cls in self.outdated.items() if name not in self.wanted.acknowledged}
        problems += _written(self.own.id, self.arrived, left)
        if problems:
            raise HostError(f"{self.own.id} is not restored here, and nothing was changed", problems)

    def actions(self) -> list[Action]:
        kinds = {
            item.name: ("volume", item.name.partition("/")[2]) if "/" in item.name else ("files", item.name) for item in self.seal.items
        }
        return [Action("hold", self.own.id, "create"), *(Action(*kinds[name], "create") for name in sorted(kinds))]


@contextmanager
def _visit(host: Host, name: str, asked: Asked, wanted: Wanted, descriptors: tuple[int, ...]) -> Iterator[_Visit]:
    """Raises ``HostError`` for whatever is in the way, and leaves nothing on a host that had nothing of it."""
    own = host.store.instance(name)
    there = os.path.lexists(own.run)
    stage = os.path.join(own.run, "backup", "looking")
    try:
        _require_nothing(host, own)
        restic = ready(host, own, wanted_settings(host.store, own, asked), asked, make=False).holding(*descriptors)
        chosen = chosen_of(restic, name, wanted.backup)
        newest = backups_of(restic, name)[-1] if wanted.backup else chosen
        files.remove(stage)
        files.folder(stage, 0o700)
        classes = wanted_settings(host.store, own, asked).classes
        seal = replace(verify.read_seal(restic, chosen, stage), owners=wanted.owners, classes=classes)
        arrived, found = _arrived(restic, seal, (chosen, newest), f"{stage}/newest")
        arrived = replace(arrived, keys=arrived.keys or wanted.keys)
        if wanted.version is not None:
            arrival.require_version(name, arrived, arrived.package, wanted.version)
        _require_room_for(host, own, seal.items, chosen)
        yield _Visit(host, own, restic, chosen, seal, wanted, origin.here(own, asked.host), arrived, found, (chosen.host, newest.host))
    finally:
        files.remove(stage)
        if not there and hold.hold_of(own) is None:
            files.remove(own.run)
            with suppress(OSError):
                os.rmdir(os.path.dirname(own.run))


def _kept(visit: _Visit, asked: Asked) -> Settings:
    """How it is backed up from now on: what its old host made is its own."""
    wanted = whose.with_more(wanted_settings(visit.host.store, visit.own, asked), *visit.marks, visit.arrived.origin["machine"])
    return wanted.but(unmade=True, copies=copies.with_made(wanted.copies, asked.copy)) if asked.copy else wanted


def _arrived(restic: Restic, seal: Seal, backups: tuple[Backup, Backup], stage: str) -> tuple[arrival.Arrival, list[Finding]]:
    """Of a backup that is not the newest, the newest says which host had the node last."""
    (chosen, newest), arrived = backups, arrival.of(seal.manifest)
    if newest.id == arrived.backup:
        return arrived, []
    try:
        return arrival.with_newest(arrived, verify.read_seal(restic, newest, stage).manifest, bool(chosen.host and newest.host)), []
    except (HostError, OSError) as error:
        message = f"the newest backup {newest.id} does not say which host it is of ({error}): see that no other one runs the node"
        return arrived, [finding("BAK-003", newest.instance, message, severity=WARNING)]


def _require_nothing(host: Host, own: InstanceStore) -> None:
    state = own.state()
    containers = host.engine.containers(own.id)
    if containers or (state is not None and state.installed):
        message = "is installed on this host already"
        raise HostError(f"{own.id} {message}", [finding("BAK-003", own.id, message, f"Restore it as any other here, or: {_PURGE}")])
    known = hold.hold_of(own)
    if known is not None and known.kind != hold.AWAITED:
        raise HostError(f"{own.id} is held on this host", [hold.told(own.id, known)])


def _require_room_for(host: Host, own: InstanceStore, items: Sequence[Item], backup: Backup) -> None:
    """What is there already is somebody's, unless this backup brought it."""
    arrived = arrival.noted(own)
    if swaps.begun(own) is not None or (arrived is not None and arrived.backup == backup.id):
        return
    described = {str(item["Name"]): str(item["Mountpoint"]) for item in host.engine.inspect_volumes(_volumes(host, items))}
    there = {item.name: own.data if item.name == FOLDER else described.get(item.volume, "") for item in items}
    problems = [
        finding("BAK-003", f"{own.id}: {name}", f"{path} is there already, and has something in it", _PURGE)
        for name, path in sorted(there.items())
        if path and os.path.isdir(path) and os.listdir(path)
    ]
    if problems:
        raise HostError(f"{own.id} is not restored here, and nothing was changed", problems)


def _volumes(host: Host, items: Sequence[Item]) -> list[str]:
    return sorted({item.volume for item in items if item.volume} & set(host.engine.volumes()))


def _bring(visit: _Visit, way: Way, kept: Settings) -> None:
    """Under the instance's lock. Whatever stops it leaves it held, and the next one goes on. ``kept``: how it is backed up from now on."""
    own = visit.own
    arrived = arrival.noted(own)
    known = swaps.begun(own)
    noted = replace(visit.arrived, rests=visit.rests)
    if known is not None and known.phase == swaps.SWAPPED and known.backup == visit.backup.id:
        # Only that was left to be noted.
        arrival.note(own, noted)
        swaps.finish(own, known)
        return
    if known is not None:
        swaps.undo(own, known)
    if arrived is not None and arrived.backup == visit.backup.id:
        arrival.note(own, noted)
        return
    hold.bind(own, hold.AWAITED, Origin.of(visit.arrived.origin).name, way.holder)
    own.note("restore", holder=way.holder, backup=visit.backup.id, origin=visit.arrived.origin)
    keep(own, kept)
    # As after a removal that kept all of it: it can be seen, and removed.
    package = {"package": visit.seal.manifest["package"]} if visit.seal.manifest.get("package") else {}
    volumes = sorted(item.volume for item in visit.seal.items if item.volume)
    own.write_state(read_state({"id": own.id, "phase": ABSENT, "removed_at": now(), "volumes": volumes, "kept_data": own.data, **package}))
    places = _places(visit)
    begun = Swap(visit.backup.id, visit.backup.id, swaps.SWAPPING, places)
    try:
        swaps.require_room(own, visit.seal, places)
        swaps.bring(visit.restic, visit.host.run_command, visit.backup, visit.seal, places)
        swaps.note(own, begun)
        done = swaps.swap(own, begun)
    except (OSError, HostError):
        swaps.undo(own, begun)
        raise
    arrival.note(own, noted)
    swaps.finish(own, done)


def _places(visit: _Visit) -> list[Place]:
    """Volumes and the data folder as the first install of the instance would make them, empty."""
    host, own, items = visit.host, visit.own, visit.seal.items
    there = set(_volumes(host, items))
    for item in items:
        if item.volume and item.volume not in there:
            labels = {"com.docker.compose.project": project(own.id), "com.docker.compose.volume": item.name.partition("/")[2]}
            words = [word for name, value in labels.items() for word in ("--label", f"{name}={value}")]
            done = host.engine.run(["volume", "create", *words, "--", item.volume])
            if done.code:
                message = f"the engine made no volume {item.volume}: {engine_error(done)}"
                raise HostError(f"{own.id}: {message}", [finding("OPS-005", own.id, message)])
    if any(item.name == FOLDER for item in items):
        own.make()
        files.folder(own.data)
    paths = {str(item["Name"]): os.path.realpath(str(item["Mountpoint"])) for item in host.engine.inspect_volumes(_volumes(host, items))}
    here = [replace(item, path=os.path.realpath(own.data) if item.name == FOLDER else paths.get(item.volume, "")) for item in items]
    return swaps.places(own, here, items, visit.backup.id)
