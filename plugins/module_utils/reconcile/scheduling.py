# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A host's instances are backed up on a schedule: what they are backed up by is made ready, then their timers. One call does all of them.

An instance that is stopped or held keeps its timer: what it has stored is worth as much, and it stays down. One that is gone, or was
given up to another host, loses it, as soon as it is (``boot/settle``), and here.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ..backup import anew, copies, last, settings, stored
from ..backup.settings import Settings
from ..backup.timer import service_of, timer_of
from ..boot.timers import TimerPlan, Timers, Timing, calendar_problem
from ..common.actions import Action, ordered
from ..common.errors import AvsError, HostError
from ..common.findings import Finding
from ..common.records import plain
from ..common.rules import finding
from ..instance.hold import is_moved
from ..instance.state import State
from ..instance.store import InstanceStore
from ..system.lock import Lock
from .own import Way, result_of
from .repositories import Asked, Host, foreseen, keep_files, ready, wanted_settings
from .repository_place import require_apart
from .work import of_the_system

NEVER = "never"
LONGEST_DELAY = 86_400
_BRING = "Name it in avs_backup_password and run again; it is kept in memory, and gone once the host was started."


@dataclass(frozen=True)
class Wanted:
    """``schedule``: for all instances but those in ``schedules``, empty or ``never`` for none; ``delay`` in seconds."""

    schedule: str = ""
    schedules: Mapping[str, str] = field(default_factory=dict)
    delay: int = 3600

    def of(self, instance: str) -> str:
        text = str(self.schedules.get(instance, self.schedule)).strip()
        return "" if text == NEVER else text


def wanted(given: Mapping[str, Any]) -> Wanted:
    """What a module is given. Raises ``HostError`` (INV-001)."""
    schedules, delay = given.get("schedules") or {}, int(given["random_delay"])
    problems = [
        finding("INV-001", f"avs_backup_schedules.{name}", "is no text", "Write a calendar text of systemd, in quotes, or never.")
        for name, text in schedules.items()
        if not isinstance(text, str)
    ]
    if not 0 <= delay <= LONGEST_DELAY:
        problems.append(
            finding("INV-001", "avs_backup_random_delay", f"is not 0 to {LONGEST_DELAY} seconds", "Correct avs_backup_random_delay.")
        )
    if problems:
        raise HostError("not to be understood", problems)
    return Wanted(str(given.get("schedule") or ""), schedules, delay)


def schedule(host: Host, timers: Timers, wished: Wanted, asked: Asked, way: Way) -> dict[str, Any]:
    """Raises ``HostError`` where a text means nothing or the host has no timers; nothing was changed then. ``diff`` of the result: texts
    before and after."""
    states, odd = _states(host)
    times = {name: wished.of(name) for name in states if wished.of(name)}
    _require(host, timers, wished, times)
    ones = {name: _One(host, host.store.instance(name), states[name], asked, way) for name in times}
    for one in ones.values():
        one.make_ready()
    sound = {name: Timing(times[name], wished.delay) for name, one in ones.items() if not one.error}
    unwanted = sorted({*timers.known(), *states} - times.keys() - odd)
    plan = timers.plan(sound, unwanted, host.run_command) if timers.units.usable() else TimerPlan()
    if not way.check:
        timers.carry_out(plan, host.run_command)
        late = [name for name in sound if ones[name].late]
        timers.make_up(late, host.run_command)
        for name in late:
            last.called_for(host.store.instance(name))
    entries = [one.entry(times[name], plan) for name, one in ones.items()]
    entries += [_dropped(name, plan) for name in unwanted if name in plan.changes]
    result = result_of(sorted(entries, key=lambda entry: str(entry["id"])))
    result["changed"] = result["changed"] or plan.service
    return {**result, "diff": [*(change for one in ones.values() for change in one.diff), *_diff(plan)]}


def _states(host: Host) -> tuple[dict[str, State], set[str]]:
    """Instances that are installed and not given up to another host; and those whose record cannot be used, which every other call tells of:
    they are left as they are."""
    found: dict[str, State] = {}
    odd = set()
    for name in host.store.ids():
        try:
            state = host.store.instance(name).state()
        except HostError:
            odd.add(name)
            continue
        if state is not None and state.installed and not is_moved(host.store.instance(name)):
            found[name] = state
    return found, odd


def _require(host: Host, timers: Timers, wished: Wanted, times: Mapping[str, str]) -> None:
    """All that can be wrong before anything is changed."""
    problems = []
    # What a timer has by now systemd took.
    for text in sorted({text for name, text in times.items() if not timers.is_as(name, Timing(text, wished.delay))}):
        problem = calendar_problem(text, host.run_command) if timers.units.usable() else ""
        if problem:
            remedy = "Write one that `systemd-analyze calendar` takes, in quotes, as 'Sun 03:00', or never (avs_backup_schedule)."
            problems.append(finding("INV-001", f"schedule {text[:80]!r}", problem, remedy))
    if times and not timers.units.usable():
        problems.append(finding("BAK-010", "systemd", "does not run on this host", "Have something else call avsctl backup there."))
    if times and not timers.units.startable():
        problems.append(finding("BAK-010", timers.units.program, "is not there", "Run restaking.avs.install, which leaves it."))
    if problems:
        raise HostError("backups cannot be scheduled; nothing was changed", problems)


