# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.restaking.avs.plugins.module_utils.conflicts.existing import changed_networks, check_networks, check_volumes
from ansible_collections.restaking.avs.plugins.module_utils.policy.networks import label_networks

NAME = "avs-demo-avs-op1_n"


SUBNET = {"ipam": {"config": [{"subnet": "10.9.0.0/24"}]}}


MEMORY = {"driver_opts": {"type": "tmpfs", "device": "tmpfs", "o": "size=1m"}}


def networks(**entry: Any) -> dict[str, Any]:
    return label_networks({"networks": {"n": {"name": NAME, **entry}, "x": {"name": "rpc", "external": True}}})


def made(found: dict[str, Any], **more: Any) -> dict[str, Any]:
    """What the engine says of it once it is there."""
    return {NAME: {"Name": NAME, "Labels": found["networks"]["n"].get("labels"), **more}, "rpc": {"Labels": {"a": "b"}}}


def test_a_network_says_what_it_was_made_of() -> None:
    plain, fixed, closed = networks(), networks(**SUBNET), networks(internal=True)
    assert plain["networks"]["n"] == {"name": NAME}
    assert fixed["networks"]["x"] == {"name": "rpc", "external": True}
    for one in (plain, fixed, closed):
        assert changed_networks(one, {}) == {}
        for other in (plain, fixed, closed):
            assert changed_networks(one, made(other)) == ({} if one is other else {"n": NAME})


def test_a_network_with_somebody_elses_container_in_it_stays() -> None:
    inside = {"1": {"Name": "avs-demo-avs-op1-node"}, "2": {"Name": "prometheus"}}
    owners = {"avs-demo-avs-op1-node": "demo-avs-op1", "prometheus": ""}
    there = made(networks(), Containers=inside)
    (found,) = check_networks("demo-avs-op1", networks(internal=True), there, owners)
    assert (found.id, "prometheus" in found.message) == ("NET-002", True)
    assert check_networks("demo-avs-op1", networks(), there, owners) == []
    # One that makes room for a successor is as gone as one that is made anew.
    (found,) = check_networks("demo-avs-op1", {"networks": {}}, there, owners, [NAME])
    assert (found.id, "prometheus" in found.message) == ("NET-002", True)


@pytest.mark.parametrize(
    ("wanted", "there", "rules"),
    [
        ({}, {"Driver": "local", "Options": None}, []),
        ({"driver": "local"}, {"Driver": "local", "Options": {}}, []),
        (MEMORY, {"Driver": "local", "Options": MEMORY["driver_opts"]}, []),
        (MEMORY, {"Driver": "local", "Options": None}, ["UPG-006"]),
        (MEMORY, {"Driver": "local", "Options": {**MEMORY["driver_opts"], "o": "size=2m"}}, ["UPG-006"]),
        ({}, {"Driver": "local", "Options": MEMORY["driver_opts"]}, ["UPG-006"]),
    ],
)
def test_volumes_that_are_there_stay_what_they_are(wanted: dict[str, Any], there: dict[str, Any], rules: list[str]) -> None:
    found = {"volumes": {"d": {"name": "avs_d", **wanted}, "e": {"name": "avs_e", **MEMORY}}}
    assert [item.id for item in check_volumes("demo-avs-op1", found, [{"Name": "avs_d", **there}])] == rules
