# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A backup of a node that is down for it, or is down already.

As little as can be is done while it is: restic has its repository open by then, and what is written to that once all was copied is written
when the node runs again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from typing import Any

from ..backup import aside, cloned, pace, progress, snapshot
from ..backup.contents import Copied
from ..backup.opened import Opened
from ..backup.restic import Restic
from ..backup.volumes import Plan
from ..commands import one_off
from ..common.actions import Action
from ..common.errors import AvsError, HostError
from ..common.rules import finding
from ..common.spec import InstanceSpec
from ..common.words import STOPPED
from ..docker.containers import Container, running
from ..health.probes import UNHEALTHY
from ..instance import journal
from ..instance.hold import hold_of
from ..instance.state import State
from ..instance.store import InstanceStore
from ..status.entry import entry_of, tell
from ..system.lock import Lock
from ..system.prefetch import Ahead
from ..system.signals import held_back
from . import same_again
from .by_record import to_be_down
from .control import acted, start
from .job import look
from .noting import turn
from .own import Way, refused
from .repositories import Host
from .standstill import Ending, halt
from .takedown import alone
from .work import Work, guarded, of_the_system

OPERATION = "backup"


class Still:
    """One backup on its way, once all is ready for it. ``item`` is what becomes of the node, ``copied`` what was saved of it, ``passed`` what
    was saved before it is down."""

    def __init__(self, host: Host, own: InstanceStore, restic: Restic, way: Way, terms: pace.Terms) -> None:
        self.host, self.own, self.restic, self.way, self.terms = host, own, restic, way, terms
        listing = host.engine.containers(own.id)
        self.item = Work(look(InstanceSpec(id=own.id, state=STOPPED), host.store, listing, None))
        self.copied: Copied | None = None
        self.aside: aside.Aside | None = None
        self.passed: pace.Passed | None = None
        self.ended: list[str] = []
        self.ran: same_again.Ran | None = None
        self._after: Ahead[list[Container]] | None = None

    def run(self, planned: Plan, passed: pace.Passed | None) -> dict[str, Any]:
        with told_where_cut(self.item, self.own, self.way):
            return self._run(planned, passed)

    def _run(self, planned: Plan, passed: pace.Passed | None) -> dict[str, Any]:
        terms = self.way.terms(self.host.store)
        with turn(self.host.store, self.own.id, self.way):
            if passed is not None:
                self.passed = pace.after_a_wait(self.restic, self.own, planned, self.terms, passed)
            try:
                alone(self.item, terms, self.host.store, lambda descriptors: self._copy(planned, descriptors))
            finally:
                with held_back():
                    entry = self._start()
        taken = self.aside or self.copied
        if self.ended and taken is not None:
            pace.learn(self.own, taken.seconds, self.aside is not None)
        error = self.item.error
        try:
            if error is None and self.aside is not None:
                self.copied = aside.save(self.restic, self.own, self.aside, self.terms.version)
            if error is None and self.copied is not None:
                manifest = snapshot.seal(self.restic, self.own, installed(self.own), self.copied, planned)
                entry["backup"] = told(manifest, self.copied)
                # What is new went there while the node ran, for the most part.
                entry["backup"]["added"] += self.passed.added if self.passed is not None else 0
                acted(entry, Action("backup", self.own.id, "create"))
        except OSError as problem:
            error = of_the_system(self.own.id, problem, self.host.store.root)
        except AvsError as problem:
            error = problem
        finally:
            cloned.settle(self.own)
        tell(entry, [*planned.findings, *self.item.told])
        if error is not None:
            tell(entry, error.findings)
            entry["error"] = "\n".join(filter(None, (str(error), entry["error"])))
        end_journal(self.item, self.own, self.way, entry["error"])
        return entry

    def _copy(self, planned: Plan, descriptors: tuple[int, ...]) -> None:
        """While no command of its package writes to what is copied."""
        with one_off.alone(self.own, self.way.holder, self.way.lock_timeout, descriptors) as held_open:
            self._copied(planned, held_open)

    def _copied(self, planned: Plan, descriptors: tuple[int, ...]) -> None:
        """Under the instance's lock, which restic holds as well: a copy outlives whoever began it no longer than the lock."""
        containers = self.host.engine.containers(self.own.id)
        up = sorted(item.service for item in containers if running(item))
        self.ran = same_again.ran(self.host.store, self.own, containers) if up else None
        self.item.actions = [Action("container", name, "stop") for name in up]
        self.item.begin(self.own, OPERATION, self.way.terms(self.host.store))
        ending = Ending(self.way.stop_timeout, descriptors)
        # What of its work needs nothing of the node restic does before that is down.
        with ExitStack() as stack:
            begun = None
            if self.passed is None or not self.passed.aside:
                begun = stack.enter_context(self._begin(planned, descriptors, ending.bound * len(up)))
            self.ended = up
            if up:
                self.item.told += halt(self.host.engine, self.own.id, containers, ending)
            self._copy_still(planned, descriptors, begun)
        if any(map(running, self._there() if self._after is None else self._after.answer())):
            self.copied = self.aside = None
            message = "the backup does not count: a container of it was started while it was copied"
            raise HostError(f"{self.own.id}: {message}", [finding("BAK-003", self.own.id, message, "Find out who starts it.")])

    def _begin(self, planned: Plan, descriptors: tuple[int, ...], until: float) -> Opened:
        terms = replace(self._how(), until=until)
        return snapshot.begin(self._holding(descriptors), self.own, planned.items, self.item.transaction, terms)

    def _holding(self, descriptors: tuple[int, ...]) -> Restic:
        return self.restic.holding(*self.restic.hold, *descriptors)

    def _how(self) -> snapshot.Terms:
        terms, passed = self.terms, self.passed
        how = snapshot.Terms(terms.version, terms.bound, parent=terms.parent, read=self._look)
        return how if passed is None else replace(how, parent=pace.again_from(passed.span), risky=passed.span.risky, brief=passed.brief)

    def _there(self) -> list[Container]:
        return self.host.engine.containers(self.own.id)

    def _look(self) -> None:
        """Whether it was down until all was read is asked while times of files are looked at."""
        self._after = Ahead(self._there)

    def _copy_still(self, planned: Plan, descriptors: tuple[int, ...], begun: Opened | None) -> None:
        """Of a node that is down."""
        if self.passed is not None:
            self.passed = replace(self.passed, span=self.passed.span.by_now())
        name, passed, restic = self.item.transaction, self.passed, self._holding(descriptors)
        if begun is not None:
            self.copied = snapshot.go_on(begun, restic, self.own, planned.items, (name, self._how()))
            return
        if passed is not None:
            run = cloned.Run(self.host.run_command, descriptors, self.terms.bound)
            self.aside = aside.set_aside(self.own, planned.items, name, passed.span, run)
        if self.aside is None:
            self.copied = snapshot.copy(restic, self.own, planned.items, name, self._how())

    def _start(self) -> dict[str, Any]:
        """What ran runs again, whatever became of the copy, unless somebody wants it down by now."""
        state = self.own.known()
        stopped = [Action("container", name, "stop") for name in self.ended]
        if not self.ended or to_be_down(self.own, state):
            entry = entry_of(InstanceSpec(id=self.own.id), state, self.host.engine.containers(self.own.id))
            acted(entry, *stopped)
            return entry
        try:
            self.restic.progress.phase(progress.START)
        finally:
            entry = self._started_as_it_ran() or self._started()
        acted(entry, *stopped)
        return entry

    def _started_as_it_ran(self) -> dict[str, Any] | None:
        """``None`` where a run is to judge it anew, and to start what of it does not run by then."""
        own, engine, ran, terms = self.own, self.host.engine, self.ran, self.way.terms(self.host.store)
        if ran is None:
            return None
        begun, asked = Work(self.item.job), Work(self.item.job)

        def confirm(item: Work) -> None:
            item.health = same_again.confirm(engine, own, ran, ending)

        try:
            # Whoever has the lock is waited for by a run, too.
            with Lock(own.lock, self.way.holder, 0) as lock:
                ending = Ending(self.way.stop_timeout, (lock.fd,))
                guarded(begun, terms, lambda _item: same_again.start(engine, own, ran, ending))
                if begun.error is None:
                    guarded(asked, terms, confirm)
                if begun.error is not None or hold_of(own) is not None or (asked.error is not None and not self._all_up()):
                    return None
                entry = self._told(ran, asked)
        except (AvsError, OSError):
            return None
        acted(entry, *(Action("container", service, "start") for service in self.ended))
        return entry

    def _all_up(self) -> bool:
        return {item.service for item in self._there() if running(item)}.issuperset(self.ended)

    def _told(self, ran: same_again.Ran, asked: Work) -> dict[str, Any]:
        """The entry of one that was started as it ran; ``asked``: how it was found to be."""
        if asked.error is not None:
            entry = refused(self.own.id, self.own, asked.error, self.host.engine)
            return {**entry, "health": {"status": UNHEALTHY, "detail": asked.error.message}, "hold": None}
        health = asked.health.as_dict() if asked.health is not None else None
        return {**entry_of(ran.spec, self.own.known(), self._there()), **({"health": health} if health else {}), "hold": None}

    def _started(self) -> dict[str, Any]:
        """Nobody's hold is lifted. What does not come up at once is tried once more: nothing else would before the next run."""
        entry = self._brought_up()
        if not entry["error"] or entry.get("locked"):
            return entry
        return entry if self._all_up() else self._brought_up()

    def _brought_up(self) -> dict[str, Any]:
        return dict(start(self.host.store, self.host.engine, [self.own.id], self.way, lifts=False)["instances"][0])