class _One:
    """What an instance is backed up by, on its way. ``error`` keeps its timer as it is."""

    def __init__(self, host: Host, own: InstanceStore, state: State, asked: Asked, way: Way) -> None:
        self.host, self.own, self.state, self.asked, self.way = host, own, state, asked, way
        self.actions: list[Action] = []
        self.findings: list[Finding] = []
        self.diff: list[dict[str, str]] = []
        self.error = ""
        self.late = False

    def make_ready(self) -> None:
        try:
            self._make_ready()
        except OSError as error:
            self._failed(of_the_system(self.own.id, error, self.host.store.root))
        except AvsError as error:
            self._failed(error)

    def _failed(self, error: AvsError) -> None:
        self.error, self.actions, self.diff = str(error), [], []
        self.findings += error.findings

    def _make_ready(self) -> None:
        own = self.own
        known, wish = settings.read(own), wanted_settings(self.host.store, own, self.asked)
        differs = known is None or plain(known) != plain(wish)
        # In check mode it is not sent; that the inventory has one is taken for granted.
        given, has = bool(self.asked.password) or self.way.check, settings.has_password(own)
        fresh = not settings.same_password(own, self.asked.password) if self.asked.password else given and not has
        if not (given or has):
            self.findings.append(finding("BAK-010", own.id, "waits for the password of its repository, and none is given", _BRING))
            return
        # The timer has fired since the host was started, and would not again before its next time.
        self.late = last.missed(own)
        elsewhere = self._lets_into_copies(wish)
        if not (differs or fresh or elsewhere):
            return
        if differs:
            # What would keep every backup from being made is told today, and not at night.
            self.findings += stored.to_save(self.host.engine, own, self.state, wish).findings
            self.findings += anew.told(own, known, wish)
            require_apart(self.host, own, wish)
            if self.way.check and known is not None and known.repository != wish.repository:
                foreseen(self.host, own, wish, replace(self.asked, brings=True))
            self.actions.append(Action("files", "backup settings", "update" if known is not None else "create"))
            self.diff.append(_settings_diff(own, known, wish))
        if fresh:
            self.actions.append(Action("keys", "backup password", "update" if has else "create"))
        if elsewhere:
            self.actions.append(Action("keys", "backup copies", "update"))
        if not self.way.check:
            with Lock(os.path.join(self.host.store.locks, f"{own.id}.backup.lock"), self.way.holder, self.way.lock_timeout):
                keep_files(own, self.asked)
                ready(self.host, own, wish, self.asked, make=True)

    def _lets_into_copies(self, wish: Settings) -> bool:
        """Whether what its copies are reached by is to be written."""
        given = self.asked.copies
        if given is None:
            return False
        if all(one.whole for one in given):
            return copies.stale(self.own, given)
        return any(copies.missing(self.own, one) for one in wish.copies)

    def entry(self, text: str, plan: TimerPlan) -> dict[str, Any]:
        actions = [*self.actions, *plan.actions(self.own.id)]
        actions += [Action("unit", service_of(self.own.id), "start")] if self.late and not self.error else []
        waiting = not (self.error or settings.has_password(self.own) or self.way.check)
        return _entry(self.own.id, text, actions, {"waiting": waiting, "findings": self.findings, "error": self.error or None})


def _dropped(name: str, plan: TimerPlan) -> dict[str, Any]:
    return _entry(name, None, plan.actions(name), {"waiting": False, "findings": [], "error": None})


def _entry(name: str, text: str | None, actions: Sequence[Action], more: Mapping[str, Any]) -> dict[str, Any]:
    done = [action.as_dict() for action in ordered(actions)]
    told = [item.as_dict() for item in more["findings"]]
    return {"id": name, "changed": bool(done), "schedule": text, "actions": done, **more, "findings": told}


def _settings_diff(own: InstanceStore, known: Settings | None, wish: Settings) -> dict[str, str]:
    path = os.path.join(settings.folder(own), "settings.json")
    before, after = (json.dumps(plain(item), indent=2, sort_keys=True) + "\n" if item is not None else "" for item in (known, wish))
    return {"before_header": path, "after_header": path, "before": before, "after": after}


def _diff(plan: TimerPlan) -> list[dict[str, str]]:
    return [
        {"before_header": timer_of(name), "after_header": timer_of(name), "before": change.before, "after": change.after}
        for name, change in sorted(plan.changes.items())
        if change.before != change.after
    ]
