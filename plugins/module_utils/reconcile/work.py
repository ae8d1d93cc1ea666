# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is known of an instance on its way through a run, and how several go that way side by side."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..common.actions import Action
from ..common.errors import AvsError, HostError
from ..common.findings import ERROR, Finding, errors_of
from ..common.masking import Mask
from ..common.rules import finding
from ..health.probes import Health
from ..instance import journal
from ..instance.store import InstanceStore
from ..system.full import is_full, os_error_text
from .draft import Draft
from .job import Call, Job
from .prepare import Prepared
from .stopping import stop_bound

_LOCK_TIMEOUT = 60
_ODD = "Look at what stands there (ls -ld, lsattr -d), put it right or move it away, run again."


def unsaid(_text: str) -> None:
    """Nobody is there who could be told before the end."""


@dataclass
class Work:
    """A job on its way. ``kept`` is what a removal left, ``told`` what the run itself has to say, ``problems`` are why it may not be
    made; ``error`` is what became of it, ``held_back``: because of others; ``transaction`` is what the journal calls it; ``went_back``: what
    was there before is in its place again."""

    job: Job
    draft: Draft | None = None
    prepared: Prepared | None = None
    actions: list[Action] = field(default_factory=list)
    health: Health | None = None
    kept: dict[str, Any] | None = None
    problems: list[Finding] = field(default_factory=list)
    error: AvsError | None = None
    held_back: bool = False
    begun: bool = False
    told: list[Finding] = field(default_factory=list)
    transaction: str = ""
    went_back: bool = False

    def begin(self, own: InstanceStore, operation: str, terms: Terms, **details: Any) -> None:
        """From here on something is changed: the journal says what was to be done until ``ended`` says what became of it."""
        self.begun = True
        if os.path.isdir(own.root) and not os.path.islink(own.root):
            done = [action.as_dict() for action in self.actions]
            self.transaction = journal.begin(own, operation, terms.holder, actions=done, **details)

    def ended(self, own: InstanceStore, outcome: str, **details: Any) -> None:
        if self.transaction:
            journal.end(own, self.transaction, outcome, **details)

    @property
    def id(self) -> str:
        return self.job.id

    @property
    def state(self) -> str:
        return self.job.spec.state

    @property
    def as_committed(self) -> bool:
        """Whether it is only brought up again: nothing of it was changed since it was committed."""
        return self.draft is not None and self.draft.as_committed

    @property
    def sound(self) -> bool:
        return not self.problems and self.error is None


@dataclass(frozen=True)
class Terms:
    """What holds for all of a call. ``holder`` and ``timeout`` (seconds) are of its locks, ``bound`` is how many seconds a node has to
    end in at most, ``root`` where records are kept; ``gate``: whether it is waited for that a node is well; ``say`` is told why it is
    waited for something."""

    holder: str
    timeout: float
    bound: float
    mask: Mask
    root: str
    gate: bool = True
    say: Callable[[str], None] = unsaid


def terms_of(call: Call, root: str) -> Terms:
    """Raises ``HostError`` (INV-001) for a setting that is none."""
    return Terms(
        str(call.document.get("holder") or f"process {os.getpid()}"),
        float(call.document.get("lock_timeout", _LOCK_TIMEOUT)),
        stop_bound(call.settings),
        Mask(value for own in call.values.values() for value in own.values()),
        root,
        not call.document.get("boot"),
    )


def problems_of(instance: str, error: AvsError) -> list[Finding]:
    return errors_of(error.findings) or [Finding("", ERROR, instance, error.message)]


def side_by_side(work: Sequence[Work], terms: Terms, step: Callable[[Work], None]) -> None:
    threads = [threading.Thread(target=guarded, args=(item, terms, step)) for item in work]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def guarded(item: Work, terms: Terms, step: Callable[[Work], None]) -> None:
    """One instance's failure is its own: it is told at the end, the others go on."""
    try:
        step(item)
    except AvsError as error:
        item.error = error
    except OSError as error:
        item.error = of_the_system(item.id, error, terms.root)
    except Exception as error:
        item.error = HostError(f"{item.id}: unexpected {type(error).__name__}: {terms.mask(str(error))}")


def of_the_system(instance: str, error: OSError, root: str) -> HostError:
    """An error of the operating system at a path of ours: OPS-010 names what stands there, unless there is simply no room."""
    text = os_error_text(error, root)
    if is_full(error):
        return HostError(f"{instance}: {text}")
    return HostError(f"{instance}: {text}", [finding("OPS-010", instance, text, _ODD)])
