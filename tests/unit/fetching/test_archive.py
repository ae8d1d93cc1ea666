# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Folders and archives, honest and hostile, and checksum.txt."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import stat
import tarfile
import tracemalloc
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from ansible_collections.restaking.avs.plugins.module_utils.common.errors import InputError
from ansible_collections.restaking.avs.plugins.module_utils.system.trees import tree_digest
from ansible_collections.restaking.avs.plugins.plugin_utils.fetching import archive, packed, tree
from ansible_collections.restaking.avs.plugins.plugin_utils.fetching.cache import Cache
from ansible_collections.restaking.avs.plugins.plugin_utils.packages.package import Package, PackageRequest, load_package

from tests.unit.support.builders import package_files, write


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


@pytest.mark.parametrize("kind", ["pipe", "device", "folder"])
def test_only_files_are_archives(tmp_path: Path, cache: Cache, kind: str) -> None:
    path = Path("/dev/zero") if kind == "device" else tmp_path / "package.tgz"
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    with pytest.raises(InputError, match=r"is no tar or zip file that can be read: .*(regular file|directory)"):
        load("archive", path, cache)


def long_header(kind: bytes, size: int, suffix: str) -> bytes:
    """A member whose header says that a name of this size follows, and as many zeros."""
    header = tarfile.TarInfo("././@LongLink")
    header.type, header.size = kind, size
    block = header.tobuf(tarfile.GNU_FORMAT)
    packer = {"gz": zlib.compressobj(9, zlib.DEFLATED, 31), "xz": lzma.LZMACompressor(preset=0), "bz2": bz2.BZ2Compressor(1)}[suffix]
    piece = b"\0" * (1 << 20)
    return b"".join([packer.compress(block), *(packer.compress(piece) for _number in range(size >> 20)), packer.flush()])


@pytest.mark.parametrize(
    "kind", [tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK, tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE]
)
@pytest.mark.parametrize("suffix", ["gz", "xz", "bz2"])
def test_a_header_that_is_huge_is_not_read(tmp_path: Path, cache: Cache, kind: bytes, suffix: str) -> None:
    path = tmp_path / f"package.tar.{suffix}"
    path.write_bytes(long_header(kind, 64 << 20, suffix))
    tracemalloc.start()
    try:
        assert refused("archive", path, cache) == ["SRC-003"]
        assert tracemalloc.get_traced_memory()[1] < 16 << 20
    finally:
        tracemalloc.stop()


def test_folders_alone_are_counted(tmp_path: Path, cache: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packed, "MAX_MEMBERS", 20)
    path = tmp_path / "package.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        for number in range(30):
            member = tarfile.TarInfo(f"pkg/{number}")
            member.type = tarfile.DIRTYPE
            archive.addfile(member)
    assert refused("archive", path, cache) == ["SRC-003"]


def test_what_is_passed_over_is_counted_too(tmp_path: Path, cache: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder's header may state a size; what follows it is decompressed to get past it."""
    monkeypatch.setattr(packed, "MAX_BYTES", 1 << 20)
    member = tarfile.TarInfo("pkg/x")
    member.size = 4 << 20
    block = bytearray(member.tobuf())
    path = tmp_path / "package.tar.gz"
    path.write_bytes(gzip.compress(bytes(block) + b"\0" * member.size + member.tobuf() + b"\0" * 2048))
    assert refused("archive", path, cache) == ["SRC-003"]


def test_an_xz_file_that_asks_for_much_memory_is_refused(tmp_path: Path, cache: Cache) -> None:
    path = tmp_path / "package.tar.xz"
    filters = [{"id": lzma.FILTER_LZMA2, "preset": 0, "dict_size": 512 << 20}]
    compressor = lzma.LZMACompressor(filters=filters, format=lzma.FORMAT_XZ)
    # A dictionary of this size is not filled by so little; that it is asked for is enough.
    path.write_bytes(compressor.compress(b"\0" * 1024) + compressor.flush())
    assert refused("archive", path, cache) == ["SRC-001"]
