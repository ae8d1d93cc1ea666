# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Cases of ``engine_cases`` about containers that are started to see them end."""

from __future__ import annotations

from typing import Any

from tests.unit.support.engine_stage import Stage, case

EXIT = ["sh", "-c", "echo no chain here; exit 3"]


@case((3, "no chain here\n", False, False, "exited", 3))
def one_that_is_attended(stage: Stage) -> Any:
    """Made first, then started; what it writes and how it ended is told."""
    stage.write({"job": {"entrypoint": EXIT, "restart": "no"}})
    stage.must(stage.recreate("job"))
    shown = stage.engine.attended(["start", "--attach", "--", stage.name("job")], 30, 1000)
    state = stage.seen("job")["State"]
    return shown.code, shown.text, shown.cut, shown.late, state["Status"], state["ExitCode"]


@case((" here\n", True))
def the_end_of_what_it_wrote_is_kept(stage: Stage) -> Any:
    stage.write({"job": {"entrypoint": EXIT, "restart": "no"}})
    stage.must(stage.recreate("job"))
    shown = stage.engine.attended(["start", "--attach", "--", stage.name("job")], 30, 6)
    return shown.text, shown.cut


@case((2, ["avs-x_data"], 0))
def volumes_without_a_name_go_with_it(stage: Stage) -> Any:
    """With ``-v``, and no volume that has one."""
    mounts = [{"type": "volume", "source": "data", "target": "/data"}, {"type": "volume", "target": "/cache"}]
    stage.write({"job": {"volumes": mounts}}, volumes={"data": {"name": f"{stage.project}_data"}})
    stage.must(stage.recreate("job"))
    names = sorted(stage.mounted("job").values())
    stage.must(stage.run("rm", "-f", "-v", "--", stage.name("job")))
    there = stage.engine.volumes()
    return len(names), [stage.plain(name) for name in names if name in there], len(stage.engine.belonging(stage.instance))


@case((True, "created", True))
def one_that_cannot_be_started(stage: Stage) -> Any:
    """It never ran, and is told apart from one that failed."""
    stage.write({"job": {"entrypoint": ["/no/such/program"], "restart": "no"}})
    stage.must(stage.recreate("job"))
    shown = stage.engine.attended(["start", "--attach", "--", stage.name("job")], 30, 1000)
    state = stage.seen("job")["State"]
    return shown.code != 0, state["Status"], "no such file" in state["Error"]
