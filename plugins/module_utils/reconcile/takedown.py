# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Takes nodes down, before anything else is looked at: nothing but their locks, a listing, ``stop`` and ``rm`` is needed for that, and
whatever else is wrong with the host, or with another instance, keeps none of them running."""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Callable

from ..common.actions import Action
from ..common.errors import AvsError, HostError, LockedError
from ..common.words import GONE
from ..docker.engine import Engine
from ..instance import artifacts
from ..instance.store import Store
from ..system.full import os_error_text
from ..system.lock import Lock
from . import remove
from .job import Job, look
from .plan import plan_stop
from .report import announce, report
from .standstill import Ending, halt, stop
from .work import Terms, Work, guarded, side_by_side

# Removals at a time; to wait for a node to end costs the host nothing, and none of them waits for another.
_AT_ONCE = 2


@dataclass(frozen=True)
class _Host:
    """``room`` for removals."""

    store: Store
    engine: Engine
    room: threading.Semaphore


def announce_down(jobs: Sequence[Job], store: Store, engine: Engine) -> list[Work]:
    """Check mode: what would be done, as far as the engine tells."""
    work = [Work(job) for job in jobs]
    for item in work:
        item.actions = _plan(store, engine, item)
        announce(item)
    return work


def take_down(jobs: Sequence[Job], terms: Terms, store: Store, engine: Engine, waits: bool = True) -> list[Work]:
    """Stop or remove each under its own lock, and fill its ``entry``. An instance that fails is an error of its own. ``waits``: whether
    what somebody works on runs on until that has ended.

    Returns those there was something to do for.
    """
    work = [Work(job) for job in jobs]
    host = _Host(store, engine, threading.Semaphore(_AT_ONCE))

    def one(item: Work) -> None:
        if waits or not _halted_at_once(item, terms, host):
            alone(item, terms, store, lambda descriptors: _down(item, terms, host, descriptors))

    side_by_side(work, terms, one)
    # What a run before us did while we waited for the lock may be all there was to do.
    work = [item for item in work if item.job.reason is not None or item.error is not None]
    if any(item.state == GONE for item in work):
        # Whoever has the lock tidies up at the end of its own run.
        with suppress(AvsError, OSError), Lock(os.path.join(store.locks, "artifacts.lock"), terms.holder, 0):
            artifacts.sweep(store)
    report(engine, store, work, terms.mask)
    return work


def all_locked(work: Sequence[Work]) -> LockedError | None:
    """The first error, where every instance is somebody else's just now."""
    errors = [item.error for item in work if isinstance(item.error, LockedError)]
    return errors[0] if errors and len(errors) == len(work) else None


def alone(item: Work, terms: Terms, store: Store, step: Callable[[tuple[int, ...]], None]) -> None:
    """Do something to an instance under its lock; ``step`` gets the descriptors commands keep open."""
    with Lock(store.instance(item.id).lock, terms.holder, terms.timeout) as lock:
        # Within: a command that outlives a failure still holds the lock's file.
        guarded(item, terms, lambda _item: step((lock.fd,)))


def _halted_at_once(item: Work, terms: Terms, host: _Host) -> bool:
    """Whether it was ended without its lock, which somebody holds who works on it: he finds the hold wherever he starts anything. Only then
    is the lock waited for, to record what was done. Raises what keeps it running before what keeps it from being recorded."""
    lock = host.store.instance(item.id).lock
    busy = _busy(lock, terms)
    if busy is None:
        return False
    terms.say(f"{busy}; it is taken down at once, and then that is waited for ({terms.timeout:g} s at most)")
    item.begun = True
    seen = item.job.containers
    _halt(item, terms, host.engine)
    try:
        alone(item, terms, host.store, lambda descriptors: _down(item, terms, host, descriptors))
        # What this stop found, not what it left.
        item.job.containers, item.job.reason = seen, item.job.reason or "is running"
    except (AvsError, OSError) as error:
        # The first time the engine may have refused, or who has the lock have been about to start something.
        failure = _halt(item, terms, host.engine)
        if failure is not None:
            raise failure from None
        message = f"{item.id} was taken down and is held; its record says otherwise until the next run: {_busy(lock, terms) or busy}"
        if isinstance(error, LockedError):
            raise LockedError(message) from None
        raise HostError(message, error.findings if isinstance(error, AvsError) else ()) from None
    return True


def _busy(lock: str, terms: Terms) -> str | None:
    """Why a lock cannot be had, in words: who holds it, as a rule. ``None`` where it can."""
    try:
        with Lock(lock, terms.holder, 0):
            return None
    except (AvsError, OSError) as error:
        return _said(error, lock).partition(";")[0]


def _said(error: AvsError | OSError, lock: str) -> str:
    return error.message if isinstance(error, AvsError) else os_error_text(error, lock)


def _halt(item: Work, terms: Terms, engine: Engine) -> AvsError | None:
    """End what runs of it. Returns why that was not possible."""
    try:
        there = engine.containers(item.id)
        item.actions = item.actions or plan_stop(there)
        item.told += halt(engine, item.id, there, Ending(terms.bound))
    except AvsError as error:
        return error
    return None


def _down(item: Work, terms: Terms, host: _Host, hold: tuple[int, ...]) -> None:
    store, engine = host.store, host.engine
    job, own = item.job, store.instance(item.id)
    fresh = look(job.spec, store, engine.containers(item.id), None)
    job.state, job.containers, job.reason, job.refusal = fresh.state, fresh.containers, fresh.reason, fresh.refusal
    if job.reason is None:
        return
    item.begun = True
    item.actions = _plan(store, engine, item)
    ending = Ending(terms.bound, hold)
    item.begin(own, "stop" if item.state != GONE else "remove", terms, purge=job.spec.purge)
    item.told += stop(engine, own, job.state, job.containers, ending)
    if item.state == GONE:
        with host.room:
            item.kept = remove.remove(engine, own, job, hold)


def _plan(store: Store, engine: Engine, item: Work) -> list[Action]:
    if item.state != GONE:
        return plan_stop(item.job.containers)
    own = store.instance(item.id)
    networks, volumes = _told(engine.networks), _told(engine.volumes)
    unnamed = _told(lambda: dict.fromkeys(remove.in_use(engine, own.id), ""))
    return remove.plan_removal(own, item.job, networks, volumes, sorted(unnamed))


def _told(ask: Callable[[], dict[str, str]]) -> Mapping[str, str]:
    """Nothing, where the engine does not say: a removal asks again, once the containers are gone, and names what is left then."""
    try:
        return ask()
    except AvsError:
        return {}
