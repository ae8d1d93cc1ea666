# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of cases that keeps the engine in memory honest, on the real one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible_collections.restaking.avs.plugins.module_utils.docker.engine import Engine
from ansible_collections.restaking.avs.plugins.plugin_utils.avsctl.process import run_command

from tests.integration.host.support import IMAGE, RUN, docker
from tests.unit.support.engine_cases import CASES
from tests.unit.support.engine_stage import Stage


@pytest.fixture
def stage(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Stage]:
    number = list(CASES).index(request.node.callspec.params["name"])
    tmp_path.chmod(0o755)
    made = Stage(Engine(run_command), IMAGE, f"avshostcase{RUN}-{number}", tmp_path, 20000 + RUN % 300 * 30 + 29)
    yield made
    label = f"label=com.docker.compose.project={made.project}"
    for listed, remove in (
        (("ps", "-aq"), ("rm", "-f", "-v")),
        (("network", "ls", "-q"), ("network", "rm")),
        (("volume", "ls", "-q"), ("volume", "rm")),
    ):
        found = docker(*listed, "--filter", label).split()
        if found:
            docker(*remove, *found)


@pytest.mark.parametrize("name", CASES)
def test_as_the_one_in_memory(stage: Stage, name: str) -> None:
    assert CASES[name].act(stage) == CASES[name].wanted
