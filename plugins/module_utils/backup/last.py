# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The last backup of an instance, and what went wrong since: a small record its host keeps, so that how old a backup is can be told without
a password and without starting restic. It tells; nothing is decided by it but when a proof is due, and a full disk keeps no backup from
being made."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from ..common.harmless import bounded, harmless
from ..common.records import Odd, Record, flag, item, newer_than, number, plain, table, text, whole
from ..instance.store import InstanceStore
from ..system import files
from ..system.clock import now
from .settings import folder
from .settings import read as read_settings

SCHEMA = 1
BACKUP, PROOF = "backup", "proof"
_REASON = 500


class Failure(Record, loose=True):
    """``waiting``: only the repository's password was missing; ``untried``: it was put off, before anything was looked at."""

    time: str = item(text)
    reason: str = item(text)
    waiting: bool = item(flag, default=False)
    untried: bool = item(flag, default=False)


class Last(Record, loose=True):
    """``id`` to ``seconds`` are of the newest backup, empty where there is none: instants in UTC, sizes in bytes, seconds of the copy while
    the node was down. ``verified``: when one was proven last, and ``proven`` which. ``proofs``: operation -> when a copy was
    proven last, ``awaited``: operation -> since when the first proof is. ``failures``: operation -> what became of the last try,
    where that failed. ``begun``: operation -> since when one is on its way, or was when it was cut."""

    schema: int = item(whole, default=SCHEMA)
    id: str = item(text, default="")
    time: str = item(text, default="")
    added: int = item(whole, default=0)
    size: int = item(whole, default=0)
    files: int = item(whole, default=0)
    seconds: float = item(number, default=0)
    verified: str = item(text, default="")
    proven: str = item(text, default="")
    proofs: Mapping[str, str] = item(table(text), default={})
    awaited: Mapping[str, str] = item(table(text), default={})
    failures: Mapping[str, Failure] = item(table(Failure.read), default={})
    begun: Mapping[str, str] = item(table(text), default={})


_MADE = ("id", "time", "added", "size", "files", "seconds")


def place(own: InstanceStore) -> str:
    return os.path.join(folder(own), "last.json")


def read(own: InstanceStore) -> Last | None:
    """``None`` where nothing is known, or what is there cannot be read: the next backup writes it anew."""
    try:
        found = files.read_json(place(own))
        return None if found is None or newer_than(found, SCHEMA) is not None else Last.read(found)
    except (OSError, ValueError, Odd):
        return None


def begin(own: InstanceStore, operation: str) -> None:
    """One is on its way. What was begun before and did not end was cut, and counts as failed."""
    known = read(own) or Last(schema=SCHEMA)
    failures = dict(known.failures)
    since = known.begun.get(operation)
    if since:
        failures[operation] = Failure(time=since, reason="was cut before its end")
    _write(own, known.but(failures=failures, begun={**known.begun, operation: now()}))


def failed(own: InstanceStore, operation: str, reason: str, waiting: bool) -> None:
    """``reason``: what a person was told; its first line is kept."""
    known = read(own) or Last(schema=SCHEMA)
    failure = Failure(time=now(), reason=_said(reason), waiting=waiting)
    _write(own, _ended(known, operation).but(failures={**known.failures, operation: failure}))


def made(own: InstanceStore, backup: Mapping[str, Any]) -> None:
    """``backup``: as it is told in a result."""
    known = _ended(read(own) or Last(schema=SCHEMA), BACKUP)
    # Nobody can mend what is said of a copy that is given up.
    settings = read_settings(own)
    there = {PROOF, *(proof_of(copy.name) for copy in (settings.copies if settings is not None else ()))}
    failures, begun, proofs, awaited = (
        {name: what for name, what in found.items() if name in there}
        for found in (known.failures, known.begun, known.proofs, known.awaited)
    )
    never = sorted(name for name in there if not proven_at(known, name) and name not in awaited)
    waiting = {**awaited, **dict.fromkeys(never, now())}
    found = known.but(failures=failures, begun=begun, proofs=proofs, awaited=waiting)
    _write(own, found.but(**{name: backup[name] for name in _MADE}))


def missed(own: InstanceStore) -> bool:
    """Whether the last try only lacked a password, and no other is on its way."""
    known = read(own)
    failure = known.failures.get(BACKUP) if known is not None else None
    return known is not None and failure is not None and failure.waiting and BACKUP not in known.begun


def called_for(own: InstanceStore) -> None:
    """What was missed is made up for just now."""
    known = read(own)
    if known is not None:
        _write(own, known.but(failures=_without(known.failures, BACKUP)))


def proof_of(copy: str) -> str:
    """The operation, of a copy or of the repository itself (empty): what one of them is worth says nothing of the other."""
    return f"{PROOF} of {copy}" if copy else PROOF


def proven(own: InstanceStore, backup: str, operation: str = PROOF) -> None:
    known = _ended(read(own) or Last(schema=SCHEMA), operation)
    here = {"verified": now(), "proven": backup} if operation == PROOF else {"proofs": {**known.proofs, operation: now()}}
    _write(own, known.but(failures=_without(known.failures, operation), awaited=_without(known.awaited, operation), **here))


def proven_at(known: Last, operation: str) -> str:
    """When that proof was made last, empty where it never was."""
    return known.verified if operation == PROOF else known.proofs.get(operation, "")


def put_off(own: InstanceStore, operation: str, reason: str) -> None:
    """It was not tried, and why. What went wrong before says more."""
    known = read(own) or Last(schema=SCHEMA)
    before = known.failures.get(operation)
    if before is None or before.untried:
        failure = Failure(time=now(), reason=_said(reason), untried=True)
        _write(own, known.but(failures={**known.failures, operation: failure}))


def _said(reason: str) -> str:
    return bounded(harmless((reason.strip() or "it did not say why").splitlines()[0]), _REASON)


def _ended(known: Last, operation: str) -> Last:
    return known.but(begun=_without(known.begun, operation))


def _without(given: Mapping[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in given.items() if key != name}


def _write(own: InstanceStore, last: Last) -> None:
    if not files.is_folder(own.root):
        # Of an instance that is not here nothing is noted.
        return
    with suppress(OSError):
        files.folder(folder(own), 0o700)
        files.write_json(place(own), plain(last))
