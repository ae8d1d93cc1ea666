# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

from tests.tools.covered import judged


def report(**files: tuple[int, int, int, int]) -> dict[str, Any]:
    names = ("covered_lines", "num_statements", "covered_branches", "num_branches")
    return {
        "files": {
            f"plugins/module_utils/{room}/{number}.py": {"summary": dict(zip(names, counts))}
            for number, (room, counts) in enumerate(files.items())
        }
    }


def test_lines_and_branches_count_apart_and_for_each_room() -> None:
    found = report(reconcile=(90, 100, 84, 100), status=(85, 100, 9, 10), health=(0, 100, 0, 100))
    lines, low = judged(found, ["reconcile", "status", "instance"])
    assert lines[0] == "reconcile: 90.0 % of its lines, 84.0 % of its branches"
    assert [line.partition(":")[0] for line in low] == ["reconcile", "instance", "instance"] and "84.0 % of its branches" in low[0]
