# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Backups of instances: made while the node is down and with it started again by the host's own record, listed, and proven.

While it is down, what was to run still is: nothing is recorded of it but that a backup was begun. So whatever cuts a backup, the next
start of the host, or the next run, brings the node up again, and what was copied until then never counts.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

from ..backup import anew, claims, cloned, last, pace, progress, settings, snapshot, stored, verify
from ..backup.kept import Backup
from ..backup.restic import Restic
from ..backup.restore import half
from ..backup.volumes import Plan
from ..common.actions import Action
from ..common.errors import AvsError, HostError, LockedError
from ..common.records import plain
from ..common.rules import finding
from ..common.spec import InstanceSpec
from ..common.words import APPLYING
from ..docker.containers import running
from ..instance.hold import hold_of
from ..instance.hold import told as hold_told
from ..instance.state import State
from ..instance.store import InstanceStore
from ..status.entry import entry_of, tell
from ..system.lock import Lock
from . import copying, live_backup, retaining
from .by_record import going_on, require_whole, to_be_down
from .choosing import backups_of, chosen_of, unread
from .control import acted
from .live_backup import may_run_on
from .noting import noted, noting
from .one_disk import one_disk
from .own import Way, refused, result_of
from .package_commands import Node, dumped
from .repositories import MAX_STOP, Asked, Host, foreseen, keep_files, ready, require_none, wanted_settings
from .repository_place import require_apart
from .still import Still, installed
from .work import of_the_system


def take(host: Host, ids: Sequence[str], way: Way, asked: Asked, every: bool = False) -> dict[str, Any]:
    """Back up instances, one after another. The result is that of a run, with ``backup`` of those that have a new one. ``every``: they were
    not named, so that those another host has by now are passed over, and said to be."""
    step = noted(host.store, way, lambda name, hold: _take(host, name, way, asked, hold))
    return each(host, ids, way, lambda name, hold: _elsewhere(host, name, every) or step(name, hold))


def _elsewhere(host: Host, name: str, every: bool) -> dict[str, Any] | None:
    """The entry of one that is backed up on another host, ``None`` of any other: in a repository both reach, what is old here would be the
    newest there is. Raises ``HostError`` where it was named."""
    own = host.store.instance(name)
    known = hold_of(own)
    if known is None or not known.kind:
        return None
    told_of = hold_told(name, known)
    if not every:
        # What is held is a warning elsewhere, and a warning is no part of an error's text.
        raise HostError(f"{name} is backed up on another host, {known.reason} -> {told_of.remedy}", [told_of])
    entry = entry_of(InstanceSpec(id=name), own.known(), host.engine.containers(name))
    tell(entry, [told_of])
    return entry


def listed(host: Host, ids: Sequence[str], way: Way, asked: Asked) -> dict[str, Any]:
    """Entries with ``backups``, the oldest first; nothing is changed, and nobody waited for."""
    return result_of([_guarded(host, name, lambda name: _list(host, name, asked)) for name in ids])


def proven(host: Host, ids: Sequence[str], way: Way, asked: Asked, backup: str = "") -> dict[str, Any]:
    """Prove the newest backup of each instance, or the one that is named; the node runs on. ``backup`` of an entry is what was proven."""
    return each(host, ids, way, lambda name, hold: _prove(host, name, way, (asked, backup), hold))


def each(host: Host, ids: Sequence[str], way: Way, step: Callable[[str, tuple[int, ...]], dict[str, Any]]) -> dict[str, Any]:
    """Do something about the backups of each instance, one after another; ``step`` gets the descriptors that commands keep open."""

    def locked(name: str) -> dict[str, Any]:
        if way.check:
            return step(name, ())
        # The instance's own lock is for who touches the node, and is free while the node runs.
        with Lock(os.path.join(host.store.locks, f"{name}.backup.lock"), way.holder, way.lock_timeout) as lock:
            try:
                return step(name, (lock.fd,))
            finally:
                progress.clear(host.store.instance(name))
                claims.release(host.store.instance(name))

    return result_of([_guarded(host, name, locked) for name in ids])


def _guarded(host: Host, name: str, step: Callable[[str], dict[str, Any]]) -> dict[str, Any]:
    own = host.store.instance(name)
    try:
        return step(name)
    except LockedError as error:
        return refused(name, own, LockedError(f"{error.message}{_at_work(own)}", error.findings), host.engine)
    except OSError as error:
        return refused(name, own, of_the_system(name, error, host.store.root), host.engine)
    except AvsError as error:
        return refused(name, own, error if isinstance(error, HostError) else HostError(error.message, error.findings), host.engine)


def _at_work(own: InstanceStore) -> str:
    """How far whoever works on it is, for one who does not wait for the end."""
    step = progress.at_work(own)
    return "" if step is None else f"; {progress.said(own.id, plain(step))}"


