# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What every backup and every proof has around it: what its host notes of how it ended, and the turn of a node that is to be down."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from ..backup import last
from ..common.errors import AvsError, LockedError
from ..instance.store import InstanceStore, Store
from ..system.full import os_error_text
from ..system.lock import Lock, said_of
from .by_record import WaitingError
from .own import Way

Step = Callable[[str, tuple[int, ...]], dict[str, Any]]
# No instance has such a name.
_TURN = "@backup.lock"


def noted(store: Store, way: Way, step: Step) -> Step:
    """The same step of a backup; how it ended is in the record of its instance. Check mode notes nothing."""

    def run(name: str, hold: tuple[int, ...]) -> dict[str, Any]:
        own = store.instance(name)
        with noting(own, last.BACKUP):
            entry = step(name, hold)
        if entry.get("backup"):
            # It is the newest one, whatever was not well after it: its copies, or the node itself.
            last.made(own, entry["backup"])
        if entry.get("error"):
            last.failed(own, last.BACKUP, str(entry["error"]), False)
        return entry

    return step if way.check else run


@contextmanager
def noting(own: InstanceStore, operation: str) -> Iterator[None]:
    """What is begun, and failed where it raises; that it was done is for the caller to note."""
    last.begin(own, operation)
    try:
        yield
    except (AvsError, OSError) as error:
        said = error.message if isinstance(error, AvsError) else os_error_text(error, own.root)
        last.failed(own, operation, said, isinstance(error, WaitingError))
        raise


@contextmanager
def turn(store: Store, name: str, way: Way) -> Iterator[None]:
    """One node of a host at a time is down for a backup: a package may have others stand in for it, and a disk is quicker with one. Raises
    ``LockedError`` where another one is down for as long as locks are waited for."""
    path = os.path.join(store.locks, _TURN)
    with ExitStack() as stack:
        try:
            stack.enter_context(Lock(path, f"{way.holder} for {name}", way.lock_timeout))
        except LockedError:
            what = f"{name} was not stopped: another node of this host is down for its backup ({said_of(path)})"
            raise LockedError(f"{what}; waited {way.lock_timeout:g} s for it. Let that end, or raise avs_lock_timeout") from None
        yield
