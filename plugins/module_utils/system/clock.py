# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The time of day, as records hold it."""

from __future__ import annotations

import re
import time

# Seconds.
_CORRECTED = 60.0


def now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


def mark() -> int:
    """By how much the time of day is ahead of the time since the host was started, in nanoseconds: the same until somebody sets the clock."""
    looks = []
    for _number in range(3):
        before = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
        day, after = time.time_ns(), time.clock_gettime_ns(time.CLOCK_BOOTTIME)
        # Between two looks others may have their turn.
        looks.append((after - before, day - before))
    return min(looks)[1]


def set_back(since: int) -> int:
    """Nanoseconds the clock was set back by since a ``mark``; 0 where it was not."""
    return max(since - mark(), 0)


def seconds_since(instant: str) -> float | None:
    """Seconds since an instant as this library or the engine writes it (``2026-01-15T08:00:00.123456789Z``), by the host's clock;
    ``None`` for what is none, and for one still to come: the clock was wrong then or is now, so nothing can be counted from it."""
    age = _age(instant)
    return None if age is None or age < 0 else age


def is_ahead(instant: str) -> bool:
    """Whether an instant is still to come by more than clocks are corrected by all the time."""
    age = _age(instant)
    return age is not None and age < -_CORRECTED


def _age(instant: str) -> float | None:
    then = moment_of(instant)
    return None if then is None else time.time() - then


def moment_of(instant: str) -> float | None:
    """Seconds since the epoch."""
    from datetime import datetime, timezone

    match = re.match(r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(\.\d+)?Z\Z", instant)
    if match is None:
        return None
    year, month, day, hour, minute, second = map(int, match.groups()[:6])
    try:
        moment = datetime(year, month, day, hour, minute, second, tzinfo=timezone.utc)
    except ValueError:
        return None
    return moment.timestamp() + float(match[7] or 0)
