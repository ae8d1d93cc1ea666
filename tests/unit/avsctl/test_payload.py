# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Folders of killed modules go, those of running ones stay."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from ansible_collections.restaking.avs.plugins.module_utils.avsctl import payload

NAME = "ansible_restaking.avs.instances_payload_"


def unpacked(parent: Path, name: str, age: float = 0.0) -> Path:
    folder = parent / f"{NAME}{name}"
    folder.mkdir()
    (folder / f"{NAME[:-1]}.zip").write_bytes(b"code")
    os.utime(folder, (time.time() - age, time.time() - age))
    return folder


def here(folder: Path) -> str:
    """The library's own path, as Python knows it inside the archive."""
    return str(folder / f"{NAME[:-1]}.zip" / "ansible_collections" / "restaking" / "payload.py")


@pytest.fixture
def nobody(tmp_path: Path) -> str:
    """A process list with nothing but ourselves: what else runs on the machine is not the test's."""
    listing = tmp_path / "proc"
    (listing / "self" / "ns").mkdir(parents=True)
    (listing / "self" / "ns" / "pid").symlink_to("pid:[1]")
    return str(listing)


def test_what_a_killed_module_left_goes(tmp_path: Path, nobody: str) -> None:
    own, left, foreign = unpacked(tmp_path, "own"), unpacked(tmp_path, "left"), tmp_path / "ansible_setup_payload_x"
    foreign.mkdir()
    elsewhere = unpacked(tmp_path / "proc", "target")
    link = tmp_path / f"{NAME}link"
    link.symlink_to(elsewhere)
    payload.sweep(here(own), nobody)
    assert not left.exists()
    assert own.is_dir() and foreign.is_dir() and link.is_symlink() and elsewhere.is_dir()


def test_a_library_that_was_not_unpacked_leaves_all_alone(tmp_path: Path, nobody: str) -> None:
    left = unpacked(tmp_path, "left")
    payload.sweep(str(tmp_path / "payload.py"), nobody)
    assert left.is_dir()


def test_a_library_that_lies_elsewhere_removes_what_others_left(tmp_path: Path, nobody: str) -> None:
    left = unpacked(tmp_path, "left")
    payload.sweep_all(str(tmp_path), nobody)
    assert not left.exists()


@pytest.mark.parametrize(
    ("began", "namespace", "program", "stays"),
    [
        (30, 1, "/usr/bin/python3.13", True),
        (30, 1, "/opt/tools/bin/python3", True),
        (90, 1, "/usr/bin/python3.13", False),
        (30, 2, "/usr/bin/python3.13", False),
        (30, 1, "/usr/bin/dockerd", False),
    ],
)
def test_whose_it_may_be(tmp_path: Path, nobody: str, began: float, namespace: int, program: str, stays: bool) -> None:
    """A Python of the host's own that began shortly before may be its owner; a node's in a container is not."""
    own, folder = unpacked(tmp_path, "own"), unpacked(tmp_path, "other")
    process = Path(nobody) / str(os.getpid() + 1)
    (process / "ns").mkdir(parents=True)
    (process / "ns" / "pid").symlink_to(f"pid:[{namespace}]")
    (process / "exe").symlink_to(program)
    ticks = int((time.clock_gettime(time.CLOCK_BOOTTIME) - began) * os.sysconf("SC_CLK_TCK"))
    (process / "stat").write_text(f"1 (a (b) c) S {'0 ' * 18}{ticks} 0")
    payload.sweep(here(own), nobody)
    assert folder.exists() == stays


def test_what_a_running_module_uses_stays(tmp_path: Path) -> None:
    own = unpacked(tmp_path, "own")
    code = (
        "import os, sys, time\n"
        f"folder = os.path.join({str(tmp_path)!r}, {NAME!r} + 'running')\n"
        "os.mkdir(folder); print(folder, flush=True); time.sleep(60)"
    )
    running = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    try:
        assert running.stdout is not None
        folder = Path(running.stdout.readline().strip())
        payload.sweep(here(own))
        assert folder.is_dir()
        began = float(Path(f"/proc/{running.pid}/stat").read_text().rpartition(")")[2].split()[19])
        assert began / os.sysconf("SC_CLK_TCK") in list(payload._others("/proc"))
    finally:
        running.kill()
        running.wait()
