# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The way back: the version before is put in its place again, with what was stored when it was stopped.

Each part can be done twice: whatever cuts it, it is begun anew, and ends the same.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from ..backup import retention
from ..commands import declared as commands
from ..commands import one_off
from ..common.errors import AvsError, HostError
from ..common.findings import Finding
from ..common.rules import finding
from ..common.spec import InstanceSpec
from ..common.words import STOPPED
from ..instance import before, hold, passed, secrets_before, transaction
from ..instance.state import DamagedError, NewerError, State
from ..instance.store import InstanceStore, left
from ..instance.transaction import ROLL_BACK, Migration, Transaction
from ..reconcile import policies
from ..reconcile.by_record import to_be_down
from ..reconcile.control import start
from ..reconcile.job import look
from ..reconcile.own import Way, end_what_is_open
from ..reconcile.repositories import Asked, Host
from ..reconcile.standstill import Ending, halt
from ..reconcile.takedown import alone
from ..reconcile.work import Work
from ..status.entry import entry_of, tell
from . import made, migrations, restoring

# Characters of what a command said that are told.
_SAID = 1000


def roll_back(host: Host, own: InstanceStore, way: Way, asked: Asked, hold_open: tuple[int, ...]) -> list[Finding]:
    """Under the instance's lock: the node is down, and what there was before is in its place. Returns what is to be said of it. Raises
    ``HostError``, ``WaitingError``, ``LockedError`` and ``OSError`` where it cannot be done now: what is there then is started by nobody."""
    known = transaction.begun(own)
    if known is None:
        return []
    present = recorded(own)
    transaction.require_one_of_both(own, known, present)
    # It needs nothing of the disk, which may be full.
    told = halt(host.engine, own.id, host.engine.containers(own.id), Ending(way.stop_timeout, hold_open))
    # No command of the package writes to what is put back.
    with one_off.alone(own, way.holder, way.lock_timeout, hold_open) as held_open:
        one_off.sweep(host.engine, own)
        told += _put_back(host, own, asked, (known, present), held_open)
    return told


def _put_back(
    host: Host, own: InstanceStore, asked: Asked, found: tuple[Transaction, State | None], hold_open: tuple[int, ...]
) -> list[Finding]:
    known, present = found
    if known.step != ROLL_BACK:
        known = known.but(step=ROLL_BACK)
        transaction.write(own, known)
    own.note("step", transaction=known.name, step=ROLL_BACK, phase="begin")
    passed.forget(own)
    known = _reverted(host, own, known, hold_open)
    state = before.put_back(own, own.upgrade)
    if known.touched and known.backup and not known.restored:
        aside = restoring.restore(host, own, asked, known, state)
        known = known.but(restored=True, discarded=aside)
        transaction.write(own, known)
    restoring.let_go(own, known)
    aside, told = made.put_aside(host.engine, own, known, hold_open)
    known = known.but(discarded={**known.discarded, **aside})
    if known.discarded:
        restoring.keep_discarded(own, known)
    secrets_before.put_back(own, state)
    if present is not None and present.installed:
        # What was asked for since, of a node that is half another version, still is.
        state = state.but(desired=present.desired)
    # What the other version made in the engine is remembered: a purge finds volumes, and the next start lets networks go.
    volumes, networks = made.since(host.engine, own, known), made.networks(host.engine, own)
    own.write_state(state.but(volumes=sorted({*state.volumes, *volumes}), networks=sorted({*state.networks, *networks})))
    drop(own, known)
    secrets_before.drop(own)
    own.note("step", transaction=known.name, step=ROLL_BACK, phase="done")
    return told


def recorded(own: InstanceStore) -> State | None:
    """``None`` where it cannot be used, as if there were none. Raises ``NewerError``: that is for the release which wrote it."""
    try:
        return own.state()
    except NewerError:
        raise
    except DamagedError:
        return None


def drop(own: InstanceStore, known: Transaction | None) -> None:
    """It never was, or is taken back: the record goes, then what held its backup. Raises ``OSError``."""
    transaction.drop(own)
    if known is not None:
        _let_go(own, known)


def _let_go(own: InstanceStore, known: Transaction) -> None:
    """Of its backup. One that was made just before a cut is in no record but that of what is needed."""
    with suppress(HostError, OSError):
        last = transaction.read(own, own.previous)
        for backup, why in retention.needed(own).items():
            if backup == known.backup or (why == way_back_from(known.new) and (last is None or backup != last.backup)):
                retention.need_no_more(own, backup)


def way_back_from(version: str | None) -> str:
    """Why the backup of an upgrade is needed."""
    return f"the way back from {version}"


