# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a package left of a volume is listed while its node runs, which leads nobody elsewhere by a link."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from ansible_collections.restaking.avs.plugins.module_utils.backup import listing
from ansible_collections.restaking.avs.plugins.module_utils.backup.listing import Tree
from ansible_collections.restaking.avs.plugins.module_utils.backup.snapshot import trees
from ansible_collections.restaking.avs.plugins.module_utils.backup.volumes import Item

Exchange = Callable[[], None]


@pytest.fixture
def dump(tmp_path: Path) -> Path:
    folder = tmp_path / "volume" / ".avs-backup"
    for name in ("a/b/c", "a/d", "x"):
        (folder / name).mkdir(parents=True)
        (folder / name / "rows").write_text(name)
    os.link(folder / "a" / "d" / "rows", folder / "a" / "other")
    (folder / "link").symlink_to("/etc")
    (folder / os.fsdecode(b"odd\xff\n")).write_text("odd")
    os.setxattr(folder / "a", "user.of", b"a")
    return folder


@pytest.fixture
def exchange(dump: Path, tmp_path: Path) -> Exchange:
    """Once: a folder of the host's in the place of one of the dump's."""
    host = tmp_path / "etc"
    host.mkdir()
    (host / "canary").write_text("of the host")

    def run() -> None:
        if not (dump / "a").is_symlink():
            (dump / "a").rename(dump.parent / "away")
            (dump / "a").symlink_to(host)

    return run


def held(dump: Path) -> Tree:
    (tree,) = trees([Item("volumes/v", str(dump), "data", "v", volume_path=str(dump.parent))])
    return tree


def test_it_is_listed_as_what_is_still(dump: Path) -> None:
    assert held(dump).held
    still = list(listing.entries(Tree("volumes/v", str(dump))))
    assert [entry for entry, _seen in listing.entries(held(dump))] == [entry for entry, _seen in still] and len(still) == 12
    part = Tree("volumes/v", str(dump), ["a/b"], held=True)
    assert "a/b/c" not in [entry["path"] for entry, _seen in listing.entries(part)]


@pytest.mark.parametrize("at", ["a", "a/b", "a/b/c"])
def test_a_link_in_the_place_of_a_folder_leads_nowhere_and_is_told(dump: Path, exchange: Exchange, at: str) -> None:
    listed = []
    with pytest.raises(NotADirectoryError):
        for entry, _seen in listing.entries(held(dump)):
            listed.append(entry["path"])
            if entry["path"] == at:
                exchange()
    assert not [path for path in listed if "canary" in path]


def test_it_is_told_as_written(dump: Path, exchange: Exchange, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tree, never = held(dump), 1 << 62
    assert listing.write(str(tmp_path / "sound"), [tree], never).written == [] and listing.written_since([tree], never) == []
    real = listing._entry

    def changing(name: str, path: str, relative: str, *more: object) -> object:
        if relative == "a/b":
            exchange()
        return real(name, path, relative, *more)  # type: ignore[arg-type]

    monkeypatch.setattr(listing, "_entry", changing)
    assert listing.write(str(tmp_path / "list"), [tree], never).written == ["volumes/v"]
    (dump / "a").unlink()
    (dump.parent / "away").rename(dump / "a")
    assert listing.written_since([tree], never) == ["volumes/v/"]
    assert "canary" not in str([*listing.read(str(tmp_path / "list"))])
