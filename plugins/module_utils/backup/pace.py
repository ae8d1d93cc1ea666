# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How long a node would be down for its copy: known before it is stopped, from what earlier copies took and what passes read meanwhile.

A copy looks at every file (``fixed`` seconds), and reads those that changed since the live pass began (at ``rate``). Where nobody can tell yet,
nothing is refused: the copy has its bound all the same. Nor is anything refused for what was slow once: who is refused for it makes no copy by
which it could be known better, so a pass of this night counts that took less.
"""

from __future__ import annotations

import os
import time
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from ..common.errors import HostError
from ..common.records import Odd, Record, item, nullable, number, plain
from ..common.rules import finding
from ..instance.store import InstanceStore
from ..system import clock, files
from . import again, changes, kept, patience, settings, snapshot
from .kept import Parent
from .restic import Restic
from .span import Span
from .volumes import Plan

# A pass that saves what changed during the one before takes less time, in which less changes.
_PASSES = 3
# Bytes and seconds from which on a pass tells how fast it reads, and not how fast it begins.
_TELLING, _LONG_ENOUGH = 64 << 20, 2.0
# A look at a file is a part of what a copy does to it: restic looks as well, and so does the list that is made of all of them.
_LOOKS = 3.0
# Seconds a node waits for its turn in which little is written.
_WAIT = 5.0
# Seconds in which nobody asks how far a copy is.
_BRIEF = 10.0
# Bytes a second that are read where nobody knows.
_USUAL = float(256 << 20)


def _amount(value: Any) -> Any:
    if number(value) < 0:
        raise Odd("is less than nothing")
    return value


class Pace(Record, loose=True):
    """``rate``: bytes a second; ``fixed``: seconds a copy takes of which nothing changed; ``to_read``: bytes that were still to be read when the
    node was stopped last. What is not known is ``None``."""

    rate: float | None = item(nullable(_amount), default=None)
    fixed: float | None = item(nullable(_amount), default=None)
    to_read: int = item(_amount, default=0)


@dataclass(frozen=True)
class Terms:
    """``version`` of the node, ``bound``: seconds it may be down for the copy, ``parent``: what the first pass is compared with; ``aside``:
    its files can be set aside while it is down, and read later."""

    version: str | None
    bound: float
    parent: Parent
    aside: bool = False


@dataclass(frozen=True)
class Passed:
    """``added``: bytes that are new in the repository; ``span`` of the last pass; ``aside``: whether the files are to be set aside; ``at``:
    when it was known that the rest takes no longer than it may (seconds of the monotonic clock); ``brief``: whether it takes a moment."""

    added: int
    span: Span
    aside: bool
    at: float
    brief: bool = False


def live_passes(restic: Restic, own: InstanceStore, planned: Plan, terms: Terms) -> Passed:
    """Save what can be while the node runs, again where the rest would take too long. Raises ``HostError`` (BAK-003) where the rest would
    still take longer than the node may be down, and ``ResticError``."""
    added, parent, known = 0, terms.parent, read(own)
    mark: int | None = clock.mark()
    risky = again.risky(snapshot.trees(planned.items), parent.since) if parent.live else []
    for turn in range(1, _PASSES + 1):
        looked, before = patience.looked(snapshot.trees(planned.items), parent.since)
        if not parent.live or again.mark(risky):
            time.sleep(again.TICK)
            mark = clock.mark()
            parent = Parent(parent.snapshot, time.time_ns())
        passing = snapshot.Terms(terms.version, patience.needed(looked, before, known.rate), kept.LIVE)
        began = time.monotonic()
        saved = snapshot.live(restic, own.id, planned, passing, parent)
        took = time.monotonic() - began
        span = Span(parent.since, time.time_ns(), saved.snapshot, mark=mark).by_now()
        risky = again.risky(snapshot.trees(planned.items), span.begun, span.ended)
        added, span, mark = added + saved.added, replace(span, risky=risky), span.mark
        rate = rate_of(before, took) or _at_least(known.rate, before, took)
        seconds, known, aside = _left(planned, terms, known.but(rate=rate), span.begun, took)
        if seconds <= terms.bound:
            break
        if turn == _PASSES:
            raise _too_long(own.id, known, seconds, terms.bound)
        # What was written during this pass is read again by the next.
        parent = again_from(span)
    keep(own, known)
    return Passed(added, span, aside, time.monotonic(), seconds < _BRIEF)


def after_a_wait(restic: Restic, own: InstanceStore, planned: Plan, terms: Terms, passed: Passed) -> Passed:
    """Once it is a node's turn: the same, or what more passes made of it, where too much was written meanwhile. Raises as they do."""
    if time.monotonic() - passed.at < _WAIT:
        return passed
    span = passed.span.by_now()
    seconds, known, aside = _left(planned, terms, read(own), span.begun)
    if seconds > terms.bound:
        more = live_passes(restic, own, planned, replace(terms, parent=again_from(span.by_now())))
        return replace(more, added=more.added + passed.added)
    keep(own, known)
    return replace(passed, span=span, aside=aside, at=time.monotonic(), brief=seconds < _BRIEF)


