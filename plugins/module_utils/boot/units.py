# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The units of a host's instances: what is there, what is to be there, and the way from one to the other.

One template serves all instances, and never names a release of this library: it calls the program at the one place a host has it. Which
instances come back is told by links, as ``systemctl enable`` makes them. A unit that is active is known by a mark in memory, which the
program leaves when the unit has started: to ask systemd would take longer than all the rest of a run that finds nothing to do.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from ..common.actions import Action
from ..common.errors import HostError
from ..common.names import is_name
from ..common.rules import finding
from ..common.words import AFTERWARDS
from ..system import files
from ..system.command import RunCommand, await_the_end, invocation

PROGRAM = "/usr/local/sbin/avsctl"
TEMPLATE, RECOVER, CUT = "avs@.service", "avs-recover.service", AFTERWARDS.format("")
WITH_ENGINE = "docker.service.wants"
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_ANSWER = 60
MADE = "# Made by restaking.avs, which puts it back when it differs. What you want otherwise goes into {name}.d/.\n"
_TEXTS = {
    TEMPLATE: MADE
    + f"""[Unit]
Description=AVS node %i
# Not bound to the engine: one that restarts and keeps its containers stops no node.
Wants=docker.service
After=docker.service {RECOVER}
ConditionPathExists=!/var/lib/avs/instances/%i/hold.json

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart={PROGRAM} up %i
ExecStop={PROGRAM} down %i
# The program has bounds of its own: a node is given the time it takes to end.
TimeoutStartSec=infinity
TimeoutStopSec=infinity

[Install]
WantedBy=multi-user.target
""",
    RECOVER: MADE
    + f"""[Unit]
Description=AVS nodes: what a cut left
Wants=docker.service
After=docker.service

[Service]
Type=oneshot
ExecStart={PROGRAM} recover
TimeoutStartSec=infinity

[Install]
# With the engine as well: what was to be stopped while the engine did not answer runs until then.
WantedBy=multi-user.target docker.service
""",
    CUT: MADE
    + f"""[Unit]
Description=AVS nodes: what work %i left, where it was killed
Wants=docker.service
After=docker.service

[Service]
Type=oneshot
ExecStart={PROGRAM} cut %i
TimeoutStartSec=infinity
""",
}


@dataclass(frozen=True)
class Plan:
    """``write``: names of units; ``enable``, ``disable``, ``start`` and ``stop``: instances."""

    write: Sequence[str] = ()
    enable: Sequence[str] = ()
    disable: Sequence[str] = ()
    start: Sequence[str] = ()
    stop: Sequence[str] = ()

    def actions(self, instance: str) -> list[Action]:
        """What a person is told: which instances come back by themselves. That a unit is active is no more than bookkeeping."""
        if instance in self.enable:
            return [Action("unit", unit_of(instance), "create")]
        return [Action("unit", unit_of(instance), "remove")] if instance in self.disable else []


