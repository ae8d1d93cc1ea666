# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lines that were made before a node is down say what a list made afterwards says, whatever becomes of a file in between."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from ansible_collections.restaking.avs.plugins.module_utils.backup import listing, remembered
from ansible_collections.restaking.avs.plugins.module_utils.backup.listing import Tree
from ansible_collections.restaking.avs.plugins.module_utils.backup.remembered import Remembered


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tree:
    """Whose files are as old as has to be."""
    monkeypatch.setattr(remembered, "_STEP", -(10**9))
    root = tmp_path / "tree"
    for name in ("a/deep", "b/x", "f", "names/one"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(name)
    (root / "link").symlink_to("f")
    os.link(root / "names" / "one", root / "names" / "other")
    os.truncate(root / "f", 1 << 20)
    return Tree("data", str(root))


def lists(tree: Tree, known: Remembered) -> tuple[list[bytes], list[bytes], set[str]]:
    """The lines of a list without it, those of a list with it, and which of these were made before."""
    there = replace(tree, known=known.entry)
    found = [entry for entry, _seen in listing.entries(there)]
    alone = [listing.line_of(entry) for entry, _seen in listing.entries(tree)]
    return alone, [entry.get(listing.LINE) or listing.line_of(entry) for entry in found], {e["path"] for e in found if listing.LINE in e}


def test_of_what_did_not_change_no_line_is_made_again(tree: Tree, tmp_path: Path) -> None:
    known = Remembered([tree])
    alone, found, before = lists(tree, known)
    # Links, and files that have several names, are looked at in any case.
    assert found == alone and before == {"", "a", "a/deep", "b", "b/x", "f", "names"}
    written = listing.write(str(tmp_path / "one"), [tree], 1 << 62)
    assert listing.write(str(tmp_path / "other"), [replace(tree, known=known.entry)], 1 << 62) == written
    assert listing.digest_of(str(tmp_path / "other")) == written.digest


def replaced(root: Path) -> None:
    (root / "new").write_text("f")
    (root / "new").rename(root / "f")


def swapped(root: Path) -> None:
    for one, other in (("a", "c"), ("b", "a"), ("c", "b")):
        (root / one).rename(root / other)


CHANGES: dict[str, Callable[[Path], object]] = {
    "content": lambda root: (root / "f").write_text("y"),
    "mode": lambda root: (root / "f").chmod(0o600),
    "time": lambda root: os.utime(root / "f", (1, 1)),
    "another file": replaced,
    "another name": lambda root: os.link(root / "f", root / "second"),
    "a file less": lambda root: (root / "b" / "x").unlink(),
    "a link": lambda root: ((root / "f").unlink(), (root / "f").symlink_to("a")),
    "folders in each other's place": swapped,
    "attributes": lambda root: os.setxattr(root / "f", "user.x", b"1"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_changed_since_is_looked_at(tree: Tree, change: str) -> None:
    known = Remembered([tree])
    before = lists(tree, known)[0]
    try:
        CHANGES[change](Path(tree.path))
    except OSError:
        pytest.skip("a file system without attributes")
    alone, found, _before = lists(tree, known)
    assert found == alone and alone != before


def test_what_changed_a_moment_before_may_change_again_in_the_same_one(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remembered, "_STEP", 3 * 10**9)
    assert lists(tree, Remembered([tree]))[2] == set()


def test_no_more_is_kept_than_there_is_memory_for(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remembered, "_MOST", 3)
    alone, found, before = lists(tree, Remembered([tree]))
    assert found == alone and len(before) == 3


def test_what_cannot_be_looked_at_yet_is_looked_at_later(tree: Tree) -> None:
    known = Remembered([Tree("gone", f"{tree.path}/nowhere"), tree])
    alone, found, _before = lists(tree, known)
    assert found == alone
