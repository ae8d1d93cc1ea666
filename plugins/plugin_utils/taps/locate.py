# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From a request to the files of one version of one package."""

from __future__ import annotations

import difflib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ...module_utils.common.errors import InputError
from ...module_utils.common.findings import Finding
from ...module_utils.common.names import is_name, is_version
from ...module_utils.common.rules import finding
from ..fetching.archive import ArchiveTree
from ..fetching.cache import Cache
from ..fetching.git_url import parse_git_url
from ..fetching.repository import Repository
from ..fetching.snapshot import PACKAGE_FOLDER
from ..fetching.tree import FileTree, FolderTree
from ..parsing import corrections
from ..parsing.schema import is_commit
from .pins import known_versions, pin, released
from .tap import Adapter, Indexed, Tap, TapConfig, open_tap

KINDS = ("git", "path", "archive")


@dataclass(frozen=True)
class PackageRequest:
    """What an inventory entry says of its package: a name (``mock-avs``, ``core/mock-avs``) or one of ``{git:}``, ``{path:}``, ``{archive:}``."""

    # An address may carry credentials, which have no place in a traceback.
    package: str | Mapping[str, str] = field(repr=False)
    version: str | None = None
    commit: str | None = None
    require_checksum: bool = False

    @property
    def label(self) -> str:
        """The package as an error text names it, credentials removed."""
        if isinstance(self.package, str):
            name = self.package
        else:
            kind, where = next(iter(self.package.items()), ("", ""))
            name = str(where)
            if kind == "git":
                try:
                    name = parse_git_url(name, True, "package").url
                except InputError:
                    name = "git repository"
        return f"{name} {self.version}" if self.version else name


@dataclass(frozen=True)
class Located:
    """A package's files, not judged yet.

    ``folder`` is where the manifest lies: ``pkg`` of a native package, an adapter's folder. ``commit`` names the content of ``files``.
    ``local``: the operator holds the files, so an adapter may name folders of this machine.
    """

    files: FileTree
    folder: str
    adapter: bool
    version: str | None
    commit: str | None
    source: str
    versions: tuple[str, ...]
    local: bool
    upgrade: str | None = None
    tree_sha256: str | None = None
    findings: tuple[Finding, ...] = ()


def locate(request: PackageRequest, taps: Sequence[TapConfig], cache: Cache) -> Located:
    """Raises ``InputError``: the request makes no sense, the package or its version is not there, or it cannot be fetched."""
    problems = list(_check(request))
    if problems:
        raise InputError(f"{request.label}: the package is not named well", problems)
    if isinstance(request.package, str):
        return _from_taps(request, request.package, taps, cache)
    kind, where = next(iter(request.package.items()))
    if kind == "git":
        return _from_git(request, where, True, cache, None)
    path = Path(where).expanduser().absolute()
    if not path.exists():
        raise InputError(f"{path} does not exist", [finding("SRC-001", str(path), "does not exist", "Check the path on the controller.")])
    files: FileTree = ArchiveTree(path) if kind == "archive" else FolderTree(path)
    names = {entry.path for entry in files.entries(PACKAGE_FOLDER)}
    adapter = "manifest.yml" in names and f"{PACKAGE_FOLDER}/manifest.yml" not in names
    return Located(files, "" if adapter else PACKAGE_FOLDER, adapter, request.version, None, str(path), (), True)


def _check(request: PackageRequest) -> list[Finding]:
    found = []
    package = request.package
    if isinstance(package, str):
        if not all(is_name(part) for part in package.split("/")) or package.count("/") > 1:
            found.append(finding("INV-001", "package", f"{package!r} is not the name of a package, or tap/package"))
    elif len(package) != 1 or next(iter(package)) not in KINDS or not isinstance(next(iter(package.values())), str):
        found.append(finding("INV-001", "package", f"is not a name and not one of {{{'}, {'.join(f'{kind}: ...' for kind in KINDS)}}}"))
    if request.version is not None and not is_version(request.version):
        message = f"{request.version!r} is not a version like v1.2.3"
        found.append(finding("INV-001", "version", message, corrections.version(str(request.version))))
    if request.commit is not None and not is_commit(request.commit):
        found.append(finding("INV-001", "commit", f"{request.commit!r} is not a commit (40 small hex digits)"))
    elif request.commit is not None and not isinstance(package, str) and next(iter(package), None) in ("path", "archive"):
        found.append(finding("INV-001", "commit", "means nothing for a folder or an archive", "Remove it, or use {git: URL}."))
    return found


