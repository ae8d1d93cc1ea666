# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.restaking.avs.plugins.module_utils.docker.model import Resolved
from ansible_collections.restaking.avs.plugins.module_utils.policy.networks import definition
from ansible_collections.restaking.avs.plugins.module_utils.policy.pipeline import HostRules, pin, shape

from tests.unit.support.models import layout, model, typed

NAME = "avs-demo-avs-op1_n"


SUBNET = {"ipam": {"config": [{"subnet": "10.9.0.0/24"}]}}


MEMORY = {"driver_opts": {"type": "tmpfs", "device": "tmpfs", "o": "size=1m"}}


@pytest.mark.parametrize("entry", [None, {}, {"name": NAME, "ipam": {}}, {"name": NAME, "driver": "bridge", "internal": False}])
def test_a_plain_network_has_no_definition(entry: Any) -> None:
    assert definition(entry) == {}


def test_the_name_of_a_shared_network_is_its_definition() -> None:
    assert definition({"name": "rpc", "external": True}) == {"name": "rpc", "external": True}


def labels(network: dict[str, Any] | None, volume: dict[str, Any] | None = None) -> dict[str, str]:
    """Labels of a service that joins the network and mounts the volume, and of one that does neither."""
    mount = {"type": "volume", "source": "d", "target": "/d"}
    found = {
        **model(node={"networks": {"n": None}, "volumes": [mount]}, other={"networks": {"m": None}}),
        "networks": {"n": network, "m": None},
        "volumes": {"d": volume},
    }
    _pinned, containers = pin(shape(typed(), Resolved(found, {}, {}, {}, []), layout(), HostRules(1 << 30)), {}, {}, str)
    return {name: item.spec for name, item in containers.items()}


@pytest.mark.parametrize(
    ("network", "volume"), [(SUBNET, None), ({"internal": True}, None), (None, MEMORY), ({"driver_opts": {"a": "b"}}, None)]
)
def test_a_container_is_made_of_what_it_joins(network: dict[str, Any] | None, volume: dict[str, Any] | None) -> None:
    before, after = labels(None), labels(network, volume)
    assert before["node"] != after["node"]
    assert before["other"] == after["other"]
