# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Stops an instance so that it stays down: what is intended is recorded before its first container is stopped, and the engine is told to
bring none of them back. Whatever cuts a stop, the host's next start and the next run find that it is to be down."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from ..common.errors import HostError
from ..common.findings import Finding
from ..common.rules import finding
from ..common.words import STOPPED
from ..docker.compose import engine_error
from ..docker.containers import Container, restart_policy
from ..docker.engine import Engine
from ..docker.model import Model
from ..instance.hold import hold_of, told
from ..instance.state import State
from ..instance.store import InstanceStore
from .stopping import end

NEVER = "no"


@dataclass(frozen=True)
class Ending:
    """``bound``: seconds a node has to end in at most; ``hold``: descriptors commands keep open."""

    bound: float
    hold: tuple[int, ...] = ()


def stop(engine: Engine, own: InstanceStore, state: State | None, containers: Sequence[Container], terms: Ending) -> list[Finding]:
    """Stop, keep everything. Returns what is to be said of nodes that had to be killed. Raises ``HostError``, and ``OSError`` where it
    stopped and that could not be recorded."""
    wanted = intend(own, state)
    told = halt(engine, own.id, containers, terms)
    if wanted is not None:
        own.write_state(wanted)
    return told


def intend(own: InstanceStore, state: State | None) -> State | None:
    """Record that an instance is to be down. Returns the record where that is still to be written: a full disk keeps no node running."""
    if state is None or not state.installed or state.desired == STOPPED:
        return None
    wanted = state.but(desired=STOPPED)
    with suppress(OSError):
        own.write_state(wanted)
        return None
    return wanted


def halt(engine: Engine, instance: str, containers: Sequence[Container], terms: Ending) -> list[Finding]:
    """End containers, and have the engine bring none of them back by itself: whatever their policies say, and whatever they end with."""
    told = _policy(engine, instance, NEVER, [item.id for item in containers], terms)
    return [*told, *end(engine, instance, containers, terms.bound, terms.hold)]


def heed(engine: Engine, own: InstanceStore, terms: Ending) -> None:
    """For whoever starts containers, each time he has: a stop waits for nobody, and may have come between his look and his start.
    Raises ``HostError`` where the instance is held; what of it runs is then ended."""
    held = hold_of(own)
    if held is not None:
        found = halt(engine, own.id, engine.containers(own.id), terms)
        raise HostError(f"{own.id} was stopped while this run worked on it", [told(own.id, held), *found])


def give_back(engine: Engine, instance: str, model: Model, containers: Mapping[str, Container], terms: Ending) -> None:
    """Before containers are started again: the restart policies of their services. ``containers``: by service. Raises ``HostError``."""
    groups: dict[str, list[str]] = {}
    for service, container in sorted(containers.items()):
        definition = (model.get("services") or {}).get(service) or {}
        groups.setdefault(restart_policy(definition), []).append(container.id)
    for policy, ids in groups.items():
        found = _policy(engine, instance, policy, ids, terms)
        if found:
            raise HostError(f"{instance} could not be started", found)


def _policy(engine: Engine, instance: str, policy: str, containers: Sequence[str], terms: Ending) -> list[Finding]:
    if not containers:
        return []
    done = engine.run(["update", "--restart", policy, "--", *containers], hold=terms.hold)
    if not done.code:
        return []
    message = f"the engine does not take the restart policy {policy}: {engine_error(done)}"
    return [finding("OPS-018", instance, message)]
