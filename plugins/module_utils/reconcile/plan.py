# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The plan: from what is there and what is wanted to the actions between them. Pure; check mode prints it, a run follows it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..common.actions import Action, ordered
from ..docker.containers import Container, done, finished, running


@dataclass(frozen=True)
class Asked:
    """A service as it is wanted: ``spec`` its container is made of, ``ends``: an end with 0 is well, ``joins``: services whose namespaces
    or volumes it lives in. ``finished``: it has done its work, so that its container may be missing; ``unsure``: it is started where
    else nothing would run."""

    name: str
    spec: str
    ends: bool = False
    joins: tuple[str, ...] = ()
    finished: bool = False
    unsure: bool = False


@dataclass(frozen=True)
class ContainerPlan:
    """``recreate``, ``create`` and ``start`` are services; ``rename`` and ``drop`` are container ids an interrupted run left
    (``rename``: id -> name it was to have), ``unpause`` ids to be woken first; ``remove`` are services that are gone."""

    recreate: tuple[str, ...] = ()
    create: tuple[str, ...] = ()
    start: tuple[str, ...] = ()
    remove: tuple[str, ...] = ()
    rename: Mapping[str, str] = field(default_factory=dict)
    drop: tuple[str, ...] = ()
    unpause: tuple[str, ...] = ()

    @property
    def starting(self) -> tuple[str, ...]:
        """Services whose containers are started: those of the actions, and no others."""
        return tuple(sorted({*self.recreate, *self.create, *self.start}))

    def anew(self, joins: Mapping[str, Sequence[str]]) -> list[str]:
        """What is recreated, with what is made for the first time where one of them lives in such a container: it has to be there first.
        ``joins``: service -> services whose namespaces it lives in."""
        joined = {name for service in self.recreate for name in joins[service]}
        return [*self.recreate, *(self.create if joined & set(self.create) else ())]

    def actions(self) -> list[Action]:
        return [
            Action("container", service, action)
            for action, services in (("recreate", self.recreate), ("create", self.create), ("start", self.start), ("remove", self.remove))
            for service in services
        ]


def plan_containers(
    wanted: Mapping[str, Asked], found: Iterable[Container], blind: Collection[str] = (), cut: Collection[str] = ()
) -> ContainerPlan:
    """``blind``: services whose key folder is gone, so that a running container looks at nothing; ``cut``: those whose container was
    taken out of one of its networks."""
    present = list(found)
    own = {item.service: item for item in present if item.service in wanted and item.name == wanted[item.service].name}
    rename: dict[str, str] = {}
    drop: list[str] = []
    for item in present:
        if item.service in wanted and own.get(item.service) is not item:
            # The engine's client gives a successor a passing name; it holds the predecessor's anonymous volumes.
            if item.service in own or item.service in rename.values():
                drop.append(item.id)
            else:
                rename[item.id] = wanted[item.service].name
                own[item.service] = item
    recreate = {
        service
        for service, item in own.items()
        if item.spec != wanted[service].spec
        or (service in blind and item.state == "running")
        or (service in cut and not finished(item, wanted[service].ends))
    }
    recreate, create = _with_joined(wanted, own, recreate)
    waiting = {
        service
        for service, item in own.items()
        if service not in recreate and not done(item, wanted[service].ends) and item.state != "restarting"
    }
    if not recreate | create | waiting and not any(map(running, own.values())):
        waiting = {service for service in own if wanted[service].unsure}
    return ContainerPlan(
        tuple(sorted(recreate)),
        tuple(sorted(create)),
        tuple(sorted(waiting)),
        tuple(sorted({item.service for item in present if item.service not in wanted})),
        rename,
        tuple(sorted(drop)),
        tuple(sorted(item.id for item in own.values() if item.state == "paused")),
    )


def _with_joined(wanted: Mapping[str, Asked], own: Mapping[str, Container], recreate: set[str]) -> tuple[set[str], set[str]]:
    """What is to be made anew and what is to be made, with whoever joins another one of these, or is joined."""
    missing = {service for service in wanted if service not in own}
    create = {service for service in missing if not wanted[service].finished}
    grown = True
    while grown:
        fresh = recreate | create
        # Whoever joins a container needs it, whatever that one has done already.
        joined = {name for service in fresh for name in wanted[service].joins if name in missing} - create
        more = {
            service
            for service, item in wanted.items()
            if service in own and service not in recreate and (fresh | joined) & set(item.joins) and not finished(own[service], item.ends)
        }
        recreate, create = recreate | more, create | joined
        grown = bool(more or joined)
    return recreate, create


def networks_of(model: Mapping[str, Any]) -> dict[str, list[str]]:
    """Service -> names its networks have on the host, sorted."""
    names = {key: str((entry or {}).get("name") or key) for key, entry in (model.get("networks") or {}).items()}
    return {
        service: sorted({names[key] for key in definition.get("networks") or () if key in names})
        for service, definition in (model.get("services") or {}).items()
    }


def plan_stop(found: Iterable[Container]) -> list[Action]:
    return [Action("container", item.service, "stop") for item in found if running(item)]


def observed(before: Iterable[Container], after: Iterable[Container]) -> list[Action]:
    """What happened to the containers between two looks."""
    old, new = {item.service: item for item in before}, {item.service: item for item in after}
    actions = []
    for service in sorted({*old, *new}):
        one, other = old.get(service), new.get(service)
        if other is None:
            actions.append(Action("container", service, "remove"))
        elif one is None:
            actions.append(Action("container", service, "create"))
        elif one.id != other.id:
            actions.append(Action("container", service, "recreate"))
        elif running(one) != running(other) or (one.state == "paused") != (other.state == "paused"):
            actions.append(Action("container", service, "start" if running(other) and one.state != "running" else "stop"))
    return ordered(actions)
