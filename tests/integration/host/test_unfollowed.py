# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a container has put in the place of a folder, just when that is read, leads to no file of the host."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from ansible_collections.restaking.avs.plugins.module_utils.backup import kept, snapshot, unfollowed
from ansible_collections.restaking.avs.plugins.module_utils.backup.restic import Restic
from ansible_collections.restaking.avs.plugins.module_utils.backup.volumes import Item
from ansible_collections.restaking.avs.plugins.module_utils.common.errors import HostError

from tests.integration.host.test_restic import Repository, repository

__all__ = ["repository"]
EXCHANGE = """
import ctypes, sys
libc = ctypes.CDLL(None)
one, other = (name.encode() for name in sys.argv[1:])
print("ready", flush=True)
while True:
    libc.renameat2(-100, one, -100, other, 2)
"""
# Reads a file by its path, as often as it can in a second, or until it has found two.
READ = """
import sys, time
until, found = time.monotonic() + 1, set()
while time.monotonic() < until and len(found) < 2:
    try:
        with open(sys.argv[1]) as file:
            found.add(file.read())
    except OSError:
        pass
print(*sorted(found))
"""


@contextmanager
def exchanging(one: Path, other: Path) -> Iterator[None]:
    with subprocess.Popen([sys.executable, "-c", EXCHANGE, str(one), str(other)], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        try:
            yield
        finally:
            process.kill()


@pytest.mark.parametrize("up", ["/", "relative"])
def test_a_path_leads_to_no_file_of_the_host(tmp_path: Path, up: str) -> None:
    host, volume = tmp_path / "hosts", tmp_path / "a volume\\040"
    host.mkdir()
    (host / "secret").write_text("the host's")
    (volume / "d").mkdir(parents=True)
    (volume / "d" / "secret").write_text("mine")
    (volume / "other").symlink_to(host if up == "/" else "../hosts")
    line = [sys.executable, "-c", READ, str(volume / "d" / "secret")]
    with exchanging(volume / "d", volume / "other"):
        plain = subprocess.run(line, capture_output=True, text=True, check=True)
        apart = subprocess.run([*unfollowed.seen([str(volume)]), *line], capture_output=True, text=True, check=True)
    assert (plain.stdout, apart.stdout) == ("mine the host's\n", "mine\n")


def test_all_below_is_seen_so_and_nothing_of_it_is_left(tmp_path: Path) -> None:
    inner = tmp_path / "inner"
    inner.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "none", str(inner)], check=True)
    try:
        os.mknod(inner / "device", 0o020666, os.makedev(1, 3))
        (inner / "link").symlink_to("/etc/passwd")
        (inner / "file").write_text("x")
        script = 'cd "$1"; cat file; cat link device; touch new; readlink link'
        done = subprocess.run(
            [*unfollowed.seen([str(tmp_path)]), "/bin/sh", "-c", script, "sh", str(inner)], capture_output=True, text=True, check=False
        )
        assert done.stdout == "x/etc/passwd\n"
        for said in ("Too many levels of symbolic links", "Permission denied", "Read-only file system"):
            assert said in done.stderr
        (inner / "new").touch()
        assert (inner / "link").read_text() and (inner / "device").read_bytes() == b""
    finally:
        subprocess.run(["umount", str(inner)], check=True)


def test_where_it_cannot_be_done_nothing_is_read(repository: Repository, tmp_path: Path) -> None:
    done = subprocess.run([*unfollowed.seen([str(tmp_path / "none")]), "/bin/echo", "run"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (125, "") and done.stderr.startswith("apart: ")
    repository.items[:] = [Item("volumes/v", str(repository.folder), "data", "v", volume_path=str(tmp_path / "none"))]
    with pytest.raises(HostError, match="cannot be seen apart") as error:
        snapshot.live(repository.restic, "restic-a", repository.plan, snapshot.Terms("v1", 60))
    assert "Linux 5.10" in str(error.value.findings)


def test_a_live_safe_backup_has_no_file_of_the_host(repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    host = tmp_path / "hosts"
    host.mkdir()
    (host / "secret").write_text("the host's")
    for number in range(200):
        (repository.folder / f"d{number}").mkdir()
        (repository.folder / f"d{number}" / "secret").write_text("mine")
    (repository.folder / "other").symlink_to(host)
    repository.items[:] = [Item("volumes/v", str(repository.folder), "data", "v", live=True)]
    known: list[str] = []
    backup = Restic._call

    def seen(self: Restic, command: list[str], *rest: object, before: list[str] = ()) -> object:  # type: ignore[assignment]
        known.extend(before[:1])
        return backup(self, command, *rest, before=before)  # type: ignore[arg-type]

    monkeypatch.setattr(Restic, "_call", seen)
    until, number = time.monotonic() + 2, 0
    with exchanging(repository.folder / "d100", repository.folder / "other"):
        while time.monotonic() < until:
            number += 1
            terms = snapshot.Terms("v1", 60, kept.LIVE_SAFE)
            try:
                snapshot.copy(repository.restic, repository.own, repository.items, f"t{number}", terms)
            except (HostError, OSError) as error:
                # What restic could not read is told, and is no backup.
                assert getattr(error, "kind", "") == "incomplete", error
                snapshot.sweep(repository.own)
            snapshot.live(repository.restic, "restic-a", repository.plan, snapshot.Terms("v1", 60))
    assert known == ["unshare"] * 2 * number
    for one in repository.restic.snapshots():
        listed = subprocess.run(
            ["restic", "--no-cache", "-r", repository.restic.repository, "--password-file", repository.restic._password, "dump", one.id,
             str(repository.folder / "d100" / "secret")], capture_output=True, text=True, check=False)  # fmt: skip
        assert "the host's" not in listed.stdout
