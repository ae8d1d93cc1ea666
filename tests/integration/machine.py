# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab's emulated machine as the tests see it: a host that can be rebooted, and cut off from its power."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from tests.integration.support import Fleet, Host, ready_fleet, wipe
from tests.lab import fleet as lab_hosts
from tests.lab import network, paths, vm


@dataclass(frozen=True)
class Machine(Host):
    """Limits are generous: its processor is emulated, and this machine has other work."""

    patience: float = 600

    def boot_id(self) -> str:
        """The kernel's name for this boot."""
        return self.run("cat /proc/sys/kernel/random/boot_id").strip()

    def reboot(self) -> None:
        """``systemctl reboot``; returns once the next boot is complete and the engine answers."""
        self._forget_connection()
        vm.reboot(paths.this_lab(), _bridge())

    def cut(self) -> None:
        """A power cut: what was not written is lost. The machine is switched on again; returns once the engine answers."""
        lab, before = paths.this_lab(), self.boot_id()
        self._forget_connection()
        vm.cut(lab)
        vm.start(lab)
        vm.wait_for_boot(lab, _bridge(), after=before)

    def restart_engine(self) -> None:
        """``systemctl restart docker``; returns once it answers."""
        self.run("systemctl restart docker && docker version")

    def _forget_connection(self) -> None:
        # The shared connection would outlive what is at its other end.
        *options, place = self.ssh()
        subprocess.run([*options, "-O", "exit", place], capture_output=True, timeout=60, check=False)


def _bridge() -> network.Bridge:
    bridge = network.find(paths.this_lab())
    assert bridge is not None, "the lab is down"
    return bridge


@contextmanager
def machine_fleet(folders: pytest.TempPathFactory, login: Mapping[str, Any]) -> Iterator[Fleet]:
    """A fleet of the emulated machine alone, without instances; one that was not there before is gone afterwards."""
    lab = paths.this_lab()
    kept = vm.present(lab)
    lab_hosts.add_vm(lab)
    try:
        fleet = ready_fleet(folders, login, "avs_vm")
        fleet.hosts = {name: Machine(name, host.variables) for name, host in fleet.hosts.items()}
        for host in fleet.hosts.values():
            wipe(host)
        yield fleet
        if kept:
            for host in fleet.hosts.values():
                wipe(host)
    finally:
        if not kept:
            lab_hosts.remove(lab, vm.name(lab))