def _from_taps(request: PackageRequest, package: str, taps: Sequence[TapConfig], cache: Cache) -> Located:
    wanted, _slash, name = package.rpartition("/")
    chosen = [config for config in taps if wanted in ("", config.name)]
    if not chosen:
        names = ", ".join(config.name for config in taps) or "none"
        why = f"there is no tap {wanted}" if wanted else "no tap is configured"
        raise InputError(f"{package}: {why}", [finding("INV-002", "package", why, f"Add it to avs_taps (there now: {names}).")])
    offered: list[str] = []
    for config in chosen:
        # In order, and a tap that cannot be read ends the search: going on would let a later tap stand in for it.
        tap = open_tap(config, cache)
        entry = tap.package(name)
        if isinstance(entry, Indexed):
            return _from_index(request, tap, entry, cache)
        if isinstance(entry, Adapter):
            return _from_adapter(request, tap, entry)
        offered += tap.names()
    close = difflib.get_close_matches(name, offered, n=3)
    hint = f" (did you mean {', '.join(close)}?)" if close else ""
    where = ", ".join(config.name for config in chosen)
    remedy = f"The taps offer: {', '.join(sorted(set(offered))[:40]) or 'nothing'}."
    raise InputError(f"{package}: no such package", [finding("INV-002", "package", f"{name} is in none of the taps {where}{hint}", remedy)])


def _from_index(request: PackageRequest, tap: Tap, entry: Indexed, cache: Cache) -> Located:
    indexed = {version["version"]: version["commit"] for version in entry.versions}
    found = _from_git(request, entry.url, tap.local, cache, indexed)
    about: Mapping[str, str | None] = next((version for version in entry.versions if version["version"] == found.version), {})
    pinned = about.get("tree_sha256") if about.get("commit") == found.commit else None
    versions = released(list(indexed)) if indexed else found.versions
    return Located(
        found.files,
        PACKAGE_FOLDER,
        False,
        found.version,
        found.commit,
        found.source,
        versions,
        tap.local,
        about.get("upgrade"),
        pinned,
        (*tap.findings, *entry.findings, *found.findings),
    )


def _from_git(request: PackageRequest, address: str, local: bool, cache: Cache, indexed: Mapping[str, str] | None) -> Located:
    url = parse_git_url(address, local, request.label)
    repository = Repository(url, cache)
    pinned = pin(repository, request.label, request.version, request.commit, indexed)
    if request.commit is None:
        repository.fetch(pinned.commit, pinned.ref)
    else:
        _fetch_chosen(repository, request, pinned.ref)
    versions = known_versions(cache, repository)
    findings = (*repository.findings, *pinned.findings)
    tree = repository.tree(pinned.commit)
    return Located(tree, PACKAGE_FOLDER, False, pinned.version, pinned.commit, url.url, versions, local, findings=findings)


def _fetch_chosen(repository: Repository, request: PackageRequest, ref: str | None) -> None:
    """The commit the operator names: where it cannot be had, that field is what to look at."""
    try:
        repository.fetch(str(request.commit), ref)
    except InputError as error:
        why = f"{error.findings[0].message} ({repository.url.url})"
        remedy = "Correct it, or remove it to use the version's; check the controller's access to the repository."
        raise InputError(f"{request.label}: {why}", [finding("SRC-001", "commit", why, remedy)]) from None


def _from_adapter(request: PackageRequest, tap: Tap, entry: Adapter) -> Located:
    folders = entry.folders
    version = request.version or next(iter(released([name for name in folders if name])), None)
    if "" not in folders and version not in folders:
        why = f"there is no version {version}"
        remedy = f"Choose one of: {', '.join(folders)}."
        raise InputError(f"{request.label}: {why}", [finding("INV-002", "version", why, remedy)])
    versions = released([name for name in folders if name])
    folder = folders.get("") or folders[str(version)]
    return Located(
        FolderTree(tap.root), folder, True, version, None, os.fspath(tap.config.name), versions, tap.local, findings=tap.findings
    )
