# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What was fetched, kept on the controller: content-addressed, safe for many processes at once."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import stat
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ...module_utils.common.errors import InputError
from ...module_utils.common.rules import finding
from ...module_utils.system.trees import tree_digest

LOCK_TIMEOUT = 300.0


def default_root() -> Path:
    """The user's cache folder (XDG base directory specification)."""
    base = os.environ.get("XDG_CACHE_HOME") or ""
    return (Path(base) if base.startswith("/") else Path.home() / ".cache") / "restaking.avs"


def key_of(*parts: str) -> str:
    """A file name for anything: 40 hex digits."""
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogateescape")).hexdigest()[:40]


class Cache:
    """``root`` is kept between runs, private to the user; ``run_dir`` is Ansible's per-run folder, whose marks say what this run has done.

    Without ``run_dir`` the marks last as long as this object. Raises ``InputError`` where the folder cannot be used.
    """

    def __init__(self, root: Path | None = None, run_dir: Path | None = None) -> None:
        self.root = root or default_root()
        self._marks = run_dir / "restaking-avs" if run_dir else None
        self._own_marks: dict[str, Any] = {}
        try:
            self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
            for name in ("git", "locks", "meta", "trees"):
                (self.root / name).mkdir(mode=0o700, exist_ok=True)
            status = self.root.stat()
        except OSError as error:
            raise _unusable(self.root, str(error.strerror)) from None
        if status.st_uid != os.geteuid() or status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            raise _unusable(self.root, "others may write to it")

    @contextlib.contextmanager
    def lock(self, key: str) -> Iterator[None]:
        """Exclusive among all processes of the user; raises ``InputError`` after five minutes."""
        with open(self.root / "locks" / key, "ab") as handle:
            deadline = time.monotonic() + LOCK_TIMEOUT
            while True:
                try:
                    fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except OSError:
                    if time.monotonic() > deadline:
                        raise _unusable(self.root, "another run has been holding its lock for five minutes") from None
                    time.sleep(0.05)
            yield

    def git_dir(self, key: str) -> Path:
        return self.root / "git" / key

    def read(self, kind: str, key: str) -> dict[str, Any] | None:
        """A small record kept between runs; a broken one counts as none."""
        return _load(self.root / "meta" / f"{kind}-{key}.json")

    def write(self, kind: str, key: str, data: dict[str, Any]) -> None:
        _store(self.root / "meta" / f"{kind}-{key}.json", data)

    def mark(self, key: str) -> dict[str, Any] | None:
        """What this run noted under a key."""
        if self._marks is None:
            return self._own_marks.get(key)
        return _load(self._marks / f"{key}.json")

    def set_mark(self, key: str, data: dict[str, Any]) -> None:
        if self._marks is None:
            self._own_marks[key] = data
            return
        self._marks.mkdir(mode=0o700, parents=True, exist_ok=True)
        _store(self._marks / f"{key}.json", data)

    def tree(self, digest: str) -> Path | None:
        """A stored tree whose content still has the digest it is named by."""
        path = self.root / "trees" / digest
        return path if path.is_dir() and tree_digest(str(path)) == digest else None

    def store_tree(self, files: Iterator[tuple[str, bytes, bool]]) -> tuple[Path, str]:
        """Write ``(path, content, executable)``, all judged safe, and return the tree's folder and digest."""
        stage = Path(tempfile.mkdtemp(dir=self.root / "trees", prefix=".stage-"))
        try:
            for name, content, executable in files:
                path = stage / name
                path.parent.mkdir(parents=True, exist_ok=True)
                descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o755 if executable else 0o644)
                with open(descriptor, "wb") as handle:
                    handle.write(content)
            digest = tree_digest(str(stage))
            final = self.root / "trees" / digest
            with self.lock(f"tree-{digest[:40]}"):
                if self.tree(digest) is None:
                    # A damaged tree goes aside first: a folder cannot replace a folder that is not empty.
                    if final.exists():
                        os.rename(final, f"{stage}.damaged")
                    os.rename(stage, final)
            shutil.rmtree(f"{stage}.damaged", ignore_errors=True)
            return final, digest
        finally:
            shutil.rmtree(stage, ignore_errors=True)


def _unusable(path: Path, why: str) -> InputError:
    return InputError(
        f"the cache {path} cannot be used: {why}",
        [finding("SRC-001", str(path), why, "Correct the folder's owner and mode, or remove it.")],
    )


def _load(path: Path) -> dict[str, Any] | None:
    try:
        data = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return None
    return data if isinstance(data, dict) else None


def _store(path: Path, data: dict[str, Any]) -> None:
    """Readers see the old or the new record, never half of one."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".new-")
    with open(handle, "w", encoding="utf-8") as file:
        json.dump(data, file, sort_keys=True)
        file.flush()
        os.fsync(file.fileno())
    os.replace(name, path)
