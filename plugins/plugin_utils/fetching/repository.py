# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A git repository somewhere, with the copy of it in the cache."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ...module_utils.common.errors import InputError
from ...module_utils.common.findings import WARNING, Finding
from ...module_utils.common.rules import finding
from .cache import Cache, key_of
from .git import GitError, run_git
from .git_url import GitUrl
from .tree import FILE, MAX_FILE_BYTES, Entry

_MODES = {"100644": FILE, "100755": FILE, "120000": "symbolic link", "160000": "submodule"}
_SHA = re.compile(r"[0-9a-f]{40}\Z")
FETCH_TIMEOUT = 600


class Repository:
    """One address. The network is asked once a run for its references, and for a commit only when the cache lacks it."""

    def __init__(self, url: GitUrl, cache: Cache) -> None:
        self.url = url
        self.cache = cache
        self.key = key_of(url.url)
        self.folder = cache.git_dir(self.key)
        self.findings: list[Finding] = []

    def refs(self) -> Mapping[str, str]:
        """Reference -> commit (``refs/tags/v1.0.0``, ``refs/heads/main``, ``HEAD``), annotated tags peeled.

        Where the server cannot be reached, what it said last time, with a warning in ``findings``; never seen before: ``InputError``.
        """
        mark = self.cache.mark(f"refs-{self.key}")
        if mark is None:
            with self.cache.lock(f"refs-{self.key}"):
                mark = self.cache.mark(f"refs-{self.key}") or self._ask()
        if mark.get("error"):
            known = self.cache.read("refs", self.key)
            message = f"{self.url.url} cannot be reached: {mark['error']}"
            if known is None:
                raise InputError(message, [finding("SRC-001", self.url.url, f"cannot be reached: {mark['error']}")])
            self.warn_offline(f"cannot be reached, using what it said on {known['time']}: {mark['error']}")
            return _texts(known.get("refs"))
        return _texts(mark.get("refs"))

    def warn_offline(self, message: str) -> None:
        warning = finding("SRC-001", self.url.url, message, severity=WARNING)
        if warning not in self.findings:
            self.findings.append(warning)

    def _ask(self) -> dict[str, Any]:
        try:
            self._prepare()
            output = run_git(self.folder, ["ls-remote", "--quiet", "--", self.url.url, "HEAD", "refs/heads/*", "refs/tags/*"], url=self.url)
        except GitError as error:
            mark: dict[str, Any] = {"error": str(error)}
        else:
            refs: dict[str, str] = {}
            for line in output.decode("utf-8", "replace").splitlines():
                sha, _tab, name = line.partition("\t")
                if _SHA.match(sha) and name.isprintable():
                    refs[name.removesuffix("^{}")] = sha
            mark = {"refs": refs}
            self.cache.write(
                "refs", self.key, {"refs": refs, "url": self.url.url, "time": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime())}
            )
        self.cache.set_mark(f"refs-{self.key}", mark)
        return mark

    def _prepare(self) -> None:
        if not (self.folder / "HEAD").exists():
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            run_git(self.folder, ["init", "--quiet", "--bare", "--template=", "--object-format=sha1", "."])

    def has(self, commit: str) -> bool:
        """Whether the cache holds the commit with everything it needs."""
        if not (self.folder / "HEAD").exists():
            return False
        try:
            # Our own reference is written after a fetch that succeeded, so it vouches for the whole tree.
            return run_git(self.folder, ["rev-parse", "--verify", "--quiet", f"refs/avs/{commit}^{{commit}}"]).decode().strip() == commit
        except GitError:
            return False

    def fetch(self, commit: str, ref: str | None = None) -> None:
        """Bring one commit into the cache, history left out where the server allows. ``ref`` is a reference known to lead to it.

        Raises ``InputError``.
        """
        if self.has(commit):
            return
        mark = f"fetch-{key_of(self.url.url, commit)}"
        with self.cache.lock(f"fetch-{self.key}"):
            if self.has(commit):
                return
            failed = self.cache.mark(mark)
            if failed is None:
                failed = {"error": self._fetch(commit, ref)}
                self.cache.set_mark(mark, failed)
        if failed["error"]:
            message = f"commit {commit} cannot be fetched: {failed['error']}"
            raise InputError(f"{self.url.url}: {message}", [finding("SRC-001", self.url.url, message)])

    def _fetch(self, commit: str, ref: str | None) -> str | None:
        """Try the cheap ways first; the error of the last one, or ``None``."""
        base = ["fetch", "--quiet", "--no-tags", "--no-recurse-submodules", "--no-auto-maintenance", "--force"]
        everything = ["+refs/heads/*:refs/remote/heads/*", "+refs/tags/*:refs/remote/tags/*"]
        ways = [[*base, "--depth=1", "--", self.url.url, commit]]
        ways += [[*base, "--depth=1", "--", self.url.url, ref]] if ref else []
        ways.append([*base, "--", self.url.url, *everything])
        problem = "the repository has no such commit"
        try:
            self._prepare()
        except GitError as error:
            return str(error)
        for way in ways:
            try:
                run_git(self.folder, way, url=self.url, timeout=FETCH_TIMEOUT)
            except GitError as error:
                problem = str(error)
                continue
            try:
                run_git(self.folder, ["rev-parse", "--verify", "--quiet", f"{commit}^{{commit}}"])
                run_git(self.folder, ["update-ref", f"refs/avs/{commit}", commit])
                return None
            except GitError:
                problem = "the repository has no such commit"
        return problem

    def fetch_tag_object(self, tag: str) -> str:
        """The reference in the cache under which the tag itself (not what it points to) now lies. Raises ``GitError``."""
        target = f"refs/remote/tags/{tag}"
        way = ["fetch", "--quiet", "--no-tags", "--no-recurse-submodules", "--no-auto-maintenance", "--force", "--depth=1", "--"]
        with self.cache.lock(f"fetch-{self.key}"):
            self._prepare()
            run_git(self.folder, [*way, self.url.url, f"+refs/tags/{tag}:{target}"], url=self.url, timeout=FETCH_TIMEOUT)
        return target

    def tree(self, commit: str) -> GitTree:
        return GitTree(self.folder, commit)


