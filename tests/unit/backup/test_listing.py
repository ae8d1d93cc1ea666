# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a tree is like, and every way in which a copy may differ."""

from __future__ import annotations

import os
import shutil
import socket
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from ansible_collections.restaking.avs.plugins.module_utils.backup import changes, listing
from ansible_collections.restaking.avs.plugins.module_utils.backup.listing import Tree
from ansible_collections.restaking.avs.plugins.module_utils.backup.restic import literal


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    folder = tmp_path / "tree"
    (folder / "a" / "b").mkdir(parents=True)
    (folder / "a" / "f").write_text("content")
    os.link(folder / "a" / "f", folder / "a" / "g")
    (folder / "link").symlink_to("/nowhere")
    os.mkfifo(folder / "pipe")
    handle = os.open(os.path.join(os.fsencode(folder), b"odd\xff\n"), os.O_CREAT)
    os.close(handle)
    with open(folder / "sparse", "wb") as file:
        file.truncate(1 << 20)
    return folder


def listed(folder: Path, target: Path, since: int = 1 << 62, spared: tuple[str, ...] = ()) -> listing.Summary:
    return listing.write(str(target), [Tree("data", str(folder), spared)], since)


def copied(folder: Path) -> Path:
    """As good a copy as there is."""
    target = folder.parent / "copy"
    assert os.system(f"cp -a --sparse=always {folder} {target}") == 0  # noqa: S605
    return target


def found(tree: Path, other: Path, spared: tuple[str, ...] = ()) -> list[str]:
    path = tree.parent / "list"
    listed(tree, path, spared=spared)
    return listing.differences(listing.read(str(path)), [Tree("data", str(other), spared)])


def test_a_tree_is_as_itself_and_as_its_copy(tree: Path) -> None:
    assert found(tree, tree) == []
    (tree.parent / "list").unlink()
    assert found(tree, copied(tree)) == []


