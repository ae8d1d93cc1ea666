# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Hosts with systemd, sshd and, where asked, Docker inside."""

from __future__ import annotations

import json
import socket
from dataclasses import dataclass
from pathlib import Path

from . import apt, build, containers, keys, registry, trust
from .containers import Container, File
from .errors import LabError
from .network import PLACES, Bridge
from .paths import LABEL, Lab
from .shell import run, wait

SUITES = ("trixie", "bookworm")
# What a host has at first: no engine, the one of its suite, or the newest there is, set up as new distributions set it up.
NONE, OWN, NEWEST = "none", "suite", "newest"
ENGINES = (OWN, NEWEST)
# Beside the engine: what the roles install for backups and for image signatures.
_EXTRA = "restic cosign"
# With this, the tests of the host library run on the host itself.
_EXTRA_NEWEST = "python3-pytest python3-hypothesis python3-cryptography python3-yaml"
_SETTINGS_NEWEST = {"features": {"containerd-snapshotter": True}, "exec-opts": ["native.cgroupdriver=systemd"]}
_DOCKERFILE = Path(__file__).parent / "dockerfiles" / "host.Dockerfile"


@dataclass(frozen=True)
class Host:
    """One host; ``number`` counts from 1 and fixes name and address. One that stands ``apart`` is in no group with the others: tests
    that run on all hosts of the lab do not see it."""

    number: int
    suite: str
    engine: str
    apart: bool = False

    def name(self, lab: Lab) -> str:
        return lab.called(f"host{self.number}")

    @property
    def docker(self) -> bool:
        """Whether the host has an engine at first."""
        return self.engine != NONE

    @property
    def flavour(self) -> tuple[str, str]:
        """What decides on the host's image: suite and engine."""
        return self.suite, self.engine

    @property
    def data(self) -> tuple[str, ...]:
        """Folders whose file system has to be no overlay, because the engine makes overlays of its own in there."""
        return ("/var/lib/docker", "/var/lib/containerd") if self.engine == NEWEST else ("/var/lib/docker",)


def image(machine: apt.Machine | None, base: str, suite: str, engine: str) -> str:
    """Build the flavour's image on the suite's base."""
    newest = engine == NEWEST
    if newest and (machine is None or suite not in apt.NEWEST):
        raise LabError(f"a host with the newest engine is a Debian {' or '.join(apt.NEWEST)}, made on a Debian whose archives can be read")
    following = apt.next_files(machine, suite, newest=newest) if machine else {}
    files = {f"next{path}": build.Entry(content.encode()) for path, content in following.items()} or {"next/.keep": build.Entry(b"")}
    if newest:
        files["next/etc/docker/daemon.json"] = build.Entry(json.dumps(_SETTINGS_NEWEST).encode())
    dockerfile = _DOCKERFILE.read_text(encoding="utf-8")
    if engine == NONE:
        return build.ensure(f"host-{suite}", dockerfile, files=files, arguments={"BASE": base}, target="host")
    name = f"host-{suite}-newest" if newest else f"host-{suite}-docker"
    extra = f"{_EXTRA} {_EXTRA_NEWEST}" if newest else _EXTRA
    return build.ensure(name, dockerfile, files=files, arguments={"BASE": base, "EXTRA": extra}, target="host-docker")


def ensure(lab: Lab, bridge: Bridge, host: Host, image_of_host: str) -> None:
    """Leave with the host booted and its sshd answering."""
    name = host.name(lab)
    address = bridge.host(host.number)
    repository = registry.host(lab)
    authority = trust.authority(lab).path.read_bytes()
    key = keys.host(lab, name)
    arguments = ["--privileged", *_cgroup(host), "--tmpfs", "/run", "--tmpfs", "/run/lock", "--stop-timeout", "10"]
    for part in PLACES:
        arguments += ["--add-host", f"{part}.{lab.name}.test:{bridge.address(part)}"]
    command = ["/sbin/init"]
    if _legacy_cgroups() and host.suite != "bookworm":
        command.append("SYSTEMD_CGROUP_ENABLE_LEGACY_FORCE=1")
    containers.ensure(
        lab,
        bridge,
        Container(
            kind="host",
            name=name,
            image=image_of_host,
            address=address,
            arguments=tuple(arguments),
            command=tuple(command),
            files=(
                File("/root/.ssh/authorized_keys", f"{keys.public(keys.operator(lab))}\n".encode(), 0o600),
                File("/etc/ssh/ssh_host_ed25519_key", key.read_bytes(), 0o600),
                File("/etc/ssh/ssh_host_ed25519_key.pub", f"{keys.public(key)}\n".encode()),
                File("/usr/local/share/ca-certificates/avs-lab.crt", authority),
                File(f"/etc/docker/certs.d/{repository}/ca.crt", authority),
            ),
            volumes=tuple((f"{name}-{path.rpartition('/')[2]}", path) for path in host.data),
            facts=(("host", str(host.number)), ("suite", host.suite), ("engine", host.engine), *((("apart", "1"),) if host.apart else ())),
        ),
    )
    _await(name, address, host.docker)
    # The CA travels in before the first boot, but only a running host can rebuild its bundle.
    run(["docker", "exec", name, "update-ca-certificates"])


def reboot(lab: Lab, bridge: Bridge, host: Host) -> None:
    """Cut the host off and boot it again: processes and everything on tmpfs (``/run``) are gone, disks are not."""
    run(["docker", "restart", "--time", "10", host.name(lab)])
    _await(host.name(lab), bridge.host(host.number), host.docker)


def _await(name: str, address: str, docker: bool) -> None:
    wait(f"sshd of {name}", lambda: _greets(address), seconds=60)
    wait(f"boot of {name}", lambda: booted(name), seconds=60)
    if docker:
        wait(f"engine of {name}", lambda: run(["docker", "exec", name, "docker", "version"], check=False).returncode == 0, seconds=60)


def booted(name: str) -> bool:
    """Whether systemd has finished starting units, successfully or not."""
    said = run(["docker", "exec", name, "systemctl", "is-system-running"], check=False).stdout.strip()
    return said in ("running", "degraded")


def _greets(address: str) -> bool:
    try:
        with socket.create_connection((address, 22), timeout=2) as connection:
            return connection.recv(4) == b"SSH-"
    except OSError:
        return False


def _legacy_cgroups() -> bool:
    return not Path("/sys/fs/cgroup/cgroup.controllers").exists()


def _cgroup(host: Host) -> list[str]:
    # With cgroup v2 each host gets a tree of its own; with v1, systemd needs the machine's hierarchies, but an engine that leaves
    # cgroups to systemd needs systemd to be at their root.
    if _legacy_cgroups() and host.engine != NEWEST:
        return ["--cgroupns=host", "--volume", "/sys/fs/cgroup:/sys/fs/cgroup:rw"]
    return ["--cgroupns=private"]


def running(lab: Lab) -> list[Host]:
    """The hosts that exist, by number."""
    found = []
    for state in containers.every(lab):
        labels = state["Config"]["Labels"]
        if labels.get(f"{LABEL}.kind") == "host":
            number, engine = int(labels[f"{LABEL}.host"]), labels.get(f"{LABEL}.engine", NONE)
            found.append(Host(number, labels[f"{LABEL}.suite"], engine, f"{LABEL}.apart" in labels))
    return sorted(found, key=lambda host: host.number)
