# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.restaking.avs.plugins.module_utils.common.spec import Directory
from ansible_collections.restaking.avs.plugins.module_utils.instance import data_folders
from ansible_collections.restaking.avs.plugins.module_utils.instance.data_folders import (
    folder_actions,
    place_folders,
    settled_folders,
    wanted_folders,
)
from ansible_collections.restaking.avs.plugins.module_utils.instance.state import Folder

ME = f"{os.getuid()}:{os.getgid()}"
DIRECTORIES = [Directory(path="./db/", owner=ME, mode="0700")]


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def run(data: Path, wanted: Any, recorded: dict[str, Folder]) -> list[tuple[str, str]]:
    """What is announced, and then done; that is recorded."""
    settled = settled_folders(str(data), wanted, recorded)
    announced = folder_actions(str(data), wanted, settled)
    place_folders(str(data), wanted, settled)
    recorded.update(wanted)
    return [(action.name, action.action) for action in announced]


def test_declared_folders_win_over_undeclared_ones() -> None:
    assert wanted_folders(DIRECTORIES, {"db": None, "log": "5:6"}) == {
        "db": Folder(owner=ME, mode="0700"),
        "log": Folder(owner="5:6", mode="0755"),
    }


def test_a_changed_declaration_is_announced_and_done_once(tmp_path: Path) -> None:
    recorded: dict[str, Folder] = {}
    wanted = wanted_folders(DIRECTORIES, {})
    assert run(tmp_path, wanted, recorded) == [("data/db", "create")]
    assert mode(tmp_path / "db") == 0o700
    (tmp_path / "db" / "file").touch(0o600)
    wanted = {"db": Folder(owner=ME, mode="0750")}
    assert run(tmp_path, wanted, recorded) == [("data/db", "update")]
    assert (mode(tmp_path / "db"), mode(tmp_path / "db" / "file")) == (0o750, 0o600)
    assert run(tmp_path, wanted, recorded) == []


def test_what_a_killed_run_left_is_put_right(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = {"deep/db": Folder(owner=ME, mode="0755")}

    def killed(*_arguments: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(data_folders.os, "fchown", killed)
        place_folders(str(tmp_path), wanted, {})
    (tmp_path / "deep" / "db").chmod(0o700)
    assert run(tmp_path, wanted, {}) == [("data/deep/db", "update")]
    assert mode(tmp_path / "deep" / "db") == 0o755


def test_an_owner_that_differs_is_seen(tmp_path: Path) -> None:
    (tmp_path / "db").mkdir(0o755)
    other = {"db": Folder(owner=f"{os.getuid()}:{os.getgid() + 1}", mode="0755")}
    assert [action.action for action in folder_actions(str(tmp_path), other, {})] == ["update"]
    nobodys = {"db": Folder(owner=None, mode="0755")}
    assert folder_actions(str(tmp_path), nobodys, {}) == []


def test_what_a_container_made_of_its_own_folder_stays(tmp_path: Path) -> None:
    recorded: dict[str, Folder] = {}
    wanted = {"db": Folder(owner=ME, mode="0755")}
    run(tmp_path, wanted, recorded)
    (tmp_path / "db").chmod(0o700)
    assert run(tmp_path, wanted, recorded) == []
    assert mode(tmp_path / "db") == 0o700
    (tmp_path / "db").rmdir()
    assert run(tmp_path, wanted, recorded) == [("data/db", "create")]
    assert mode(tmp_path / "db") == 0o755
