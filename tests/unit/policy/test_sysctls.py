# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings of the kernel a service may have; that a kernel refuses what is refused here: tests/integration/host/test_sysctls.py."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.restaking.avs.plugins.module_utils.policy.sysctls import RANGES, judge_sysctls

PORTS, START = "net.ipv4.ip_local_port_range", "net.ipv4.ip_unprivileged_port_start"


def problems(given: Any, **service: Any) -> list[str]:
    return [message for _field, message, _remedy in judge_sysctls({"sysctls": given, **service})]


@pytest.mark.parametrize(("name", "value"), [
    ("net.core.somaxconn", "-1"), ("net.core.somaxconn", str(1 << 31)), ("net.core.somaxconn", 1 << 40), ("net.ipv4.ip_default_ttl", "0"),
    ("net.ipv4.ip_default_ttl", "0x100"), ("net.ipv4.ip_default_ttl", "0400"), ("net.ipv4.tcp_keepalive_time", "99999999"),
    ("net.ipv4.tcp_rmem", "4096 0 4096"), ("net.ipv4.tcp_syncookies", "256"), ("kernel.shm_rmid_forced", "2"), ("net.core.somaxconn", "9" * 5000),
    ("fs.mqueue.msg_max", "65537"), ("fs.mqueue.msgsize_max", "127"), (PORTS, "0 65535"), (PORTS, "1024 65536"), (PORTS, "5000 4999"),
])  # fmt: skip
def test_numbers_no_kernel_takes(name: str, value: Any) -> None:
    (message,) = problems({name: value})
    assert message.startswith(f"{name}: ")


@pytest.mark.parametrize(("name", "value"), [
    *((name, bound) for name, bounds in RANGES.items() for bound in bounds if name != START), ("net.core.somaxconn", "0x400"),
    ("net.ipv4.ip_default_ttl", "0377"), ("net.ipv4.tcp_rmem", "4096\t131072 6291456"), (PORTS, "1024 65000"), (PORTS, "20000"), (PORTS, "9 9 0"),
    ("net.ipv4.tcp_congestion_control", "bbr"), ("net.core.somaxconn", ""), ("net.core.somaxconn", "abc"), ("net.core.unheard_of", "-5"),
    ("net.ipv4.conf.eth0.rp_filter", "99"), ("kernel.sem", "1 2 3 4"),
])  # fmt: skip
def test_what_a_kernel_may_take(name: str, value: Any) -> None:
    assert problems({name: value}) == []


def test_ports_that_need_no_right_end_below_the_local_ones() -> None:
    assert problems({START: "32768"}) == problems({START: "50000", PORTS: "50000 60000"}) == problems({START: "0"}) == []
    assert problems({START: "32769"}) == [f"{START}: 32769 is above the first local port, 32768"]
    assert problems({START: "1025", PORTS: "1024 60000"}) == [f"{START}: 1025 is above the first local port, 1024"]
    assert problems({START: "65536"})[0] == f"{START}: 65536 is not within 0 and 65535"


def test_settings_of_others() -> None:
    assert problems(["net.core.rmem_max=1", "net.core.somaxconn=-1", "net.ipv4.tcp_sack"])[1:] == problems({"net.core.somaxconn": -1})
    assert problems({"net.core.rmem_max": "1"}) == ["net.core.rmem_max is the host's, no container has one of its own"]
    for mode in ("host", "service:a", "container:b"):
        assert problems({"net.core.somaxconn": "-1", "kernel.msgmax": "1"}, network_mode=mode) == [
            "net.core.somaxconn belongs to a network that is not this container's"
        ]
