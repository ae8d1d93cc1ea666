# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The machine's disk: a Debian with a kernel of its own, made once for each text of its recipe, in the lab's cache."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from . import build
from .errors import LabError
from .paths import LABEL, Lab
from .shell import run, say

SUITE = "trixie"
# Sparse: what it takes on the machine is what is written in it.
_DISK_BYTES = 10 * 2**30
_MKE2FS = ("mke2fs", "-q", "-F", "-t", "ext4", "-L", "avs-lab")
_EXTRA = "restic cosign"
_DOCKERFILE = Path(__file__).parent / "dockerfiles" / "vm.Dockerfile"
# The first boot of a new disk unpacks what differs from lab to lab: keys, names, addresses. It comes as a tar archive on a second disk, because
# nothing on the machine has to be mounted or changed for that, and a secret in it is in no argument of a process.
_FILES_SERVICE = """[Unit]
Description=Unpack the files of the lab, once
DefaultDependencies=no
ConditionPathExists=!/etc/avs-lab-files
Requires=dev-vdb.device
After=dev-vdb.device systemd-remount-fs.service
Before=sysinit.target network-pre.target systemd-networkd.service ssh.service docker.service shutdown.target
Conflicts=shutdown.target

[Service]
Type=oneshot
ExecStart=/usr/local/sbin/avs-lab-files

[Install]
WantedBy=sysinit.target
"""
# The second half is what update-ca-certificates does for one more CA; it does it for all of them, which takes the emulated processor minutes.
_FILES_SCRIPT = """#!/bin/sh
set -e
tar --extract --file /dev/vdb --directory /
authority=/usr/local/share/ca-certificates/avs-lab.crt
ln -s "$authority" /etc/ssl/certs/avs-lab.pem
ln -s avs-lab.pem "/etc/ssl/certs/$(openssl x509 -noout -hash -in "$authority").0"
cat "$authority" >>/etc/ssl/certs/ca-certificates.crt
touch /etc/avs-lab-files
"""
_FILES = {
    "etc/fstab": "/dev/vda / ext4 defaults 0 1\n",
    "etc/systemd/system/avs-lab-files.service": _FILES_SERVICE,
    "usr/local/sbin/avs-lab-files": _FILES_SCRIPT,
    # Only what boots this machine: the emulated processor unpacks the initramfs at every boot.
    "etc/initramfs-tools/conf.d/lab": "MODULES=list\n",
    "usr/share/initramfs-tools/modules.d/lab": "virtio_pci\nvirtio_blk\next4\n",
}


@dataclass(frozen=True)
class Recipe:
    """All that decides on the disk: what the builder is told, and how a file system is made of what it built."""

    dockerfile: str
    files: tuple[tuple[str, str], ...]
    arguments: tuple[tuple[str, str], ...]
    disk: tuple[str, ...]

    @property
    def entries(self) -> dict[str, build.Entry]:
        return {
            f"files/{path}": build.Entry(content.encode(), 0o755 if content.startswith("#!") else 0o644) for path, content in self.files
        }

    @property
    def key(self) -> str:
        """Twelve hex digits that change with the recipe's text."""
        return build.digest(self.dockerfile + repr(self.disk), self.entries, dict(self.arguments))


@dataclass(frozen=True)
class Built:
    """A base disk (raw, never written again), and the kernel and initramfs on it, which QEMU starts itself."""

    disk: Path
    kernel: Path
    initrd: Path


def recipe(base: str) -> Recipe:
    """The recipe on a minimal image of the suite, which has the machine's archives, apt settings and CAs."""
    arguments = (("BASE", base), ("EXTRA", _EXTRA))
    return Recipe(_DOCKERFILE.read_text(encoding="utf-8"), tuple(_FILES.items()), arguments, (*_MKE2FS, str(_DISK_BYTES)))


def ensure(lab: Lab, base: str) -> Built:
    """The built disk, from the cache where it is there; takes about two minutes else. Needs root, for the owners of files."""
    wanted = recipe(base)
    folder = lab.cache / f"vm-{wanted.key}"
    if not folder.exists():
        for outdated in lab.cache.glob("vm-*"):
            shutil.rmtree(outdated)
        partial = Path(tempfile.mkdtemp(prefix="vm-", suffix=".partial", dir=lab.cache))
        _make(wanted, partial)
        partial.rename(folder)
    return Built(folder / "disk.img", folder / "vmlinuz", folder / "initrd.img")


def _make(wanted: Recipe, folder: Path) -> None:
    reference = build.ensure(f"vm-{SUITE}", wanted.dockerfile, files=wanted.entries, arguments=dict(wanted.arguments))
    say("vm: making its disk")
    root = folder / "root"
    root.mkdir()
    container = run(["docker", "create", "--label", f"{LABEL}=1", reference, "/sbin/init"]).stdout.strip()
    try:
        _unpack(container, root)
    finally:
        run(["docker", "rm", "--force", container])
    # The engine's mark of a container, which systemd believes.
    (root / ".dockerenv").unlink(missing_ok=True)
    for name in ("etc/.updated", "var/.updated"):
        # systemd.unit(5), ConditionNeedsUpdate: nothing is to be rebuilt at the first boot for a /usr that is older than this.
        (root / name).touch()
    for name, found in (("vmlinuz", "vmlinuz-*"), ("initrd.img", "initrd.img-*")):
        (source,) = (root / "boot").glob(found)
        shutil.copyfile(source, folder / name)
    disk = folder / "disk.img"
    with disk.open("wb") as stream:
        stream.truncate(_DISK_BYTES)
    run([*_MKE2FS, "-d", str(root), str(disk)], timeout=600)
    shutil.rmtree(root)
    say(f"vm: its disk holds {disk.stat().st_blocks * 512 // 2**20} MiB")


def _unpack(container: str, root: Path) -> None:
    tar = ["tar", "--extract", "--numeric-owner", "--xattrs", "--xattrs-include=*", "--directory", str(root)]
    with subprocess.Popen(["docker", "export", container], stdout=subprocess.PIPE) as export:
        run(tar, stdin=export.stdout, timeout=600)
    if export.returncode:
        raise LabError(f"docker export {container}: exit {export.returncode}")
