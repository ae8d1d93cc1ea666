# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Owners are given to what was restored, and to nothing else."""

from __future__ import annotations

import os
from pathlib import Path

from ansible_collections.restaking.avs.plugins.module_utils.backup import owners


def test_links_lead_to_no_file_of_the_host(tmp_path: Path) -> None:
    outside, root = tmp_path / "etc", tmp_path / "restored"
    outside.mkdir()
    root.mkdir()
    for name in ("shadow", "passwd"):
        (outside / name).write_text("the host's")
        (outside / name).chmod(0o600)
        os.chown(outside / name, 1000, 1000)
    # In the list each was a file of the node's.
    (root / "shadow").symlink_to(outside / "shadow")
    (root / "below").symlink_to(outside)
    os.chown(root / "shadow", 1000, 1000, follow_symlinks=False)
    owners.give(str(root), {1000: 2000})
    assert {(path.stat().st_uid, path.stat().st_mode & 0o7777) for path in outside.iterdir()} == {(1000, 0o600)}
    assert (root / "shadow").lstat().st_uid == 2000


def test_each_file_is_given_once_whatever_it_may_do(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    tool = tmp_path / "a" / "tool"
    tool.touch()
    os.link(tool, tmp_path / "b")
    for path in (tmp_path / "a", tool):
        os.chown(path, 1000, 3000)
    tool.chmod(0o4750)
    owners.give(str(tmp_path), {1000: 2000, 2000: 4000})
    assert [(seen.st_uid, seen.st_gid) for seen in (tool.stat(), (tmp_path / "a").stat())] == [(2000, 3000)] * 2
    assert tool.stat().st_mode & 0o7777 == 0o4750
