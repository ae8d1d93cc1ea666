# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An upgrade that was begun, as the disk has it: how far it came, and what there was before.

``upgrade/`` is there from before the node is stopped until it is committed or put back; then it is ``previous/``, which a later rollback goes
back to. Each step is written before it is begun: what a cut leaves is of that step, or of the one before.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ..common.errors import HostError
from ..common.names import is_name
from ..common.records import Record, flag, item, many, newer_than, nullable, plain, table, text, whole
from ..common.rules import finding
from ..common.words import COMMITTED, STARTED
from ..system import files
from . import before
from .state import State
from .store import InstanceStore, Store

SCHEMA = 1
# Until the last of these the old version is all there is; it only has to be started.
PLAN, VERIFY, PULL, LOCK, CHECK_AGAIN, LIVE_COPY, STOP, BACKUP = (
    "PLAN", "VERIFY", "PULL", "LOCK", "CHECK AGAIN", "LIVE COPY", "STOP", "BACKUP",
)  # fmt: skip
SWITCH, MIGRATE, START, GATE, COMMIT, PRUNE = "SWITCH", "MIGRATE", "START", "GATE", "COMMIT", "PRUNE"
ROLL_BACK = "ROLL BACK"
STEPS = (PLAN, VERIFY, PULL, LOCK, CHECK_AGAIN, LIVE_COPY, STOP, BACKUP, SWITCH, MIGRATE, START, GATE, COMMIT, PRUNE)
_HARMLESS = STEPS[: STEPS.index(SWITCH)]
_RECORD = "record.json"


class Migration(Record):
    """``command`` and ``revert`` are names of commands the package declares; ``begun``: it may have changed something."""

    to: str = item(text)
    command: str = item(text)
    revert: str | None = item(nullable(text), default=None)
    begun: bool = item(flag, default=False)


class Transaction(Record, loose=True):
    """``name`` is the journal's; ``old`` and ``new`` are versions; ``digest`` of the spec that is to be committed. ``touched``: the new version,
    or a migration, may have written to what is stored; ``backup``: what is put back then, ``restored``: that it was. ``volumes``: of the engine,
    that were there before, ``None`` where that is not known; ``ran``: services that ran when it was begun. ``discarded``: item -> where what was
    put aside lies; ``stays``: what a restore does not bring back. ``committed``: the new version is what is installed, whatever was changed of it since."""

    schema: int = item(whole, default=SCHEMA)
    name: str = item(text)
    old: str | None = item(nullable(text), default=None)
    new: str | None = item(nullable(text), default=None)
    digest: str = item(text, default="")
    step: str = item(text)
    holder: str = item(text, default="")
    began: str = item(text, default="")
    backup: str | None = item(nullable(text), default=None)
    touched: bool = item(flag, default=False)
    restored: bool = item(flag, default=False)
    volumes: Sequence[str] | None = item(nullable(many(text)), default=None)
    ran: Sequence[str] = item(many(text), default=())
    stays: Sequence[str] = item(many(text), default=())
    migrations: Sequence[Migration] = item(many(Migration.read), default=())
    discarded: Mapping[str, str] = item(table(text), default={})
    committed: bool = item(flag, default=False)
    why: str = item(text, default="")


def read(own: InstanceStore, place: str) -> Transaction | None:
    """``place``: ``own.upgrade`` or ``own.previous``. Raises ``HostError`` (UPG-012, OPS-014) for one that cannot be used: nobody knows then what
    a node would find."""
    path = os.path.join(place, _RECORD)
    try:
        found = files.read_json(path)
        if found is None and not os.path.lexists(path):
            return None
        if newer_than(found, SCHEMA) is not None:
            message = f"{path} is of a newer release of restaking.avs; it was left alone"
            raise HostError(f"{own.id}: {message}", [finding("OPS-014", own.id, message)])
        return Transaction.read(found)
    except (OSError, ValueError):
        message = f"{path} cannot be used, and tells of an upgrade"
        remedy = f"Put it back from a backup of the host; if the node is well with what it has, remove {place}."
        raise HostError(f"{own.id}: {message}", [finding("UPG-012", own.id, message, remedy)]) from None


