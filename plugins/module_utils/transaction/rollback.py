# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Back to what the last upgrade came from, though it was committed: what was stored since is put aside, and that has to be confirmed. What a
cut left of an upgrade is ended in the same way, and needs no word of anybody."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

from ..backup import progress
from ..commands import one_off
from ..common.actions import Action
from ..common.errors import AvsError, HostError
from ..common.findings import Finding
from ..common.rules import finding
from ..common.spec import InstanceSpec
from ..common.words import STOPPED
from ..docker.containers import running
from ..instance import before, transaction
from ..instance.state import State
from ..instance.store import InstanceStore
from ..instance.transaction import ROLL_BACK, Transaction
from ..reconcile.control import acted
from ..reconcile.job import look
from ..reconcile.noting import turn
from ..reconcile.own import Way, refused, result_of
from ..reconcile.repositories import Asked, Host
from ..reconcile.still import end_journal
from ..reconcile.takedown import alone
from ..reconcile.work import Work, of_the_system
from ..status.entry import entry_of, tell
from ..system import files
from ..system.lock import Lock
from ..system.signals import held_back
from . import back, judging, migrations

OPERATION = "rollback"
# In the folder of what is gone back to: what the version that is left had.
_LEFT = "left"


def rollback(host: Host, ids: Sequence[str], way: Way, asked: Asked, confirmed: bool = False) -> dict[str, Any]:
    """The result is that of a run; an entry has ``upgrade``: from where to where it went, and what that discards. Without ``confirmed`` that is
    an error which says it, but in check mode."""
    return result_of([_guarded(host, name, way, (asked, confirmed)) for name in ids])


def _guarded(host: Host, name: str, way: Way, what: tuple[Asked, bool]) -> dict[str, Any]:
    own = host.store.instance(name)
    try:
        judging.require_here(own)
        if os.path.lexists(own.upgrade):
            return _of_a_cut(host, own, way, what)
        return _back(host, own, way, what)
    except OSError as error:
        return refused(name, own, of_the_system(name, error, host.store.root))
    except AvsError as error:
        return refused(name, own, error)
    finally:
        if not way.check:
            progress.clear(own)


def _of_a_cut(host: Host, own: InstanceStore, way: Way, what: tuple[Asked, bool]) -> dict[str, Any]:
    asked, confirmed = what
    known = transaction.begun(own)
    if way.check:
        entry = _entry(host, own)
        acted(entry, Action("files", "release", "update"))
        return {**entry, "upgrade": {**_told(known), "cut": True}}
    taken = known is not None and not transaction.is_committed(known, back.recorded(own))
    try:
        told = back.settle(host, own, way, asked)
    except HostError as error:
        # What reverts it was tried before a person's word counts: whoever has the way back confirmed may know of no migration.
        if not (confirmed and "UPG-013" in {item.id for item in error.findings} and _noted_by_hand(own, way)):
            raise
        told = back.settle(host, own, way, asked)
    with held_back():
        entry = back.started(host, own, way)
    tell(entry, told)
    return {**entry, "changed": True, "upgrade": {**_told(known), "rolled_back": taken}}


def _noted_by_hand(own: InstanceStore, way: Way) -> bool:
    """By a person's word what migrations did, and could not be taken back, was reverted by hand. Whether there was anything of that."""
    with Lock(own.lock, way.holder, way.lock_timeout):
        known = transaction.begun(own)
        if known is None or known.step != ROLL_BACK or not any(one.begun for one in known.migrations):
            return False
        names = [one.to for one in known.migrations if one.begun]
        own.note("step", transaction=known.name, step=ROLL_BACK, phase="by hand", migrations=names, holder=way.holder)
        transaction.write(own, known.but(migrations=migrations.by_hand(known.migrations)))
    return True


def _back(host: Host, own: InstanceStore, way: Way, what: tuple[Asked, bool]) -> dict[str, Any]:
    asked, confirmed = what
    state = own.state()
    found = _known(own, state)
    known = judging.going(own, found)
    entry = _entry(host, own)
    up = [item.service for item in host.engine.containers(own.id) if running(item)]
    if way.check:
        judging.require(host, own, way, asked, judging.by_word(host, own, known))
        acted(entry, *(Action("container", name, "stop") for name in up), Action("files", "release", "update"))
        return {**entry, "upgrade": _told(known)}
    if not confirmed:
        message = f"{_discards(known)}; nothing was changed"
        raise HostError(f"{own.id}: {message}", [finding("UPG-010", own.id, message, "Confirm it: avs_rollback_confirmed=true.")])
    return _taken_back(host, own, way, asked, found)


