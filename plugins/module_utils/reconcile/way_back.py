# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where a change comes to nothing (the engine refuses the new containers, or they never become well), what was there before runs again.

What is changed for is kept until it is committed: a run that is cut leaves what it was about, and the next one goes on with that, or goes
back in its place. Another version has a way back of its own (``transaction``).
"""

from __future__ import annotations

import os
from collections.abc import Mapping

from ..common.errors import HostError
from ..common.findings import Finding
from ..common.words import COMMITTED
from ..docker.engine import Engine
from ..instance import before, secrets_before
from ..instance.store import InstanceStore
from .standstill import Ending, halt
from .work import Work


def keep(own: InstanceStore, item: Work) -> bool:
    """Whether there is something to go back to: not where it was never well, where nothing of it is changed, and where its keys are other ones,
    as the ones it had may belong to another host by now. Raises ``OSError``, ``HostError``."""
    state, draft = item.job.state, item.draft
    if state is None or draft is None or draft.as_committed:
        return False
    # One whose start was cut is as it was committed, too.
    if state.phase == COMMITTED or state.applying == state.spec_digest:
        drop(own)
        if _keys(draft.identities) != _keys(state.identities):
            return False
        before.keep(own, own.before)
        secrets_before.keep(own)
        return True
    try:
        return os.path.isdir(own.before) and _keys(before.state_of(own, own.before).identities) == _keys(draft.identities)
    except HostError:
        return False


def _keys(identities: Mapping[str, str]) -> dict[str, str]:
    return {name: identity for name, identity in identities.items() if name.startswith("key.")}


def go(engine: Engine, own: InstanceStore, ending: Ending) -> list[Finding]:
    """Under its lock: the node is down, and its record as it was. Raises ``HostError``, ``OSError``."""
    told = halt(engine, own.id, engine.containers(own.id), ending)
    state = before.put_back(own, own.before)
    secrets_before.put_back(own, state)
    # What the change made is remembered, so that a purge finds it.
    made = own.known()
    own.write_state(state.but(volumes=sorted({*state.volumes, *(made.volumes if made is not None else ())})))
    drop(own)
    return told


def drop(own: InstanceStore) -> None:
    """It is committed, or gone back to."""
    before.drop(own.before)
    secrets_before.drop(own)
