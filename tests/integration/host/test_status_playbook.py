# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbook ``status`` on this machine: what it shows, and when it fails."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.integration.host.handmade import SLEEP, service, spec, tree
from tests.integration.host.support import Bench


@pytest.fixture(scope="module")
def instance(bench: Bench, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Its record lies elsewhere, so this machine knows of containers alone."""
    found = spec(bench, "seen", tree(tmp_path_factory.mktemp("seen"), {"node": service(SLEEP)}), ["node"])
    bench.call([found])
    return str(found["id"])


@pytest.mark.parametrize(
    ("fail", "fails"),
    [(None, False), ("unhealthy", False), ("unhealthy, unknown", True), (["unknown"], True), (["starting"], False), ([], False)],
)
def test_status_fails_on_request(instance: str, fail: object, fails: bool) -> None:
    extra = {"avs_hosts_group": "all", "avs_become": False, "avs_status_ids": [instance], "ansible_python_interpreter": sys.executable}
    if fail is not None:
        extra["avs_status_fail"] = fail
    command = [
        str(Path(sys.executable).parent / "ansible-playbook"),
        "restaking.avs.status",
        "-i",
        "localhost,",
        "-c",
        "local",
        "-e",
        json.dumps(extra),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert (done.returncode != 0) is fails, done.stdout + done.stderr
    table = next(line.replace("\u00a0", " ") for line in done.stdout.splitlines() if instance in line)
    assert "started" in table and "unknown" in table and "state.json is not there, while its containers are" in table
    assert (f"{instance} is unknown: " in done.stdout) is fails
