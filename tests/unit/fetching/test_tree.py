# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Folders and archives, honest and hostile, and checksum.txt."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from ansible_collections.restaking.avs.plugins.module_utils.common.errors import InputError
from ansible_collections.restaking.avs.plugins.plugin_utils.fetching.cache import Cache
from ansible_collections.restaking.avs.plugins.plugin_utils.fetching.tree import Entry, unsafe
from ansible_collections.restaking.avs.plugins.plugin_utils.packages.package import Package, PackageRequest, load_package
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.support.builders import package_files, write


def load(kind: str, path: Path, cache: Cache) -> Package:
    return load_package(PackageRequest({kind: str(path)}, "v5.5.2"), [], cache)


def refused(kind: str, path: Path, cache: Cache) -> list[str]:
    with pytest.raises(InputError) as caught:
        load(kind, path, cache)
    return [item.id for item in caught.value.findings]


def test_hostile_folders(tmp_path: Path, cache: Cache) -> None:
    root = write(tmp_path / "p", package_files(checksums=False))
    (root / "pkg/link").symlink_to("/etc/passwd")
    os.mkfifo(root / "pkg/pipe")
    (root / "pkg/folder").symlink_to("/etc")
    assert refused("path", root, cache) == ["SRC-003"] * 3


def test_beside_the_package_a_folder_may_hold_anything(tmp_path: Path, cache: Cache) -> None:
    root = write(tmp_path / "p", package_files())
    (root / "link").symlink_to("/etc/passwd")
    (root / "node_modules").mkdir()
    (root / "node_modules/link").symlink_to("/etc")
    assert load("path", root, cache).findings == ()


def test_the_executable_bit_survives(tmp_path: Path, cache: Cache) -> None:
    root = write(tmp_path / "p", package_files(checksums=False))
    (root / "pkg/manifest.yml").chmod(0o700)
    stored = load("path", root, cache).profiles["option-returner"].tree
    assert stat.S_IMODE((stored / "pkg/manifest.yml").stat().st_mode) & 0o111
    assert not stat.S_IMODE((stored / "pkg/option-returner/.env").stat().st_mode) & 0o111


@given(st.text(min_size=1))
def test_what_is_judged_safe_stays_below_the_root(path: str) -> None:
    if unsafe([Entry(path, "file", 1)]):
        return
    joined = os.path.normpath(os.path.join("/root", path))
    assert joined.startswith("/root/") and joined == f"/root/{path}"
    assert "\n" not in path and "\0" not in path


@pytest.mark.parametrize(("first", "second"), [("a/B", "a/b"), ("A/x", "a/y"), ("straße", "STRASSE"), ("e\u0301", "é")])
def test_names_that_differ_in_case_only(first: str, second: str) -> None:
    assert [item.id for item in unsafe([Entry(first, "file", 1), Entry(second, "file", 1)])] == ["SRC-003"]
