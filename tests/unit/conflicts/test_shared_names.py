# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.restaking.avs.plugins.module_utils.conflicts.shared_names import check_names, residents

from tests.unit.support.models import told

INSPECTED = {"rpc-net": {"Containers": {"id-vault": {"Name": "vault"}, "id-node": {}}}, "other": {"Containers": {"id-far": {}}}}
PRESENT = [
    {"Name": "/vault", "NetworkSettings": {"Networks": {"rpc-net": {"Aliases": ["store"], "DNSNames": ["vault", "store"]}}}},
    {"Name": "/avs-b-op1-node", "NetworkSettings": {"Networks": {"rpc-net": {"Aliases": ["avs-b-op1-node", "node"], "DNSNames": None}}}},
    {"Name": "/far", "NetworkSettings": {"Networks": {"other": {"Aliases": ["lonely"]}}}},
]
OWNERS = {"vault": "", "avs-b-op1-node": "b-op1"}


def joined(name: str, **settings: Any) -> dict[str, Any]:
    networks = {"rpc": {"external": True, "name": "rpc-net"}, "own": {"name": "avs-a-op1_own"}}
    return {"services": {name: {"networks": {"rpc": None, "own": None}, **settings}}, "networks": networks}


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        (joined("app"), []),
        (joined("lonely"), []),
        (joined("vault"), [("NET-002", "error", "services.vault.networks.rpc")]),
        (joined("store"), [("NET-002", "error", "services.store.networks.rpc")]),
        (joined("app", hostname="vault"), [("NET-002", "error", "services.app.networks.rpc")]),
        (joined("app", networks={"rpc": {"aliases": ["store"]}}), [("NET-002", "error", "services.app.networks.rpc")]),
        (joined("vault", networks={"own": None}), []),
        (joined("node"), [("NET-002", "warning", "services.node.networks.rpc")]),
    ],
)
def test_names_somebody_answers_to(model: dict[str, Any], expected: list[tuple[str, str, str]]) -> None:
    assert told(check_names("a-op1", model, PRESENT, OWNERS)) == expected


def test_an_instances_own_container_is_nobody_else() -> None:
    assert check_names("b-op1", joined("node"), PRESENT, OWNERS) == []


def test_who_is_asked_about() -> None:
    assert residents(joined("app"), INSPECTED) == ["id-node", "id-vault"]
    assert residents({"services": {"app": {}}, "networks": {"own": {"name": "rpc-net"}}}, INSPECTED) == []
