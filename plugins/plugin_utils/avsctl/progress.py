# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How far a backup is, while a person waits for it: one line of a terminal that changes, and elsewhere a line from time to time."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ...module_utils.backup.progress import Step
    from ...module_utils.instance.store import Store

# Seconds between two lines where there is no terminal, as in the journal of a unit.
_APART = 10.0
_CLEAR = "\r\x1b[K"


@contextmanager
def shown() -> Iterator[Callable[[str, Step], None]]:
    """What is to be told of each step, on standard error. A login that is lost meanwhile is no reason to leave a node down."""
    from ...module_utils.backup.progress import said
    from ...module_utils.common.records import plain
    from .table import room

    terminal = sys.stderr is not None and sys.stderr.isatty()
    width = room() or 80
    last = time.monotonic()

    def tell(instance: str, step: Step) -> None:
        nonlocal last
        line = said(instance, plain(step))
        if terminal:
            _print(f"{_CLEAR}{line[: width - 1]}")
        elif time.monotonic() - last >= _APART:
            last = time.monotonic()
            _print(f"avsctl: {line}\n")

    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        yield tell
    finally:
        signal.signal(signal.SIGHUP, before)
        if terminal:
            _print(_CLEAR)


def going_on(store: Store, ids: Sequence[str]) -> list[str]:
    """A line for each instance something is being done to."""
    from ...module_utils.backup.progress import at_work, said
    from ...module_utils.common.records import plain

    steps = {name: at_work(store.instance(name)) for name in ids}
    return [said(name, plain(step)) for name, step in steps.items() if step is not None]


def _print(text: str) -> None:
    with suppress(OSError, AttributeError):
        sys.stderr.write(text)
        sys.stderr.flush()
