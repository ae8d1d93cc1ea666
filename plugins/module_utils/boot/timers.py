# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Timers that back up a host's instances: what is there, what is to be there, and the way from one to the other.

All of them call one service. A timer is a file of its own, which alone says when, and a link by which it comes back with the host. Whether
one is active is asked of systemd: that costs a host with a schedule one question a run, and all others none.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from ..backup.timer import service_of, timer_of
from ..common.actions import Action
from ..common.errors import HostError
from ..common.names import is_name
from ..system import files
from ..system.command import RunCommand
from .units import MADE, PROGRAM, RECOVER, Units, ask, systemctl

SERVICE = "avs-backup@.service"
WANTS = "timers.target.wants"
# Where systemd keeps when a persistent timer elapsed last.
STAMPS = "/var/lib/systemd/timers"
# What a calendar text may be made of: nothing that begins another line of a unit, or that systemd would put something in place of.
_CALENDAR = re.compile(r"[A-Za-z0-9*][A-Za-z0-9*:,/~._+ -]{0,119}\Z")
_SERVICE_TEXT = (
    MADE
    + f"""[Unit]
Description=Backup of AVS node %i
# Not bound to the engine: one that restarts and keeps its containers ends no backup.
Wants=docker.service
# When the host stops it ends before the node's unit, which takes the node down.
After=docker.service {RECOVER} avs@%i.service

[Service]
Type=oneshot
# It takes its turn behind other nodes of this host, and waits for a run that works on this one.
ExecStart={PROGRAM} backup --lock-timeout 3600 --prove-due %i
# It waits for its password, which is told by avsctl status, and is no failure.
SuccessExitStatus=3
# One that was killed may have left its node down.
ExecStopPost=-/bin/sh -c 'case "$$SERVICE_RESULT" in success|exit-code) ;; *) exec {PROGRAM} up %i ;; esac'
# More than avs_backup_max_stop and a proof may be. One that hangs would keep all later ones from being made.
TimeoutStartSec=2d
TimeoutStopSec=15min
# Nodes go first; but nothing idle, as the node is down for a part of it.
Nice=10
IOSchedulingClass=best-effort
IOSchedulingPriority=7
CPUWeight=20
IOWeight=20
"""
)
_TIMER_TEXT = (
    MADE
    + """[Unit]
Description=Backups of AVS node {instance}

[Timer]
OnCalendar={calendar}
RandomizedDelaySec={delay}
# The same every time, another one for each node and host. Before systemd 247 it is another one every time.
FixedRandomDelay=true
# One that was missed while the host was off is made up for.
Persistent=true

[Install]
WantedBy=timers.target
"""
)


@dataclass(frozen=True)
class Timing:
    """``calendar`` as ``OnCalendar`` has it; ``delay``: seconds it may be later."""

    calendar: str
    delay: int


@dataclass(frozen=True)
class Change:
    """One timer on its way: texts before and after, empty where there is none; ``link``: whether that is to be made."""

    before: str
    after: str
    link: bool = False

    @property
    def action(self) -> str:
        if not self.after:
            return "remove"
        return "update" if self.before else "create"


@dataclass(frozen=True)
class TimerPlan:
    """``service``: whether the service is to be written; ``changes``: instance -> what becomes of its timer; ``start``: instances whose
    timers are as they should be, and not active."""

    service: bool = False
    changes: Mapping[str, Change] = field(default_factory=dict)
    start: Sequence[str] = ()

    def actions(self, instance: str) -> list[Action]:
        if instance in self.changes:
            return [Action("unit", timer_of(instance), self.changes[instance].action)]
        return [Action("unit", timer_of(instance), "start")] if instance in self.start else []


