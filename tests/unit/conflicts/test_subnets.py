# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.restaking.avs.plugins.module_utils.conflicts.subnets import (
    check_subnets,
    in_the_way,
    subnets_of,
    subnets_wanted_twice,
)
from ansible_collections.restaking.avs.plugins.module_utils.conflicts.taken import Host
from ansible_collections.restaking.avs.plugins.module_utils.policy.ports import Published

from tests.unit.support.models import told

NETWORKS = {"avs-x-op1_n": "avs-x-op1", "other": "", "odd": ""}
SUBNETS = {"avs-x-op1_n": ("10.1.0.0/16",), "other": ("10.2.0.0/24", "fd00:2::/64"), "odd": ("?",)}
INSPECTED = {name: {"IPAM": {"Config": [{"Subnet": text} for text in texts]}} for name, texts in SUBNETS.items()}


def networks(*subnets: str, **changes: Any) -> dict[str, Any]:
    return {"networks": {"n": {"ipam": {"config": [{"subnet": subnet} for subnet in subnets]}, **changes}, "m": None}}


@pytest.mark.parametrize(
    ("model", "rules"),
    [
        ({}, []),
        (networks(), []),
        (networks("10.3.0.0/24"), []),
        (networks("10.2.0.128/25"), ["NET-002"]),
        (networks("10.0.0.0/8"), ["NET-002"]),
        (networks("fd00::/16", "10.9.0.0/24"), ["NET-002"]),
        (networks("10.2.0.0/24", external=True), []),
        (networks("a subnet"), ["PKG-018"]),
    ],
)
def test_subnets_of_somebody_else(model: dict[str, Any], rules: list[str]) -> None:
    assert [item.id for item in check_subnets("x-op1", model, NETWORKS, SUBNETS)] == rules


def test_its_own_subnet_is_in_nobodys_way() -> None:
    assert check_subnets("x-op1", networks("10.1.0.0/24"), NETWORKS, SUBNETS) == []
    (found,) = check_subnets("x-op2", networks("10.1.0.0/24"), NETWORKS, SUBNETS)
    assert "avs-x-op1_n" in found.message


def test_a_network_given_up_is_in_the_way_of_its_successor() -> None:
    given_up = {"avs-x-op1_old": ("10.1.0.0/16",), "avs-x-op1_far": ("10.2.0.0/16", "?"), "avs-x-op1_gone": ()}
    assert in_the_way("x-op1", networks("10.1.7.0/24", "odd"), given_up) == ["avs-x-op1_old"]
    assert in_the_way("x-op1", networks(), given_up) == []


def test_two_of_one_call() -> None:
    one, two = networks("10.5.0.0/16"), networks("10.5.6.0/24", "10.6.0.0/24")
    found = subnets_wanted_twice([("x-op1", one), ("x-op2", two), ("x-op3", networks("nonsense"))])
    assert told(found) == [("NET-002", "error", "networks.n.ipam")]
    assert "x-op1: networks.n.ipam" in found[0].message
    assert subnets_wanted_twice([("x-op1", one)]) == []


def test_what_is_removed_first_is_free() -> None:
    ports = [(Published("", "80", "tcp"), "instance x-op1", "x-op1"), (Published("", "81", "tcp"), "a", "")]
    host = Host(ports, {}, NETWORKS, INSPECTED).without({"x-op1"})
    assert host.ports == ports[1:]
    assert sorted(host.subnets) == ["odd", "other"]


def test_subnets_the_engine_tells() -> None:
    assert subnets_of({"IPAM": {"Config": [{"Subnet": "10.0.0.0/8"}, {"Gateway": "10.0.0.1"}]}}) == ("10.0.0.0/8",)
    assert subnets_of({"IPAM": {"Config": None}}) == ()
