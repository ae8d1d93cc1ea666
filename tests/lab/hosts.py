# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Hosts with systemd, sshd and, where asked, Docker inside."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from pathlib import Path

from . import apt, build, containers, keys, registry, trust
from .containers import Container, File
from .network import PLACES, Bridge
from .paths import LABEL, Lab
from .shell import run, wait

SUITES = ("trixie", "bookworm")
# Beside the engine: what the roles install for backups and for image signatures.
_EXTRA = "restic cosign"
_DOCKERFILE = Path(__file__).parent / "dockerfiles" / "host.Dockerfile"


@dataclass(frozen=True)
class Host:
    """One host; ``number`` counts from 1 and fixes name and address."""

    number: int
    suite: str
    docker: bool

    def name(self, lab: Lab) -> str:
        return lab.called(f"host{self.number}")

    @property
    def flavour(self) -> str:
        return f"{self.suite}-docker" if self.docker else self.suite


def image(machine: apt.Machine | None, base: str, suite: str, docker: bool) -> str:
    """Build the flavour's image on the suite's base."""
    following = apt.next_files(machine, suite) if machine else {}
    files = {f"next{path}": build.Entry(content.encode()) for path, content in following.items()} or {"next/.keep": build.Entry(b"")}
    dockerfile = _DOCKERFILE.read_text(encoding="utf-8")
    if docker:
        return build.ensure(
            f"host-{suite}-docker", dockerfile, files=files, arguments={"BASE": base, "EXTRA": _EXTRA}, target="host-docker"
        )
    return build.ensure(f"host-{suite}", dockerfile, files=files, arguments={"BASE": base}, target="host")


def ensure(lab: Lab, bridge: Bridge, host: Host, image_of_host: str) -> None:
    """Leave with the host booted and its sshd answering."""
    name = host.name(lab)
    address = bridge.host(host.number)
    repository = registry.host(lab)
    authority = trust.authority(lab).path.read_bytes()
    key = keys.host(lab, name)
    arguments = ["--privileged", *_cgroup(), "--tmpfs", "/run", "--tmpfs", "/run/lock", "--stop-timeout", "10"]
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
            volumes=((f"{name}-docker", "/var/lib/docker"),),
            facts=(("host", str(host.number)), ("suite", host.suite), ("docker", "yes" if host.docker else "no")),
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


def _cgroup() -> list[str]:
    # With cgroup v2 each host gets a tree of its own; with v1, systemd needs the machine's hierarchies.
    if _legacy_cgroups():
        return ["--cgroupns=host", "--volume", "/sys/fs/cgroup:/sys/fs/cgroup:rw"]
    return ["--cgroupns=private"]


def running(lab: Lab) -> list[Host]:
    """The hosts that exist, by number."""
    found = []
    for state in containers.every(lab):
        labels = state["Config"]["Labels"]
        if labels.get(f"{LABEL}.kind") == "host":
            found.append(Host(int(labels[f"{LABEL}.host"]), labels[f"{LABEL}.suite"], labels[f"{LABEL}.docker"] == "yes"))
    return sorted(found, key=lambda host: host.number)
