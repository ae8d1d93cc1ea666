# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a host's own record says is to be: whether an instance is to be down, and by which spec it can be brought up without an inventory."""

from __future__ import annotations

import os

from ..common.errors import HostError
from ..common.rules import finding
from ..common.spec import InstanceSpec
from ..common.words import APPLYING, STARTED, STOPPED
from ..instance import hold
from ..instance.state import State
from ..instance.store import InstanceStore
from ..system.trees import tree_digest
from .unchanged import needed_secrets

_INSTALL = "Run restaking.avs.install, which completes it."


class WaitingError(HostError):
    """It cannot run before its secrets are there again."""


def to_be_down(own: InstanceStore, state: State | None) -> bool:
    return hold.hold_of(own) is not None or (state is not None and (not state.installed or state.desired == STOPPED))


def require_whole(own: InstanceStore, state: State | None, what: str = "started") -> None:
    """Raises ``HostError`` (UPG-012) where an upgrade was cut, and what lies there is of neither version; ``what`` cannot be done then."""
    if not os.path.lexists(own.upgrade):
        return
    from ..instance import transaction

    cut = transaction.half(own, state)
    if cut is not None:
        from ..backup.progress import at_work

        if at_work(own) is not None:
            raise HostError(f"{own.id} is being upgraded from {cut.old} to {cut.new} just now, for {cut.holder} ({cut.step})")
        transaction.require_whole(own, state, what)


def going_on(own: InstanceStore, state: State | None) -> InstanceSpec:
    """The spec a host can bring an instance up by: of an apply that was cut, where all it needs is here, else the committed one.

    Raises ``WaitingError`` where its secrets are gone, ``HostError`` where there is nothing to bring up.
    """
    if state is None or not state.installed:
        raise HostError(
            f"{own.id} is not installed on this host", [finding("INV-001", own.id, "is not installed on this host", "See avsctl ls.")]
        )
    require_whole(own, state)
    # Read by a run that has nothing to do, which reads no more than it needs.
    from ..backup.restore import half

    if half(own) is not None:
        problem = finding("BAK-003", own.id, "a restore was cut, and not all of it is in its place", "Restore again, or: avsctl recover.")
        raise HostError(f"{own.id} cannot be started", [problem])
    there = tree_digest(os.path.join(own.current, "tree")) if own.release() else None
    candidates = [*([own.wanted()] if state.phase == APPLYING else []), own.spec()]
    spec = next((one for one in candidates if one is not None and one.package.tree_sha256 == there), None)
    if spec is None:
        problem = finding("OPS-010", own.id, "a run was cut before all of it was on this host", _INSTALL)
        raise HostError(f"{own.id} cannot be started", [problem])
    missing = needed_secrets(spec.secrets, own, state)
    if missing:
        problem = finding("OPS-019", own.id, f"{', '.join(missing)}: kept in memory, and gone since the host was started", _INSTALL)
        raise WaitingError(f"{own.id} waits for its secrets", [problem])
    return spec.but(state=STARTED)
