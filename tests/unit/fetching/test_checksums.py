# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Folders and archives, honest and hostile, and checksum.txt."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest
from ansible_collections.restaking.avs.plugins.module_utils.common.errors import InputError
from ansible_collections.restaking.avs.plugins.plugin_utils.fetching.cache import Cache
from ansible_collections.restaking.avs.plugins.plugin_utils.fetching.checksums import parse_checksums
from ansible_collections.restaking.avs.plugins.plugin_utils.packages.package import Package, PackageRequest, inspect_package, load_package
from ansible_collections.restaking.avs.plugins.plugin_utils.parsing.report import Report

from tests.unit.support.builders import checksum_of, package_files, write


def load(kind: str, path: Path, cache: Cache) -> Package:
    return load_package(PackageRequest({kind: str(path)}, "v5.5.2"), [], cache)


def refused(kind: str, path: Path, cache: Cache) -> list[str]:
    with pytest.raises(InputError) as caught:
        load(kind, path, cache)
    return [item.id for item in caught.value.findings]


HASH = hashlib.sha256(b"x").hexdigest()


@pytest.mark.parametrize(("line", "good"), [
    (f"{HASH}  pkg/a b.txt", True), (f"{HASH} *pkg/a", True), (f"{HASH}  ./pkg/a", True), (f"{HASH.upper()}  pkg/a", True),
    (f"{HASH} pkg/a", False), (f"{HASH[:-1]}  pkg/a", False), (f"{HASH}\tpkg/a", False), (f"{HASH}  ", False), ("", False), ("# comment", False),
    (f"{HASH}  /etc/passwd", False), (f"{HASH}  ../x", False), (f"\\{HASH}  pkg/a\\nb", False), (f"{HASH}  pkg/a\r", False), (f"{HASH}   pkg/a", False),
])  # fmt: skip
def test_checksum_lines(line: str, good: bool) -> None:
    report = Report("checksum.txt")
    parsed = parse_checksums(f"{line}\n".encode(), report)
    assert bool(parsed) == good and bool(report.findings) != good
    assert set(parsed.values()) <= {HASH}


@pytest.mark.parametrize(("change", "place"), [
    (lambda files: files.update({"pkg/manifest.yml": files["pkg/manifest.yml"] + "\n"}), "pkg/manifest.yml"),
    (lambda files: files.update({"pkg/extra": "x"}), "pkg/extra"),
    (lambda files: files.pop("pkg/option-returner/.env"), "pkg/option-returner/.env"),
    (lambda files: files.update({"checksum.txt": files["checksum.txt"] + "nonsense\n"}), "line 6"),
    (lambda files: files.update({"checksum.txt": files["checksum.txt"] + files["checksum.txt"].splitlines()[0] + "\n"}), "line 6"),
    (lambda files: files.update({"checksum.txt": files["checksum.txt"] + f"{HASH}  docs/README\n"}), "docs/README"),
])  # fmt: skip
def test_checksums_must_agree(tmp_path: Path, cache: Cache, change: Callable[[dict[str, str]], object], place: str) -> None:
    files = package_files()
    change(files)
    inspection = inspect_package(PackageRequest({"path": str(write(tmp_path / "p", files))}), [], cache)
    errors = [(item.id, item.place) for item in inspection.findings if item.severity == "error"]
    assert errors == [("PKG-013", f"checksum.txt: {place}")]


def test_files_beside_the_package_may_be_listed(tmp_path: Path, cache: Cache) -> None:
    files = package_files()
    files["docs/README"] = "x"
    files["checksum.txt"] = checksum_of(files) + f"{HASH}  docs/README\n"
    root = write(tmp_path / "p", files)
    assert load("path", root, cache).findings == ()
    (root / "docs/README").unlink()
    (root / "docs/README").symlink_to("/etc/hostname")
    assert refused("path", root, cache) == ["PKG-013"]


def test_an_operator_may_require_checksums(tmp_path: Path, cache: Cache) -> None:
    root = write(tmp_path / "p", package_files(checksums=False))
    assert load_package(PackageRequest({"path": str(root)}), [], cache).name == "mock-avs"
    with pytest.raises(InputError) as caught:
        load_package(PackageRequest({"path": str(root)}, require_checksum=True), [], cache)
    assert [item.id for item in caught.value.findings] == ["PKG-014"]
