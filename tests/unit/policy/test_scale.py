# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Services of which a package wants no container."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.restaking.avs.plugins.module_utils.common.findings import errors_of
from ansible_collections.restaking.avs.plugins.module_utils.docker.model import Resolved
from ansible_collections.restaking.avs.plugins.module_utils.policy.scale import without_idle

from tests.unit.support.models import model, told


def left(**services: dict[str, Any]) -> Resolved:
    return without_idle("demo-avs-op1", Resolved(model(**services), {}, {}, {}, [], frozenset(("off",))))


@pytest.mark.parametrize(("none", "field"), [({"scale": 0}, "scale"), ({"deploy": {"replicas": 0}}, "deploy.replicas")])
def test_none_is_left_out(none: dict[str, Any], field: str) -> None:
    found = left(node={"depends_on": {"debug": {"condition": "service_started", "required": False}}}, debug=none)
    assert set(found.model["services"]) == {"node"}
    assert found.inactive == {"off", "debug"}
    assert told(found.findings) == [("PKG-018", "info", f"services.debug.{field}")]


@pytest.mark.parametrize("some", [{}, {"scale": 1}, {"scale": 2}, {"deploy": {"replicas": 1}}, {"deploy": {"replicas": 3}, "scale": 0}])
def test_any_other_number_is_a_service(some: dict[str, Any]) -> None:
    assert set(left(node={}, debug=some).model["services"]) == {"node", "debug"}


@pytest.mark.parametrize(
    ("need", "field"),
    [
        ({"depends_on": {"debug": {"condition": "service_started"}}}, "depends_on"),
        ({"network_mode": "service:debug"}, "network_mode"),
        ({"ipc": "service:debug"}, "ipc"),
        ({"pid": "service:debug"}, "pid"),
        ({"volumes_from": ["debug:ro"]}, "volumes_from"),
        ({"links": ["debug:d"]}, "links"),
    ],
)
def test_who_needs_it_is_refused(need: dict[str, Any], field: str) -> None:
    assert told(errors_of(left(node=need, debug={"scale": 0}).findings)) == [("PKG-018", "error", f"services.node.{field}")]
