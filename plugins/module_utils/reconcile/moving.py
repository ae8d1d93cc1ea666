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
from contextlib import contextmanager, suppress
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
from ..common.errors import AvsError, HostError
from ..common.findings import Finding
from ..common.rules import finding
from ..common.spec import InstanceSpec
from ..common.words import ABSENT
from ..docker.compose import engine_error
from ..docker.containers import running
from ..docker.names import project
from ..instance import hold, key_files
from ..instance.state import read_state
from ..instance.store import InstanceStore
from ..status.entry import entry_of, tell
from ..system import files
from ..system.clock import now
from ..system.lock import Lock
from .choosing import chosen_of
from .control import acted, stop
from .own import Way
from .repositories import Asked, Host, ready, wanted_settings
from .saving import each

_PURGE = "Remove it from this host with what it has stored (restaking.avs.uninstall, purge), if nobody needs that."


@dataclass(frozen=True)
class Wanted:
    """``backup``: an id, empty for the newest; ``version`` of the entry it is to be installed by (``None``: not to be compared);
    ``acknowledged``: what may be as it was then; ``owners``: number -> number; ``old``: what its old host said, ``dead``: hosts
    that are named so; ``to``: what the inventory calls the new host; ``machine``: digest of the old one, empty where it is not known."""

    backup: str = ""
    version: str | None = None
    acknowledged: Sequence[str] = ()
    owners: Mapping[int, int] = field(default_factory=dict)
    old: Mapping[str, Any] = field(default_factory=dict)
    dead: Sequence[str] = ()
    to: str = ""
    machine: str = ""


def looked(host: Host, name: str, way: Way, asked: Asked, wanted: Wanted) -> dict[str, Any]:
    """What a restore on this host would be of; changes nothing. ``move`` of the entry says whose backup it is, and what it needs."""

    def step(_name: str, descriptors: tuple[int, ...]) -> dict[str, Any]:
        with _visit(host, name, asked, wanted, descriptors) as visit:
            entry = visit.entry()
            entry["move"] = visit.told()
            tell(entry, visit.taken())
            return entry

    return each(host, [name], replace(way, check=True), step)


def brought(host: Host, name: str, way: Way, asked: Asked, wanted: Wanted) -> dict[str, Any]:
    """Put a backup of another host where the instance will find it once it is installed, and hold it. Nothing is changed where its old
    host has not said that it will give it up."""

    def step(_name: str, descriptors: tuple[int, ...]) -> dict[str, Any]:
        with _visit(host, name, asked, wanted, descriptors) as visit:
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


def confirmed(host: Host, name: str, way: Way, asked: Asked, wanted: Wanted) -> dict[str, Any]:
    """Lift what holds it here, once its old host gave it up. The next run installs and starts it."""

    def step(_name: str, _descriptors: tuple[int, ...]) -> dict[str, Any]:
        own = host.store.instance(name)
        known, arrived = hold.hold_of(own), arrival.noted(own)
        entry = entry_of(InstanceSpec(id=name), own.known(), host.engine.containers(name))
        if way.check or known is None or known.kind != hold.AWAITED:
            acted(entry, *([Action("hold", name, "remove")] if way.check else []))
            return entry
        if arrived is None:
            raise HostError(f"{name} is not here yet", [finding("BAK-003", name, "nothing was restored here", "Restore again.")])
        problems = arrival.why_not(arrived, _here(own, asked), {} if wanted.old.get("trial") else wanted.old, wanted.dead)
        if problems:
            raise HostError(f"{name} stays held", problems)
        hold.lift(own)
        own.note("lift", holder=way.holder, backup=arrived.backup)
        acted(entry, Action("hold", name, "remove"))
        return entry

    return each(host, [name], way, step)


def given_up(host: Host, name: str, way: Way, asked: Asked, wanted: Wanted) -> dict[str, Any]:
    """On its old host: stop it, hold it for good, and take its keys out of memory. ``move`` of the entry is what the new host is told; in
    check mode, what it would be."""
    own = host.store.instance(name)
    who = _here(own, asked)
    if wanted.machine and wanted.machine != who.machine:
        message = f"is another machine than the one {name} was backed up on"
        raise HostError(f"{who.name} {message}", [finding("KEY-013", who.name, message)])
    before = hold.hold_of(own)
    placed = hold.bind(own, hold.MOVED, wanted.to, way.holder) if not way.check else before
    if not way.check:
        own.note("moved", holder=way.holder, to=wanted.to)
    result = stop(host.store, host.engine, [name], way)
    entry = result["instances"][0]
    wiped = [] if key_files.is_wiped(own) else [Action("keys", "secrets", "remove")]
    if entry["error"] is None and not way.check:
        try:
            with Lock(own.lock, way.holder, way.lock_timeout):
                _wipe(host, own)
        except (AvsError, OSError) as error:
            entry["error"] = f"{name} was stopped and is held, and its keys may still be there: {error}"
            return {**result, "changed": True, "failed": True, "msg": entry["error"]}
    if entry["error"] is None:
        changed = before is not None and (before.kind, before.host) != (hold.MOVED, wanted.to)
        fresh = [Action("hold", name, "create")] if before is None else [Action("hold", name, "update")] if changed else []
        acted(entry, *fresh, *wiped)
        since = placed.since if placed is not None else ""
        entry["move"] = {**who.as_dict(), "down": True, "since": since, "trial": way.check}
    return {**result, "changed": entry["changed"]}


