# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs on a lab host: a fresh interpreter's no-op reconcile of all installed instances, and a bare ``docker ps``, in turn."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).parent
RECONCILE = """
import json, sys
sys.path.insert(0, sys.argv[1])
from plugins.module_utils.docker.engine import Engine
from plugins.module_utils.reconcile.job import Call
from plugins.module_utils.reconcile.reconcile import reconcile
from plugins.plugin_utils.avsctl.process import run_command
result = reconcile(Call(json.load(open(sys.argv[2]))), Engine(run_command))
assert not result["changed"] and "needs" not in result, result
"""


def seconds(command: list[str]) -> float:
    start = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def main() -> None:
    specs = [json.loads(path.read_text()) for path in sorted(Path("/var/lib/avs/instances").glob("*/spec.json"))]
    document = HERE / "document.json"
    document.write_text(json.dumps({"schema": 1, "specs": specs, "complete": False}))
    ours = [sys.executable, "-c", RECONCILE, str(HERE), str(document)]
    bare = ["docker", "ps", "-a", "--no-trunc", "--format", "json"]
    seconds(ours), seconds(bare)
    pairs = [(seconds(ours), seconds(bare)) for _run in range(int(sys.argv[1]))]
    figures = {
        "instances": len(specs),
        "reconcile": statistics.median(one for one, _other in pairs),
        "docker_ps": statistics.median(other for _one, other in pairs),
    }
    print(json.dumps(figures))


main()
