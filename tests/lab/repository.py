# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Bare git repositories made from folders: the same folders give the same commits, whoever makes them and when."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from .shell import run

_EPOCH = 1735689600  # 2025-01-01T00:00:00Z; each commit is a day after the one before it
_DAY = 86400
_WHO = "Example Release"


@dataclass(frozen=True)
class Version:
    """One commit: the whole tree in ``folder``, and the tag it gets."""

    tag: str
    folder: Path
    message: str


def order(tag: str) -> tuple[object, ...]:
    """Sort key of a tag by semantic versioning 2.0: pre-releases come before their release. Other tags come first."""
    match = re.fullmatch(r"v?(\d+)\.(\d+)\.(\d+)(?:-([0-9A-Za-z.-]+))?(?:\+[0-9A-Za-z.-]+)?", tag)
    if not match:
        return (0, tag)
    parts = tuple((0, int(part), "") if part.isdigit() else (1, 0, part) for part in (match[4] or "").split(".") if part)
    return (1, int(match[1]), int(match[2]), int(match[3]), not parts, parts)


def publish(target: Path, versions: Sequence[Version], signer: Path) -> dict[str, str]:
    """Make ``target`` the bare repository of ``versions``, one commit and one signed tag each; returns {tag: commit}.

    ``signer`` is an ssh private key. A repository that is already right is left alone.
    """
    work = Path(tempfile.mkdtemp(prefix=".work-", dir=target.parent))
    try:
        _git(work, ["init", "--quiet", "--initial-branch=main"])
        for number, version in enumerate(versions):
            for entry in work.iterdir():
                if entry.name != ".git":
                    shutil.rmtree(entry) if entry.is_dir() and not entry.is_symlink() else entry.unlink()
            shutil.copytree(version.folder, work, symlinks=True, dirs_exist_ok=True, ignore=shutil.ignore_patterns(".git"))
            date = f"{_EPOCH + number * _DAY} +0000"
            # git knows files by size, inode and second, and all three repeat here: an index that remembers would miss changes.
            _git(work, ["read-tree", "--empty"])
            _git(work, ["add", "--all", "--force"])
            _git(work, ["commit", "--quiet", "--allow-empty", "--message", version.message], date)
            sign = ["-c", "gpg.format=ssh", "-c", f"user.signingKey={signer}"]
            _git(work, [*sign, "tag", "--sign", "--message", version.message, version.tag], date)
        # As public forges do: a commit can be fetched by its id.
        for key, value in (("core.bare", "true"), ("uploadpack.allowAnySHA1InWant", "true"), ("uploadpack.allowFilter", "true")):
            _git(work, ["config", key, value])
        commits = {version.tag: _git(work, ["rev-parse", f"{version.tag}^{{commit}}"]) for version in versions}
        if not target.exists() or _refs(work / ".git") != _refs(target):
            old = work / "old"
            if target.exists():
                target.rename(old)
            (work / ".git").rename(target)
        return commits
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _refs(repository: Path) -> str:
    return _git(repository, ["for-each-ref"])


def _git(folder: Path, arguments: Sequence[str], date: str = "") -> str:
    # Nobody's git configuration, hooks or signing agent may change what is made here.
    env = {
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_AUTHOR_NAME": _WHO,
        "GIT_COMMITTER_NAME": _WHO,
        "GIT_AUTHOR_EMAIL": "release@example.org",
        "GIT_COMMITTER_EMAIL": "release@example.org",
    }
    if date:
        env |= {"GIT_AUTHOR_DATE": date, "GIT_COMMITTER_DATE": date}
    return run(["git", "-c", "safe.directory=*", "-C", str(folder), *arguments], env=env).stdout.strip()
