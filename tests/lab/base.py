# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Base images: one debootstrap a suite, everything else is built on it."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from pathlib import Path

from . import apt
from .errors import LabError
from .paths import LABEL, Lab
from .shell import run, say

# No documentation in images, and no fsync a file: the same packages, a third of the time.
_DPKG = """force-unsafe-io
path-exclude=/usr/share/doc/*
path-exclude=/usr/share/man/*
path-exclude=/usr/share/info/*
path-exclude=/usr/share/locale/*
path-include=/usr/share/locale/locale.alias
"""
_DROPPED = ("usr/share/doc", "usr/share/man", "usr/share/info", "usr/share/locale", "var/cache/apt", "var/lib/apt/lists", "var/log")
_RECIPE = "1"


def ensure(lab: Lab, machine: apt.Machine | None, suite: str) -> str:
    """Reference of the minimal image of ``suite``, with the machine's own archives, apt settings and CAs in it."""
    if machine is None:
        return _pulled(suite)
    files = {
        "etc/apt/sources.list.d/debian.sources": machine.sources_for(suite),
        "etc/apt/apt.conf.d/90machine": f'APT::Install-Recommends "false";\n{machine.acquire}',
        "etc/dpkg/dpkg.cfg.d/lab": _DPKG,
        "usr/sbin/policy-rc.d": "#!/bin/sh\nexit 101\n",
    }
    for path in machine.authorities:
        files[f"usr/local/share/ca-certificates/{path.name}"] = path.read_text(encoding="utf-8")
    key = hashlib.sha256(repr((_RECIPE, suite, sorted(files.items()))).encode()).hexdigest()[:12]
    reference = f"avs-lab/base-{suite}:{key}"
    if run(["docker", "image", "inspect", reference], check=False).returncode == 0:
        return reference
    tarball = lab.cache / f"base-{suite}-{key}.tar"
    if not tarball.exists():
        for outdated in lab.cache.glob(f"base-{suite}-*"):
            outdated.unlink()
        _bootstrap(lab, machine, suite, files, tarball)
    run(["docker", "import", "--change", f"LABEL {LABEL}=1", str(tarball), reference])
    return reference


def _pulled(suite: str) -> str:
    reference = f"debian:{suite}-slim"
    if run(["docker", "image", "inspect", reference], check=False).returncode == 0:
        return reference
    done = run(["docker", "pull", "--quiet", reference], check=False, timeout=300)
    if done.returncode != 0:
        raise LabError(f"{reference} cannot be pulled, and this machine is no Debian to build it on: {done.stderr.strip()}")
    return reference


def _bootstrap(lab: Lab, machine: apt.Machine, suite: str, files: dict[str, str], tarball: Path) -> None:
    apt.install(machine, ["debootstrap"])
    say(f"base: debootstrap {suite}")
    folder = Path(tempfile.mkdtemp(prefix=f"root-{suite}-", dir=lab.cache))
    try:
        folder.chmod(0o755)
        command = ["debootstrap", "--variant=minbase", "--include=ca-certificates", suite, str(folder), machine.mirror]
        run(command, env={"DEBIAN_FRONTEND": "noninteractive"})
        (folder / "etc/apt/sources.list").unlink(missing_ok=True)
        for name, content in files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content, encoding="utf-8")
        (folder / "usr/sbin/policy-rc.d").chmod(0o755)
        for name in _DROPPED:
            for entry in (folder / name).iterdir():
                shutil.rmtree(entry) if entry.is_dir() and not entry.is_symlink() else entry.unlink()
        run(["chroot", str(folder), "update-ca-certificates"])
        partial = tarball.with_suffix(".partial")
        run(
            [
                "tar",
                "--create",
                "--file",
                str(partial),
                "--directory",
                str(folder),
                "--one-file-system",
                "--numeric-owner",
                "--exclude=./dev/*",
                "--exclude=./proc/*",
                "--exclude=./sys/*",
                ".",
            ]
        )
        partial.rename(tarball)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    say(f"base: {suite} is {tarball.stat().st_size // 2**20} MiB")
