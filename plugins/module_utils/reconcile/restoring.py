# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A backup is put back on its own host: proven before anything is replaced, and with what it replaced kept until the node is well.

From the first rename to the last the node is held, so that no run and no start of the host has it on half of each; a start of the host
puts back what was there.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ..backup import restore as swaps
from ..backup import stored, verify, whose
from ..backup.kept import Backup
from ..backup.restore import Place, Swap
from ..backup.settings import folder
from ..backup.verify import Seal
from ..backup.volumes import SAVED, Item
from ..commands import one_off
from ..common.actions import Action
from ..common.errors import HostError
from ..common.findings import WARNING, Finding
from ..common.rules import finding
from ..common.spec import InstanceSpec
from ..common.words import STOPPED
from ..docker.containers import running
from ..instance import hold
from ..instance.state import State
from ..instance.store import InstanceStore
from ..status.ended import recorded_jobs
from ..status.entry import entry_of, tell
from ..system import files
from ..system.signals import held_back
from .by_record import going_on, require_whole, to_be_down
from .choosing import chosen_of
from .control import acted, start
from .job import look
from .own import Way
from .package_commands import Node, bring_forward, brings_forward
from .repositories import Asked, Host, ready, wanted_settings
from .repository_place import require_apart
from .saving import each
from .standstill import Ending, halt
from .still import end_journal, installed, told_where_cut
from .takedown import alone
from .work import Work

OPERATION = "restore"


@dataclass(frozen=True)
class Back:
    """``backup`` is an id, empty for the newest; ``acknowledged``: names of what may go back though it must not by itself."""

    backup: str = ""
    acknowledged: Sequence[str] = ()


def restore(host: Host, ids: Sequence[str], way: Way, asked: Asked, back: Back) -> dict[str, Any]:
    """Put backups back. The result is that of a run, with ``restored`` and what was ``replaced``, where that is still there."""
    return each(host, ids, way, lambda name, descriptors: _restore(host, name, way, (asked, back), descriptors))


def _restore(host: Host, name: str, way: Way, what: tuple[Asked, Back], descriptors: tuple[int, ...]) -> dict[str, Any]:
    own = host.store.instance(name)
    asked, back = what
    state = installed(own)
    _settled(host, own, way)
    # Also of one that is down: its way back would put something else in the same place.
    require_whole(own, state, "restored")
    if not to_be_down(own, state):
        going_on(own, state)
    kept = wanted_settings(host.store, own, asked)
    if not asked.copy:
        # It would be replaced with what it is in.
        require_apart(host, own, kept)
    restic = ready(host, own, kept, asked, make=False).holding(*descriptors)
    chosen = chosen_of(restic, name, back.backup)
    # Who only looks has no lock: another one may be at work on the same backup.
    looks = os.path.join(own.run, "backup", f"looking-{os.getpid()}")
    stage = looks if way.check else os.path.join(folder(own), f"{verify.SCRATCH}{chosen.id}")
    files.remove(stage)
    files.folder(stage, 0o700)
    try:
        seal = verify.read_seal(restic, chosen, stage)
        whose.require_from_here(own, chosen, seal.manifest, kept)
        here = _with_aside(own, stored.planned(host.engine, own, state, kept).items, seal.items)
        _require_same(own, state, seal)
        wanted = _wanted(own, here, seal.items, back)
        places = swaps.places(own, here, wanted, chosen.id)
        swaps.require_room(own, seal, places)
        if way.check:
            return {**_announced(host, own, state, places), "restored": chosen.as_dict()}
        try:
            swaps.bring(restic, host.run_command, chosen, seal, places)
            restoring = _Restoring(host, own, way, chosen)
            restoring.forward = brings_forward(own, [*here, *wanted])
            return restoring.run(places)
        finally:
            if swaps.begun(own) is None:
                swaps.sweep(places)
    finally:
        files.remove(stage)


