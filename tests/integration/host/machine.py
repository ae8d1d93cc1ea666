# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host in small for programs: what a bench keeps in folders of its own lies where a host has it, for one command and for nobody else."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import struct
import subprocess
import termios
from collections.abc import Iterator
from pathlib import Path

from ansible_collections.restaking.avs.plugins.plugin_utils.remote.copy import archive, copy_name

from tests.integration.host.support import Bench
from tests.unit.support.pythons import pythons

ROOT = Path(__file__).resolve().parents[3]
# A mount namespace of its own: the bench's folders on the host's paths, the engine's socket where there is to be one. Then the command.
_ENTER = """set -e
mount --make-rprivate /
mount --bind /run "$OLD"
mount -t tmpfs tmpfs /run
mkdir -p /run/avs /run/lock/avs
if [ "$ENGINE" = yes ]; then ln -s "$OLD/docker.sock" /run/docker.sock; fi
mkdir -p "$LIB" "$RUN" "$LOCKS" "$LOCAL/lib" "$LOCAL/sbin" "$LOCAL/share"
mount --bind "$RUN" /run/avs
mount --bind "$LOCKS" /run/lock/avs
mount -t tmpfs tmpfs /var/lib
mkdir /var/lib/avs
mount --bind "$LIB" /var/lib/avs
for name in lib sbin share; do mount --bind "$LOCAL/$name" "/usr/local/$name"; done
exec "$@"
"""
_KEEP = """import sys
from ansible_collections.restaking.avs.plugins.module_utils.avsctl import install
install.keep(sys.argv[1], sys.stdin.read(), "test")
"""
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class Machine:
    """``avsctl`` on the host a bench is. ``folder`` gets its ``/usr/local``."""

    def __init__(self, bench: Bench, folder: Path) -> None:
        self.bench = bench
        self.local = folder / "local"
        self._old = folder / "old-run"
        self._old.mkdir(parents=True)

    def keep(self, python: str | None = None) -> str:
        """The program made of the sources and put on the host as a run does it, by the oldest Python a host may have, or another one.
        Returns its name."""
        python = python or pythons()[0]
        name = copy_name(python)
        environment = {"PYTHONPATH": os.environ["ANSIBLE_COLLECTIONS_PATH"]}
        done = self.run([python, "-c", _KEEP, name], stdin=archive(), environment=environment)
        assert (done.returncode, done.stderr) == (0, "")
        return name

    def avsctl(self, *arguments: str, engine: bool = True) -> subprocess.CompletedProcess[str]:
        return self.run(["avsctl", *arguments], engine=engine)

    def run(
        self, command: list[str], stdin: str = "", engine: bool = True, environment: dict[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self._line(command),
            input=stdin,
            env=self._environment(engine, environment),
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    @contextlib.contextmanager
    def started(self, *arguments: str) -> Iterator[subprocess.Popen[str]]:
        """``avsctl`` as a shell starts it: at the head of a group of processes, which all get what a person's Ctrl-C sends."""
        environment = self._environment(True, None)
        # Tests that run in the background of a script are deaf to it, and so would be what they start.
        process = subprocess.Popen(
            ["env", "--default-signal=INT", *self._line(["avsctl", *arguments])],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()
            process.communicate()

    def at_terminal(self, columns: int, *arguments: str) -> str:
        """What a terminal of so many columns gets from ``avsctl``."""
        shown, terminal = pty.openpty()
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        process = subprocess.Popen(self._line(["avsctl", *arguments]), env=self._environment(True, None), stdin=terminal, stdout=terminal)
        os.close(terminal)
        text = b""
        # The last one that has it open is gone: the terminal's own way of saying so.
        with contextlib.suppress(OSError):
            while True:
                text += os.read(shown, 65536)
        os.close(shown)
        process.wait(60)
        return text.decode().replace("\r\n", "\n")

    def _line(self, command: list[str]) -> list[str]:
        return ["unshare", "--mount", "sh", "-c", _ENTER, "sh", *command]

    def _environment(self, engine: bool, more: dict[str, str] | None) -> dict[str, str]:
        store = self.bench.store
        places = {"LIB": store.root, "RUN": store.run, "LOCKS": store.locks, "LOCAL": str(self.local), "OLD": str(self._old)}
        return {"PATH": PATH, "ENGINE": "yes" if engine else "no", **places, **(more or {})}
