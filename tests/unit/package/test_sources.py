# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Folders and archives, honest and hostile, and checksum.txt."""

from __future__ import annotations

import hashlib
import io
import os
import stat
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from ansible_collections.restaking.avs.plugins.module_utils.canonical import tree_digest
from ansible_collections.restaking.avs.plugins.module_utils.errors import InputError
from ansible_collections.restaking.avs.plugins.plugin_utils import archive, tree
from ansible_collections.restaking.avs.plugins.plugin_utils.cache import Cache
from ansible_collections.restaking.avs.plugins.plugin_utils.checksum import parse_checksums
from ansible_collections.restaking.avs.plugins.plugin_utils.package import (
    Package,
    PackageRequest,
    inspect_package,
    load_package,
)
from ansible_collections.restaking.avs.plugins.plugin_utils.report import Report
from ansible_collections.restaking.avs.plugins.plugin_utils.tree import Entry, unsafe
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.package.builders import checksum_of, package_files, write


def load(kind: str, path: Path, cache: Cache) -> Package:
    return load_package(PackageRequest({kind: str(path)}, "v5.5.2"), [], cache)


def refused(kind: str, path: Path, cache: Cache) -> list[str]:
    with pytest.raises(InputError) as caught:
        load(kind, path, cache)
    return [item.id for item in caught.value.findings]


def make_tar(path: Path, files: dict[str, str], mode: str, prefix: str = "") -> Path:
    with tarfile.open(path, mode) as packed:
        for name, text in files.items():
            member = tarfile.TarInfo(prefix + name)
            member.size = len(text.encode())
            packed.addfile(member, io.BytesIO(text.encode()))
    return path


def make_zip(path: Path, files: dict[str, str], prefix: str = "") -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, text in files.items():
            packed.writestr(prefix + name, text)
    return path


@pytest.mark.parametrize("prefix", ["", "./", "mock-avs-5.5.2/"])
@pytest.mark.parametrize("suffix", ["tar", "tar.gz", "tar.xz", "zip"])
def test_archives_and_folders_give_the_same_package(tmp_path: Path, cache: Cache, suffix: str, prefix: str) -> None:
    files = package_files()
    folder = load("path", write(tmp_path / "folder", files), cache)
    path = tmp_path / f"package.{suffix}"
    if suffix == "zip":
        make_zip(path, files, prefix.removeprefix("./"))
    else:
        make_tar(path, files, {"tar": "w", "tar.gz": "w:gz", "tar.xz": "w:xz"}[suffix], prefix)
    package = load("archive", path, cache)
    assert package.findings == ()
    profile = package.profiles["option-returner"]
    assert profile.tree_sha256 == folder.profiles["option-returner"].tree_sha256 == tree_digest(str(profile.tree))


def link(kind: bytes) -> Callable[[tarfile.TarFile], None]:
    def add(packed: tarfile.TarFile) -> None:
        member = tarfile.TarInfo("pkg/option-returner/link")
        member.type, member.linkname = kind, "/etc/passwd"
        packed.addfile(member)

    return add


def plain(name: str) -> Callable[[tarfile.TarFile], None]:
    return lambda packed: packed.addfile(tarfile.TarInfo(name))


@pytest.mark.parametrize("hostile", [
    link(tarfile.SYMTYPE), link(tarfile.LNKTYPE), link(tarfile.CHRTYPE), link(tarfile.FIFOTYPE),
    plain("pkg/../../etc/evil"), plain("pkg//x"), plain("pkg/./x"), plain("pkg/option-returner/Profile.yml"), plain("PKG/../pkg/x"),
    plain("pkg/.git/config"), plain("pkg/.GIT/config"), plain("pkg/a\nb"), plain("pkg/" + "x" * 256), plain("pkg/manifest.yml"),
])  # fmt: skip
def test_hostile_tar_members(tmp_path: Path, cache: Cache, hostile: Callable[[tarfile.TarFile], None]) -> None:
    path = make_tar(tmp_path / "p.tar", package_files(checksums=False), "w")
    with tarfile.open(path, "a") as packed:
        hostile(packed)
    before = sorted(os.listdir(tmp_path))
    with tarfile.open(path) as packed:
        outside = "PKG/../pkg/x" in packed.getnames()
    if outside:
        assert load("archive", path, cache).name == "mock-avs"
    else:
        assert set(refused("archive", path, cache)) == {"SRC-003"}
    assert sorted(os.listdir(tmp_path)) == before and not (tmp_path.parent / "etc").exists()


@pytest.mark.parametrize("name", ["pkg/../../evil", "pkg/x\\..\\y"])
def test_hostile_zip_members(tmp_path: Path, cache: Cache, name: str) -> None:
    path = make_zip(tmp_path / "p.zip", {**package_files(checksums=False), name: "x"})
    assert set(refused("archive", path, cache)) == {"SRC-003"}


def test_links_in_a_zip(tmp_path: Path, cache: Cache) -> None:
    path = make_zip(tmp_path / "p.zip", package_files(checksums=False))
    with zipfile.ZipFile(path, "a") as packed:
        member = zipfile.ZipInfo("pkg/option-returner/link")
        member.external_attr = (stat.S_IFLNK | 0o777) << 16
        packed.writestr(member, "/etc/passwd")
    assert refused("archive", path, cache) == ["SRC-003"]


@pytest.mark.parametrize("suffix", ["zip", "tar.gz", "tar.xz"])
def test_archives_that_grow(tmp_path: Path, cache: Cache, suffix: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (archive, tree):
        monkeypatch.setattr(module, "MAX_FILE_BYTES", 10_000)
    files = {**package_files(checksums=False), "pkg/big": "0" * 10_001}
    path = tmp_path / f"p.{suffix}"
    if suffix == "zip":
        make_zip(path, files)
    else:
        make_tar(path, files, {"tar.gz": "w:gz", "tar.xz": "w:xz"}[suffix])
    assert refused("archive", path, cache) == ["SRC-003"]


def test_too_many_files(tmp_path: Path, cache: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (archive, tree):
        monkeypatch.setattr(module, "MAX_FILES", 20)
    files = {**package_files(checksums=False), **{f"pkg/f{number}": "" for number in range(20)}}
    assert refused("archive", make_tar(tmp_path / "p.tar", files, "w"), cache) == ["SRC-003"]
    assert refused("path", write(tmp_path / "p", files), cache) == ["SRC-003"]


@pytest.mark.parametrize("content", [b"", b"nonsense", b"PK\x03\x04broken", b"\x1f\x8b\x08broken"])
def test_broken_archives(tmp_path: Path, cache: Cache, content: bytes) -> None:
    path = tmp_path / "p.tar.gz"
    path.write_bytes(content)
    assert set(refused("archive", path, cache)) & {"SRC-001", "PKG-006"}


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
def test_checksums_must_agree(
    tmp_path: Path, cache: Cache, change: Callable[[dict[str, str]], object], place: str
) -> None:
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
