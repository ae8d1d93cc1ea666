# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What status says of an upgrade of an instance: one that was cut, and what the last one came from."""

from __future__ import annotations

import os
from typing import Any

from ..backup.progress import at_work
from ..common.errors import HostError
from ..common.findings import Finding
from ..common.rules import finding
from ..instance import transaction
from ..instance.state import State
from ..instance.store import InstanceStore


def upgrades(own: InstanceStore, state: State | None) -> tuple[dict[str, Any] | None, list[Finding]]:
    """``from``, ``since`` and ``step`` of one that is at work or was cut, or that a rollback would take back; ``None`` where there is none."""
    try:
        known = transaction.begun(own) if os.path.lexists(own.upgrade) else None
        before = transaction.read(own, own.previous) if known is None else None
    except HostError as error:
        return None, error.findings
    if known is not None:
        found = [] if at_work(own) is not None else _cut(own, known, state)
        return {"from": known.old, "to": known.new, "since": known.began, "step": known.step, "backup": known.backup}, found
    if before is None or state is None or state.package is None or before.new != state.package.version:
        return None, []
    return {"from": before.old, "to": before.new, "since": before.began, "step": None, "backup": before.backup}, []


def _cut(own: InstanceStore, known: transaction.Transaction, state: State | None) -> list[Finding]:
    if not transaction.is_half(known, state):
        return []
    message = f"an upgrade from {known.old} to {known.new} was cut at {known.step}, and is not taken back yet: it is not started"
    return [finding("UPG-012", own.id, message)]