def again_from(span: Span) -> Parent:
    """What is compared with a pass has what was written during it read again."""
    return Parent(span.snapshot, span.begun, live=True)


def _left(planned: Plan, terms: Terms, known: Pace, since: int, took: float | None = None) -> tuple[float, Pace, bool]:
    """Seconds a node would be down now, by what is known then, and whether its files are to be set aside. ``took``: seconds of the pass
    that was made just now."""
    began = time.monotonic()
    known = known.but(to_read=changes.to_read_since(snapshot.trees(planned.items), since))
    looking = (time.monotonic() - began) * _LOOKS
    aside = terms.aside and gains(known, looking)

    def seconds() -> float:
        return expected(known.but(to_read=0) if aside else known, looking)

    if took is not None and known.fixed is not None and seconds() > terms.bound and again.goes_by_times(planned.items):
        # It has looked at every file, too, and read what had changed.
        known = known.but(fixed=min(known.fixed, round(max(looking, took), 3)))
    return seconds(), known, aside


def rate_of(size: int, seconds: float) -> float | None:
    """Bytes a second, where a pass was long enough to tell."""
    return size / seconds if size >= _TELLING and seconds >= _LONG_ENOUGH else None


def _at_least(known: float | None, size: int, seconds: float) -> float | None:
    """A pass that was too short to tell how fast it reads reads that fast at least."""
    return max(known, size / seconds) if known is not None and seconds > 0 else known


def gains(pace: Pace, looking: float) -> bool:
    """Whether to read what changed takes longer than to clone all files, which costs about what a few looks at them do."""
    return pace.to_read / (pace.rate or _USUAL) > looking


def expected(pace: Pace, looking: float) -> float:
    """Seconds a copy takes; ``looking``: to look at every file, where no copy has told yet."""
    fixed = pace.fixed if pace.fixed is not None else looking
    return fixed + (pace.to_read / pace.rate if pace.rate else 0.0)


def learn(own: InstanceStore, seconds: float, aside: bool = False) -> None:
    """What a copy took: of the part that is none of reading the next one takes as much. ``aside``: nothing was read."""
    known = read(own)
    reading = known.to_read / known.rate if known.rate and not aside else 0.0
    keep(own, known.but(fixed=round(max(seconds - reading, 0.0), 3)))


def read(own: InstanceStore) -> Pace:
    """It is asked for an estimate alone: a record that cannot be used says nothing."""
    try:
        return Pace.read(files.read_json(_file(own)))
    except (OSError, ValueError, Odd):
        return Pace()


def keep(own: InstanceStore, pace: Pace) -> None:
    with suppress(OSError):
        files.write_json(_file(own), plain(pace))


def _file(own: InstanceStore) -> str:
    return os.path.join(settings.folder(own), "pace.json")


def _too_long(instance: str, pace: Pace, seconds: float, bound: float) -> HostError:
    why = f"{pace.to_read >> 20} MiB changed during the last pass, {(pace.rate or 0.0) / (1 << 20):.1f} MiB/s are read" if pace.rate else ""
    message = f"the copy would take about {seconds:.0f} s, and the node may be down for {bound:g} s{f' ({why})' if why else ''}"
    remedy = "Raise avs_backup_max_stop, or try again when it writes less: what was saved by now is not read again."
    return HostError(f"{instance} was not stopped: {message}", [finding("BAK-003", instance, message, remedy)])
