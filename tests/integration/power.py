# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lab hosts that go down and come back, and what their units say."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable

from tests.integration.support import Host


def until(what: str, true: Callable[[], bool], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, what
        time.sleep(0.5)


def unit(host: Host, name: str) -> str:
    return host.run(f"systemctl is-active avs@{name}.service", check=False).strip()


def settled(host: Host) -> None:
    """Nothing of ours is still starting or stopping."""
    busy = "systemctl list-jobs --no-legend | grep -c avs || true"
    until("units at rest", lambda: host.run(busy).strip() == "0")


def running(host: Host, instance: str) -> dict[str, str]:
    """Container name -> id and process."""
    form = "{{.Name}} {{.Id}} {{.State.Pid}}"
    names = host.run(f"docker ps -q --filter label=avs.instance={instance}").split()
    lines = host.run(f"docker inspect -f '{form}' {' '.join(names)}").splitlines() if names else []
    return dict(line.split(" ", 1) for line in lines)


def ids(host: Host) -> dict[str, str]:
    return {name: ident for name, ident in host.containers().items() if name.startswith("avs-")}


def off(host: Host, how: str) -> None:
    """The lab host goes down and comes back: asked to, or with its power cut. What is in memory is gone."""
    subprocess.run(["docker", *how.split(), host.name], check=True, capture_output=True, timeout=120)
    subprocess.run(["docker", "start", host.name], check=True, capture_output=True, timeout=60)
    until("ssh", lambda: subprocess.run([*host.ssh(), "true"], capture_output=True, timeout=60, check=False).returncode == 0, 180)
    until("boot", lambda: host.run("systemctl is-system-running", check=False).strip() in ("running", "degraded"), 240)
