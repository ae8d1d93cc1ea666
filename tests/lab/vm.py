# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A real machine of the lab: its own kernel, cgroups, AppArmor and auditd, in QEMU, plugged into the lab's bridge beside the hosts."""

from __future__ import annotations

import hashlib
import io
import ipaddress
import json
import os
import shutil
import signal
import socket
import tarfile
from collections.abc import Sequence
from pathlib import Path

from . import apt, keys, network, registry, trust, vm_image
from .containers import File
from .errors import LabError
from .network import PLACES, Bridge
from .paths import LABEL, Lab
from .shell import run, say, wait
from .vm_qemu import PROGRAM, Guest, Process

PACKAGES = ("qemu-system-x86", "qemu-utils", "iproute2", "e2fsprogs")
TUN = Path("/dev/net/tun")
# Seconds for a boot, with an orderly end before it or without. Emulation is slow, and slower still beside other work.
BOOT = 900
# One login a look: each takes the emulated processor seconds.
_LOOK = (
    "cat /proc/sys/kernel/random/boot_id; "
    "case $(systemctl is-system-running) in running|degraded) docker version --format '{{.Server.Version}}';; esac"
)


def name(lab: Lab) -> str:
    return lab.called("vm")


def _home(lab: Lab) -> Path:
    return lab.home / "vm"


def _process(lab: Lab) -> Process:
    return Process(_home(lab) / "pid")


