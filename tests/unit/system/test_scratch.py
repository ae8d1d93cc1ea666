# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Trees that travel packed, and where they are unpacked."""

from __future__ import annotations

import base64
import io
import os
import tarfile
from pathlib import Path

import pytest
from ansible_collections.restaking.avs.plugins.module_utils.common.errors import HostError
from ansible_collections.restaking.avs.plugins.module_utils.system.scratch import Scratch, unpack
from ansible_collections.restaking.avs.plugins.module_utils.system.trees import tree_digest


def packed(*members: tuple[str, bytes | None, int]) -> str:
    """base64 of a tar.gz; no content makes a symlink."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, content, mode in members:
            info = tarfile.TarInfo(name)
            info.mode = mode
            if content is None:
                info.type, info.linkname = tarfile.SYMTYPE, "/etc/passwd"
                archive.addfile(info)
            else:
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content))
    return base64.b64encode(buffer.getvalue()).decode()


def test_unpack(tmp_path: Path) -> None:
    expected = tmp_path / "expected"
    (expected / "pkg").mkdir(parents=True)
    (expected / "pkg/a").write_text("1")
    (expected / "run.sh").write_text("2")
    digest = tree_digest(str(expected))
    target = tmp_path / "target"
    target.mkdir()
    unpack(packed(("pkg/a", b"1", 0o600), ("run.sh", b"2", 0o4755)), str(target), digest, "x")
    assert (target / "pkg/a").read_text() == "1"
    assert (target / "pkg/a").stat().st_mode & 0o7777 == 0o644
    assert (target / "run.sh").stat().st_mode & 0o7777 == 0o755


@pytest.mark.parametrize(
    "content",
    [
        packed(("../a", b"1", 0o644)),
        packed(("/a", b"1", 0o644)),
        packed(("a", None, 0o644)),
        packed(("a", b"1", 0o644), ("a", b"2", 0o644)),
        packed(("a", b"other", 0o644)),
        "not base64!",
        base64.b64encode(b"not a tar").decode(),
        base64.b64encode(base64.b64decode(packed(("a", b"1" * 4000, 0o644)))[:60]).decode(),
    ],
    # An archive says when it was made: no name for a test.
    ids=["above", "absolute", "folder", "twice", "another file", "no base64", "no archive", "cut off"],
)
def test_trees_that_are_not_what_they_should_be(tmp_path: Path, content: str) -> None:
    target = tmp_path / "target"
    target.mkdir()
    with pytest.raises(HostError) as caught:
        unpack(content, str(target), "0" * 64, "demo-avs-op1")
    assert caught.value.findings[0].id == "SRC-003"
    assert os.listdir(tmp_path) == ["target"]


def test_a_scratch_goes_and_so_does_what_a_killed_run_left(tmp_path: Path) -> None:
    left = tmp_path / "avs-left"
    left.mkdir()
    (left / ".lock").touch()
    foreign = tmp_path / "avs-foreign"
    foreign.mkdir()
    with Scratch(str(tmp_path)) as one:
        assert sorted(os.listdir(tmp_path)) == sorted(["avs-foreign", os.path.basename(one.path)])
        assert os.stat(one.path).st_mode & 0o777 == 0o700
        with Scratch(str(tmp_path)) as other:
            assert os.path.isdir(one.path)
            assert other.path != one.path
        assert os.path.isdir(one.folder("demo-avs-op1"))
    assert os.listdir(tmp_path) == ["avs-foreign"]
