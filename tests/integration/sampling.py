# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A few cases of a test that has many and slow ones, others with each commit; all of them in ``make soak``.

``@pytest.mark.sampled(3)`` on a test, or on a class or module of tests that need nothing of each other: three of the cases of each of its functions.
"""

from __future__ import annotations

import os
import random
import subprocess
from collections import defaultdict
from pathlib import Path

import pytest

WHOLE = "AVS_TEST_WHOLE"
SEED = "AVS_TEST_SEED"


def seed() -> str:
    """Given, or the commit's: who runs a commit once more runs the same."""
    return (
        os.environ.get(SEED)
        or subprocess.run(
            ["git", "rev-parse", "HEAD"], cwd=Path(__file__).parent, capture_output=True, text=True, check=False
        ).stdout.strip()
    )


def chosen(names: list[str], count: int, dice: str) -> set[str]:
    """``count`` of the names, the same ones for the same seed, whatever else is run beside them."""
    return set(random.Random(dice).sample(sorted(names), min(count, len(names))))


def sample(config: pytest.Config, items: list[pytest.Item]) -> None:
    if os.environ.get(WHOLE):
        return
    groups: dict[str, list[pytest.Item]] = defaultdict(list)
    for item in items:
        if item.get_closest_marker("sampled") is not None:
            groups[item.nodeid.split("[", 1)[0]].append(item)
    dice, left = seed(), []
    for name, group in groups.items():
        marker = group[0].get_closest_marker("sampled")
        assert marker is not None
        kept = chosen([item.nodeid for item in group], marker.args[0], dice + name)
        left += [item for item in group if item.nodeid not in kept]
    if left:
        config.hook.pytest_deselected(items=left)
        items[:] = [item for item in items if item not in set(left)]
        config.stash[LEFT] = f"sampled: {len(left)} cases are left to make soak ({SEED}={dice})"


LEFT = pytest.StashKey[str]()
