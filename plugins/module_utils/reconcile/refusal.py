# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What becomes of a call when something is wrong with one of its instances: who goes on, and what is said of the others."""

from __future__ import annotations

from collections.abc import Sequence

from ..common.errors import AvsError, HostError, LockedError
from ..common.findings import Finding
from .job import Job
from .work import Work, problems_of

_SPECIFIED = "the instances cannot be made as specified"
_WAITS = "was not changed: others of this call are refused, and what is changed is changed together with them"


def settle(work: Sequence[Work], summary: str = _SPECIFIED) -> None:
    """Nothing is changed before every problem of a call is told. What is only brought up again as it was committed is no change, and
    goes on: a host's nodes do not stay down for one entry.

    Whoever does not go on gets its ``error``. Raises ``AvsError`` with all problems where nobody goes on.
    """
    refused = [item for item in work if not item.sound]
    if not refused:
        return
    if not any(item.sound and item.as_committed for item in work):
        raise _together(refused, summary)
    for item in work:
        if item.problems:
            item.error = HostError(f"{item.id} was refused; nothing of it was changed", dict.fromkeys(item.problems))
        elif item.error is None and not item.as_committed:
            item.held_back = True
            item.error = HostError(f"{item.id} {_WAITS}")


def _together(refused: Sequence[Work], summary: str) -> AvsError:
    refused = [item for item in refused if not item.held_back]
    locked = [item.error for item in refused if isinstance(item.error, LockedError)]
    if locked and len(locked) == len(refused):
        return locked[0]
    problems: list[Finding] = []
    for item in refused:
        problems += item.problems or (problems_of(item.id, item.error) if item.error is not None else [])
    return HostError(summary, dict.fromkeys(problems))


def distribute(jobs: Sequence[Job], failure: AvsError) -> list[Work]:
    """The instances of a call that came to nothing, each with what is said of it; what is said of none of them stands at the first."""
    work = [Work(job) for job in jobs if job.reason is not None]
    for problem in problems_of("", failure):
        owner = next((item for item in work if problem.place.startswith((f"{item.id}:", f"{item.id}."))), work[0] if work else None)
        if owner is not None:
            owner.problems.append(problem)
    for item in work:
        if item.problems:
            item.error = type(failure)(f"{item.id} was not begun: {failure.message}", item.problems)
        else:
            item.error = HostError(f"{item.id} {_WAITS}")
    return work