def _texts(data: Any) -> dict[str, str]:
    return {str(name): str(value) for name, value in data.items()} if isinstance(data, dict) else {}


class GitTree:
    """The tree of a commit, read as objects: no checkout, so no filters, attributes, links or hooks take part."""

    def __init__(self, folder: Path, commit: str) -> None:
        self.folder = folder
        self.commit = commit
        self._objects: dict[str, str] = {}

    def entries(self, prefix: str = "") -> Sequence[Entry]:
        found = []
        for record in self._git(["ls-tree", "-r", "-z", "-l", "--full-tree", self.commit]).split(b"\0"):
            if not record:
                continue
            head, _tab, name = record.partition(b"\t")
            mode, _kind, sha, size = head.decode().split()
            path = name.decode("utf-8", "surrogateescape")
            if prefix and "/" in path and not path.startswith(f"{prefix}/"):
                continue
            self._objects[path] = sha
            found.append(Entry(path, _MODES.get(mode, "special file"), int(size) if size.isdigit() else 0, mode == "100755"))
        return sorted(found, key=lambda entry: entry.path)

    def read(self, paths: Iterable[str]) -> Iterator[tuple[str, bytes]]:
        wanted = list(paths)
        if not self._objects:
            self.entries()
        output = self._git(["cat-file", "--batch"], "".join(f"{self._objects[path]}\n" for path in wanted).encode()) if wanted else b""
        position = 0
        for path in wanted:
            end = output.index(b"\n", position)
            size = int(output[position:end].split()[2])
            if size > MAX_FILE_BYTES:
                raise InputError(f"{path} is too large", [finding("SRC-003", path, f"is larger than {MAX_FILE_BYTES >> 20} MiB")])
            yield path, output[end + 1 : end + 1 + size]
            position = end + 1 + size + 1

    def _git(self, arguments: Sequence[str], stdin: bytes | None = None) -> bytes:
        try:
            return run_git(self.folder, arguments, stdin=stdin)
        except GitError as error:
            raise InputError(
                f"commit {self.commit} cannot be read: {error}", [finding("SRC-001", self.commit, f"cannot be read: {error}")]
            ) from None
