# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What of the slow tests is run with each commit by ``make test``, which sets ``AVS_TEST_TURNS``; all of them are by ``make soak``.

Slow files take turns: of each folder one part of ``TURNS`` is run, and whatever is in none. A test of the edges that runs on each ansible-core runs on one of
them, but for those of ``EACH_CORE``. Which, is drawn by ``AVS_TEST_SEED``, by default the commit: who runs it once more runs the same.
"""

from __future__ import annotations

import os
import random
import subprocess
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

TURNS_SET, SEED = "AVS_TEST_TURNS", "AVS_TEST_SEED"
HERE = Path(__file__).parent
# Folder -> parts that take about the same time, of files that take more than half a minute.
TURNS: Mapping[str, Sequence[Sequence[str]]] = {
    ".": (
        ("all_at_once", "sources", "upgrade"),
        ("host_library", "newer_engine", "pages"),
        ("backup", "boot", "interrupted", "side_by_side"),
        ("day_two", "eigenda_upgrade", "other_host"),
    ),
    "controller": (
        ("copy", "output", "upgrade"),
        ("keys", "logins", "rollout"),
        ("backup", "lookup", "new_keys", "other_sources", "runner"),
    ),
    "host": (
        ("artifacts", "avsctl", "ended", "goes_on"),
        ("documented", "keys", "refusals", "rotation", "stubborn"),
        ("copies", "crash_loop", "data_stays", "interrupted", "lifecycle", "upgrade"),
        ("backup", "features", "joined", "older_rules", "one_shots", "own_policies", "restic", "verified"),
    ),
}
# What Ansible's own structures are seen by.
EACH_CORE = ("action", "cores")
LEFT = pytest.StashKey[str]()


def seed() -> str:
    found = os.environ.get(SEED)
    if found:
        return found
    done = subprocess.run(["git", "rev-parse", "HEAD"], cwd=HERE, capture_output=True, text=True, check=False)
    return done.stdout.strip()


def of_another_turn(dice: str) -> set[Path]:
    """Files that are not run this time."""
    found = set()
    for folder, parts in TURNS.items():
        chosen = random.Random(f"{dice} {folder}").randrange(len(parts))
        names = [name for number, part in enumerate(parts) if number != chosen for name in part]
        found |= {(HERE / folder / f"test_{name}.py").resolve() for name in names}
    return found


def on_another_core(items: Sequence[pytest.Item], dice: str) -> set[pytest.Item]:
    """Of tests that are there once for each core, all but one of each."""
    same: dict[str, list[pytest.Item]] = defaultdict(list)
    for item in items:
        given = getattr(item, "callspec", None)
        if given is not None and "core" in given.params and item.path.stem.removeprefix("test_") not in EACH_CORE:
            more = sorted((name, str(value)) for name, value in given.params.items() if name != "core")
            same[f"{item.nodeid.partition('[')[0]} {more}"].append(item)
    return {item for name, group in same.items() for item in group if item is not random.Random(f"{dice} {name}").choice(group)}


def sample(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not os.environ.get(TURNS_SET):
        return
    dice = seed()
    waits = of_another_turn(dice)
    left = {item for item in items if item.path.resolve() in waits} | on_another_core(items, dice)
    if left:
        config.hook.pytest_deselected(items=list(left))
        items[:] = [item for item in items if item not in left]
        config.stash[LEFT] = f"{len(left)} tests have their turn with another commit, and in make soak ({SEED}={dice})"