def _command(lab: Lab) -> list[str]:
    """The command line of the machine that was made last; empty where there is none."""
    try:
        words: list[str] = json.loads((_home(lab) / "command.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return []
    return words


def console(lab: Lab) -> Path:
    """What kernel and systemd said since the last start."""
    return _home(lab) / "console.log"


def present(lab: Lab) -> bool:
    """Whether the lab has a machine, running or not."""
    return bool(_command(lab))


def running(lab: Lab) -> bool:
    return _process(lab).running(_command(lab))


def ensure(lab: Lab, bridge: Bridge, base: str) -> None:
    """Leave with the machine booted and its engine answering; made anew where its recipe or what the lab puts on it changed.

    `tools` has been there before.
    """
    built = vm_image.ensure(lab, base)
    home = _home(lab)
    guest = Guest(name(lab), built.kernel, built.initrd, home / "disk.qcow2", home / "files.tar", console(lab), _tap(lab), _mac(lab))
    archive = packed(files(lab, bridge))
    spec = hashlib.sha256(repr(guest).encode() + archive).hexdigest()
    if not (home / "spec").exists() or (home / "spec").read_text(encoding="utf-8") != spec:
        remove(lab)
        home.mkdir(mode=0o700)
        (home / "files.tar").write_bytes(archive)
        run(["qemu-img", "create", "-q", "-f", "qcow2", "-F", "raw", "-b", str(built.disk), str(guest.disk)])
        known = keys.public(keys.host(lab, name(lab))).split()[:2]
        (home / "known_hosts").write_text(f"{bridge.machine} {' '.join(known)}\n", encoding="utf-8")
        (home / "command.json").write_text(json.dumps(guest.command()), encoding="utf-8")
        # Last: what was cut before is made anew.
        (home / "spec").write_text(spec, encoding="utf-8")
    start(lab)
    wait_for_boot(lab, bridge)


def tools(machine: apt.Machine | None) -> None:
    """Leave with QEMU on this machine and a device it can plug the guest in with; raises LabError where that cannot be."""
    cannot = "this machine cannot emulate another one (up --vm)"
    if os.geteuid() != 0:
        raise LabError(f"{cannot}: root is needed, for the owners of files on its disk and for its network")
    if not TUN.exists():
        raise LabError(f"{cannot}: there is no {TUN}; load the kernel module tun")
    if all(shutil.which(program) for program in (PROGRAM, "qemu-img", "ip", "mke2fs")):
        return
    if machine is None:
        raise LabError(f"{cannot}: QEMU ({PROGRAM}, qemu-img), ip or mke2fs is missing, and this is no Debian the lab could install it on")
    try:
        apt.install(machine, PACKAGES)
    except LabError as error:
        raise LabError(f"{cannot}: {error}") from error


def files(lab: Lab, bridge: Bridge) -> list[File]:
    """What the machine gets at its first boot: keys, names, trust and address, as the lab's hosts have them."""
    key = keys.host(lab, name(lab))
    authority = trust.authority(lab).path.read_bytes()
    names = [f"{bridge.address(part)} {part}.{lab.name}.test" for part in PLACES]
    hosts = "\n".join(["127.0.0.1 localhost", f"127.0.1.1 {name(lab)}", *names])
    return [
        File("/etc/hostname", f"{name(lab)}\n".encode()),
        File("/etc/hosts", f"{hosts}\n".encode()),
        File("/etc/resolv.conf", resolvers(*_resolvers()).encode()),
        File("/etc/systemd/network/10-lab.network", link(bridge, _mac(lab), network.uplink_mtu()).encode()),
        File("/root/.ssh/authorized_keys", f"{keys.public(keys.operator(lab))}\n".encode(), 0o600),
        File("/etc/ssh/ssh_host_ed25519_key", key.read_bytes(), 0o600),
        File("/etc/ssh/ssh_host_ed25519_key.pub", f"{keys.public(key)}\n".encode()),
        File("/usr/local/share/ca-certificates/avs-lab.crt", authority),
        File(f"/etc/docker/certs.d/{registry.host(lab)}/ca.crt", authority),
    ]


def packed(wanted: Sequence[File]) -> bytes:
    """The files as a tar archive, owned by root, the same bytes for the same files."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        for file in wanted:
            entry = tarfile.TarInfo(file.path.lstrip("/"))
            entry.size, entry.mode = len(file.content), file.mode
            archive.addfile(entry, io.BytesIO(file.content))
    return stream.getvalue()


def link(bridge: Bridge, mac: str, mtu: int) -> str:
    """systemd.network(5): the machine's address on the lab's bridge, which is its way out as well."""
    return (
        f"[Match]\nMACAddress={mac}\n\n[Link]\nMTUBytes={mtu}\n\n"
        f"[Network]\nAddress={bridge.machine}/{bridge.subnet.prefixlen}\nGateway={bridge.subnet[1]}\nIPv6AcceptRA=no\n"
    )


def resolvers(*texts: str) -> str:
    """resolv.conf(5) for somebody else than this machine: the first text with a server that is not this machine's own loopback."""
    for text in texts:
        lines = [line for line in text.splitlines() if line.split()[:1] in (["nameserver"], ["search"], ["options"])]
        servers = [line.split()[1] for line in lines if line.startswith("nameserver") and len(line.split()) > 1]
        outside = [server for server in servers if not ipaddress.ip_address(server.partition("%")[0]).is_loopback]
        if outside:
            kept = [line for line in lines if not line.startswith("nameserver")]
            return "".join(f"{line}\n" for line in [*(f"nameserver {server}" for server in outside), *kept])
    return ""


def _resolvers() -> list[str]:
    # Where a resolver of its own listens on loopback, systemd keeps the real ones in the second file.
    paths = (Path("/etc/resolv.conf"), Path("/run/systemd/resolve/resolv.conf"))
    return [path.read_text(encoding="utf-8") for path in paths if path.exists()]


def _tap(lab: Lab) -> str:
    # Names of interfaces have at most 15 characters.
    return f"tap-{hashlib.sha256(lab.name.encode()).hexdigest()[:8]}"


def _mac(lab: Lab) -> str:
    return ":".join(["52:54:00", *(f"{byte:02x}" for byte in hashlib.sha256(lab.name.encode()).digest()[:3])])


def start(lab: Lab) -> None:
    """Switch the machine on where it is off; returns while it boots."""
    command = _command(lab)
    if not command:
        raise LabError("the lab has no machine: run `up --vm` or `add --vm` first")
    if running(lab):
        return
    _plug(lab)
    say(f"vm: starting {name(lab)}")
    console(lab).unlink(missing_ok=True)
    _process(lab).start(command, _home(lab) / "qemu.log")


def _plug(lab: Lab) -> None:
    tap = _tap(lab)
    if run(["ip", "link", "show", "dev", tap], check=False).returncode != 0:
        run(["ip", "tuntap", "add", "dev", tap, "mode", "tap"])
        run(["ip", "link", "set", "dev", tap, "alias", f"{LABEL}.name={lab.name}"])
    run(["ip", "link", "set", "dev", tap, "mtu", str(network.uplink_mtu()), "master", network.interface(lab), "up"])


def cut(lab: Lab) -> None:
    """A power cut: what the machine had not written to its disk is gone. `start` switches it on again."""
    if not _process(lab).end(_command(lab), signal.SIGKILL):
        raise LabError(f"{name(lab)} does not run")


def remove(lab: Lab) -> bool:
    """Take the machine away with its disk and its plug, keep what it was made from; False where there was none."""
    if not _home(lab).exists():
        return False
    _process(lab).end(_command(lab), signal.SIGKILL)
    if run(["ip", "link", "show", "dev", _tap(lab)], check=False).returncode == 0:
        run(["ip", "link", "delete", "dev", _tap(lab)])
    shutil.rmtree(_home(lab))
    return True


def ssh(lab: Lab, bridge: Bridge) -> list[str]:
    """The start of an ssh command to the machine, as root; append the remote command."""
    options = {
        "IdentityFile": keys.operator(lab),
        "IdentitiesOnly": "yes",
        "UserKnownHostsFile": _home(lab) / "known_hosts",
        "StrictHostKeyChecking": "yes",
        "ConnectTimeout": 10,
        "ServerAliveInterval": 10,
        "LogLevel": "ERROR",
    }
    return ["ssh", *(word for key, value in options.items() for word in ("-o", f"{key}={value}")), f"root@{bridge.machine}"]


def wait_for_boot(lab: Lab, bridge: Bridge, *, after: str = "") -> str:
    """Wait until a boot other than ``after`` is complete and the engine answers; returns its id, the kernel's own name for it."""
    found: list[str] = []

    def ready() -> bool:
        found[:] = _look(lab, bridge) if _alive(lab) and _greets(bridge.machine) else []
        return len(found) == 2 and found[0] != after

    wait(f"boot of {name(lab)}", ready, seconds=BOOT, pause=2)
    return found[0]


def _look(lab: Lab, bridge: Bridge) -> list[str]:
    """Boot id, and the engine's version where the boot is complete and it answers; empty where the machine does not."""
    done = run([*ssh(lab, bridge), _LOOK], check=False, timeout=120)
    return done.stdout.split()


def _alive(lab: Lab) -> bool:
    if running(lab):
        return True
    logs = [path for path in (_home(lab) / "qemu.log", console(lab)) if path.exists()]
    tail = [line for path in logs for line in path.read_text(encoding="utf-8", errors="replace").splitlines()[-10:]]
    raise LabError(f"{name(lab)} ended, see {_home(lab)}\n    " + "\n    ".join(tail))


def _greets(address: str) -> bool:
    try:
        with socket.create_connection((address, 22), timeout=5) as connection:
            return connection.recv(4) == b"SSH-"
    except OSError:
        return False


def reboot(lab: Lab, bridge: Bridge) -> str:
    """Reboot in order, as ``systemctl reboot`` does it, and wait for the next boot; returns its boot id."""
    before = _look(lab, bridge)
    if not before:
        raise LabError(f"{name(lab)} does not answer")
    # The connection may end before the command does.
    run([*ssh(lab, bridge), "systemctl reboot"], check=False, timeout=120)
    return wait_for_boot(lab, bridge, after=before[0])