def _take(host: Host, name: str, way: Way, asked: Asked, hold: tuple[int, ...]) -> dict[str, Any]:
    own = host.store.instance(name)
    state = installed(own)
    if state.phase == APPLYING:
        problem = finding("BAK-003", name, "a run was cut before all of it was made", "Run restaking.avs.install, which completes it.")
        raise HostError(f"{name} cannot be backed up", [problem])
    if half(own) is not None:
        problem = finding("BAK-003", name, "a restore was cut, and not all of it is in its place", "Restore again, or: avsctl recover.")
        raise HostError(f"{name} cannot be backed up", [problem])
    # Also of one that is down: what is stored may be another version's than what is recorded.
    require_whole(own, state, "backed up")
    up = any(map(running, host.engine.containers(name)))
    if up and not to_be_down(own, state):
        # What is stopped for a moment must be able to start again.
        going_on(own, state)
    wanted = wanted_settings(host.store, own, asked)
    planned = stored.to_save(host.engine, own, state, wanted)
    if not planned.items:
        raise HostError(f"{name} has nothing that is backed up", [finding("BAK-002", name, "has no volume and no data folder of its own")])
    require_apart(host, own, wanted)
    planned = replace(planned, findings=[*planned.findings, *anew.told(own, settings.read(own), wanted)])
    if way.check:
        foreseen(host, own, wanted, asked)
        entry = _announced(host, own, state, planned)
        acted(entry, *(Action("copy", one.name, "create") for one in wanted.copies))
        return entry
    keep_files(own, asked)
    restic = ready(host, own, wanted, asked, make=True).holding(*hold)
    snapshot.sweep(own)
    snapshot.require(name, planned.items)
    version = state.package.version if state.package is not None else None
    freed, parent = retaining.room(restic, own, wanted, planned, version)
    bound = asked.bound or float(wanted.max_stop or MAX_STOP)
    runs_on = up and may_run_on(own, planned.items)
    # Of a node that is stopped all is of one moment, also what its package could have saved before.
    with dumped(Node(host.engine, own, hold), planned.items, runs_on) as items:
        planned = replace(planned, items=items)
        if runs_on:
            entry = live_backup.take(host, own, restic, way, live_backup.What(state, planned, parent))
        else:
            # Of 0.12 nobody has seen that it goes by size and time alone where it is told to.
            apart = up and restic.abilities().dry and cloned.possible(items, cloned.Run(host.run_command))
            terms = pace.Terms(version, bound, parent, apart)
            passed = pace.live_passes(restic, own, planned, terms) if up else None
            entry = Still(host, own, restic, way, terms).run(planned, passed)
    if not entry.get("backup"):
        acted(entry, *(Action("backup", item.id, "remove") for item in freed))
        return entry
    retaining.retain(restic, own, wanted, entry, freed)
    copying.copy_all(host, own, restic, wanted, entry)
    with suppress(OSError):
        tell(entry, one_disk(own, wanted, entry["backup"]["copies"], planned.items))
    return entry


def _announced(host: Host, own: InstanceStore, state: State, planned: Plan) -> dict[str, Any]:
    containers = host.engine.containers(own.id)
    up = [item.service for item in containers if running(item)]
    entry = entry_of(InstanceSpec(id=own.id), state, containers)
    ended = [] if up and may_run_on(own, planned.items) else up
    again = ended if not to_be_down(own, state) else []
    acted(entry, *(Action("container", name, "stop") for name in ended), *(Action("container", name, "start") for name in again))
    acted(entry, Action("backup", own.id, "create"))
    tell(entry, planned.findings)
    return entry


def _list(host: Host, name: str, asked: Asked) -> dict[str, Any]:
    own = host.store.instance(name)
    entry = entry_of(InstanceSpec(id=name), own.known(), host.engine.containers(name))
    wanted = wanted_settings(host.store, own, asked)
    there = bool(asked.copy) or os.path.isdir(wanted.repository)
    if not there:
        require_none(host, own, wanted)
    restic = ready(host, own, wanted, asked, make=False) if there else None
    found = backups_of(restic, name, recent=True) if restic is not None else []
    tell(entry, unread(restic, name) if restic is not None else [])
    return {
        **entry,
        "repository": restic.repository if restic is not None else wanted.repository,
        "backups": [item.as_dict() for item in found],
    }


def _prove(host: Host, name: str, way: Way, what: tuple[Asked, str], hold: tuple[int, ...]) -> dict[str, Any]:
    own = host.store.instance(name)
    restic = ready(host, own, wanted_settings(host.store, own, what[0]), what[0], make=False).holding(*hold)
    chosen = chosen_of(restic, name, what[1])
    entry = entry_of(InstanceSpec(id=name), own.known(), host.engine.containers(name))
    if not way.check:
        entry["backup"] = prove(host, own, restic, chosen, last.proof_of(what[0].copy))
    # Nothing of the node changes; that it was proven is noted in the repository.
    acted(entry, Action("backup", name, "update"))
    return entry


def prove(host: Host, own: InstanceStore, restic: Restic, chosen: Backup, proof: str) -> dict[str, Any]:
    """``proof``: what its host notes it as. Returns what is said of the backup. Raises as ``verify.prove``."""
    verify.sweep(own)
    with noting(own, proof):
        manifest = verify.prove(restic, host.run_command, own, chosen)
    last.proven(own, chosen.id, proof)
    return {**chosen.as_dict(), "files": manifest["files"], "size": manifest["size"]}
