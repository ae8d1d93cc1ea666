# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What Ansible unpacks a module into, and nobody removes where the module was killed: a folder of code, no arguments in it."""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
import time
from collections.abc import Iterator

# Where Ansible unpacks it, unless told otherwise.
_PARENT = "/tmp"
_PREFIX = "ansible_restaking.avs.instances_payload_"
# Seconds a Python that makes such a folder may have run before.
_UNPACKING = 60.0


def sweep(here: str = __file__, processes: str = "/proc") -> None:
    """Remove such folders of killed runs from where ours is; does nothing where this library was not unpacked by Ansible."""
    own = _folder_of(here)
    if own is None:
        return
    _sweep(os.path.dirname(own), own, processes)


def sweep_all(parent: str = _PARENT, processes: str = "/proc") -> None:
    """The same for a library that runs without having been unpacked."""
    _sweep(parent, None, processes)


def _sweep(parent: str, own: str | None, processes: str) -> None:
    # Tidying up is no reason for a run to fail.
    with contextlib.suppress(OSError):
        left = [os.path.join(parent, name) for name in os.listdir(parent) if name.startswith(_PREFIX)]
        for path in left:
            if path != own and not _in_use(path, processes):
                shutil.rmtree(path, ignore_errors=True)


def _folder_of(path: str) -> str | None:
    """The folder of the archive in which ``path`` is."""
    while path != os.path.dirname(path):
        if os.path.basename(path).startswith(_PREFIX):
            return path
        path = os.path.dirname(path)
    return None


def _in_use(path: str, processes: str) -> bool:
    """Whether it may be a running module's: a folder does not say whose it is, but its maker began shortly before it."""
    try:
        found = os.lstat(path)
    except OSError:
        return True
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
        return True
    # Since the machine's start, as processes count: the clock may have been set meanwhile, but hardly while a module unpacks.
    made = time.clock_gettime(time.CLOCK_BOOTTIME) - (time.time() - found.st_mtime)
    return any(made - _UNPACKING <= began <= made + 1 for began in _others(processes))


def _others(processes: str) -> Iterator[float]:
    """When each other Python of this host began, in seconds since the machine's start; a container's are none of ours."""
    here = _namespace(processes, "self")
    for name in os.listdir(processes):
        if name.isdigit() and int(name) != os.getpid():
            try:
                program = os.path.basename(os.readlink(os.path.join(processes, name, "exe")))
                if "python" in program and _namespace(processes, name) == here:
                    with open(os.path.join(processes, name, "stat"), "rb") as handle:
                        yield int(handle.read().rpartition(b")")[2].split()[19]) / os.sysconf("SC_CLK_TCK")
            except OSError:
                continue


def _namespace(processes: str, name: str) -> str:
    """Of process ids."""
    return os.readlink(os.path.join(processes, name, "ns", "pid"))
