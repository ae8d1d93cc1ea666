# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How long a pass read files that were written meanwhile, and which of them it may have taken for what they no longer are.

Files tell when they changed by the host's clock. Where that was set back since the pass began, what changed after that has times from before it:
a span then is longer, on both ends, by as much as the clock was set back.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from dataclasses import dataclass, replace

from ..system import clock

# Nanoseconds: a change may carry a time of the kernel's last tick.
_TICK = 50_000_000


@dataclass(frozen=True)
class Span:
    """Of a pass that read files which were written meanwhile: nanoseconds since the epoch. ``snapshot`` is what it made, ``risky``
    are files that may have been read in between (``again``); ``mark``: of the clock both were read from, where one was taken."""

    begun: int
    ended: int
    snapshot: str = ""
    risky: Sequence[str] = ()
    mark: int | None = None

    def by_now(self) -> Span:
        """The same by the clock as it is now."""
        if self.mark is None:
            return self
        mark = clock.mark()
        back = max(self.mark - mark, 0)
        return replace(self, begun=self.begun - back, ended=self.ended + back, mark=mark)

    def is_odd(self, seen: os.stat_result, now: int) -> bool:
        """Whether a file that changed since it was begun may have the modification time that was read."""
        early, late = self.begun - _TICK, self.ended + _TICK
        return stat.S_ISREG(seen.st_mode) and seen.st_ctime_ns >= early and not late < seen.st_mtime_ns <= now
