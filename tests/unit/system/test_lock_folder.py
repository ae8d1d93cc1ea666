# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The folder of locks lies where every user may make files."""

from __future__ import annotations

import errno
import fcntl
import os
from pathlib import Path

import pytest
from ansible_collections.restaking.avs.plugins.module_utils.common.errors import HostError, LockedError
from ansible_collections.restaking.avs.plugins.module_utils.system import lock_folder
from ansible_collections.restaking.avs.plugins.module_utils.system.lock import Lock

NOBODY = 65534
rooted = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")


def modes(path: Path) -> tuple[int, int, bool]:
    found = path.lstat()
    return found.st_uid, found.st_mode & 0o777, path.is_dir() and not path.is_symlink()


def ours(path: Path) -> bool:
    return modes(path) == (os.geteuid(), 0o755, True)


def test_it_is_made_and_stays(tmp_path: Path) -> None:
    folder = tmp_path / "lock" / "avs"
    with Lock(str(folder / "a.lock"), "x", 0):
        assert ours(folder)
        before = folder.stat().st_ino
    with Lock(str(folder / "a.lock"), "x", 0):
        assert folder.stat().st_ino == before


@pytest.mark.parametrize("mode", [0o777, 0o775, 0o757, 0o1777])
def test_others_may_not_write_in_it(tmp_path: Path, mode: int) -> None:
    folder = tmp_path / "avs"
    folder.mkdir()
    folder.chmod(mode)
    with Lock(str(folder / "a.lock"), "x", 0):
        assert ours(folder)


@pytest.mark.parametrize("kind", ["a link", "a dangling link", "a file", "a pipe"])
def test_what_is_no_folder_is_replaced(tmp_path: Path, kind: str) -> None:
    folder, elsewhere = tmp_path / "avs", tmp_path / "elsewhere"
    elsewhere.mkdir(mode=0o777)
    if kind == "a file":
        folder.touch()
    elif kind == "a pipe":
        os.mkfifo(folder)
    else:
        folder.symlink_to(elsewhere if kind == "a link" else "/nowhere")
    with Lock(str(folder / "a.lock"), "x", 0):
        assert ours(folder)
    assert os.listdir(elsewhere) == []


@rooted
def test_somebody_elses_folder_is_replaced(tmp_path: Path) -> None:
    folder = tmp_path / "avs"
    folder.mkdir(0o755)
    (folder / "a.lock").touch()
    os.chown(folder, NOBODY, NOBODY)
    os.chown(folder / "a.lock", NOBODY, NOBODY)
    with Lock(str(folder / "a.lock"), "x", 0):
        assert ours(folder) and (folder / "a.lock").stat().st_uid == os.geteuid()


@rooted
def test_a_lock_held_in_somebody_elses_folder_may_be_a_run_of_ours(tmp_path: Path) -> None:
    """An older release took the folder as it was; two runs at once are worse than none."""
    folder = tmp_path / "avs"
    folder.mkdir()
    os.chown(folder, NOBODY, NOBODY)
    with open(folder / "b.lock", "w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(HostError) as caught:
            Lock(str(folder / "a.lock"), "x", 0).__enter__()
    (problem,) = caught.value.findings
    assert (problem.id, problem.place) == ("OPS-010", str(folder)) and "b.lock is held" in problem.message
    assert f"rm -r {folder}" in problem.remedy and not isinstance(caught.value, LockedError)
    with Lock(str(folder / "a.lock"), "x", 0):
        assert ours(folder)


def test_somebody_who_makes_it_again_and_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "avs"

    def outrun(path: str, _mode: int = 0) -> None:
        Path(path).symlink_to("/nowhere")
        raise FileExistsError(path)

    monkeypatch.setattr(lock_folder.os, "mkdir", outrun)
    with pytest.raises(HostError, match="comes back"):
        lock_folder.own_lock_folder(str(folder))


def test_one_that_cannot_be_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "avs"
    folder.touch()

    def refuse(path: str) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted", path)

    monkeypatch.setattr(lock_folder.files, "remove", refuse)
    with pytest.raises(HostError, match="Operation not permitted") as caught:
        lock_folder.own_lock_folder(str(folder))
    assert [item.id for item in caught.value.findings] == ["OPS-010"]


@rooted
def test_a_lock_somebody_else_made_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "avs" / "a.lock"
    path.parent.mkdir()
    path.touch()
    os.chown(path, NOBODY, NOBODY)
    with open(path) as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with Lock(str(path), "x", 0):
            assert path.stat().st_uid == os.geteuid() and "holder" in path.read_text()


def test_a_full_file_system_keeps_nobody_from_a_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_arguments: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    path = str(tmp_path / "avs" / "a.lock")
    monkeypatch.setattr(os, "pwrite", full)
    with Lock(path, "x", 0), pytest.raises(LockedError, match="left no name"):
        Lock(path, "y", 0).__enter__()
