# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from ansible_collections.restaking.avs.plugins.module_utils.common.errors import HostError
from ansible_collections.restaking.avs.plugins.module_utils.instance import first_files
from ansible_collections.restaking.avs.plugins.module_utils.instance.first_files import place_first_files

ME = (os.getuid(), os.getgid())


@pytest.fixture
def tree(tmp_path: Path) -> str:
    folder = tmp_path / "tree/pkg/conf/deep"
    folder.mkdir(parents=True)
    (folder / "run.sh").write_text("#!/bin/sh\n")
    (folder / "run.sh").chmod(0o755)
    (folder.parent / "app.toml").write_text("a = 1\n")
    (folder.parent / ".gitkeep").write_text("")
    return str(tmp_path / "tree")


def names(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


@pytest.mark.parametrize("name", ["conf", "up/there/conf"])
def test_a_folder_begins_with_the_packages_files(tmp_path: Path, tree: str, name: str) -> None:
    data = tmp_path / "data"
    place_first_files(str(data), {name: "pkg/conf"}, tree, {name: ME}, (".gitkeep",))
    assert names(data / name) == ["app.toml", "deep", "deep/run.sh"]
    assert stat.S_IMODE((data / name / "deep/run.sh").stat().st_mode) == 0o755
    assert [path for path in names(data) if path.startswith(".")] == []


@pytest.mark.parametrize("held", [{}, {"app.toml": "mine"}])
def test_a_folder_that_is_there_is_the_nodes(tmp_path: Path, tree: str, held: dict[str, str]) -> None:
    (tmp_path / "data/conf").mkdir(parents=True)
    for name, text in held.items():
        (tmp_path / "data/conf" / name).write_text(text)
    place_first_files(str(tmp_path / "data"), {"conf": "pkg/conf"}, tree, {}, ())
    assert {path.name: path.read_text() for path in (tmp_path / "data/conf").iterdir()} == held


def test_a_run_that_is_cut_leaves_no_half_a_folder(tmp_path: Path, tree: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def cut(*_arguments: object, **_named: object) -> None:
        raise OSError("cut")

    with monkeypatch.context() as patched:
        patched.setattr(first_files.os, "rename", cut)
        with pytest.raises(OSError, match="cut"):
            place_first_files(str(tmp_path / "data"), {"conf": "pkg/conf"}, tree, {}, ())
    assert not (tmp_path / "data/conf").exists()
    place_first_files(str(tmp_path / "data"), {"conf": "pkg/conf"}, tree, {}, ())
    assert names(tmp_path / "data") == ["conf", "conf/.gitkeep", "conf/app.toml", "conf/deep", "conf/deep/run.sh"]


def test_a_link_on_the_way_is_refused(tmp_path: Path, tree: str) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "data").mkdir()
    (tmp_path / "data/up").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(HostError):
        place_first_files(str(tmp_path / "data"), {"up/conf": "pkg/conf"}, tree, {}, ())
    assert names(tmp_path / "elsewhere") == []
