# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The way back: the version before is put in its place again, with what was stored when it was stopped.

Each part can be done twice: whatever cuts it, it is begun anew, and ends the same.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from ..backup import retention
from ..commands.declared import one_off, run_declared
from ..common.errors import AvsError, HostError
from ..common.findings import Finding
from ..common.rules import finding
from ..common.spec import InstanceSpec
from ..common.words import STOPPED
from ..docker.names import project
from ..instance import before, hold, journal, secrets_before, transaction
from ..instance.store import InstanceStore
from ..instance.transaction import ROLL_BACK, Migration, Transaction
from ..reconcile.control import start
from ..reconcile.job import look
from ..reconcile.own import Way
from ..reconcile.repositories import Asked, Host
from ..reconcile.standstill import Ending, halt
from ..reconcile.takedown import alone
from ..reconcile.work import Work
from ..status.entry import tell
from . import migrations, restoring

# Characters of what a command said that are told.
_SAID = 1000


def roll_back(host: Host, own: InstanceStore, way: Way, asked: Asked, hold_open: tuple[int, ...]) -> list[Finding]:
    """Under the instance's lock: the node is down, and what there was before is in its place. Returns what is to be said of it. Raises
    ``HostError``, ``WaitingError`` and ``OSError`` where it cannot be done now: what is there then is started by nobody."""
    known = transaction.begun(own)
    if known is None:
        return []
    if known.step != ROLL_BACK:
        known = known.but(step=ROLL_BACK)
        transaction.write(own, known)
    own.note("step", transaction=known.name, step=ROLL_BACK, phase="begin")
    told = halt(host.engine, own.id, host.engine.containers(own.id), Ending(way.stop_timeout, hold_open))
    known = _reverted(host, own, known, hold_open)
    state = before.put_back(own, own.upgrade)
    if known.touched and known.backup and not known.restored:
        aside = restoring.restore(host, own, asked, known, state)
        known = known.but(restored=True, discarded=aside)
        transaction.write(own, known)
    restoring.let_go(own, known)
    if known.discarded:
        restoring.keep_discarded(own, known)
    secrets_before.put_back(own, state)
    # What the other version made in the engine is remembered, so that a purge finds it.
    own.write_state(state.but(volumes=sorted({*state.volumes, *_made_since(host, own, known)})))
    transaction.drop(own)
    secrets_before.drop(own)
    if known.backup:
        with suppress(HostError, OSError):
            retention.need_no_more(own, known.backup)
    own.note("step", transaction=known.name, step=ROLL_BACK, phase="done")
    return told


def _made_since(host: Host, own: InstanceStore, known: Transaction) -> set[str]:
    had, there = set(known.volumes), host.engine.volumes()
    return {name for name, owner in there.items() if owner == project(own.id) and name not in had} if had else set()


def _reverted(host: Host, own: InstanceStore, known: Transaction, hold_open: tuple[int, ...]) -> Transaction:
    """What a migration did where a restore brings nothing back. Raises ``HostError`` (UPG-013)."""
    if not any(one.begun for one in known.migrations) or not known.stays:
        return known
    left = {"known": known}

    def done(one: Migration) -> None:
        changed = [item.but(begun=False) if item == one else item for item in left["known"].migrations]
        left["known"] = left["known"].but(migrations=changed)
        transaction.write(own, left["known"])

    try:
        migrations.take_back(known.migrations, lambda name: declared(host, own, name, hold_open), done)
    except HostError as error:
        message = f"what a migration changed could not be taken back: {error.message}"
        raise HostError(f"{own.id}: {message}", [finding("UPG-013", own.id, message), *error.findings]) from None
    return left["known"]


def require(host: Host, own: InstanceStore, names: Sequence[str]) -> None:
    """Whether commands of the release that is current can be run. Raises ``HostError`` (CMD-001)."""
    spec = own.wanted() or own.spec()
    for name in names:
        if spec is not None:
            one_off(host.engine, own, spec, name)


def declared(host: Host, own: InstanceStore, name: str, hold_open: tuple[int, ...]) -> None:
    """Run a command of the release that is current, by what is wanted of it. Raises ``HostError`` where it does not end with 0."""
    spec = own.wanted() or own.spec()
    if spec is None:
        raise HostError(f"{name} is not one of the package's commands")
    ended = run_declared(host.engine, own, spec, name, hold_open)
    if ended.failed:
        why = f"it took longer than it may ({ended.seconds:.0f} s)" if ended.timed_out else f"it ended with {ended.code}"
        raise HostError(f"{why}: {ended.output.strip()[-_SAID:] or 'it said nothing'}")


def started(host: Host, own: InstanceStore, way: Way) -> dict[str, Any]:
    """The entry, once what was put back runs again, or is down for good: what is well with neither version is started by nobody but a person."""
    entry: dict[str, Any] = dict(start(host.store, host.engine, [own.id], way, lifts=False)["instances"][0])
    if not entry["error"] or entry.get("waiting") or entry.get("locked") or hold.hold_of(own) is not None:
        return entry
    return {**entry, **quarantined(host, own, way, entry)}


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
    started: whoever called does what is to be done with it. Raises as ``roll_back``, and ``LockedError``."""
    if not os.path.lexists(own.upgrade):
        return []
    item = Work(look(InstanceSpec(id=own.id, state=STOPPED), host.store, host.engine.containers(own.id), None))
    told: list[Finding] = []

    def resolve(descriptors: tuple[int, ...]) -> None:
        known = transaction.begun(own)
        if known is None:
            # Cut before anything was noted of it.
            transaction.drop(own)
        elif transaction.is_committed(known, own.known()):
            tidy(own)
        elif transaction.is_half(known, own.known()):
            told.extend(roll_back(host, own, way, asked, descriptors))
        else:
            # Nothing was switched: the old version only has to be started.
            transaction.drop(own)
        with suppress(OSError):
            for record in journal.opened(own):
                journal.end(own, str(record["transaction"]), journal.CUT)

    alone(item, way.terms(host.store), host.store, resolve)
    if item.error is not None:
        raise item.error
    return told


def tidy(own: InstanceStore) -> None:
    """After a commit. Raises ``OSError``."""
    last = None
    with suppress(HostError):
        last = transaction.read(own, own.previous)
    restoring.drop_discarded(own)
    transaction.settle(own)
    secrets_before.drop(own)
    if last is not None and last.backup:
        with suppress(HostError, OSError):
            retention.need_no_more(own, last.backup)