def _reverted(host: Host, own: InstanceStore, known: Transaction, hold_open: tuple[int, ...]) -> Transaction:
    """What a migration did where a restore brings nothing back. Raises ``HostError`` (UPG-013)."""
    if not any(one.begun for one in known.migrations) or not known.stays:
        return known
    now = {"known": known}

    def done(one: Migration) -> None:
        changed = [item.but(begun=False) if item == one else item for item in now["known"].migrations]
        now["known"] = now["known"].but(migrations=changed)
        transaction.write(own, now["known"])

    try:
        migrations.take_back(known.migrations, lambda name: declared(host, own, name, hold_open), done)
    except HostError as error:
        message = f"what a migration changed could not be taken back: {error.message}"
        raise HostError(f"{own.id}: {message}", [finding("UPG-013", own.id, message), *error.findings]) from None
    return now["known"]


def require(host: Host, own: InstanceStore, names: Sequence[str]) -> None:
    """Whether commands of the release that is current can be run. Raises ``HostError`` (CMD-001)."""
    spec = own.wanted() or own.spec()
    for name in names:
        if spec is not None:
            commands.one_off(host.engine, own, spec, name)


def declared(host: Host, own: InstanceStore, name: str, hold_open: tuple[int, ...]) -> None:
    """Run a command of the release that is current, by what is wanted of it. Raises ``HostError`` where it does not end with 0."""
    spec = own.wanted() or own.spec()
    if spec is None:
        raise HostError(f"{name} is not one of the package's commands")
    ended = commands.run_declared(host.engine, own, spec, name, hold_open)
    if ended.failed:
        why = f"it took longer than it may ({ended.seconds:.0f} s)" if ended.timed_out else f"it ended with {ended.code}"
        raise HostError(f"{why}: {ended.output.strip()[-_SAID:] or 'it said nothing'}")


def started(host: Host, own: InstanceStore, way: Way) -> dict[str, Any]:
    """The entry, once what was put back runs again, or is down for good: what is well with neither version is started by nobody but a person."""
    entry = brought_up(host, own, way)
    if not entry["error"] or entry.get("waiting") or entry.get("locked") or hold.hold_of(own) is not None:
        return entry
    return {**entry, **quarantined(host, own, way, entry)}


def brought_up(host: Host, own: InstanceStore, way: Way) -> dict[str, Any]:
    """The entry of what is started as it is recorded, unless it is to be down by now."""
    state = own.known()
    if to_be_down(own, state):
        entry: dict[str, Any] = entry_of(InstanceSpec(id=own.id), state, host.engine.containers(own.id))
        return entry
    return dict(start(host.store, host.engine, [own.id], way, lifts=False)["instances"][0])


def quarantined(host: Host, own: InstanceStore, way: Way, entry: dict[str, Any]) -> dict[str, Any]:
    message = "is well with neither version, and is held down"
    problems = [finding("UPG-013", own.id, message)]
    with suppress(OSError):
        hold.place(own, way.holder, "quarantined: well with neither version")
    with suppress(AvsError):
        halt(host.engine, own.id, host.engine.containers(own.id), Ending(way.stop_timeout))
    tell(entry, problems)
    return {"error": f"{own.id} {message}: {entry['error']}", "findings": entry["findings"], "quarantined": True}


def settle(host: Host, own: InstanceStore, way: Way, asked: Asked) -> list[Finding]:
    """End what a cut left of an upgrade, where nobody is at work on it: take it back, or, once it was committed, tidy. The node is not
    started: whoever called does what is to be done with it. Raises as ``roll_back``, ``NewerError`` and ``LockedError``."""
    if not os.path.lexists(own.upgrade):
        return []
    item = Work(look(InstanceSpec(id=own.id, state=STOPPED), host.store, host.engine.containers(own.id), None))
    told: list[Finding] = []

    def resolve(descriptors: tuple[int, ...]) -> None:
        known, state = transaction.begun(own), recorded(own)
        if known is not None and transaction.is_half(known, state):
            told.extend(roll_back(host, own, way, asked, descriptors))
        else:
            # What was told to stop, and was not stopped, runs on.
            with suppress(AvsError, OSError, ValueError):
                policies.of_what_runs(own, host.engine, Ending(way.stop_timeout, descriptors))
            if known is not None and transaction.is_committed(known, state):
                told.extend(tidy(own))
            else:
                # Nothing was switched, or even noted: the old version only has to be started.
                drop(own, known)
        end_what_is_open(own)

    alone(item, way.terms(host.store), host.store, resolve)
    if item.error is not None:
        raise item.error
    return told


def tidy(own: InstanceStore) -> list[Finding]:
    """After a commit. Returns what could not be done: it is in nobody's way."""
    last = None
    with suppress(HostError):
        last = transaction.read(own, own.previous)
    # What is kept of it goes with the rest of what the last one came from.
    if last is not None and last.backup:
        with suppress(HostError, OSError):
            retention.need_no_more(own, last.backup)
    told = [*_tried(own.upgrade, lambda: transaction.settle(own)), *_tried(own.run, lambda: secrets_before.drop(own))]
    return [*told, *_tried(own.path("discarded.json"), lambda: restoring.drop_discarded(own))]


def _tried(path: str, step: Callable[[], None]) -> list[Finding]:
    try:
        step()
    except OSError as error:
        return [left(str(error.filename or path), f"could not be tidied: {error.strerror or error}")]
    return []
