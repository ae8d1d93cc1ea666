# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.restaking.avs.plugins.module_utils.docker.model import Resolved
from ansible_collections.restaking.avs.plugins.module_utils.policy.memory import size
from ansible_collections.restaking.avs.plugins.module_utils.policy.pipeline import HostRules, shape

from tests.unit.support.models import layout, model, told, typed

GIB = 1 << 30
LOW = [("OPS-002", "warning", "services.node.mem_reservation")]
SWAP = [("OPS-002", "info", "services.node.memswap_limit")]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2g", 2 * GIB),
        ("1.5GiB", GIB * 3 // 2),
        ("512m", 512 << 20),
        ("64KB", 64 << 10),
        (1073741824, GIB),
        ("5b", 5),
        ("-1", None),
        (None, None),
        ("a lot", None),
    ],
)
def test_sizes(text: Any, expected: int | None) -> None:
    assert size(text) == expected


def shaped(vendor: dict[str, Any], **changes: Any) -> tuple[dict[str, Any], list[Any]]:
    """The service as it runs on a host of 1 GiB, and what was found."""
    wanted = typed(privileges={"node": {"cap_add": []}}, **changes)
    found = shape(wanted, Resolved(model(node=vendor), {}, {}, {}, []), layout(), HostRules(GIB))
    return found.model["services"]["node"], told(found.findings)


@pytest.mark.parametrize(
    ("vendor", "limit", "expected", "rules"),
    [
        ({"mem_reservation": str(2 * GIB)}, None, {"mem_reservation": str(GIB)}, LOW),
        ({"mem_reservation": str(2 * GIB)}, "2g", {"mem_reservation": str(2 * GIB)}, []),
        ({"mem_reservation": str(2 * GIB), "mem_limit": str(3 * GIB)}, "512m", {"mem_reservation": str(512 << 20)}, LOW),
        ({"memswap_limit": str(GIB // 2)}, None, {"memswap_limit": str(GIB)}, SWAP),
        ({"memswap_limit": str(GIB), "mem_limit": str(GIB)}, "4g", {"memswap_limit": str(4 * GIB)}, SWAP),
        ({"memswap_limit": "-1"}, None, {"memswap_limit": "-1"}, []),
        ({"memswap_limit": str(2 * GIB)}, None, {"memswap_limit": str(2 * GIB)}, []),
    ],
)
def test_what_the_engine_would_refuse_beside_the_limit_is_brought_into_line(
    vendor: dict[str, Any], limit: str | None, expected: dict[str, Any], rules: list[Any]
) -> None:
    node, found = shaped(vendor, limits={"node": {"memory": limit}} if limit else {})
    assert {name: node.get(name) for name in expected} == expected
    assert found == rules


def test_a_reservation_under_deploy() -> None:
    vendor = {"deploy": {"resources": {"reservations": {"memory": str(2 * GIB), "cpus": "1"}}}}
    node, found = shaped(vendor)
    assert node["deploy"]["resources"]["reservations"] == {"memory": str(GIB), "cpus": "1"}
    assert found == LOW
