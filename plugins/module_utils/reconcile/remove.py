# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Removes an instance. Volumes and ``data/`` stay unless they are to be purged."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Mapping
from typing import Any

from ..commands.one_off import command_lock, sweep
from ..common.actions import Action, ordered
from ..common.errors import HostError
from ..common.findings import Finding
from ..common.rules import finding
from ..common.words import ABSENT
from ..docker.compose import engine_error
from ..docker.engine import REMOVAL, Done, Engine
from ..docker.names import project
from ..instance import key_files
from ..instance.state import NONE, SCHEMA, State
from ..instance.store import InstanceStore
from ..policy.unnamed_volumes import is_unnamed, unnamed_of
from ..system import files
from ..system.clock import now
from .job import Job
from .unchanged import RELEASE


def plan_removal(
    own: InstanceStore, job: Job, networks: Mapping[str, str], volumes: Mapping[str, str], unnamed: Collection[str] = ()
) -> list[Action]:
    """``networks`` and ``volumes`` of the host: name -> compose project; ``unnamed``: volumes without a name that the instance's
    containers are using."""
    name, state = project(own.id), job.state
    actions = [Action("container", container.service, "remove") for container in job.containers]
    # Whoever installs it again starts it.
    actions += [Action("hold", own.id, "remove")] if os.path.lexists(own.hold_file) else []
    actions += [Action("network", network, "remove") for network, owner in networks.items() if owner == name]
    if any(os.path.lexists(own.path(part)) for part in RELEASE) or (state is not None and state.installed):
        actions.append(Action("files", "release", "remove"))
    if job.spec.purge:
        actions += [Action("volume", volume, "remove") for volume in own_volumes(own, state, volumes, unnamed)]
        if os.path.exists(own.data):
            actions.append(Action("files", "data", "remove"))
        if os.path.exists(own.root) and not any(action.kind == "files" for action in actions):
            actions.append(Action("files", "state", "remove"))
    # Of an instance that has none there is an empty folder; it is no news beside the rest.
    if os.path.exists(own.run) and not (actions and key_files.holds_nothing(own)):
        actions.append(Action("keys", "secrets", "remove"))
    return ordered(actions)


def in_use(engine: Engine, instance: str) -> list[str]:
    """Volumes without a name that containers of the instance's project are using, those of one-off commands among them."""
    return unnamed_of(engine.inspect(engine.belonging(instance)))


def own_volumes(own: InstanceStore, state: State | None, volumes: Mapping[str, str], unnamed: Collection[str] = ()) -> list[str]:
    """Existing volumes of the instance: those compose labelled, those the state remembers, and ``unnamed``."""
    name = project(own.id)
    remembered = {volume for volume in (state or NONE).volumes if volume.startswith(f"{name}_") or is_unnamed(volume)}
    remembered.update(unnamed)
    return sorted(volume for volume, owner in volumes.items() if owner == name or volume in remembered)


def remove(engine: Engine, own: InstanceStore, job: Job, hold: tuple[int, ...]) -> dict[str, Any]:
    """Take away what is left of an instance whose containers have ended; files go last, so that an interrupted run is seen. Returns what
    was kept: ``volumes`` and ``data``.

    One thing that cannot be removed keeps no other one, and no key, on the host. Raises ``HostError`` that names each; what is recorded
    of the instance then stays, so that the next run goes on.
    """
    from ..backup.restore import settle
    from ..backup.retention import needed_file
    from ..instance import discarded

    problems: list[Finding] = []
    unnamed: list[str] = []
    # What is kept is whole, whatever was cut before.
    _attempt(problems, lambda: settle(own))
    # A command of its package has its networks and volumes.
    _attempt(problems, lambda: sweep(engine, own))
    _attempt(problems, lambda: unnamed.extend(in_use(engine, own.id)))
    if unnamed and job.state is not None:
        # With the containers goes all that says whose they are.
        own.write_state(job.state.but(volumes=sorted({*job.state.volumes, *unnamed})))
    volumes: list[str] = []
    _attempt(problems, lambda: _remove_containers(engine, own, hold))
    _attempt(problems, lambda: _remove_networks(engine, own, hold))
    _attempt(problems, lambda: volumes.extend(_remove_volumes(engine, own, job, unnamed, hold)))
    files.remove(own.run)
    if problems:
        raise HostError(f"{own.id} could not be removed", problems)
    # No backup of it is one that an upgrade goes back to any more.
    files.remove(needed_file(own))
    if job.spec.purge:
        # Where its data lies behind a link, these lie there, too.
        discarded.drop(own)
        files.remove(own.root)
        # Nothing of the instance is left that a run could hold; one that waits for this file takes a new one.
        files.remove(own.lock)
        files.remove(command_lock(own))
        return {"volumes": [], "data": None}
    return _keep(own, job.state, volumes)


def _attempt(problems: list[Finding], step: Callable[[], object]) -> None:
    try:
        step()
    except HostError as error:
        problems += [found for found in error.findings if found not in problems]


def _remove_containers(engine: Engine, own: InstanceStore, hold: tuple[int, ...]) -> None:
    # By their own names: what a container says it depends on may be gone, and one of a command may be left.
    left = engine.belonging(own.id)
    if left:
        _must(own, engine.run(["rm", "-f", "--", *left], timeout=REMOVAL, hold=hold))


def _remove_networks(engine: Engine, own: InstanceStore, hold: tuple[int, ...]) -> None:
    networks = sorted(name for name, owner in engine.networks().items() if owner == project(own.id))
    if networks:
        _must(own, engine.run(["network", "rm", "--", *networks], timeout=REMOVAL, hold=hold))


def _remove_volumes(engine: Engine, own: InstanceStore, job: Job, unnamed: Collection[str], hold: tuple[int, ...]) -> list[str]:
    """Those that stay."""
    volumes = own_volumes(own, job.state, engine.volumes(), unnamed)
    if not job.spec.purge or not volumes:
        return volumes
    _must(own, engine.run(["volume", "rm", "--", *volumes], timeout=REMOVAL, hold=hold))
    return []


def _must(own: InstanceStore, done: Done) -> None:
    if done.code:
        raise HostError(f"{own.id} could not be removed", [finding("OPS-005", own.id, f"the engine says: {engine_error(done)}")])


def _keep(own: InstanceStore, state: State | None, volumes: list[str]) -> dict[str, Any]:
    data = own.data if os.path.isdir(own.data) and os.listdir(own.data) else None
    if os.path.lexists(own.root):
        old = state or NONE
        own.write_state(
            State(
                schema=SCHEMA,
                id=own.id,
                phase=ABSENT,
                removed_at=now(),
                package=old.package,
                profile=old.profile,
                images=old.images,
                **old.images_before(old.images),
                memory_default=old.memory_default,
                volumes=volumes,
                kept_data=data,
            )
        )
        for part in RELEASE:
            files.remove(own.path(part))
        own.sweep()
    return {"volumes": volumes, "data": data}
