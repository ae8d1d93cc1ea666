# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where files are set aside no container has a hand in it. What a file system makes of it: tests/integration/host/test_clones.py."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.restaking.avs.plugins.module_utils.backup import cloned
from ansible_collections.restaking.avs.plugins.module_utils.backup.volumes import Item
from ansible_collections.restaking.avs.plugins.module_utils.instance.store import InstanceStore, Store


@pytest.fixture
def dump(tmp_path: Path) -> Item:
    """What a package saved of a volume itself lies in the volume."""
    volume = tmp_path / "v" / "_data"
    (volume / ".avs-backup" / "deep").mkdir(parents=True)
    return Item("volumes/v", str(volume / ".avs-backup"), "data", "v", volume_path=str(volume))


def fine(_args: list[str], **_options: Any) -> tuple[int, bytes, bytes]:
    return 0, b"", b""


def test_nothing_is_tried_where_a_container_can_write(dump: Item, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []
    mkdir = os.mkdir
    monkeypatch.setattr(os, "mkdir", lambda path, *more: (made.append(str(path)), mkdir(path, *more))[1])
    cloned.possible([dump], cloned.Run(fine))
    assert made == [os.path.join(os.path.dirname(dump.top), ".avs-cloned-try")]


@pytest.mark.parametrize("kind", ["file", "scratch"])
def test_no_link_is_followed(dump: Item, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    (tmp_path / "hosts").mkdir()
    victim = tmp_path / "hosts" / "one"
    victim.write_text("the host's")
    mkdir = os.mkdir

    def exchanged(path: str, *more: int) -> None:
        """Put there between two calls of ours."""
        if kind == "file":
            mkdir(path, *more)
            os.symlink(victim, os.path.join(path, "one"))
        else:
            os.symlink(victim.parent, path)

    monkeypatch.setattr(os, "mkdir", exchanged)
    assert not cloned.possible([dump], cloned.Run(fine))
    assert victim.read_text() == "the host's" and os.listdir(victim.parent) == ["one"]


def test_it_is_not_possible_where_others_write(dump: Item) -> None:
    above = os.path.dirname(dump.top)
    for mode, owner in ((0o777, 0), (0o755, 1000)):
        os.chmod(above, mode)
        os.chown(above, owner, 0)
        assert not cloned.possible([dump], cloned.Run(fine)) and os.listdir(above) == ["_data"]


def test_a_clone_of_a_part_hides_all_of_its_volume(dump: Item, tmp_path: Path) -> None:
    own: InstanceStore = Store(str(tmp_path / "lib"), str(tmp_path / "run"), str(tmp_path / "locks")).instance("a-1")
    Path(own.path("backup")).mkdir(parents=True)
    (tmp_path / "d").mkdir()
    items = [dump, Item("data", str(tmp_path / "d"), "data")]
    view = cloned.make(own, items, "t", cloned.Run(fine))
    scratch = f"{tmp_path}/v/.avs-cloned-t/files"
    assert view == {dump.path: f"{scratch}/.avs-backup", items[1].path: f"{tmp_path}/.avs-cloned-t/files"}
    assert cloned.over(items, view) == {dump.top: scratch, items[1].path: f"{tmp_path}/.avs-cloned-t/files"}
    assert os.path.isdir(scratch) and os.stat(os.path.dirname(scratch)).st_mode & 0o777 == 0o700
    cloned.settle(own)
    assert os.listdir(tmp_path / "v") == ["_data"]
