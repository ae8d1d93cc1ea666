# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Signals that end a process, while it does what it must not leave half done."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_ENDING = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def held_back() -> Iterator[list[int]]:
    """What asks this process to end takes effect once it is over. Yields the numbers of those that came. Only the main thread is told of
    signals, and can hold them back; commands that were started get theirs."""
    came: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield came
        return

    def note(number: int, _frame: Any) -> None:
        came.append(number)

    # What was set otherwise than by Python (``None``) cannot be put back.
    heeded = [number for number in _ENDING if signal.getsignal(number) not in (None, signal.SIG_IGN)]
    before = {number: signal.signal(number, note) for number in heeded}
    try:
        yield came
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        for one in sorted(set(came)):
            signal.raise_signal(one)
