# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""When a backup is to be proven by itself: a good disk of yesterday says nothing of the packs of last year, which every backup since is made of.

A proof is due so many days after the one before (``avs_backup_prove``, and ``avs_backup_prove_copies``), counted from when it was made; one that
failed is due again. Where none was made for longer than nights that had no time for it explain, it is overdue.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ..system.clock import seconds_since
from . import last
from .last import Last
from .settings import Settings

# Days, where nobody said.
PERIOD = 30
LONGEST = 3650
_DAY = 86_400.0
# What is made at the same time of day, an hour long, is not put off by a day each time.
_EARLY = _DAY / 2
# A timer of each week has a turn until then, and one of each night several.
_GRACE, _LEAST_GRACE = 0.25, 2 * _DAY


@dataclass(frozen=True)
class Place:
    """Where the backups to prove are: a ``copy``, by its name, or the repository itself (empty); ``days`` between two proofs."""

    copy: str
    days: int

    @property
    def operation(self) -> str:
        return last.proof_of(self.copy)


def places(wanted: Settings) -> Iterator[Place]:
    """Those that are proven by themselves."""
    days = PERIOD if wanted.prove is None else wanted.prove
    of_copies = days if wanted.prove_copies is None else wanted.prove_copies
    found = [Place("", days), *(Place(copy.name, of_copies) for copy in wanted.copies)]
    return (place for place in found if place.days)


def is_due(known: Last, place: Place) -> bool:
    """Also where a clock that was ahead says that it was proven in days to come."""
    age = seconds_since(last.proven_at(known, place.operation))
    return age is None or place.operation in known.failures or age > place.days * _DAY - _EARLY


def overdue(known: Last, place: Place) -> str:
    """Since when it is waited for where that is too long: the last proof, or the first backup that had none. Empty where it is not."""
    since = last.proven_at(known, place.operation) or known.awaited.get(place.operation, "")
    age = seconds_since(since) if since else None
    period = place.days * _DAY
    return since if age is not None and age > period + max(period * _GRACE, _LEAST_GRACE) else ""
