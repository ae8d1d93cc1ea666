# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a host is big enough."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.restaking.avs.plugins.module_utils.common.spec import Requirements
from ansible_collections.restaking.avs.plugins.module_utils.system import resources
from ansible_collections.restaking.avs.plugins.module_utils.system.resources import MIB, Resources

from tests.unit.support.models import told


@pytest.mark.parametrize(
    ("requirements", "found", "installed", "expected"),
    [
        ({}, Resources(1, 1, 1), False, []),
        ({"min_cpu_cores": 4, "min_ram": 16384, "min_free_space": 100}, Resources(4, 15600, 100), False, []),
        ({"min_cpu_cores": 5}, Resources(4, 1, 1), False, [("OPS-002", "warning", "requirements.min_cpu_cores")]),
        ({"min_ram": 16384, "stop": True}, Resources(4, 8000, 1), True, [("OPS-002", "error", "requirements.min_ram")]),
        ({"min_free_space": 2, "stop": True}, Resources(4, 8000, 1), False, [("OPS-002", "error", "requirements.min_free_space")]),
        ({"min_free_space": 2, "stop": True}, Resources(4, 8000, 1), True, []),
    ],
)
def test_requirements(requirements: dict[str, Any], found: Resources, installed: bool, expected: list[tuple[str, str, str]]) -> None:
    assert told(resources.check("x-op1", Requirements(**requirements), found, installed)) == expected


def test_measure_asks_the_nearest_folder(tmp_path: Path) -> None:
    meminfo = tmp_path / "meminfo"
    meminfo.write_text("MemTotal:       16303428 kB\nMemFree: 1 kB\n")
    found = resources.measure(str(tmp_path / "not" / "there"), str(meminfo))
    assert found.memory == 15921
    assert found.free == pytest.approx(os.statvfs(tmp_path).f_bavail * os.statvfs(tmp_path).f_frsize // MIB, abs=200)
    assert found.cores >= 1


def test_the_default_limit_survives_a_kernel_update() -> None:
    assert resources.default_memory(Resources(1, 15921, 1)) == resources.default_memory(Resources(1, 15890, 1)) == 14080 * MIB
    assert resources.default_memory(Resources(1, 100, 1)) == 256 * MIB
