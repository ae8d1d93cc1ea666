# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Containers as the plan names them: what is in the way goes, what is replaced is made anew, and all of it is started."""

from __future__ import annotations

import os
import time
from collections.abc import Callable

from ..common.errors import HostError
from ..common.findings import Finding
from ..common.masking import Mask
from ..common.rules import finding
from ..docker.compose import Compose, engine_error
from ..docker.engine import REMOVAL, Done, Engine, Unanswered
from ..docker.names import project
from ..docker.remedies import remedy_for
from ..health.gate import DEFAULT_TIMEOUT, peers_of
from ..health.last_lines import last_lines
from ..policy.waits import told_of_waits
from .prepare import Prepared
from .standstill import Ending, give_back, heed
from .stopping import end, longest, replaced_by_force

# Seconds for stopping predecessors, creating and starting, beyond the time services may wait for each other.
STARTING_UP = 300.0


def bring_up(engine: Engine, item: Prepared, hold: tuple[int, ...], bound: float) -> list[Finding]:
    """Make and start what the plan names, and nothing else. Returns what is to be said of nodes that had to be killed. Raises ``HostError``
    (OPS-005) with the engine's message, secrets masked."""
    told = make(engine, item, hold, bound)
    start(engine, item, hold, bound)
    return told


def make(engine: Engine, item: Prepared, hold: tuple[int, ...], bound: float, whole: bool = False) -> list[Finding]:
    """The first half of ``bring_up``: what is in the way goes, and what is replaced is made anew. ``whole``: also what was never there, so
    that networks and volumes are there before anything runs."""
    plan, own = item.containers, item.draft.files
    must, compose, told, began = _must(item), _compose(engine, item, hold, bound), list[Finding](), time.time()
    if plan.drop:
        must(engine.run(["rm", "-f", "--", *plan.drop], timeout=REMOVAL, hold=hold))
    for container, name in plan.rename.items():
        must(engine.run(["rename", "--", container, name], hold=hold))
    if plan.unpause:
        must(engine.run(["unpause", "--", *plan.unpause], hold=hold))
    gone = [one for one in item.draft.before if one.service in plan.remove]
    if item.networks_first:
        # The engine lets no network go while a container is in it; whoever is in one of these is to be recreated or removed.
        inside = [one for one in item.draft.before if one.service in plan.recreate and one.id not in plan.drop]
        told += end(engine, item.id, [*inside, *gone], bound, hold)
        must(engine.run(["network", "rm", "--", *item.networks_first], hold=hold))
    if gone:
        told += end(engine, item.id, gone, bound, hold)
        must(engine.run(["rm", "-f", "--", *(one.id for one in gone)], timeout=REMOVAL, hold=hold))
    if plan.recreate or (whole and plan.create):
        old = engine.inspect(one.id for one in item.draft.before if one.service in plan.recreate and one.id not in plan.drop)
        limit = longest(old, bound)
        anew = plan.anew({name: one.joins for name, one in item.wanted.items()})
        services = sorted({*anew, *plan.create}) if whole else anew
        must(compose.recreate(_file(item), own.secrets_env, services, limit))
        told += replaced_by_force(engine, item.id, old, float(bound if limit is None else limit), began)
    return told


def start(engine: Engine, item: Prepared, hold: tuple[int, ...], bound: float) -> None:
    """The second half: what was made is started, and what still is to be made first is."""
    plan, own, must = item.containers, item.draft.files, _must(item)
    if plan.starting:
        heed(engine, own, Ending(bound, hold))
        again = {one.service: one for one in item.draft.before if one.service in plan.start and one.id not in plan.drop}
        give_back(engine, item.id, item.shaped.model, again, Ending(bound, hold))
        try:
            done = _compose(engine, item, hold, bound).up(_file(item), own.secrets_env, plan.starting)
        except Unanswered:
            raise _waited(engine, item, _patience(item, bound)) from None
        heed(engine, own, Ending(bound, hold))
        if done.code:
            mask = Mask(item.draft.values.values())
            raise refused(item.id, mask(engine_error(done)) + _of_those_that_ended(engine, item, mask))
    for network in item.networks_last:
        must(engine.run(["network", "rm", "--", network], hold=hold))


def _must(item: Prepared) -> Callable[[Done], None]:
    mask = Mask(item.draft.values.values())

    def must(done: Done) -> None:
        if done.code:
            raise refused(item.id, mask(engine_error(done)))

    return must


def _file(item: Prepared) -> str:
    return os.path.join(item.draft.files.current, "compose.json")


def _compose(engine: Engine, item: Prepared, hold: tuple[int, ...], bound: float) -> Compose:
    return Compose(engine, project(item.id), item.draft.files.current, hold, _patience(item, bound))


def _patience(item: Prepared, bound: float) -> float:
    """Services may wait for each other while they start, as long as the gate would wait for them. Seconds."""
    return float(item.shaped.health.timeout or DEFAULT_TIMEOUT) + STARTING_UP + bound


def _waited(engine: Engine, item: Prepared, patience: float) -> HostError:
    """Why compose was still starting services when its time was over. Raises what the engine itself is to blame for."""
    there = engine.containers(item.id)
    ended = {one.service for one in there if one.state == "exited" and one.exit_code == 0}
    healthy = {one.service for one in there if one.health == "healthy"}
    left = told_of_waits(item.shaped.model, item.containers.starting, ended, healthy)
    message = f"the services were not started within {patience:g} s" + (f": {left}" if left else "")
    remedy = "Read on the host what keeps the service that is waited for (docker logs), or raise the gate's timeout in runtime.yml."
    return HostError(f"{item.id} could not be started", [finding("OPS-005", item.id, message, remedy if left else None)])


def _of_those_that_ended(engine: Engine, item: Prepared, mask: Mask) -> str:
    """What the containers logged that ended badly while others waited for them: compose says who, not why."""
    names = [item.wanted[service].name for service in item.containers.starting]
    ended = [peer for peer in peers_of(engine.inspect(names)) if peer.state == "exited" and peer.exit_code]
    return "".join(last_lines(engine, peer.id, peer.service, mask) for peer in ended)


def refused(instance: str, message: str) -> HostError:
    return HostError(f"{instance} could not be started", [finding("OPS-005", instance, f"the engine says: {message}", remedy_for(message))])
