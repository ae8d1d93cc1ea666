# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every type of gate asks a running node and opens."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.integration.host.support import Bench


@pytest.fixture(scope="module")
def installed(bench: Bench, tree: Path, keys: dict[str, str]) -> dict[str, Any]:
    """The spec of a node that runs; the gates below ask the same containers."""
    spec = bench.spec("g", tree, keys)
    (entry,) = bench.call([spec], timeout=60)["instances"]
    assert (entry["error"], entry["health"]["status"]) == (None, "healthy")
    return spec


@pytest.mark.parametrize(
    "gate",
    [
        {"type": "http", "service": "gateway", "port": 8090, "path": "/eigen/node", "status": [200]},
        {"type": "tcp", "service": "node", "port": 8080},
        {"type": "metric", "service": "node", "port": 9090, "path": "/metrics", "name": "demo_height", "min": 1},
        {"type": "container"},
    ],
    ids=lambda gate: str(gate["type"]),
)
def test_a_gate_of_each_type_opens(bench: Bench, installed: dict[str, Any], gate: dict[str, Any]) -> None:
    before = bench.containers()
    (entry,) = bench.call([{**installed, "health": {**gate, "timeout": 30}}], timeout=60)["instances"]
    assert (entry["error"], entry["health"]["status"]) == (None, "healthy"), entry
    assert bench.containers() == before