CHANGES: dict[str, tuple[Callable[[Path], object], str]] = {
    "mode": (lambda at: (at / "a" / "b").chmod(0o711), "data/a/b differs in mode"),
    "time": (lambda at: os.utime(at / "pipe", ns=(5, 5)), "data/pipe differs in time"),
    "link": (lambda at: ((at / "link").unlink(), (at / "link").symlink_to("/else")), "data/link differs in"),
    "size": (lambda at: (at / "a" / "f").write_text("other content"), "differs in size"),
    "hard link": (lambda at: (shutil.copy2(at / "a" / "g", at / "x"), os.replace(at / "x", at / "a" / "g")), "data/a/g differs in same"),
    "more": (lambda at: (at / "zz").mkdir(), "data/zz is there, and was not"),
    "less": (lambda at: (at / "sparse").unlink(), "data/sparse is missing"),
    "holes": (lambda at: (at / "sparse").write_bytes(b"x" * (1 << 20)), "differs in sparse"),
    "kind": (lambda at: ((at / "pipe").unlink(), (at / "pipe").write_text("")), "data/pipe differs in kind"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_copy_that_differs_is_told(tree: Path, name: str) -> None:
    other = copied(tree)
    CHANGES[name][0](other)
    problems = found(tree, other)
    assert any(CHANGES[name][1] in line for line in problems), problems


@pytest.mark.parametrize("kind", ["pipe", "link"])
def test_other_names_of_what_is_no_file_are_things_of_their_own(tree: Path, kind: str) -> None:
    os.link(tree / kind, tree / "zz", follow_symlinks=False)
    other = copied(tree)
    (other / "zz").unlink()
    assert os.system(f"cp -a {tree / kind} {other / 'zz'}") == 0  # noqa: S605
    shutil.copystat(tree, other)
    assert found(tree, other) == []
    # As releases before have noted it.
    before = [{**entry, **({"same": kind} if entry["path"] == "zz" else {})} for entry in listing.read(str(tree.parent / "list"))]
    assert listing.differences(before, [Tree("data", str(other))]) == []


def test_what_may_not_be_put_back_is_picked_out_and_told(tree: Path, tmp_path: Path) -> None:
    assert listed(tree, tmp_path / "sound").doubtful == []
    for name in (b"x", b"y"):
        os.symlink(b"nowhere-\xff", os.fsencode(tree) + b"/" + name)
    os.setxattr(tree / "a" / "f", b"user.\xff", b"")
    names, link = sorted(listed(tree, tmp_path / "odd").doubtful, key=lambda entry: str(entry["kind"]))
    assert (names["path"], link["path"]) == ("a/f", "x")
    assert "names are no text" in listing.restored(names, str(tree / "a" / "f"))
    assert listing.restored(link, str(tree / "x")) == "" and "differs in" in listing.restored(link, str(tree / "link"))
    assert listing.restored(link, str(tree / "gone")) == "data/x is missing"


def test_sockets_are_counted_and_not_expected(tree: Path, tmp_path: Path) -> None:
    other = copied(tree)
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(str(tree / "s"))
    shutil.copystat(other, tree)
    assert listed(tree, tmp_path / "l").sockets == 1
    assert listing.differences(listing.read(str(tmp_path / "l")), [Tree("data", str(other))]) == []


def test_what_was_written_since_is_told_and_what_is_spared_is_not_looked_at(tree: Path, tmp_path: Path) -> None:
    time.sleep(0.05)
    since = time.time_ns()
    time.sleep(0.05)
    assert listed(tree, tmp_path / "1", since).written == []
    (tree / "a" / "b" / "new").write_text("")
    assert listed(tree, tmp_path / "2", since).written == ["data/a/b", "data/a/b/new"]
    assert listed(tree, tmp_path / "3", since, ("a",)).written == []
    # A file that is removed changes its folder.
    (tree / "a" / "f").unlink()
    assert "data/a" in listed(tree, tmp_path / "4", since).written


def test_the_digest_is_of_the_entries(tree: Path, tmp_path: Path) -> None:
    one = listed(tree, tmp_path / "1")
    assert one.digest == listing.digest_of(str(tmp_path / "1")) == listed(tree, tmp_path / "2").digest
    assert (one.entries, one.size) == (9, 14 + (1 << 20))
    (tree / "a" / "f").chmod(0o600)
    assert listed(tree, tmp_path / "3").digest != one.digest


def test_bytes_that_changed_since(tree: Path) -> None:
    (tree / "full").write_bytes(b"x" * 8192)
    os.sync()
    trees = [Tree("data", str(tree))]
    assert changes.changed_since(trees, 0) >= 8192
    assert changes.changed_since(trees, time.time_ns() + 10**9) == 0


def test_a_path_is_no_pattern() -> None:
    assert literal("/a*[b]?\\c") == "/a\\*\\[b\\]\\?\\\\c"


@pytest.mark.parametrize("level", ["d", "d/e"])
def test_what_is_put_in_the_place_of_a_folder_leads_nowhere(tmp_path: Path, level: str) -> None:
    host, volume = tmp_path / "hosts", tmp_path / "volume"
    (host / "e").mkdir(parents=True)
    for folder in (host, host / "e"):
        (folder / "of the host").touch()
    (volume / "d" / "e").mkdir(parents=True)
    for name in ("d/file", "d/e/file", "last"):
        (volume / name).touch()
    found = []
    for entry, _seen in listing.entries(Tree("volumes/v", str(volume), loose=True)):
        found.append(entry["path"])
        if entry["path"] == level:
            (volume / "d").rename(volume / "was")
            (volume / "d").symlink_to(host)
    assert not [path for path in found if "host" in path] and "last" in found and all(found[1:])


def test_what_is_another_thing_by_then_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "link").symlink_to("x")
    (tmp_path / "rest").touch()
    lstat = os.lstat

    def exchanged(path: str) -> os.stat_result:
        seen = lstat(path)
        if path.endswith("/link"):
            os.unlink(path)
            Path(path).touch()
        return seen

    monkeypatch.setattr(os, "lstat", exchanged)
    assert [entry["path"] for entry, _seen in listing.entries(Tree("v", str(tmp_path), loose=True))] == ["", "rest"]
