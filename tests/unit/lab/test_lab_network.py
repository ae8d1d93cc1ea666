# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Subnets and addresses of the lab."""

from __future__ import annotations

from ipaddress import IPv4Network

import pytest

from tests.lab.errors import LabError
from tests.lab.network import Bridge, free

CANDIDATES = [IPv4Network("10.213.0.0/24"), IPv4Network("10.214.0.0/24"), IPv4Network("10.215.0.0/24")]


@pytest.mark.parametrize(
    ("taken", "left"),
    [
        ([], ["10.213.0.0/24", "10.214.0.0/24", "10.215.0.0/24"]),
        (["10.213.0.128/25"], ["10.214.0.0/24", "10.215.0.0/24"]),
        (["10.212.0.0/14"], []),
        (["10.214.0.0/16", "192.168.0.0/16"], ["10.213.0.0/24", "10.215.0.0/24"]),
    ],
)
def test_free_subnets_overlap_nothing(taken: list[str], left: list[str]) -> None:
    assert [str(subnet) for subnet in free([IPv4Network(one) for one in taken], CANDIDATES)] == left


def test_every_part_has_its_address() -> None:
    bridge = Bridge("avs-lab", IPv4Network("10.214.0.0/24"))
    parts = [bridge.address(part) for part in ("registry", "git", "vault", "artifacts")]
    hosts = [bridge.host(number) for number in (1, 2, 150)]
    assert hosts == ["10.214.0.101", "10.214.0.102", "10.214.0.250"]
    assert len({*parts, *hosts, "10.214.0.1"}) == 8


@pytest.mark.parametrize("number", [0, 151])
def test_a_host_beyond_the_subnet_is_refused(number: int) -> None:
    with pytest.raises(LabError, match=str(number)):
        Bridge("avs-lab", CANDIDATES[0]).host(number)