class _Restoring:
    """One restore on its way, once what is to be put back lies beside what it replaces."""

    def __init__(self, host: Host, own: InstanceStore, way: Way, backup: Backup) -> None:
        self.host, self.own, self.way, self.backup = host, own, way, backup
        self.item = Work(look(InstanceSpec(id=own.id, state=STOPPED), host.store, host.engine.containers(own.id), None))
        self.ended: list[str] = []
        self.goes_on = not to_be_down(own, own.known())
        self.begun = False
        self.swapped: Swap | None = None
        self.forward: Mapping[str, Mapping[str, Any]] = {}

    def run(self, places: Sequence[Place]) -> dict[str, Any]:
        with told_where_cut(self.item, self.own, self.way):
            return self._run(places)

    def _run(self, places: Sequence[Place]) -> dict[str, Any]:
        alone(self.item, self.way.terms(self.host.store), self.host.store, lambda descriptors: self._swap(places, descriptors))
        with held_back():
            entry = self._start()
        acted(entry, *(Action("container", name, "stop") for name in self.ended))
        if self.swapped is not None:
            acted(entry, *_actions(places))
            entry["restored"] = self.backup.as_dict()
            entry["replaced"] = self._keep_or_drop(entry)
        tell(entry, self.item.told)
        if self.item.error is not None:
            tell(entry, self.item.error.findings)
            entry["error"] = "\n".join(filter(None, (str(self.item.error), entry["error"])))
        end_journal(self.item, self.own, self.way, entry["error"])
        return entry

    def _swap(self, places: Sequence[Place], descriptors: tuple[int, ...]) -> None:
        """While no command of its package has what is replaced."""
        with one_off.alone(self.own, self.way.holder, self.way.lock_timeout, descriptors) as held_open:
            self._swapped(places, held_open)

    def _swapped(self, places: Sequence[Place], descriptors: tuple[int, ...]) -> None:
        containers = self.host.engine.containers(self.own.id)
        running_now = sorted(item.service for item in containers if running(item))
        self.item.actions = [*(Action("container", name, "stop") for name in running_now), *_actions(places)]
        self.item.begin(self.own, OPERATION, self.way.terms(self.host.store), backup=self.backup.id)
        self.begun = True
        begun = Swap(self.item.transaction, self.backup.id, swaps.SWAPPING, places)
        try:
            swaps.note(self.own, begun)
            if self.goes_on:
                hold.place(self.own, f"{hold.RESTORE}{self.backup.id}", f"for {self.way.holder}; if it was cut, restore again")
            if running_now:
                self.ended = running_now
                self.item.told += halt(self.host.engine, self.own.id, containers, Ending(self.way.stop_timeout, descriptors))
            node = Node(self.host.engine, self.own, descriptors)
            self.swapped = swaps.swap(self.own, begun, lambda: bring_forward(node, self.forward))
        except (OSError, HostError) as error:
            swaps.undo(self.own, begun)
            if any(item.id == "BAK-011" for item in getattr(error, "findings", ())):
                # What there was is back, and only a person can tell whether that is to run.
                hold.place(self.own, self.way.holder, "what was restored could not be brought forward")
            raise

    def _start(self) -> dict[str, Any]:
        """Unless somebody wants it down by now: his hold took the place of ours."""
        known = hold.hold_of(self.own)
        if known is not None and known.passing and swaps.half(self.own) is None:
            hold.lift(self.own)
            known = None
        if self.goes_on and self.begun and known is None:
            return dict(start(self.host.store, self.host.engine, [self.own.id], self.way, lifts=False)["instances"][0])
        return entry_of(InstanceSpec(id=self.own.id), self.own.known(), self.host.engine.containers(self.own.id))

    def _keep_or_drop(self, entry: dict[str, Any]) -> dict[str, str]:
        """What was replaced stays until a gate has passed."""
        if self.swapped is None:
            return {}
        if self.goes_on and not entry["error"] and hold.hold_of(self.own) is None:
            try:
                swaps.finish(self.own, self.swapped)
            except OSError as error:
                # The restore is done all the same.
                tell(entry, [_not_removed(self.own, error)])
            else:
                return {}
        return {place.name: place.replaced for place in self.swapped.places if os.path.lexists(place.replaced)}


