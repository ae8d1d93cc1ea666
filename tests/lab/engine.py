# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A Docker engine: the one that runs here, else one the lab installs and starts itself."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .apt import Machine, install
from .errors import LabError
from .network import uplink_mtu
from .paths import Lab
from .shell import run, say, wait

PACKAGES = ("docker.io", "docker-cli", "docker-compose", "docker-buildx", "containerd", "runc", "tini", "iptables")
_POLICY = Path("/usr/sbin/policy-rc.d")


def answers() -> bool:
    """Whether a client is here and its engine answers."""
    # `docker info` is no question to ask: some clients answer it without an engine, exit code 0 and all.
    try:
        done = run(["docker", "version", "--format", "{{.Server.Version}}"], check=False, timeout=20)
    except LabError:
        return False
    return done.returncode == 0 and bool(done.stdout.strip())


def installed() -> bool:
    return shutil.which("dockerd") is not None and os.geteuid() == 0


def ensure(lab: Lab, machine: Machine | None) -> None:
    """Leave with an engine that answers, Compose v2 and buildx beside it where the lab installed it."""
    if answers():
        return
    if machine is None:
        raise LabError("no Docker engine answers, and this is no Debian the lab could install one on: start one and run `up` again")
    if os.geteuid() != 0:
        raise LabError("no Docker engine answers: start one, or run as root so that the lab can")
    with _no_autostart():
        install(machine, PACKAGES)
    if Path("/run/systemd/system").is_dir():
        say("engine: starting docker.service")
        run(["systemctl", "start", "docker"])
        wait("docker engine", answers, seconds=60)
        pidfile(lab).write_text("systemd\n", encoding="utf-8")
        return
    _start(lab)


@contextmanager
def _no_autostart() -> Iterator[None]:
    # Without systemd the package's init script fails and leaves the package half configured.
    if Path("/run/systemd/system").is_dir() or _POLICY.exists():
        yield
        return
    _POLICY.write_text("#!/bin/sh\nexit 101\n", encoding="utf-8")
    _POLICY.chmod(0o755)
    try:
        yield
    finally:
        _POLICY.unlink()


def pidfile(lab: Lab) -> Path:
    """Process id of the engine this lab started, or ``systemd`` where systemd runs it."""
    return lab.home / "dockerd.pid"


def logfile(lab: Lab) -> Path:
    return lab.home / "dockerd.log"


def _start(lab: Lab) -> None:
    # A docker.pid left by a killed machine names a process that is somebody else by now.
    stale = Path("/var/run/docker.pid")
    if stale.exists() and not _is_dockerd(stale.read_text(encoding="utf-8").strip()):
        stale.unlink()
    command = ["dockerd", f"--mtu={uplink_mtu()}", *_storage()]
    log = logfile(lab)
    say(f"engine: starting {' '.join(command)}")
    # docker.io ships dockerd in /usr/sbin, which an unprivileged PATH may lack.
    env = {**os.environ, "PATH": f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"}
    with log.open("a", encoding="utf-8") as out:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT, start_new_session=True, env=env, cwd="/"
        )
    pidfile(lab).write_text(f"{process.pid}\n", encoding="utf-8")

    def up() -> bool:
        if process.poll() is not None:
            tail = log.read_text(encoding="utf-8", errors="replace").splitlines()[-10:]
            raise LabError(f"dockerd ended with {process.returncode}, see {log}\n    " + "\n    ".join(tail))
        return answers()

    wait("dockerd", up, seconds=90, pause=0.5)
    driver = run(["docker", "info", "--format", "{{.Driver}}"]).stdout.strip()
    if driver == "vfs":
        say("engine: storage driver vfs copies every layer: works, but slow and large")


def _storage() -> list[str]:
    # overlay2 cannot stand on overlayfs (a lab inside a container); the FUSE driver can.
    data = Path("/var/lib/docker")
    kind = run(["stat", "-f", "-c", "%T", str(data if data.exists() else data.parent)]).stdout.strip()
    if kind == "overlayfs" and Path("/dev/fuse").exists() and Path("/usr/bin/fuse-overlayfs").exists():
        return ["--storage-driver=fuse-overlayfs"]
    return []


def _is_dockerd(pid: str) -> bool:
    # Where nobody reaps orphans, an ended process keeps its number and name, in state Z.
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    except OSError:
        return False
    fields = dict(line.split(":", 1) for line in status.splitlines() if ":" in line)
    return fields["Name"].strip() == "dockerd" and not fields["State"].strip().startswith("Z")


def started_here(lab: Lab) -> bool:
    """Whether the running engine is the one this lab started."""
    try:
        pid = pidfile(lab).read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        return False
    return pid == "systemd" or _is_dockerd(pid)


def stop(lab: Lab) -> None:
    """Stop the engine if this lab started it and nobody else's container runs in it."""
    if not started_here(lab):
        pidfile(lab).unlink(missing_ok=True)
        return
    others = run(["docker", "ps", "--quiet"], check=False).stdout.split()
    if others:
        say(f"engine: left running, {len(others)} containers in it are not this lab's")
        return
    pid = pidfile(lab).read_text(encoding="utf-8").strip()
    say("engine: stopping")
    if pid == "systemd":
        run(["systemctl", "stop", "docker.service", "docker.socket"])
    else:
        os.kill(int(pid), signal.SIGTERM)
        wait("dockerd to end", lambda: not _is_dockerd(pid), seconds=60)
    pidfile(lab).unlink(missing_ok=True)
