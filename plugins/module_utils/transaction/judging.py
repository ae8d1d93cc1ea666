# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether a rollback can be gone to its end: found out while the node still runs."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Callable

from ..common.errors import AvsError, HostError
from ..common.findings import Finding
from ..common.rules import finding
from ..docker.containers import running
from ..docker.images import ImageKeeper
from ..instance import before, hold
from ..instance.state import State
from ..instance.store import InstanceStore
from ..instance.transaction import Migration, Transaction
from ..reconcile.own import Way
from ..reconcile.repositories import Asked, Host
from ..reconcile.work import problems_of
from ..system import files
from . import back, migrations, restoring, staying


def require_here(own: InstanceStore) -> None:
    """Raises ``HostError`` (OPS-017) where another host has the node, or may have it: nothing of it is changed here."""
    held = hold.hold_of(own)
    if held is not None and hold.elsewhere(held):
        problem = hold.told(own.id, held)
        raise HostError(f"{own.id} {problem.message}", [problem])


def going(own: InstanceStore, known: Transaction) -> Transaction:
    """What is gone back to, with what must not go back by the word of the version that is left."""
    return known.but(stays=sorted({*known.stays, *staying.declared(own.spec())}))


def by_word(host: Host, own: InstanceStore, known: Transaction) -> Transaction:
    """Of a node that is down somebody reverted by hand what has no way back: to say so is part of the confirmation. What runs nobody reverted."""
    if any(running(item) for item in host.engine.containers(own.id)):
        return known
    return known.but(migrations=[migrations.by_hand([one])[0] if one.revert is None else one for one in known.migrations])


def require(host: Host, own: InstanceStore, way: Way, asked: Asked, known: Transaction) -> None:
    """``known`` as of ``going`` and ``by_word``. Raises ``HostError`` with everything that stands in the way, ``WaitingError`` where that is the
    password alone. Nothing was changed then, but that images may have been pulled. In check mode the repository is not looked at: its password
    is not here."""
    begun = [one for one in known.migrations if one.begun] if known.stays else []
    problems = _irreversible(own, known, begun)
    errors: list[HostError] = []

    def tried(step: Callable[[], Sequence[Finding] | None]) -> None:
        try:
            problems.extend(step() or ())
        except HostError as error:
            errors.append(error)

    tried(lambda: back.require(host, own, [one.revert for one in begun if one.revert]))
    tried(lambda: _release(own, before.state_of(own, own.previous)))
    if not errors and not problems:
        state = before.state_of(own, own.previous)
        tried(lambda: _images(host, own, state, way.check))
        if known.backup and not way.check:
            tried(lambda: _stored(host, own, asked, known, state))
    if len(errors) == 1 and not problems:
        raise errors[0]
    problems += [item for error in errors for item in problems_of(own.id, error)]
    if problems:
        told = "; ".join(item.message for item in problems)
        raise HostError(f"{own.id} cannot go back: {told}; nothing was changed", problems)


def _irreversible(own: InstanceStore, known: Transaction, begun: Sequence[Migration]) -> list[Finding]:
    names = [one.to for one in begun if one.revert is None]
    if not names:
        return []
    message = f"the migration to {', '.join(names)} cannot be reverted, and {', '.join(known.stays)} would stay as it left them"
    remedy = "Stop it (restaking.avs.stop), revert by hand as the package's authors say, and roll back then."
    return [finding("UPG-010", own.id, message, remedy)]


def _release(own: InstanceStore, state: State) -> list[Finding]:
    name = state.release
    if name is not None and name in own.release_names() and files.is_file(os.path.join(own.releases, name, "compose.json")):
        return []
    return [finding("UPG-012", own.id, f"its release {name} is not there any more")]


def _images(host: Host, own: InstanceStore, state: State, check: bool) -> list[Finding]:
    """Those that are gone are pulled before the node is stopped for them."""
    keeper = ImageKeeper(host.engine)
    missing = keeper.find(own.id, {reference: reference for reference in state.images}, state.images).missing
    return (keeper.ask if check else keeper.pull)(own.id, missing, state.images) if missing else []


def _stored(host: Host, own: InstanceStore, asked: Asked, known: Transaction, state: State) -> None:
    with restoring.sealed(host, own, asked, str(known.backup)) as (_restic, _backup, seal):
        restoring.checked(host, own, seal, (state, known.name, restoring.stays_of(host, own, asked, known)))


def is_untouched(own: InstanceStore, known: Transaction, place: str) -> bool:
    """Whether a rollback that failed replaced nothing yet, so that the version it was to leave can be started again. ``place``: where what that
    one had is kept."""
    if known.stays and any(one.begun for one in known.migrations):
        # What reverts them may have been run.
        return False
    try:
        return restoring.nothing_replaced(own) and own.known() == before.state_of(own, place)
    except (AvsError, OSError):
        return False
