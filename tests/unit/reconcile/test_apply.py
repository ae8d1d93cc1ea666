# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.restaking.avs.plugins.module_utils.instance.state import ContainerRecord, State
from ansible_collections.restaking.avs.plugins.module_utils.reconcile.apply import _releases
from ansible_collections.restaking.avs.plugins.module_utils.reconcile.plan import ContainerPlan


@pytest.mark.parametrize(
    ("plan", "state", "on_disk", "expected"),
    [
        (ContainerPlan(create=("node",)), None, ["1-v1"], ["1-v1"]),
        (
            ContainerPlan(recreate=("node",)),
            {"release": "2-v1", "containers": {"node": {"releases": ["1-v1"]}}},
            ["1-v1", "2-v1", "3-v1"],
            ["3-v1"],
        ),
        (
            ContainerPlan(recreate=("gateway",)),
            {"release": "2-v1", "containers": {"node": {"releases": ["1-v1"]}}},
            ["1-v1", "2-v1", "3-v1"],
            ["1-v1"],
        ),
        (
            ContainerPlan(),
            {"release": "2-v1", "containers": {"node": {"releases": ["1-v1"]}}},
            ["1-v1", "2-v1", "3-v1", "4-v1"],
            ["1-v1", "3-v1"],
        ),
        (ContainerPlan(), {"release": "2-v1", "containers": {"node": {}}}, ["2-v1", "3-v1"], ["2-v1"]),
    ],
    ids=["first", "made anew", "left alone", "perhaps made by a run that was cut", "recorded before releases were"],
)
def test_releases_a_container_may_look_into(
    plan: ContainerPlan, state: dict[str, Any] | None, on_disk: list[str], expected: list[str]
) -> None:
    left = None
    if state is not None:
        made = {"name": "n", "spec": "s"}
        containers = {name: ContainerRecord(**made, **known) for name, known in state["containers"].items()}
        left = State(phase="committed", release=state["release"], containers=containers)
    item: Any = SimpleNamespace(containers=plan, draft=SimpleNamespace(state=left, files=SimpleNamespace(release_names=lambda: on_disk)))
    assert _releases(item, "node", on_disk[-1]) == expected