def _wipe(host: Host, own: InstanceStore) -> None:
    """Raises ``HostError`` where anything of it still runs: what is open stays readable."""
    alive = [item.name for item in host.engine.containers(own.id) if running(item)]
    known = hold.hold_of(own)
    if alive or known is None or known.kind != hold.MOVED:
        raise HostError(f"{', '.join(alive) or 'it'} was started meanwhile")
    key_files.wipe(own)
    if not key_files.is_wiped(own):
        raise HostError("somebody put some there meanwhile")


@dataclass(frozen=True)
class _Visit:
    """A backup that is looked at on a host where its instance is not installed."""

    host: Host
    own: InstanceStore
    restic: Restic
    backup: Backup
    seal: Seal
    wanted: Wanted
    here: Origin

    @property
    def arrived(self) -> arrival.Arrival:
        return arrival.of(self.seal.manifest)

    @property
    def fresh(self) -> bool:
        """Whether its old host has it held since before the backup was made, so that it wrote nothing after."""
        old = self.wanted.old
        since = str(old.get("since") or "")
        return bool(since) and Origin.of(old).is_that(Origin.of(self.arrived.origin)) and since < str(self.seal.manifest["time"])

    def entry(self) -> dict[str, Any]:
        return entry_of(InstanceSpec(id=self.own.id), self.own.known(), ())

    def told(self) -> dict[str, Any]:
        manifest = self.seal.manifest
        return {
            **self.arrived.origin,
            "name": Origin.of(manifest).name,
            "backup": self.backup.as_dict(),
            "keys": self.arrived.keys and not Origin.of(manifest).is_that(self.here),
            "outdated": arrival.outdated(self.seal.items, self.fresh),
            "omitted": manifest.get("omitted") or {},
            "left": manifest.get("left") or {},
        }

    def taken(self) -> list[Finding]:
        return owners.taken(self.own.id, listing.read(self.seal.listing), self.seal.manifest.get("owners"), self.wanted.owners)

    def require_allowed(self) -> None:
        """Every reason why not, at once. Raises ``HostError``."""
        problems = arrival.why_not(self.arrived, self.here, self.wanted.old, self.wanted.dead)
        problems += [
            finding(
                "BAK-005",
                f"{self.own.id}: {name}",
                f"is of the class {cls}, and may have been written since the backup of {self.backup.time}",
            )
            for name, cls in sorted(arrival.outdated(self.seal.items, self.fresh).items())
            if name not in self.wanted.acknowledged
        ]
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
        files.remove(stage)
        files.folder(stage, 0o700)
        classes = wanted_settings(host.store, own, asked).classes
        seal = replace(verify.read_seal(restic, chosen, stage), owners=wanted.owners, classes=classes)
        arrival.require_plain(name, seal.items)
        if wanted.version is not None:
            arrived = arrival.of(seal.manifest)
            arrival.require_version(name, arrived, arrived.package, wanted.version)
        _require_room_for(host, own, seal.items, chosen)
        yield _Visit(host, own, restic, chosen, seal, wanted, _here(own, asked))
    finally:
        files.remove(stage)
        if not there and hold.hold_of(own) is None:
            files.remove(own.run)
            with suppress(OSError):
                os.rmdir(os.path.dirname(own.run))


def _kept(visit: _Visit, asked: Asked) -> Settings:
    """How it is backed up from now on: what its old host made is its own."""
    wanted = whose.with_more(wanted_settings(visit.host.store, visit.own, asked), visit.backup.host, visit.arrived.origin["machine"])
    return wanted.but(unmade=True, copies=copies.with_made(wanted.copies, asked.copy)) if asked.copy else wanted


def _here(own: InstanceStore, asked: Asked) -> Origin:
    found = origin.here(own)
    return replace(found, inventory=asked.host or found.inventory)


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
    if known is not None and known.phase == swaps.SWAPPED and known.backup == visit.backup.id:
        # Only that was left to be noted.
        arrival.note(own, visit.arrived)
        swaps.finish(own, known)
        return
    if known is not None:
        swaps.undo(own, known)
    if arrived is not None and arrived.backup == visit.backup.id:
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
    arrival.note(own, visit.arrived)
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
