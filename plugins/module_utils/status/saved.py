# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is known of an instance's backups: how old and how large the newest one is, and what is off with them. Starts nothing."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Sequence
from typing import Any

from ..backup import last, proofs, timer
from ..backup.last import Last
from ..backup.settings import has_password
from ..backup.settings import read as read_settings
from ..common.errors import HostError
from ..common.findings import Finding
from ..common.rules import finding
from ..instance.hold import is_moved
from ..instance.store import InstanceStore
from ..system.clock import seconds_since

_WAITS = "waits for the password of its repository, which is gone since the host was started"
_BRING = "Run restaking.avs.install (or backup) with avs_backup_password; it is kept in memory."


def saved(own: InstanceStore, installed: bool) -> tuple[dict[str, Any] | None, list[Finding]]:
    """The entry's ``backup``, ``None`` for an instance nobody backs up, and findings (BAK-010). Of one that another host has,
    nothing is expected here."""
    installed = installed and not is_moved(own)
    known, schedule = last.read(own), timer.schedule_of(own.id) if installed else ""
    if known is None and not schedule:
        return None, []
    found = known or Last()
    waiting = bool(schedule) and not has_password(own)
    lock = os.path.join(os.path.dirname(own.lock), f"{own.id}.backup.lock")
    # Of what is gone nothing more is expected.
    problems = [*_problems(own.id, found, waiting, schedule, bool(found.begun) and lock_is_free(lock))] if installed else []
    problems += _overdue(own, found) if schedule else ()
    told = {
        "schedule": schedule or None,
        "waiting": waiting,
        "id": found.id or None,
        "time": found.time or None,
        "age": _age(found.time),
        **{name: getattr(found, name) if found.id else None for name in ("added", "size", "files", "seconds")},
        "verified": found.verified or None,
        "proven": found.proven or None,
        "proof_age": _age(found.verified),
        "proofs": {name.partition(" of ")[2]: {"verified": time, "age": _age(time)} for name, time in sorted(found.proofs.items())},
        "failures": {name: {"time": item.time, "reason": item.reason} for name, item in sorted(found.failures.items())},
        "problem": "; ".join(text for text, _remedy in problems) or None,
    }
    return told, [finding("BAK-010", own.id, text, remedy) for text, remedy in problems]


def _age(instant: str) -> int | None:
    age = seconds_since(instant) if instant else None
    return None if age is None else int(age)


def _overdue(own: InstanceStore, known: Last) -> list[tuple[str, str]]:
    """Proofs its timer was to have made by now, and those it could not begin. What failed says so itself."""
    try:
        wanted = read_settings(own)
    except HostError:
        return []
    found = []
    for place in proofs.places(wanted) if wanted is not None else ():
        since = proofs.overdue(known, place)
        if since and place.operation not in known.failures:
            what = f"the last was made at {since}" if last.proven_at(known, place.operation) else f"none was made since {since}"
            remedy = f"{_again(own.id, place.operation)}; its timer is to make one every {place.days} days (avs_backup_prove)."
            found.append((f"its {place.operation} is overdue: {what}", remedy))
    return found


def _again(instance: str, operation: str) -> str:
    """What does it again, on the host: a proof of the repository takes back nothing that was said of a copy."""
    if not operation.startswith(last.PROOF):
        return f"avsctl backup {instance}"
    copy = operation.partition(" of ")[2]
    return f"avsctl prove {instance} --from {copy}" if copy else f"avsctl prove {instance}"


def _problems(instance: str, known: Last, waiting: bool, schedule: str, idle: bool) -> Sequence[tuple[str, str]]:
    """What is wrong and what to do. ``idle``: nobody works on its backups, whatever was begun."""
    problems = [(f"its backup ({schedule}) {_WAITS}", _BRING)] if waiting else []
    for name, item in sorted(known.failures.items()):
        if not (item.waiting and waiting):
            what = f"its {name} was put off at {item.time}" if item.untried else f"its last {name}, at {item.time}, failed"
            problems.append((f"{what}: {item.reason}", f"Mend what it names, and: {_again(instance, name)}."))
    if idle:
        for name, since in sorted(known.begun.items()):
            remedy = "The node runs again with the next run (or avsctl up). Back up again."
            problems.append((f"its {name} of {since} was cut before its end", remedy))
    return problems


def lock_is_free(path: str) -> bool:
    """Whether nobody has a lock just now. To look takes a share of it for a moment, which a run that wants it waits out."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return True
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return False
    finally:
        os.close(handle)
    return True
