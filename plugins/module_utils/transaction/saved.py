# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The backup an upgrade goes back to: a pass while the node runs, a copy while it is down, for which restic
has opened the repository by then, sealed before anything is switched."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

from ..backup import contents, pace, retention, snapshot, stored
from ..backup.opened import Opened
from ..backup.restic import Restic
from ..backup.settings import Settings
from ..backup.volumes import Plan
from ..common.actions import Action
from ..common.errors import HostError
from ..common.findings import WARNING, Finding
from ..common.rules import finding
from ..docker.containers import running
from ..instance.state import State
from ..instance.store import InstanceStore
from ..reconcile import copying, retaining
from ..reconcile.control import acted
from ..reconcile.repositories import MAX_STOP, Asked, Host, foreseen, keep_files, ready, wanted_settings
from ..reconcile.repository_place import require_apart
from ..reconcile.work import problems_of
from ..status.entry import tell


class Saved:
    """Of one instance: ``plan`` says what there is to be saved, ``open`` has it ready, then ``live``, ``begin`` and ``copy``; ``close`` in any case;
    ``settle`` once the node runs again."""

    def __init__(self, host: Host, own: InstanceStore, asked: Asked, state: State) -> None:
        self.host, self.own, self.asked, self.state = host, own, asked, state
        self.wanted: Settings = wanted_settings(host.store, own, asked)
        self.planned: Plan = stored.to_save(host.engine, own, state, self.wanted)
        self.restic: Restic | None = None
        self.terms: pace.Terms | None = None
        self.passed: pace.Passed | None = None
        self._begun: Opened | None = None
        self._seal: Opened | None = None
        self.manifest: dict[str, object] | None = None
        self.seconds = 0.0

    @property
    def needed(self) -> bool:
        """Whether there is anything to be saved."""
        return bool(self.planned.items)

    @property
    def findings(self) -> Sequence[Finding]:
        return self.planned.findings

    def foreseen(self) -> list[Finding]:
        """What ``open`` would refuse, as far as that can be known where nothing is written."""
        problems: list[Finding] = []
        judges: Sequence[Callable[[], None]] = (
            lambda: require_apart(self.host, self.own, self.wanted),
            lambda: foreseen(self.host, self.own, self.wanted, self.asked),
        )
        for judge in judges:
            try:
                judge()
            except HostError as error:
                problems += problems_of(self.own.id, error)
        return problems

    def announce(self, entry: dict[str, Any]) -> None:
        """What ``copy`` and ``settle`` would do."""
        if self.needed:
            copies = [Action("copy", one.name, "create") for one in self.wanted.copies]
            acted(entry, Action("backup", self.own.id, "create"), *copies)

    def open(self, hold: tuple[int, ...]) -> None:
        """The repository, with room for it. Raises ``HostError`` where there will be no backup: then there is no upgrade."""
        if not self.needed:
            return
        require_apart(self.host, self.own, self.wanted)
        keep_files(self.own, self.asked)
        restic = ready(self.host, self.own, self.wanted, self.asked, make=True).holding(*hold)
        snapshot.sweep(self.own)
        snapshot.require(self.own.id, self.planned.items)
        version = self.state.package.version if self.state.package is not None else None
        _freed, parent = retaining.room(restic, self.own, self.wanted, self.planned, version)
        self.restic = restic
        self.terms = pace.Terms(version, self.asked.bound or float(self.wanted.max_stop or MAX_STOP), parent, False)

    def live(self) -> None:
        if self.restic is not None and self.terms is not None:
            self.passed = pace.live_passes(self.restic, self.own, self.planned, self.terms)
            # It takes seconds that a node would be down for: of what it has by now nothing is written anew then.
            snapshot.check(self.restic)

    def begin(self, name: str, hold: tuple[int, ...], most: float) -> None:
        """Have restic open the repository, for the copy and for its seal, and wait until the node is down, ``most`` seconds: it reads nothing before
        ``copy``, and ends where that never comes. Raises as ``copy``; then nothing was stopped."""
        if self.restic is not None and self.terms is not None:
            restic, how = self._holding(self.restic, hold), replace(self._how(self.terms), until=most)
            self._begun = snapshot.begin(restic, self.own, self.planned.items, name, how)
            self._seal = snapshot.begin_seal(restic, self.own, name, how)

    def close(self) -> None:
        """What was begun and not let go on ends by itself, and has read nothing."""
        for begun in (self._begun, self._seal):
            if begun is not None:
                begun.close()
        self._begun = self._seal = None

    def _holding(self, restic: Restic, hold: tuple[int, ...]) -> Restic:
        return restic.holding(*restic.hold, *hold)

    def _how(self, terms: pace.Terms) -> snapshot.Terms:
        how = snapshot.Terms(terms.version, terms.bound, parent=terms.parent)
        if self.passed is None:
            return how
        span = self.passed.span
        return replace(how, parent=pace.again_from(span), risky=span.risky, brief=self.passed.brief)

    def copy(self, name: str, hold: tuple[int, ...], why: str) -> str | None:
        """The id of the backup, which stays until nothing needs it any more; ``None`` where there was nothing to be saved. Of a node that is
        down. Raises ``HostError``, ``OSError``."""
        if self.restic is None or self.terms is None:
            return None
        restic, how = self._holding(self.restic, hold), self._how(self.terms)
        if self._begun is None or self._seal is None:
            raise HostError(f"{self.own.id}: its backup was not begun")
        copied = snapshot.go_on(self._begun, restic, self.own, self.planned.items, (name, how))
        if any(map(running, self.host.engine.containers(self.own.id))):
            message = "a container of it was started while it was copied"
            raise HostError(f"{self.own.id}: {message}", [finding("BAK-003", self.own.id, message, "Find out who starts it.")])
        self.seconds = copied.seconds
        pace.learn(self.own, copied.seconds)
        told = contents.manifest(self.own, self.state, copied, self.planned)
        self.manifest = snapshot.seal_checked(restic, self.own, self._seal, copied, told)
        self.close()
        backup = str(self.manifest["id"])
        retention.need(self.own, backup, why)
        return backup

    def settle(self, entry: dict[str, Any]) -> None:
        """Other backups, and copies of this one elsewhere. The upgrade is committed: what fails is told, and no failure of it."""
        if self.restic is None or self.manifest is None:
            return
        entry["backup"] = {"id": self.manifest["id"], "seconds": round(self.seconds, 2), "copies": {}}
        acted(entry, Action("backup", self.own.id, "create"))
        with suppress(OSError):
            snapshot.tidy(self.restic, self.own, self.manifest)
            retaining.retain(self.restic, self.own, self.wanted, entry)
            for error in copying.brought(self.host, self.own, self.restic, self.wanted, entry):
                message = "; ".join([error.message.partition(": ")[2] or error.message, *(item.message for item in error.findings)])
                tell(entry, [finding("BAK-003", self.own.id, message, "The next backup brings it there, too.", severity=WARNING)])
