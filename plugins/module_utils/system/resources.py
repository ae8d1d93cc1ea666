# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether the host is big enough for what a package declares (rule OPS-002)."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass

from ..common.findings import ERROR, WARNING, Finding
from ..common.rules import finding
from ..common.spec import Requirements

MIB = 1 << 20
# Firmware and kernel keep a part of the memory that is built in: a machine sold with 16 GiB shows about 15.5.
_MEMORY_SHOWN = 0.94


@dataclass(frozen=True)
class Resources:
    """``memory`` and ``free`` (of the data folder's file system) in MiB; ``processors`` by number, where they are known."""

    cores: int
    memory: int
    free: int
    processors: frozenset[int] = frozenset()


def measure(path: str, meminfo: str = "/proc/meminfo") -> Resources:
    """``path`` may be missing yet; then the nearest folder above it counts."""
    while not os.path.isdir(path):
        path = os.path.dirname(path)
    total = 0
    with open(meminfo, encoding="ascii") as handle:
        for line in handle:
            if line.startswith("MemTotal:"):
                total = int(line.split()[1]) // 1024
    processors = frozenset(os.sched_getaffinity(0))
    return Resources(len(processors), total, shutil.disk_usage(path).free // MIB, processors)


def check(instance: str, requirements: Requirements, found: Resources, installed: bool) -> list[Finding]:
    """Free space counts before the first install only: afterwards the node's own data has taken it."""
    severity = ERROR if requirements.stop else WARNING
    problems = []
    cores, memory, free = requirements.min_cpu_cores, requirements.min_ram, requirements.min_free_space
    if found.cores < cores:
        problems.append(("min_cpu_cores", f"{cores} cores are needed, the host has {found.cores}"))
    if found.memory < memory * _MEMORY_SHOWN:
        problems.append(("min_ram", f"{memory} MiB of memory are needed, the host has {found.memory}"))
    if found.free < free and not installed:
        problems.append(("min_free_space", f"{free} MiB of free space are needed, the data folder has {found.free}"))
    return [finding("OPS-002", f"{instance}: requirements.{name}", message, severity=severity) for name, message in problems]


def default_memory(found: Resources) -> int:
    """Limit in bytes of a service nobody set one for: nine tenths of the host, in steps that survive a kernel update."""
    step = 256
    return max(step, int(found.memory * 0.9) // step * step) * MIB
