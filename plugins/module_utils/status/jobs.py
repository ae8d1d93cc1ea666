# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which services of an installed instance end by themselves."""

from __future__ import annotations

from ..instance.state import State
from ..instance.store import InstanceStore
from .ended import jobs_of, recorded_jobs


def jobs_in(files: InstanceStore, state: State) -> set[str]:
    """By the record; of a release before, which did not note it, by the compose file that runs."""
    if all(one.job is not None for one in state.containers.values()):
        return recorded_jobs(state)
    import json

    from ..policy.baseline import waited_for

    try:
        model = json.loads(files.compose_file() or "{}")
        return jobs_of(state.health, waited_for(model if isinstance(model, dict) else {}))
    except (ValueError, AttributeError, TypeError):
        return recorded_jobs(state)