def _not_removed(own: InstanceStore, error: OSError) -> Finding:
    message = f"what was replaced could not be removed: {error.strerror} ({error.filename})"
    remedy = f"Remove it yourself (lsattr -R tells what is immutable), and {folder(own)}/restore.json, which keeps the next restore."
    return finding("BAK-003", own.id, message, remedy, severity=WARNING)


def _with_aside(own: InstanceStore, here: Sequence[Item], saved: Sequence[Item]) -> list[Item]:
    """What the host has, with what a restore that was cut has put aside, as who only looks finds it."""
    cut = swaps.half(own)
    aside = {place.name: place.path for place in cut.places} if cut is not None else {}
    there = {item.name for item in here}
    return [*here, *(replace(item, path=aside[item.name]) for item in saved if item.name in aside and item.name not in there)]


def _settled(host: Host, own: InstanceStore, way: Way) -> None:
    """What a restore left that was cut is put back first. One that is done, and of which what it replaced is still kept, stays."""
    known = swaps.begun(own)
    if known is None:
        return
    if known.phase == swaps.SWAPPED:
        names = ", ".join(place.replaced for place in known.places)
        message = f"what the restore of {known.backup} replaced is still kept: {names}"
        remedy = f"Look whether the node is well; then remove these folders and {folder(own)}/restore.json, and restore again."
        raise HostError(f"{own.id}: {message}", [finding("BAK-003", own.id, message, remedy)])
    if way.check:
        return
    item = Work(look(InstanceSpec(id=own.id, state=STOPPED), host.store, host.engine.containers(own.id), None))
    alone(item, way.terms(host.store), host.store, lambda _descriptors: swaps.settle(own))
    if item.error is not None:
        raise item.error


def _wanted(own: InstanceStore, here: Sequence[Item], saved: Sequence[Item], back: Back) -> list[Item]:
    """What is put back: nothing goes back by itself that must not."""
    odd, forward = swaps.going_back(here, saved), brings_forward(own, [*here, *saved])
    problems = [
        finding("BAK-005", f"{own.id}: {name}", _why(cls))
        for name, cls in sorted(odd.items())
        if name not in back.acknowledged and name not in forward
    ]
    if problems:
        raise HostError(f"{own.id} is not restored: something in it must not go back by itself", problems)
    return list(saved)


def _why(cls: str) -> str:
    if cls in SAVED:
        return f"is of the class {cls}, and would be as it was when the backup was made"
    return f"is of the class {cls}: its content is in no backup, and would be gone"


def _require_same(own: InstanceStore, state: State, seal: Seal) -> None:
    """Data of another version may be nothing the installed one can read."""
    then = seal.manifest.get("package") or {}
    installed_now = state.package
    if installed_now is not None and (then.get("name"), then.get("version")) != (installed_now.name, installed_now.version):
        message = f"the backup is of {then.get('name')} {then.get('version')}, {installed_now.name} {installed_now.version} is installed"
        raise HostError(f"{own.id}: {message}", [finding("BAK-003", own.id, message, "Install that version first.")])


def _actions(places: Sequence[Place]) -> list[Action]:
    return [
        Action("volume", place.name.partition("/")[2], "update") if "/" in place.name else Action("files", place.name, "update")
        for place in places
    ]


def _announced(host: Host, own: InstanceStore, state: State, places: Sequence[Place]) -> dict[str, Any]:
    """Of one that was cut, as the run does it: what was there is put back first, and its hold lifted."""
    containers = host.engine.containers(own.id)
    up = [item.service for item in containers if running(item)]
    entry = entry_of(InstanceSpec(id=own.id), state, containers)
    known = hold.hold_of(own)
    again = up if not to_be_down(own, state) else []
    if known is not None and known.passing and state.desired != STOPPED:
        jobs = recorded_jobs(state)
        again = sorted(item.service for item in containers if item.service not in jobs)
    acted(
        entry, *_actions(places), *(Action("container", one, "stop") for one in up), *(Action("container", one, "start") for one in again)
    )
    return entry