def write(own: InstanceStore, known: Transaction) -> None:
    """Raises ``OSError``."""
    files.folder(own.upgrade, 0o700)
    files.write_json(os.path.join(own.upgrade, _RECORD), plain(known))


def begun(own: InstanceStore) -> Transaction | None:
    """One that was begun and has not ended. Raises as ``read``."""
    return read(own, own.upgrade)


def any_begun(store: Store, specs: Iterable[Mapping[str, Any]]) -> bool:
    """Whether there is anything of an upgrade of instances that a document wants to run; what ends one is read for no other run."""
    ids = [str(spec.get("id")) for spec in specs if spec.get("state", STARTED) == STARTED]
    return any(os.path.lexists(store.instance(name).upgrade) for name in ids if is_name(name))


def is_half(known: Transaction, state: State | None) -> bool:
    """Whether what lies there is of neither version: nothing of it may be started."""
    if known.step in _HARMLESS:
        return False
    return not is_committed(known, state)


def is_committed(known: Transaction, state: State | None) -> bool:
    """Whether the new version is installed, by whoever recorded that, and it only has to be tidied."""
    if known.step == ROLL_BACK:
        return False
    if known.committed:
        return True
    if known.step in _HARMLESS or state is None or state.phase != COMMITTED:
        return False
    version = state.package.version if state.package is not None else None
    # Of another commit of one version, the version says nothing.
    by_version = version is not None and version == known.new and known.new != known.old
    return (bool(known.digest) and state.spec_digest == known.digest) or by_version


def require_one_of_both(own: InstanceStore, known: Transaction, state: State | None) -> None:
    """Before it is taken back. Raises ``HostError`` (UPG-012) where something was installed since that is neither what it came from nor what
    it led to, as by a release that knows of no upgrades: what is stored may be that one's."""
    if state is None or state.phase != COMMITTED:
        return
    version = state.package.version if state.package is not None else None
    if known.step == ROLL_BACK:
        if version in (known.old, known.new):
            return
    elif state.spec_digest == before.state_of(own, own.upgrade).spec_digest:
        return
    message = f"{version} was installed since its upgrade from {known.old} to {known.new} was cut at {known.step}, by something that knows of none"
    remedy = f"If the node is well with what it has, remove {own.upgrade}; else restore the backup {known.backup}."
    raise HostError(f"{own.id}: {message}; it was left alone", [finding("UPG-012", own.id, message, remedy)])


def half(own: InstanceStore, state: State | None) -> Transaction | None:
    """One that was cut where neither version may be started. Raises as ``read``."""
    known = begun(own)
    return known if known is not None and is_half(known, state) else None


def require_whole(own: InstanceStore, state: State | None, what: str) -> None:
    """Raises ``HostError`` (UPG-012) where one was cut, and what lies there is of neither version; ``what`` cannot be done then. Raises as ``read``."""
    cut = half(own, state) if os.path.lexists(own.upgrade) else None
    if cut is not None:
        message = f"an upgrade from {cut.old} to {cut.new} was cut at {cut.step}, and is not taken back yet"
        raise HostError(f"{own.id} cannot be {what}", [finding("UPG-012", own.id, message)])


def drop(own: InstanceStore) -> None:
    """It never was, or is put back. The record goes first: without it the rest says nothing."""
    files.remove(os.path.join(own.upgrade, _RECORD))
    files.remove(own.upgrade)


def settle(own: InstanceStore) -> None:
    """It was committed: what it came from is what a rollback goes back to from now on. Raises ``OSError``."""
    files.remove(own.previous)
    for path in files.leftovers(own.upgrade):
        files.remove(path)
    os.rename(own.upgrade, own.previous)
    files.sync_folder(own.root)


def take_up(own: InstanceStore, known: Transaction) -> None:
    """Go back to what the last upgrade came from. Raises ``OSError``."""
    # One that ended leaves no folder; what is there without a record is of nothing.
    files.remove(own.upgrade)
    os.rename(own.previous, own.upgrade)
    files.sync_folder(own.root)
    write(own, known.but(committed=False))