def end_journal(item: Work, own: InstanceStore, way: Way, error: str | None) -> None:
    if not item.transaction:
        return
    outcome, details = (journal.FAILED, {"error": error}) if error else (journal.DONE, {})
    with suppress(AvsError, OSError), Lock(own.lock, way.holder, way.lock_timeout):
        item.ended(own, outcome, **details)


@contextmanager
def told_where_cut(item: Work, own: InstanceStore, way: Way, done: Callable[[], bool] = lambda: False) -> Iterator[None]:
    """Of a process that is told to end: what it did about that is done by then, and the journal leaves nothing open that nobody is at.
    ``done``: whether what was begun had come to its end, and only what follows was cut."""
    try:
        yield
    except BaseException:
        with held_back():
            end_journal(item, own, way, None if done() else "it was cut")
        raise


def told(manifest: Mapping[str, Any], copied: Copied) -> dict[str, Any]:
    """What is said of a backup that was made: sizes in bytes, ``seconds`` of the copy while the node was down."""
    names = ("id", "time", "snapshot", "files", "sockets", "size", "omitted", "left")
    return {**{name: manifest[name] for name in names}, "added": copied.saved.added, "seconds": round(copied.seconds, 2)}


def installed(own: InstanceStore) -> State:
    state = own.state()
    if state is None or not state.installed:
        raise HostError(
            f"{own.id} is not installed on this host", [finding("INV-001", own.id, "is not installed on this host", "See avsctl ls.")]
        )
    return state
