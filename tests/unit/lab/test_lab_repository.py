# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Bare repositories made from folders."""

from __future__ import annotations

import os
import random
import subprocess
from pathlib import Path

import pytest

from tests.lab.repository import Version, order, publish


@pytest.fixture(scope="session")
def signer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    key = tmp_path_factory.mktemp("signer") / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    return key


def git(repository: Path, *arguments: str) -> str:
    command = ["git", "-c", "safe.directory=*", "-C", str(repository), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def versions(root: Path, contents: dict[str, str]) -> list[Version]:
    made = []
    for tag, content in contents.items():
        folder = root / tag
        (folder / "pkg").mkdir(parents=True)
        (folder / "pkg" / "manifest.yml").write_text(content)
        (folder / ".gitignore").write_text("pkg/\n")
        # Same size, same second, often the same inode: what git's index takes for the same file.
        os.utime(folder / "pkg" / "manifest.yml", (1_700_000_000, 1_700_000_000))
        made.append(Version(tag, folder, f"demo {tag}"))
    return made


def test_semantic_versions_sort_as_the_standard_says() -> None:
    tags = [
        "other",
        "v1.0.0-alpha",
        "v1.0.0-alpha.1",
        "v1.0.0-alpha.beta",
        "v1.0.0-beta.2",
        "v1.0.0-beta.11",
        "v1.0.0-rc.1",
        "v1.0.0",
        "v1.2.0",
        "1.10.0",
    ]
    shuffled = tags[:]
    random.Random(7).shuffle(shuffled)
    assert sorted(shuffled, key=order) == tags


def test_every_tag_holds_its_own_tree(tmp_path: Path, signer: Path) -> None:
    contents = {f"v1.{minor}.0": f"version: 1.{minor}.0\n" for minor in range(5)}
    commits = publish(tmp_path / "demo.git", versions(tmp_path / "trees", contents), signer)
    assert {tag: git(tmp_path / "demo.git", "show", f"{tag}:pkg/manifest.yml") + "\n" for tag in contents} == contents
    assert {tag: git(tmp_path / "demo.git", "rev-parse", f"{tag}^{{commit}}") for tag in contents} == commits
    assert git(tmp_path / "demo.git", "cat-file", "-t", "v1.0.0") == "tag"
    assert git(tmp_path / "demo.git", "rev-parse", "main") == commits["v1.4.0"]


def test_commits_depend_on_nothing_but_the_folders(tmp_path: Path, signer: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    contents = {"v1.0.0": "one\n", "v1.1.0": "two\n"}
    first = publish(tmp_path / "a.git", versions(tmp_path / "a", contents), signer)
    monkeypatch.setenv("GIT_AUTHOR_NAME", "Somebody Else")
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".gitconfig").write_text("[core]\n\tautocrlf = true\n[commit]\n\tgpgSign = true\n")
    assert publish(tmp_path / "b.git", versions(tmp_path / "b", contents), signer) == first


def test_an_unchanged_repository_is_left_alone_and_a_changed_one_replaced(tmp_path: Path, signer: Path) -> None:
    target = tmp_path / "demo.git"
    publish(target, versions(tmp_path / "a", {"v1.0.0": "one\n"}), signer)
    inode = target.stat().st_ino
    publish(target, versions(tmp_path / "b", {"v1.0.0": "one\n"}), signer)
    assert target.stat().st_ino == inode
    commits = publish(target, versions(tmp_path / "c", {"v1.0.0": "two\n"}), signer)
    assert git(target, "show", "v1.0.0:pkg/manifest.yml") == "two"
    assert git(target, "rev-parse", "main") == commits["v1.0.0"]
    assert [path.name for path in tmp_path.glob(".work-*")] == []


def test_tags_are_signed_by_the_release_key(tmp_path: Path, signer: Path) -> None:
    publish(tmp_path / "demo.git", versions(tmp_path / "a", {"v1.0.0": "one\n"}), signer)
    allowed = tmp_path / "allowed_signers"
    allowed.write_text(f'release@example.org namespaces="git" {Path(f"{signer}.pub").read_text()}')
    git(tmp_path / "demo.git", "-c", f"gpg.ssh.allowedSignersFile={allowed}", "verify-tag", "v1.0.0")
    allowed.write_text("")
    with pytest.raises(subprocess.CalledProcessError):
        git(tmp_path / "demo.git", "-c", f"gpg.ssh.allowedSignersFile={allowed}", "verify-tag", "v1.0.0")
