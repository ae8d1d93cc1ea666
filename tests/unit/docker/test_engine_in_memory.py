# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine in memory does what a real one does (``tests/integration/host/test_engine_cases.py``), and says so where it cannot."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.support.engine_cases import CASES
from tests.unit.support.engine_stage import Stage
from tests.unit.support.memory_host import IMAGE, MemoryHost


@pytest.mark.parametrize("name", CASES)
def test_as_a_real_one(memory_host: MemoryHost, tmp_path: Path, name: str) -> None:
    stage = Stage(memory_host.engine.connect(), IMAGE, "case", tmp_path, 24681)
    assert CASES[name].act(stage) == CASES[name].wanted
    assert memory_host.engine.unknown == []


@pytest.mark.parametrize(
    "words",
    [
        ["exec", "x", "sh"],
        ["ps", "-a", "--filter", "name=x"],
        ["rm", "--", "x"],
        ["compose", "--ansi", "never", "down"],
        ["compose", "up", "--wait"],
        ["container", "ls"],
        ["network", "prune"],
        ["image", "rm", "x"],
    ],
)
def test_what_it_does_not_know_it_says(memory_host: MemoryHost, words: list[str]) -> None:
    with pytest.raises(AssertionError, match="does not know"):
        memory_host.engine.connect().run(words)
    assert len(memory_host.engine.unknown) == 1
