# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How long what runs may be read, when nobody waits for it: a node that puts a pipe in the place of a file, just as that is opened, would keep
its own backup waiting for ever, and with it the lock of all backups after it."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from ..common.errors import HostError
from ..common.rules import finding
from . import changes
from .listing import Tree
from .restic import ResticError

# Seconds in any case; how many times as long as a look of ours at all files; and bytes a second, however slow a disk is.
_LEAST, _LOOKS, _SLOWEST = 3600.0, 100.0, float(2 << 20)


def needed(looking: float, size: int, rate: float | None = None) -> float:
    """Seconds, far more than it should take. ``looking``: seconds a look at all files took; ``size``: bytes that are to be read, at ``rate``
    a second where that is known."""
    slowest = min(_SLOWEST, rate / 4) if rate else _SLOWEST
    return _LEAST + looking * _LOOKS + size / slowest


def looked(trees: Sequence[Tree], since: int) -> tuple[float, int]:
    """How long a look at all files takes, and the bytes of those that changed at or after an instant (nanoseconds since the epoch)."""
    began = time.monotonic()
    size = changes.to_read_since(trees, since)
    return time.monotonic() - began, size


@contextmanager
def bounded(instance: str) -> Iterator[None]:
    """Tell what it means that the time was over. Raises ``HostError`` (BAK-003)."""
    try:
        yield
    except ResticError as error:
        if error.kind != "time":
            raise
        message = f"what runs was not read to its end: {error.message}, many times what it should take"
        remedy = (
            "Look for a disk that hangs, and for a node that puts pipes in the places of files: whoever opens one waits. "
            "Stop it (restaking.avs.stop) and back it up while it is down."
        )
        raise HostError(f"{instance}: {message}", [finding("BAK-003", instance, message, remedy)]) from None
