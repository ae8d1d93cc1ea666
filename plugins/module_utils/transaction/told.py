# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is said of an upgrade that came to an end, whichever."""

from __future__ import annotations

from typing import Any

from ..common.actions import Action
from ..common.errors import AvsError, HostError
from ..common.rules import finding
from ..common.spec import InstanceSpec
from ..docker.containers import running
from ..instance.transaction import CHECK_AGAIN, COMMIT, Transaction
from ..reconcile import apply
from ..reconcile.by_record import to_be_down
from ..reconcile.control import acted
from ..reconcile.own import Way
from ..reconcile.prepare import Prepared
from ..reconcile.report import told_of
from ..reconcile.repositories import Host
from ..reconcile.still import end_journal
from ..status.entry import entry_of, tell
from . import again
from .planning import Planned


class Told:
    """``step`` is where it is, ``failed`` where it came to nothing. ``ran``: services that ran before, ``ended``: those that were told to end;
    ``is_made``: the new containers are there; ``taken_back``: what there was before was put back; ``again``: the entry of what was started
    again; ``unsettled``: why the way back could not be gone."""

    def __init__(self, host: Host, way: Way, planned: Planned) -> None:
        self.host, self.way, self.planned, self.work = host, way, planned, planned.work
        self.own = host.store.instance(planned.work.id)
        self.known: Transaction | None = None
        self.prepared: Prepared | None = None
        self.step, self.failed = CHECK_AGAIN, ""
        self.ran: list[str] = []
        self.ended: list[str] = []
        self.taken_back = self.committed = self.is_made = False
        self.again: dict[str, Any] | None = None
        self.seconds = 0.0
        self.unsettled: AvsError | None = None

    def ready(self) -> Prepared:
        if self.prepared is None:
            raise HostError(f"{self.own.id} was not switched")
        return self.prepared

    def entry(self) -> dict[str, Any]:
        error = self.work.error
        told = {**self.planned.as_dict(), "backup": self.known.backup if self.known is not None else None, "step": self.step}
        entry = self._done(told) if error is None or self.committed else self._undone(told, error)
        if error is not None and self.committed:
            tell(entry, error.findings)
            entry["error"] = f"{self.own.id} is {self.planned.new} by now, and not all that was to be done then could be: {error}"
        acted(entry, *(Action("container", name, "stop") for name in self.ended))
        tell(entry, [*self.planned.saved.findings, *self.planned.findings, *self.work.told])
        end_journal(self.work, self.own, self.way, entry["error"])
        return entry

    def _done(self, told: dict[str, Any]) -> dict[str, Any]:
        containers = self.host.engine.containers(self.own.id)
        item = self.ready()
        entry = entry_of(self.work.job.spec, self.own.known(), containers)
        entry.update(told_of(item))
        acted(entry, *apply.told(self.work.actions, self.work.job.containers, containers))
        if self.work.health is not None:
            entry["health"] = self.work.health.as_dict()
        entry["upgrade"] = {**told, "step": COMMIT, "stopped": round(self.seconds, 1)}
        self.planned.saved.settle(entry)
        return entry

    def _undone(self, told: dict[str, Any], error: AvsError) -> dict[str, Any]:
        """After a way back, or one that could not be gone yet."""
        new, old = self.planned.new or "the other version", self.planned.old or "what was there before"
        said = [f"{self.own.id}: the upgrade to {new} failed at {self.failed or self.step}: {error.message}"]
        entry = self.again
        if entry is None:
            there = self.host.engine.containers(self.own.id)
            entry = entry_of(InstanceSpec(id=self.own.id), self.own.known(), there)
            entry["upgrade"] = {**told, "rolled_back": False}
            if self.unsettled is None:
                said.append("nothing of it was changed")
            else:
                what = "not all of it could be stopped" if any(map(running, there)) else "it is down"
                said.append(f"{what}, and the way back could not be gone: {self.unsettled.message}")
                tell(entry, [finding("UPG-012", self.own.id, said[-1]), *self.unsettled.findings])
        else:
            said.append(again.said_of(old, entry, self.taken_back, to_be_down(self.own, self.own.known())))
            entry["upgrade"] = {**told, "rolled_back": True, "quarantined": bool(entry.pop("quarantined", False))}
            entry["changed"] = True
        tell(entry, error.findings)
        entry["error"] = "\n".join([*said, *(f"  {item.as_line()}" for item in error.findings)])
        return entry
