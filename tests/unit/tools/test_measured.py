# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

from tests.tools.measured import Measured

UNIT = Path(__file__).resolve().parents[1]


class Told:
    """A coverage that says whether it looks."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def start(self) -> None:
        self.said.append("start")

    def stop(self) -> None:
        self.said.append("stop")

    def save(self) -> None:
        self.said.append("save")


def test_it_looks_while_the_measured_rooms_own_tests_run_and_at_nothing_else() -> None:
    coverage: Any = Told()
    measured = Measured(coverage)
    seen = []
    for name in (
        "status/test_a.py",
        "status/test_b.py",
        "health/test_a.py",
        "../../examples/x.py",
        "instance/inner/test_a.py",
        "reconcile/test_cuts.py",
        "reconcile/test_a.py::test_a_cut_leaves_nothing",
        "reconcile/test_a.py::test_an_executed_one",
        "reconcile/test_a.py",
    ):
        item: Any = SimpleNamespace(path=UNIT / name.partition("::")[0], nodeid=f"tests/unit/{name}")
        next(measured.pytest_runtest_protocol(item))
        seen.append(coverage.said[-1])
    assert seen == ["start", "start", "stop", "stop", "start", "stop", "stop", "start", "start"]
    measured.pytest_sessionfinish()
    assert coverage.said == ["start", "stop", "start", "stop", "start", "stop", "save"]
