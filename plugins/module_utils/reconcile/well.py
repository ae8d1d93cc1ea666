# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether what was started is well, and what the engine says of it then."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from ..common.masking import Mask
from ..common.spec import Condition
from ..docker.engine import Engine
from ..health.gate import Gate, Means, peers_of
from ..health.probes import Health
from ..instance.state import State
from ..instance.store import InstanceStore
from ..policy.unnamed_volumes import unnamed_of
from ..status.ended import had_finished
from ..status.restarts import restarts_of
from .standstill import Ending, heed


class Made(Protocol):
    """A container as it is wanted, or as it is recorded."""

    @property
    def name(self) -> str: ...
    @property
    def spec(self) -> str: ...
    @property
    def ends(self) -> bool: ...


@dataclass(frozen=True)
class Up:
    """What is waited for: its ``services``, of which ``jobs`` end by themselves; ``state`` is its record, ``values`` are its secrets."""

    health: Condition
    services: Mapping[str, Made]
    jobs: Collection[str]
    state: State | None
    values: Collection[str]


def wait(engine: Engine, own: InstanceStore, up: Up, ending: Ending) -> Health:
    """Wait until healthy. Raises ``GateError``, and ``HostError`` as soon as somebody stops it meanwhile."""
    named = up.health.service
    ends = {service: made.ends and (service in up.jobs or service != named) for service, made in up.services.items()}
    # A node that ended at once with 0 is no job that is done: that is for its package to say, or for an earlier commit.
    idle = all(made.ends and (service in up.jobs or had_finished(up.state, service, made.spec)) for service, made in up.services.items())
    means = Means(Mask(up.values), idle=idle, heed=lambda: heed(engine, own, ending))
    return Gate(engine, own.id, up.health, ends, means).wait([made.name for made in up.services.values()])


@dataclass(frozen=True)
class Seen:
    """What the engine says of the containers at the commit: service -> restarts so far, services that ended with 0, and volumes without a
    name, which outlive the containers that used them: nothing but the record says whose they were."""

    restarts: Mapping[str, int]
    ended: Collection[str]
    unnamed: Sequence[str] = ()

    @classmethod
    def of(cls, engine: Engine, services: Mapping[str, Made]) -> Seen:
        inspected = engine.inspect(made.name for made in services.values())
        ended = {one.service for one in peers_of(inspected) if one.state == "exited" and not one.exit_code}
        return cls(restarts_of(inspected), ended, unnamed_of(inspected))
