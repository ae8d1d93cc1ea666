# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Trees deeper than Python calls itself, than it may have files open, and than a path may be long."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible_collections.restaking.avs.plugins.module_utils.backup import changes
from ansible_collections.restaking.avs.plugins.module_utils.backup.listing import Tree
from ansible_collections.restaking.avs.plugins.module_utils.system import deep, files, trees

LEVELS = 1100


@pytest.fixture
def place() -> Iterator[Path]:
    """In memory: what is copied is flushed, folder by folder."""
    with tempfile.TemporaryDirectory(prefix="avs-unit-", dir="/dev/shm") as folder:
        yield Path(folder)


def dig(top: Path, name: str) -> None:
    """A file at the bottom, and one beside each folder on the way."""
    top.mkdir()
    here = os.open(top, os.O_RDONLY)
    for level in range(LEVELS):
        os.mkdir(name, dir_fd=here)
        if level % 100 == 0:
            os.symlink("/", "link", dir_fd=here)
        below = os.open(name, os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
    os.close(os.open("f", os.O_WRONLY | os.O_CREAT, dir_fd=here))
    os.close(here)


@pytest.mark.parametrize("name", ["d", "d" * 50])
def test_a_deep_tree_is_removed(place: Path, name: str) -> None:
    dig(place / "top", name)
    (place / "top" / "0").mkdir()
    (place / "top" / "0" / "f").write_text("")
    assert files.remove(str(place / "top")) and os.listdir(place) == [] and Path("/etc").exists()


def test_what_cannot_be_removed_is_told(place: Path) -> None:
    with pytest.raises(OSError):
        deep.remove(str(place / "none"))


def test_a_deep_tree_is_walked(place: Path) -> None:
    dig(place / "top", "d")
    top = str(place / "top")
    assert sum(1 for _folder in deep.walk(top)) == LEVELS + 1
    assert trees.tree_files(top) == ["d/" * LEVELS + "f"]
    assert [path for path, _seen in changes.files_changed([Tree("x", top)], 0)] == [f"{top}/{'d/' * LEVELS}f"]
    files.copy_tree(top, str(place / "copy"))
    assert trees.tree_digest(str(place / "copy")) == trees.tree_digest(top)
    for name in ("top", "copy"):
        files.remove(str(place / name))


def test_it_walks_as_the_library_does(place: Path) -> None:
    for name in ("a/b/c", "a/d", "e/f"):
        (place / name).mkdir(parents=True)
        (place / name / "x").write_text("")
    (place / "a" / "link").symlink_to("../e")
    (place / "a" / "dead").symlink_to("nowhere")
    assert list(deep.walk(str(place))) == list(os.walk(str(place)))
    found = []
    for folder, folders, _names in deep.walk(str(place)):
        folders[:] = [name for name in folders if name != "b"]
        found.append(os.path.relpath(folder, place))
    assert sorted(found) == [".", "a", "a/d", "e", "e/f"]
    assert list(deep.walk(str(place / "none"))) == list(os.walk(place / "none"))
