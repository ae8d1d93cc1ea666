# SPDX-License-Identifier: GPL-3.0-or-later
"""How much of the measured rooms their tests reached in the last run with ``tests.tools.measured``: ``python -m tests.tools.covered REPORT``.

``REPORT``: a file for what ``coverage json`` says. Lines and branches are counted apart, and each has to be above the floor.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from tests.tools.measured import ROOMS, coverage_of_a_process

# Percent.
FLOOR = 85.0


def shares(report: Mapping[str, Any], room: str) -> dict[str, float]:
    """Percent of the room's lines and branches that were reached; a room nothing is known of has reached none."""
    inside = [entry["summary"] for path, entry in report["files"].items() if f"/module_utils/{room}/" in f"/{path}"]
    found = {}
    for what, reached, all_of in (("lines", "covered_lines", "num_statements"), ("branches", "covered_branches", "num_branches")):
        total = sum(summary[all_of] for summary in inside)
        found[what] = 100.0 * sum(summary[reached] for summary in inside) / total if total else 0.0
    return found


def judged(report: Mapping[str, Any], rooms: Iterable[str]) -> tuple[list[str], list[str]]:
    """A line for every room, and what is too low."""
    lines, low = [], []
    for room in rooms:
        reached = shares(report, room)
        lines.append(f"{room}: " + ", ".join(f"{share:.1f} % of its {what}" for what, share in reached.items()))
        low += [
            f"{room}: only {share:.1f} % of its {what} are reached, {FLOOR:g} are asked for"
            for what, share in reached.items()
            if share < FLOOR
        ]
    return lines, low


def main(arguments: list[str]) -> int:
    coverage = coverage_of_a_process()
    coverage.combine()
    coverage.json_report(outfile=arguments[0])
    lines, low = judged(json.loads(Path(arguments[0]).read_text(encoding="utf-8")), ROOMS)
    print("\n".join([*lines, *low]))
    return 1 if low else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