@dataclass(frozen=True)
class Timers:
    """``units``: where systemd looks. ``stamps``: another place only in tests."""

    units: Units = field(default_factory=Units)
    stamps: str = STAMPS

    def plan(self, wanted: Mapping[str, Timing], unwanted: Iterable[str], run_command: RunCommand) -> TimerPlan:
        """``unwanted``: instances that are to have none. Asks systemd which are active, where there are some to be."""
        changes: dict[str, Change] = {}
        for name, timing in wanted.items():
            before, after = self._text(self._timer(name)), _timer_text(name, timing)
            if before != after or not self._is_linked(name):
                changes[name] = Change(before, after, True)
        changes.update(self.dropping(unwanted).changes)
        same = [name for name in wanted if name not in changes]
        service = bool(wanted) and self._text(self._service) != _service_text()
        return TimerPlan(service, changes, _inactive(same, run_command))

    def dropping(self, unwanted: Iterable[str]) -> TimerPlan:
        """The part of a plan that takes timers away."""
        there = [name for name in unwanted if self.has(name) or os.path.lexists(self._link(name))]
        return TimerPlan(changes={name: Change(self._text(self._timer(name)), "") for name in there})

    def carry_out(self, plan: TimerPlan, run_command: RunCommand) -> None:
        """Raises ``OSError``, and ``HostError`` where systemd does not take it."""
        gone = [name for name, change in plan.changes.items() if not change.after]
        made = [name for name, change in plan.changes.items() if change.after]
        if plan.service:
            files.write(self._service, _service_text().encode(), 0o644)
        for name in made:
            files.write(self._timer(name), plan.changes[name].after.encode(), 0o644)
            files.folder(os.path.dirname(self._link(name)))
            files.link(self._link(name), self._timer(name))
        for name in gone:
            # The link first: what is left by a cut is found again by the timer itself.
            files.remove(self._link(name))
        there = [name for name in gone if self.has(name)]
        if there:
            systemctl(run_command, "stop", "--", *map(timer_of, there))
        for name in gone:
            files.remove(self._timer(name))
            # Another instance of this name has missed nothing.
            files.remove(os.path.join(self.stamps, f"stamp-{timer_of(name)}"))
        if plan.service or plan.changes:
            systemctl(run_command, "daemon-reload")
        if made or plan.start:
            # One that is active takes over its new time so.
            systemctl(run_command, "restart", "--", *map(timer_of, [*made, *plan.start]))

    def make_up(self, instances: Sequence[str], run_command: RunCommand) -> None:
        """Have backups made now that timers called for in vain; nobody waits for them. Raises ``HostError``."""
        if instances:
            systemctl(run_command, "start", "--no-block", "--", *map(service_of, instances))

    def is_as(self, instance: str, timing: Timing) -> bool:
        return self._text(self._timer(instance)) == _timer_text(instance, timing)

    def has(self, instance: str) -> bool:
        return os.path.lexists(self._timer(instance))

    def known(self) -> list[str]:
        """Instances that have a timer, whether or not they are still here."""
        try:
            names = os.listdir(self.units.folder)
        except OSError:
            return []
        found = (re.fullmatch(r"avs-backup@(.+)\.timer", name) for name in names)
        return sorted(match[1] for match in found if match and is_name(match[1]))

    @property
    def _service(self) -> str:
        return os.path.join(self.units.folder, SERVICE)

    def _timer(self, instance: str) -> str:
        if not is_name(instance):
            raise HostError(f"{instance!r} is not the id of an instance")
        return os.path.join(self.units.folder, timer_of(instance))

    def _link(self, instance: str) -> str:
        return os.path.join(self.units.folder, WANTS, timer_of(instance))

    def _is_linked(self, instance: str) -> bool:
        place = self._link(instance)
        return os.path.islink(place) and os.readlink(place) == self._timer(instance)

    def _text(self, path: str) -> str:
        try:
            return files.read(path).decode()
        except FileNotFoundError:
            return ""
        except (OSError, ValueError):
            # Whatever it is, it is not what it should be.
            return "?"


def calendar_problem(text: str, run_command: RunCommand) -> str:
    """Why systemd could not go by a text; empty where it can."""
    if not _CALENDAR.match(text):
        return "is not made of what a calendar text of systemd has (letters, digits, blanks and *:,/~._+-)"
    code, out, err = ask(run_command, ["systemd-analyze", "calendar", "--", text])
    if code:
        said = next((line.strip() for line in err.splitlines() if line.strip()), "")
        return f"is no calendar text of systemd{f': {said[:200]}' if said else ''}"
    return "is a time that never comes" if re.search(r"(?m)^\s*Next elapse: never\s*$", out) else ""


def _service_text() -> str:
    return _SERVICE_TEXT.format(name=SERVICE)


def _timer_text(instance: str, timing: Timing) -> str:
    return _TIMER_TEXT.format(name=timer_of(instance), instance=instance, calendar=timing.calendar, delay=timing.delay)


def _inactive(instances: Sequence[str], run_command: RunCommand) -> Sequence[str]:
    if not instances:
        return ()
    _code, out, _err = ask(run_command, ["systemctl", "is-active", "--", *map(timer_of, instances)])
    states = out.split()
    return tuple(instances) if len(states) != len(instances) else tuple(name for name, state in zip(instances, states) if state != "active")
