# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One instance of a call: what is wanted, what is there, and why there is work."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..common.errors import HostError
from ..common.rules import finding
from ..common.spec import InstanceSpec
from ..common.words import APPLYING, GONE, STARTED, STOPPED
from ..docker.containers import Container
from ..instance.hold import Hold, hold_of
from ..instance.key_files import with_marks
from ..instance.state import NewerError, State
from ..instance.store import InstanceStore, Store
from ..policy import baseline
from .unchanged import why_work


@dataclass(frozen=True)
class Regard:
    """How instances are looked at. ``renew``: what an older release made is to be made by the rules of this one, and a job whose container
    is gone is to run again; ``lifted``: those that are not to be held any more; ``upgrades``: another version than the installed one is
    what is asked for; ``last``: it is not asked again what it needs, so that a cut upgrade of it was to be ended by now."""

    renew: bool = False
    lifted: Collection[str] = ()
    upgrades: bool = False
    last: bool = True


class Call:
    """What a host is asked for. ``values``: instance -> secret name -> value. Nothing changes in ``check`` mode, nor in a trial, whose
    caller knows already that the run fails."""

    def __init__(
        self, document: Mapping[str, Any], values: Mapping[str, Mapping[str, str]] | None = None, check: bool = False, diff: bool = False
    ) -> None:
        self.document, self.values, self.check, self.diff = document, values or {}, check, diff

    @property
    def settings(self) -> Mapping[str, Any]:
        return self.document.get("settings") or {}

    @property
    def regard(self) -> Regard:
        return Regard(
            bool(self.settings.get("renew")),
            self.document.get("lifted") or (),
            "upgrade" in self.document,
            bool(self.document.get("complete")),
        )

    @property
    def dry(self) -> bool:
        return self.check or bool(self.document.get("trial"))


@dataclass
class Job:
    """One instance of a call. ``reason`` says why there is work; ``entry`` is its part of the result once that is known; ``refusal``
    is why nothing can be done for this one, whatever becomes of the others. ``hold``: it is to be down, whatever was asked for;
    ``upgrade``: it goes to another version."""

    spec: InstanceSpec
    state: State | None
    containers: Sequence[Container]
    reason: str | None = None
    entry: dict[str, Any] = field(default_factory=dict)
    refusal: HostError | None = None
    hold: Hold | None = None
    upgrade: bool = False

    @property
    def id(self) -> str:
        return self.spec.id


def look(spec: InstanceSpec, store: Store, listing: Sequence[Container], host_key: bytes | None, regard: Regard = Regard()) -> Job:
    """What the host remembers and shows of one instance."""
    own = store.instance(spec.id)
    containers = [container for container in listing if container.instance == spec.id]
    state = None
    hold = None if spec.state == GONE or spec.id in regard.lifted else hold_of(own)
    if hold is not None and spec.state == STARTED:
        spec = spec.but(state=STOPPED)
    try:
        state = with_marks(own, own.state())
    except HostError as error:
        # Taking it down needs no record: its containers, networks and volumes carry its name.
        if spec.state == STARTED or isinstance(error, NewerError):
            return Job(spec, None, containers, refusal=error, hold=hold)
    other = _other_package(spec, state) or _other_version(spec, state, own)
    if other is not None:
        return Job(spec, state, containers, refusal=other, hold=hold)
    cut = _cut_upgrade(spec, state, own)
    if cut is not None:
        return Job(spec, state, containers, None if regard.last else "an upgrade was cut", refusal=cut if regard.last else None, hold=hold)
    left = None if regard.last else _left_of_an_upgrade(spec, own)
    if regard.upgrades:
        return _look_for_upgrade(Job(spec, state, containers, left, hold=hold))
    reason = why_work(spec, state, containers, own, host_key) or left
    if reason is None and regard.renew and spec.state == STARTED and state is not None:
        reason = _to_renew(state, containers)
    return Job(spec, state, containers, reason, hold=hold)


def _cut_upgrade(spec: InstanceSpec, state: State | None, own: InstanceStore) -> HostError | None:
    """Taking it down needs nothing of either version."""
    if spec.state != STARTED or not os.path.lexists(own.upgrade):
        return None
    from .by_record import require_whole

    try:
        require_whole(own, state)
    except HostError as error:
        return error
    return None


def _left_of_an_upgrade(spec: InstanceSpec, own: InstanceStore) -> str | None:
    """Also of a node that runs as it was committed: that it was told to stop, or what is to be tidied, is still to be put right."""
    if spec.state != STARTED or not os.path.lexists(own.upgrade):
        return None
    from ..backup.progress import at_work

    return "an upgrade was cut" if at_work(own) is None else None


def _look_for_upgrade(job: Job) -> Job:
    """Only what is installed, was well once and is to run goes to another version; what has the wanted one is left as it is."""
    # Read by no run that has nothing to do.
    from ..conflicts.versions import is_upgrade

    state, why, remedy = job.state, "", "Run restaking.avs.install first."
    if state is None or not state.installed:
        why = "is not installed on this host"
    elif job.hold is not None or state.desired == STOPPED:
        why, remedy = "is to be down, and nobody could see whether the other version is well", "Start it first: restaking.avs.start."
    elif state.phase == APPLYING:
        why = "is half installed: a run was cut, or it never became healthy"
    elif is_upgrade(job.spec, state):
        job.reason, job.upgrade = "another version is asked for", True
    if why:
        job.refusal = HostError(f"{job.id} {why}", [finding("UPG-010", job.id, why, remedy)])
    return job


def _to_renew(state: State, containers: Sequence[Container]) -> str | None:
    """What is no work until it is asked for."""
    if state.transform != baseline.TRANSFORM:
        return "the rules changed"
    there = {container.name for container in containers}
    return None if all(item.name in there for item in state.containers.values()) else "containers of jobs are gone"


def _other_package(spec: InstanceSpec, state: State | None) -> HostError | None:
    """``herald-x`` with the tag ``1`` and ``herald`` with the tag ``x-1`` have one id, and are not one node."""
    installed = state.package.name if state is not None and state.package is not None else ""
    wanted = spec.package.name
    if state is None or not installed or not wanted or installed == wanted or state.left_nothing:
        return None
    message = f"is an instance of {installed} on this host, the entry is of {wanted}; it was left alone"
    problem = finding("INV-001", f"{spec.id}: tag", message, "Give the entry another tag: id = <package>-<tag>.")
    return HostError(f"{spec.id} {message}", [problem])


def _other_version(spec: InstanceSpec, state: State | None, own: InstanceStore) -> HostError | None:
    """What was restored here from another host is of one version, which is the one to be installed."""
    if spec.state != STARTED or (state is not None and state.installed):
        return None
    if not os.path.lexists(own.arrived_file):
        return None
    from ..backup import arrival

    try:
        arrived = arrival.noted(own)
        if arrived is not None:
            arrival.require_version(spec.id, arrived, spec.package.name, spec.package.version or "")
            arrival.require_confirmed(spec.id, arrived, bool(spec.keys))
    except HostError as error:
        return error
    return None