def _known(own: InstanceStore, state: State | None) -> Transaction:
    """What is gone back to. Raises ``HostError`` (UPG-010) where there is nothing."""
    known = transaction.read(own, own.previous)
    installed = state.package.version if state is not None and state.installed and state.package is not None else None
    why = ""
    if state is None or not state.installed:
        why = "is not installed on this host"
    elif known is None:
        why = "has nothing to go back to: no upgrade of it was committed here since it was installed"
    elif known.new != installed:
        why = f"is {installed}, and the last upgrade led to {known.new}: it cannot go back from what it is"
    if why or known is None:
        raise HostError(f"{own.id} {why}", [finding("UPG-010", own.id, why, "See restaking.avs.status, or avsctl history.")])
    return known


def _taken_back(host: Host, own: InstanceStore, way: Way, asked: Asked, found: Transaction) -> dict[str, Any]:
    known = judging.by_word(host, own, judging.going(own, found))
    item = Work(look(InstanceSpec(id=own.id, state=STOPPED), host.store, host.engine.containers(own.id), None))
    up = sorted(one.service for one in item.job.containers if running(one))
    left: list[bool] = []

    def step(descriptors: tuple[int, ...]) -> None:
        item.begin(own, OPERATION, way.terms(host.store), old=known.new, version=known.old)
        if own.upgrade and os.path.lexists(own.upgrade):
            raise HostError(f"{own.id} was changed meanwhile; run again")
        try:
            item.told += _gone(host, own, way, asked, (known, descriptors))
        except Exception:
            left.append(not _undone(own, found, known))
            raise

    with Lock(os.path.join(host.store.locks, f"{own.id}.backup.lock"), way.holder, way.lock_timeout):
        judging.require(host, own, way, asked, known)
        with held_back(), turn(host.store, own.id, way):
            alone(item, way.terms(host.store), host.store, step)
            failed = item.error
            entry = _entry(host, own) if any(left) else back.started(host, own, way)
    acted(entry, *(Action("container", name, "stop") for name in up))
    tell(entry, [*item.told, *(failed.findings if failed is not None else ())])
    if failed is not None:
        now = (
            "It is down, and nobody starts it before that is done."
            if any(left)
            else entry["error"] or f"{known.new} is in its place as before."
        )
        lines = [f"{own.id} did not go back: {failed.message}", now, *(f"  {one.as_line()}" for one in failed.findings)]
        entry["error"] = "\n".join(lines)
    end_journal(item, own, way, entry["error"])
    told = {**_told(known), "rolled_back": failed is None, "quarantined": bool(entry.pop("quarantined", False))}
    return {**entry, "changed": bool(entry["changed"] or failed is None), "upgrade": told}


def _gone(host: Host, own: InstanceStore, way: Way, asked: Asked, what: tuple[Transaction, tuple[int, ...]]) -> list[Finding]:
    known, descriptors = what
    # A command of the package that is at work is waited for before anything is changed.
    with one_off.alone(own, way.holder, way.lock_timeout, descriptors) as held_open:
        before.keep(own, os.path.join(own.previous, _LEFT))
        transaction.take_up(own, known.but(step=ROLL_BACK, touched=True, restored=False, discarded={}))
        return back.roll_back(host, own, way, asked, held_open)


def _undone(own: InstanceStore, found: Transaction, known: Transaction) -> bool:
    """After a failure: what was to be left is in its place again, if nothing was replaced yet. Whether that is so; else the way back is still
    to be gone. ``found``: as it was recorded, ``known``: as it was to be gone."""
    if os.path.lexists(own.previous):
        return True
    place = os.path.join(own.upgrade, _LEFT)
    if not judging.is_untouched(own, known, place):
        return False
    try:
        before.put_back(own, place)
        if transaction.begun(own) != found:
            transaction.write(own, found)
        files.remove(place)
        transaction.settle(own)
    except (AvsError, OSError):
        return False
    return True


def _entry(host: Host, own: InstanceStore) -> dict[str, Any]:
    return entry_of(InstanceSpec(id=own.id), own.known(), host.engine.containers(own.id))


def _told(known: Transaction | None) -> dict[str, Any]:
    if known is None:
        return {}
    found: Mapping[str, Any] = {"from": known.new, "to": known.old, "backup": known.backup, "since": known.began}
    return {**found, "discards": _discards(known)}


def _discards(known: Transaction) -> str:
    kept = f", as the backup {known.backup} has it" if known.backup else ", of which there is no backup, as there was nothing to be saved"
    stays = f"; {', '.join(known.stays)} would stay as it is" if known.stays else ""
    begun = [one for one in known.migrations if one.begun] if known.stays else []
    reverts = ", ".join(one.revert for one in begun if one.revert)
    runs = f"; of its package {reverts} is run, which takes back what a migration did" if reverts else ""
    changed = [one.to for one in begun if not one.revert]
    word = f"; to confirm it says that somebody reverted by hand what the migration to {', '.join(changed)} changed" if changed else ""
    return (
        f"to go back from {known.new} to {known.old} discards what was stored since {known.began}: it would be as it was then"
        f"{kept}{stays}{runs}{word}"
    )
