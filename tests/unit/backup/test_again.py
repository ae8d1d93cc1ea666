# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is read again though its times do not say so. That restic does: tests/integration/host/test_restic.py and test_clones.py."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.restaking.avs.plugins.module_utils.backup import again
from ansible_collections.restaking.avs.plugins.module_utils.backup.cloned import Run
from ansible_collections.restaking.avs.plugins.module_utils.backup.listing import Tree
from ansible_collections.restaking.avs.plugins.module_utils.backup.span import Span
from ansible_collections.restaking.avs.plugins.module_utils.backup.volumes import Item


def an_instant() -> int:
    time.sleep(0.15)
    now = time.time_ns()
    time.sleep(0.15)
    return now


def test_files_that_changed_during_a_pass_are_risky(tmp_path: Path) -> None:
    (tmp_path / "before").write_text("")
    begun = an_instant()
    (tmp_path / "meanwhile").write_text("")
    (tmp_path / "spared").mkdir()
    (tmp_path / "spared" / "x").write_text("")
    ended = an_instant()
    (tmp_path / "after").write_text("")
    tree = Tree("data", str(tmp_path), ["spared"])
    assert again.risky([tree], begun, ended) == [str(tmp_path / "meanwhile")]
    assert sorted(map(os.path.basename, again.risky([tree], begun))) == ["after", "meanwhile"]
    span = Span(begun, ended)
    now = time.time_ns()
    assert [name for name in ("before", "meanwhile", "after") if span.is_odd((tmp_path / name).stat(), now)] == ["meanwhile"]
    for moment in (begun, now + 10**9):
        os.utime(tmp_path / "after", ns=(moment, moment))
        assert span.is_odd((tmp_path / "after").stat(), now)


def test_one_that_is_marked_has_another_change_time_and_nothing_else(tmp_path: Path) -> None:
    one = tmp_path / "one"
    one.write_text("x")
    one.chmod(0o4751)
    os.utime(one, ns=(5, 7))
    seen = one.stat()
    time.sleep(0.05)
    (tmp_path / "link").symlink_to("/etc/passwd")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    # What is none by now, restic sees itself.
    assert again.mark([str(tmp_path / name) for name in ("one", "link", "pipe", "folder", "gone", "one/x")])
    now = one.stat()
    assert now.st_ctime_ns > seen.st_ctime_ns
    assert (now.st_mode, now.st_mtime_ns, now.st_size, now.st_ino) == (seen.st_mode, 7, 1, seen.st_ino)


def test_one_that_cannot_be_marked_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "one").write_text("")

    def refuse(_handle: int, _mode: int) -> None:
        raise PermissionError(1, "immutable")

    monkeypatch.setattr(os, "fchmod", refuse)
    assert not again.mark([str(tmp_path / "one"), str(tmp_path / "gone")])


@pytest.mark.parametrize(
    ("kind", "sees", "flushed"), [("ext4", True, 0), ("xfs", True, 0), ("zfs", True, 1), ("nfs4", True, 1), ("tmpfs", False, 0)]
)
def test_of_file_systems_that_tell_late_all_is_on_the_disk_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, sees: bool, flushed: int
) -> None:
    lines: list[list[str]] = []

    def run(args: list[str], **_options: Any) -> tuple[int, bytes, bytes]:
        lines.append(args[args.index("sync") :])
        return 0, b"", b""

    monkeypatch.setattr(again, "kind_of", lambda _path: kind)
    items = [Item("data", str(tmp_path), "data"), Item("more", str(tmp_path), "data")]
    assert again.ready(Run(run), items, []) is sees
    assert lines == [["sync", "--file-system", "--", str(tmp_path)]] * flushed


def test_the_file_system_of_a_path() -> None:
    assert again.kind_of("/proc/1") == "proc" and again.kind_of("/dev/shm/x/y") == "tmpfs"
    assert again.kind_of("/") == again.kind_of("/procx")


def test_a_time_that_is_another_meanwhile(tmp_path: Path) -> None:
    (tmp_path / "one").write_text("")
    os.link(tmp_path / "one", tmp_path / "two")
    found = [(str(tmp_path / name), 10**18) for name in ("one", "two")]
    with again.disguised(found):
        assert (tmp_path / "two").stat().st_mtime_ns == 10**18 + 10**9
    assert (tmp_path / "one").stat().st_mtime_ns == 10**18
