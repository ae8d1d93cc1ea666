# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""QEMU: its command line, built from a description, and its process, of which only the lab's own is ever ended."""

from __future__ import annotations

import os
import select
import signal
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from .errors import LabError
from .shell import wait

PROGRAM = "qemu-system-x86_64"


@dataclass(frozen=True)
class Guest:
    """An emulated machine: ``disk`` is its own (qcow2), ``files`` an archive it unpacks once, ``console`` gets what its kernel says.

    ``memory`` is MiB; ``tap`` is the interface of this machine it is plugged into.
    """

    name: str
    kernel: Path
    initrd: Path
    disk: Path
    files: Path
    console: Path
    tap: str
    mac: str
    memory: int = 3072
    cores: int = 2

    def command(self) -> list[str]:
        """QEMU's command line. Emulated in software, so that it is the same machine wherever the lab runs."""
        kernel = ("root=/dev/vda", "rw", "console=ttyS0", "apparmor=1", "security=apparmor", f"systemd.hostname={self.name}")
        table = (
            ("name", f"guest={_escaped(self.name)}"),
            ("accel", "tcg,thread=multi"),
            ("cpu", "max"),
            ("smp", str(self.cores)),
            ("m", str(self.memory)),
            ("kernel", str(self.kernel)),
            ("initrd", str(self.initrd)),
            ("append", " ".join(kernel)),
            ("drive", f"file={_escaped(self.disk)},format=qcow2,if=virtio"),
            ("drive", f"file={_escaped(self.files)},format=raw,if=virtio,readonly=on"),
            ("netdev", f"tap,id=lab,ifname={self.tap},script=no,downscript=no"),
            ("device", f"virtio-net-pci,netdev=lab,mac={self.mac},romfile="),
            # Its kernel would wait for randomness that an emulated processor hardly collects.
            ("device", "virtio-rng-pci"),
            ("serial", f"file:{self.console}"),
            ("display", "none"),
            ("monitor", "none"),
        )
        return [PROGRAM, "-nodefaults", *(word for name, value in table for word in (f"-{name}", value))]


def _escaped(value: object) -> str:
    # A comma ends a value in QEMU's options.
    return str(value).replace(",", ",,")


@dataclass(frozen=True)
class Process:
    """The process of a command line that the lab started; ``pidfile`` may be out of date, and its number somebody else's by now."""

    pidfile: Path

    def start(self, command: Sequence[str], log: Path) -> None:
        """Start it in a session of its own, so that it outlives the command that asked for it."""
        with log.open("ab") as out:
            try:
                process = subprocess.Popen(
                    command, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT, start_new_session=True, cwd="/"
                )
            except FileNotFoundError as error:
                raise LabError(f"{command[0]} is not installed on this machine") from error
        self.pidfile.write_text(f"{process.pid}\n", encoding="utf-8")
        # For a moment it has no command line yet.
        wait(command[0], lambda: self.running(command) or process.poll() is not None, seconds=10, pause=0.01)

    def running(self, command: Sequence[str]) -> bool:
        number = self._number()
        return number is not None and _runs(number, command)

    def end(self, command: Sequence[str], how: signal.Signals, seconds: float = 30) -> bool:
        """End it and wait for that; False where no process of this very command line runs under the number."""
        number = self._number()
        if number is None:
            return False
        try:
            # Holds on to the process: a number that is given away between the look and the signal hits nobody.
            handle = os.pidfd_open(number)
        except ProcessLookupError:
            return False
        try:
            if not _runs(number, command):
                return False
            signal.pidfd_send_signal(handle, how)
            if not select.select([handle], [], [], seconds)[0]:
                raise LabError(f"{command[0]} ({number}) has not ended {seconds:.0f} s after {how.name}")
        finally:
            os.close(handle)
        self.pidfile.unlink(missing_ok=True)
        return True

    def _number(self) -> int | None:
        try:
            return int(self.pidfile.read_text(encoding="utf-8"))
        except (FileNotFoundError, ValueError):
            return None


def _runs(number: int, command: Sequence[str]) -> bool:
    # One that ended and that nobody reaped has no command line any more.
    try:
        return Path(f"/proc/{number}/cmdline").read_bytes() == b"".join(word.encode() + b"\0" for word in command)
    except OSError:
        return False