@dataclass(frozen=True)
class Units:
    """Where systemd looks; other places only in tests. ``marks``: in memory, gone when the host was restarted."""

    folder: str = "/etc/systemd/system"
    marks: str = "/run/avs-units"
    booted: str = "/run/systemd/system"
    program: str = PROGRAM
    wants: str = field(default="multi-user.target.wants")

    def usable(self) -> bool:
        """Whether the host runs systemd at all."""
        return os.path.isdir(self.booted)

    def startable(self) -> bool:
        """Whether there is a program for the units to call."""
        return os.access(self.program, os.X_OK)

    def plan(self, wanted: Iterable[str], unwanted: Iterable[str]) -> Plan:
        """``wanted``: instances that are to run, ``unwanted``: those that are not, and those that are gone."""
        up, down = list(wanted), list(unwanted)
        if not up and not any(self.is_enabled(name) or self.is_marked(name) for name in down):
            return Plan()
        return Plan(
            [name for name, text in _TEXTS.items() if not self._is_as(name, text.format(name=name))] if up else (),
            [name for name in up if not self.is_enabled(name)],
            [name for name in down if self.is_enabled(name)],
            [name for name in up if not self.is_marked(name)],
            [name for name in down if self.is_marked(name)],
        )

    def carry_out(self, plan: Plan, run_command: RunCommand) -> None:
        """Raises ``OSError``, and ``HostError`` where systemd does not take it. It does not wait for units: they wait for locks."""
        for name in plan.write:
            files.write(os.path.join(self.folder, name), _TEXTS[name].format(name=name).encode(), 0o644)
        if plan.write or plan.enable:
            for place in self._recovery():
                files.folder(os.path.dirname(place))
                self._link(place, RECOVER)
        for instance in plan.enable:
            self._link(self._place(unit_of(instance)), TEMPLATE)
        for instance in plan.disable:
            files.remove(self._place(unit_of(instance)))
        # A link that is new matters at the next start of the host, and systemd reads it then; what it has read already it has to be told.
        if plan.write or plan.disable:
            systemctl(run_command, "daemon-reload")
        self._stop(plan.stop, run_command)
        if plan.start:
            systemctl(run_command, "--no-block", "start", "--", *map(unit_of, plan.start))

    def _stop(self, instances: Sequence[str], run_command: RunCommand) -> None:
        """Of units whose instances are down already. What they then call comes some time later, when the instance may be up again: by the
        mark that was put aside it knows that there is nothing to take down."""
        if not instances:
            return
        for instance in instances:
            self._rename(self._mark(instance), self._aside(instance))
        try:
            systemctl(run_command, "--no-block", "stop", "--", *map(unit_of, instances))
        except HostError:
            for instance in instances:
                self._rename(self._aside(instance), self._mark(instance))
            raise

    def is_enabled(self, instance: str) -> bool:
        return os.path.islink(self._place(unit_of(instance)))

    def is_timed(self, instance: str) -> bool:
        """Whether it is backed up by a timer (``timers``, which a run that has nothing to do does not read)."""
        return os.path.lexists(os.path.join(self.folder, f"avs-backup@{instance}.timer"))

    def is_marked(self, instance: str) -> bool:
        return os.path.exists(self._mark(instance))

    def mark(self, instance: str) -> None:
        """Its unit has started. A mark saves a question, and where there is no room for one, it is asked."""
        files.remove(self._aside(instance))
        with suppress(OSError):
            files.folder(self.marks)
            files.write(self._mark(instance), b"")

    def unmark(self, instance: str) -> bool:
        """Its unit stops. Returns whether that is for what is down already."""
        aside = os.path.lexists(self._aside(instance))
        for path in (self._mark(instance), self._aside(instance)):
            files.remove(path)
        return aside

    def _rename(self, old: str, new: str) -> None:
        # The unit may have stopped meanwhile.
        with suppress(FileNotFoundError):
            os.rename(old, new)

    def _mark(self, instance: str) -> str:
        return os.path.join(self.marks, instance)

    def _aside(self, instance: str) -> str:
        """No instance has such a name."""
        return os.path.join(self.marks, f"{instance}.down")

    def _link(self, place: str, unit: str) -> None:
        target = os.path.join(self.folder, unit)
        if not os.path.islink(place) or os.readlink(place) != target:
            files.link(place, target)

    def _place(self, name: str) -> str:
        return os.path.join(self.folder, self.wants, name)

    def _recovery(self) -> list[str]:
        return [os.path.join(self.folder, wants, RECOVER) for wants in (self.wants, WITH_ENGINE)]

    def _is_as(self, name: str, text: str) -> bool:
        try:
            return files.read(os.path.join(self.folder, name)) == text.encode() and all(map(os.path.islink, self._recovery()))
        except OSError:
            return False


def unit_of(instance: str) -> str:
    if not is_name(instance):
        raise HostError(f"{instance!r} is not the id of an instance")
    return f"avs@{instance}.service"


def systemctl(run_command: RunCommand, *arguments: str) -> None:
    """Raises ``HostError`` where systemd does not take it."""
    code, _out, err = ask(run_command, ["systemctl", *arguments])
    if code:
        message = f"`systemctl {' '.join(arguments[:2])}` failed: {err.strip()}"
        raise HostError(message, [finding("OPS-010", "systemd", message, "Look at it on the host: systemctl status, journalctl -b.")])


def ask(run_command: RunCommand, command: Sequence[str]) -> tuple[int, str, str]:
    """A question to a program of systemd: what it ended with, its answer, its messages."""
    code, out, err = run_command(
        invocation(command, {"PATH": _PATH, "LC_ALL": "C"}, _ANSWER),
        cwd="/",
        encoding=None,
        expand_user_and_vars=False,
        handle_exceptions=False,
        pass_fds=(),
        before_communicate_callback=await_the_end,
    )
    return code, out.decode("utf-8", errors="replace"), err.decode("utf-8", errors="replace")
