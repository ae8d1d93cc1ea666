# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Settings of the kernel that a container has not of its own though their names are allowed, and numbers that no kernel of a supported host
takes.

Where the bounds come from: Linux 5.15 to 6.18, ``net/ipv4/sysctl_net_ipv4.c``, ``net/core/sysctl_net_core.c``, ``ipc/ipc_sysctl.c``,
``ipc/mq_sysctl.c``; the widest of them count. That the kernel of a host refuses what lies beyond is tried by
``tests/integration/host/test_sysctls.py``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from .setting_values import pairs

# Every network has the first ones' values, none its own; Linux' net/core/sysctl_net_core.c and net/ipv4/sysctl_net_ipv4.c.
_HOSTS_NETWORK = frozenset((
    *(f"net.core.{name}" for name in (
        "rmem_max", "wmem_max", "rmem_default", "wmem_default", "netdev_max_backlog", "netdev_budget", "netdev_budget_usecs", "dev_weight",
        "bpf_jit_enable", "bpf_jit_harden", "default_qdisc", "message_burst", "message_cost", "rps_sock_flow_entries")),
    "net.ipv4.tcp_mem", "net.ipv4.tcp_max_orphans",
))  # fmt: skip
_MOST = (1 << 31) - 1
_ANY, _BYTE, _COUNT = (-1 << 31, _MOST), (0, 255), (0, _MOST)
# Kernels keep these in ticks, of which there are at least a hundred a second.
_SECONDS = (-_MOST // 100, _MOST // 100)
# Of each number that is written; those that hold several numbers hold several of the same bounds.
RANGES: Mapping[str, tuple[int, int]] = {
    "net.core.somaxconn": _COUNT,
    "net.unix.max_dgram_qlen": _ANY,
    **{f"net.ipv4.{name}": bounds for name, bounds in {
        "ip_default_ttl": (1, 255), "ip_forward": _ANY, "ip_local_port_range": (1, 65535), "ip_nonlocal_bind": _BYTE,
        "ip_unprivileged_port_start": (0, 65535), "ping_group_range": (0, (1 << 32) - 1), "icmp_echo_ignore_all": _BYTE,
        "tcp_ecn": _BYTE, "tcp_fastopen": _ANY, "tcp_fin_timeout": _SECONDS, "tcp_keepalive_intvl": _SECONDS, "tcp_keepalive_probes": _BYTE,
        "tcp_keepalive_time": _SECONDS, "tcp_max_syn_backlog": _ANY, "tcp_max_tw_buckets": _ANY, "tcp_mtu_probing": _BYTE,
        "tcp_notsent_lowat": (0, (1 << 32) - 1), "tcp_orphan_retries": _BYTE, "tcp_retries1": _BYTE, "tcp_retries2": _BYTE,
        "tcp_rmem": (1, _MOST), "tcp_sack": _BYTE, "tcp_slow_start_after_idle": _BYTE, "tcp_syn_retries": (1, 127), "tcp_synack_retries": _BYTE,
        "tcp_syncookies": _BYTE, "tcp_timestamps": _BYTE, "tcp_tw_reuse": (0, 2), "tcp_window_scaling": _BYTE, "tcp_wmem": (1, _MOST),
        "udp_rmem_min": (1, _MOST), "udp_wmem_min": (1, _MOST)}.items()},
    **{f"net.ipv6.conf.{which}.{name}": bounds for which in ("all", "default") for name, bounds in {
        "disable_ipv6": _ANY, "forwarding": _ANY, "hop_limit": (1, 255)}.items()},
    **{f"net.ipv4.conf.{which}.{name}": _ANY for which in ("all", "default") for name in (
        "accept_redirects", "arp_announce", "arp_ignore", "forwarding", "rp_filter", "send_redirects")},
    "kernel.msgmax": _COUNT, "kernel.msgmnb": _COUNT, "kernel.msgmni": (0, 1 << 24), "kernel.shmmni": (0, 1 << 24),
    "kernel.shm_rmid_forced": (0, 1),
    "fs.mqueue.msg_default": (1, 1 << 16), "fs.mqueue.msg_max": (1, 1 << 16), "fs.mqueue.msgsize_default": (128, 1 << 24),
    "fs.mqueue.msgsize_max": (128, 1 << 24), "fs.mqueue.queues_max": _ANY,
}  # fmt: skip
# How many numbers the kernel reads of them, where that is not one; it passes over the rest.
_SEVERAL = {"net.ipv4.ip_local_port_range": 2, "net.ipv4.ping_group_range": 2, "net.ipv4.tcp_rmem": 3, "net.ipv4.tcp_wmem": 3}
_PORTS, _UNPRIVILEGED = "net.ipv4.ip_local_port_range", "net.ipv4.ip_unprivileged_port_start"
# Of every new network.
_FIRST_LOCAL_PORT = 32768
_NUMBER = re.compile(r"-?(?:0[xX][0-9A-Fa-f]+|[0-9]+)\Z")


def judge_sysctls(service: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Field, message and remedy for each setting of a service that it cannot have, or not so."""
    given = {name: str(value) for name, value in pairs(service.get("sysctls")).items()}
    for name, value in given.items():
        if name in _HOSTS_NETWORK:
            yield "sysctls", f"{name} is the host's, no container has one of its own", "Set it on the host, and remove it from the package."
        elif name.startswith("net.") and str(service.get("network_mode") or "").startswith(("host", "service:", "container:")):
            yield "sysctls", f"{name} belongs to a network that is not this container's", "Remove it."
        elif (problem := _beyond(name, value)) is not None:
            yield "sysctls", f"{name}: {problem}", "Correct it."
    first = _numbers(given.get(_PORTS, "")) or [_FIRST_LOCAL_PORT]
    start = _numbers(given.get(_UNPRIVILEGED, ""))
    if start and start[0] > first[0]:
        message = f"{_UNPRIVILEGED}: {start[0]} is above the first local port, {first[0]}"
        yield "sysctls", message, f"Lower it, or raise the first number of {_PORTS}."


def _beyond(name: str, value: str) -> str | None:
    """What is no number is judged on the host, which knows whether it takes words."""
    if name not in RANGES:
        return None
    low, high = RANGES[name]
    numbers = _numbers(value)[: _SEVERAL.get(name, 1)]
    odd = next((number for number in numbers if not low <= number <= high), None)
    if odd is not None:
        return f"{odd} is not within {low} and {high}"
    if name == _PORTS and numbers[1:] and numbers[1] < numbers[0]:
        return f"{numbers[1]} is below {numbers[0]}"
    return None


def _numbers(text: str) -> list[int]:
    """As the kernel reads them; nothing where not all are numbers."""
    parts = text.split()
    return [_number(part) for part in parts] if all(map(_NUMBER.match, parts)) else []


def _number(text: str) -> int:
    sign, digits = (-1, text[1:]) if text.startswith("-") else (1, text)
    if digits[:2] in ("0x", "0X"):
        return sign * int(digits, 16)
    # Longer ones are beyond every bound, and Python reads no number of any length.
    octal = digits.startswith("0") and not set(digits) - set("01234567")
    return sign * int(digits[:40], 8 if octal else 10)
