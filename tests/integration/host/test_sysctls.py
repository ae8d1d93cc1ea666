# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The table of the kernel's settings against this machine's kernel, in namespaces of their own: what the table refuses, it refuses too."""

from __future__ import annotations

import json
import subprocess
import sys

from ansible_collections.restaking.avs.plugins.module_utils.policy.sysctls import _SEVERAL, RANGES

# Writes each value in turn, and says which were taken.
WRITER = """
import json, os, sys
taken = []
for name, value in json.load(sys.stdin):
    path = "/proc/sys/" + name.replace(".", "/")
    try:
        line = os.open(path, os.O_WRONLY)
    except FileNotFoundError:
        taken.append(None)
        continue
    try:
        os.write(line, value.encode())
        taken.append(True)
    except OSError:
        taken.append(False)
    os.close(line)
print(json.dumps(taken))
"""
# Bounds that only some kernels have.
_LOOSE = {"net.ipv4.icmp_echo_ignore_all", "net.ipv4.tcp_ecn", "kernel.msgmni", "kernel.shmmni", "net.ipv4.ping_group_range"}


def taken(pairs: list[tuple[str, str]]) -> list[bool | None]:
    done = subprocess.run(
        ["unshare", "--net", "--ipc", sys.executable, "-c", WRITER], input=json.dumps(pairs), capture_output=True, text=True, check=True
    )
    answers: list[bool | None] = json.loads(done.stdout)
    assert answers.count(None) * 4 <= len(answers), "most of the settings are there"
    return answers


def written(name: str, number: int) -> tuple[str, str]:
    return name, " ".join([str(number)] * _SEVERAL.get(name, 1))


def test_the_kernel_refuses_what_the_table_refuses() -> None:
    beyond = [written(name, number) for name, (low, high) in RANGES.items() for number in (low - 1, high + 1)]
    assert [pair for pair, was in zip(beyond, taken(beyond)) if was] == []


def test_the_kernel_takes_what_stands_at_the_bounds() -> None:
    # Ports come in an order in which each fits those before it; of times, how many ticks a second has differs.
    within = [
        written(name, number)
        for name, (low, high) in RANGES.items()
        for number in ((high, low) if name.endswith("port_range") else (low, high))
        if name not in _LOOSE
        and not name.startswith(("net.ipv4.tcp_keepalive_t", "net.ipv4.tcp_keepalive_i", "net.ipv4.tcp_fin"))
        and name != "net.ipv4.ip_unprivileged_port_start"
    ]
    within = [("net.ipv4.ip_unprivileged_port_start", "0"), *within]
    assert [pair for pair, was in zip(within, taken(within)) if was is False] == []


def test_ports_that_need_no_right_end_below_the_local_ones() -> None:
    start = "net.ipv4.ip_unprivileged_port_start"
    assert taken([(start, "32769"), (start, "32768"), ("net.ipv4.ip_local_port_range", "32767 60000")]) == [False, True, False]
    assert taken([("net.ipv4.ip_local_port_range", "50000 49999"), ("net.ipv4.ip_local_port_range", "50000 50000 7")]) == [False, True]
