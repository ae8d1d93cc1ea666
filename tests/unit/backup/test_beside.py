# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A list that is written while something else is done: what was written meanwhile is told, and what failed leaves none."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.restaking.avs.plugins.module_utils.backup import listing
from ansible_collections.restaking.avs.plugins.module_utils.backup.beside import Beside
from ansible_collections.restaking.avs.plugins.module_utils.backup.listing import Tree


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name in ("a/b/deep", "cache/x", "f"):
        path = tmp_path / "tree" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    return tmp_path / "tree"


def an_instant() -> int:
    """After everything that was, by the clock of files."""
    time.sleep(0.05)
    since = time.time_ns()
    time.sleep(0.05)
    return since


def listed(tree: Path, since: int, spared: tuple[str, ...] = ()) -> Beside:
    return Beside(str(tree.parent / "list"), [Tree("data", str(tree), spared)], since)


def test_it_is_the_list_that_is_written_alone(tree: Path) -> None:
    with listed(tree, an_instant()) as found:
        pass
    summary = found.summary()
    (tree.parent / "list").unlink()
    assert summary == listing.write(str(tree.parent / "list"), [Tree("data", str(tree))], 1 << 62) and summary.written == []


@pytest.mark.parametrize("name", ["f", "a/b/deep", "a/b/new", "a"])
def test_what_is_written_after_it_was_listed_is_told(tree: Path, name: str) -> None:
    with listed(tree, an_instant()) as found:
        found._thread.join()
        (tree / name).chmod(0o700) if name == "a" else (tree / name).write_text("x")
    assert f"data/{name}" in found.summary().written


def test_what_goes_meanwhile_is_told_by_its_folder(tree: Path) -> None:
    with listed(tree, an_instant()) as found:
        found._thread.join()
        os.unlink(tree / "a/b/deep")
    assert found.summary().written == ["data/a/b"]


def test_what_is_spared_may_change(tree: Path) -> None:
    with listed(tree, an_instant(), ("cache",)) as found:
        (tree / "cache/x").write_text("y")
    assert found.summary().written == []


def test_what_fails_beside_it_ends_it(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    begun = threading.Event()
    real = listing.entries

    def slow(tree: Tree) -> Iterator[Any]:
        for entry in real(tree):
            begun.set()
            time.sleep(1)
            yield entry

    monkeypatch.setattr(listing, "entries", slow)
    started = time.monotonic()
    with pytest.raises(ValueError, match="full"), listed(tree, 0) as found:
        begun.wait(5)
        raise ValueError("full")
    assert time.monotonic() - started < 5
    with pytest.raises(InterruptedError):
        found.summary()


def test_one_that_takes_too_long_is_none(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = listing.entries

    def slow(tree: Tree) -> Iterator[Any]:
        for entry in real(tree):
            time.sleep(0.3)
            yield entry

    monkeypatch.setattr(listing, "entries", slow)
    started = time.monotonic()
    with Beside(str(tree.parent / "list"), [Tree("data", str(tree))], 0, 0.2) as found:
        pass
    with pytest.raises(TimeoutError, match=r"took longer than 0\.2 s"):
        found.summary()
    assert time.monotonic() - started < 1.5


def test_a_list_that_cannot_be_written_is_an_error(tree: Path) -> None:
    (tree.parent / "list").write_text("somebody else's")
    with listed(tree, 0) as found:
        pass
    with pytest.raises(FileExistsError):
        found.summary()
