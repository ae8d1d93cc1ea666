# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Before an upgrade touches anything: all of a host's instances are judged as they would be, images are fetched, and what would be lost is
looked for. Every problem is told at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..commands.images import ensure, would_pull
from ..common.errors import AvsError, HostError
from ..common.findings import Finding, errors_of
from ..common.rules import finding
from ..docker.containers import running
from ..instance.state import State
from ..instance.transaction import Migration
from ..reconcile.batch import Asked as Surroundings
from ..reconcile.batch import fetch, verify, wants_artifacts
from ..reconcile.draft import Surroundings as Around
from ..reconcile.job import Call, Job
from ..reconcile.repositories import Asked, Host
from ..reconcile.work import Work, problems_of
from ..system.scratch import Scratch
from . import migrations, restoring, staying
from .left_behind import left_behind
from .saved import Saved


@dataclass
class Planned:
    """One instance, once it is known that it can be upgraded. ``stays``: what is stored and no restore brings back."""

    work: Work
    saved: Saved
    migrations: Sequence[Migration]
    stays: Sequence[str]
    findings: list[Finding] = field(default_factory=list)

    @property
    def state(self) -> State:
        return self.saved.state

    @property
    def old(self) -> str | None:
        return self.state.package.version if self.state.package is not None else None

    @property
    def new(self) -> str | None:
        return self.work.job.spec.package.version

    def as_dict(self) -> dict[str, Any]:
        """What is said of it in a result."""
        return {
            "from": self.old,
            "to": self.new,
            "backup": self.saved.needed,
            "migrations": [{"to": one.to, "command": one.command, "revert": one.revert} for one in self.migrations],
            "images": self._images(),
            "ports": self._ports(),
        }

    def _images(self) -> dict[str, list[str | None]]:
        """Service -> the image it runs and the one it is to run, where these differ."""
        prepared = self.work.prepared
        now = {name: one.image for name, one in self.state.containers.items()}
        then = {name: one.image for name, one in prepared.wanted.items()} if prepared is not None else {}
        return {name: [now.get(name), then.get(name)] for name in sorted({*now, *then}) if now.get(name) != then.get(name)}

    def _ports(self) -> dict[str, list[str]]:
        prepared = self.work.prepared
        now = {f"{one.address or '*'}:{one.port}/{one.protocol} ({one.service})" for one in self.state.ports}
        then = {
            f"{one.address or '*'}:{one.port}/{one.protocol} ({one.service})"
            for one in (prepared.shaped.ports if prepared is not None else ())
        }
        return {"added": sorted(then - now), "removed": sorted(now - then)}


def plan_all(jobs: Sequence[Job], call: Call, host: Host, asked: Asked, scratch: Scratch) -> tuple[Around, list[Planned]]:
    """Raises ``AvsError`` with every problem of every instance; nothing was changed then."""
    asking = Surroundings(host.store, host.engine)
    asking.listing.answer()
    around = asking.surroundings(call, scratch, ())
    work = [Work(job) for job in jobs]
    problems: list[Finding] = []
    try:
        verify(around, work, {})
    except AvsError as error:
        # The rest of what is wrong is told with it.
        problems += error.findings or problems_of("", error)
    found = []
    for item in work:
        try:
            found.append(_planned(item, call, host, asked))
        except AvsError as error:
            problems += problems_of(item.id, error)
    problems += [problem for item in found for problem in errors_of(item.findings)]
    if problems:
        raise HostError("not every instance can be upgraded; nothing was changed", list(dict.fromkeys(problems)))
    if not around.check and wants_artifacts(work):
        fetch(around, work)
    return around, found


def _planned(item: Work, call: Call, host: Host, asked: Asked) -> Planned:
    own, state = host.store.instance(item.id), item.job.state
    if state is None:
        raise HostError(f"{item.id} is not installed on this host")
    saved = Saved(host, own, asked, state)
    between = migrations.between(item.job.spec, state.package.version if state.package is not None else None)
    kept = {*staying.planned(saved.planned), *staying.declared(item.job.spec)}
    # What a node makes again holds nobody down: where a migration of it cannot be reverted, it is left as it is.
    again = staying.made_again(saved.planned) if between and all(one.revert for one in between) else ()
    stays = sorted({*kept, *again})
    planned = Planned(item, saved, between, stays)
    # A trial is sent nothing of repositories.
    if saved.needed and not call.document.get("trial"):
        planned.findings += saved.foreseen()
    word = migrations.said(call.document, item.id)
    planned.findings += keys_changed(item)
    up = [one for one in item.job.containers if running(one)]
    planned.findings += left_behind(host.engine, item.id, up, word.acknowledged)
    if any(_is_of_the_plugin(item, one.command) or _is_of_the_plugin(item, one.revert) for one in between):
        (would_pull if call.dry else ensure)(host.engine, own, item.job.spec)
    planned.findings += migrations.judged(item.job.spec, between, stays, word)
    planned.findings += [
        finding("BAK-003", item.id, text, "Make room there: an upgrade without a way back is none.")
        for text in restoring.require_room(own, saved.planned.items, saved.wanted.repository)
    ]
    return planned


def _is_of_the_plugin(item: Work, name: str | None) -> bool:
    command = item.job.spec.commands.get(name or "")
    return isinstance(command, Mapping) and command.get("run") == "plugin"


def keys_changed(item: Work) -> list[Finding]:
    """Keys another of which is given than is installed. The way back would sign with the one before, which may be at work elsewhere by then."""
    known = item.job.state.secrets if item.job.state is not None else {}
    given = item.draft.identities if item.draft is not None else {}
    names = [
        name for name, identity in sorted(given.items()) if name.startswith("key.") and name in known and known[name].identity != identity
    ]
    if not names:
        return []
    message = f"{', '.join(names)}: another one than is installed, and the way back would sign with the one before"
    return [finding("UPG-014", f"{item.id}: keys", message)]
