# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Taps: git repositories or folders that index packages, and hold adapters around other people's compose files."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from ...module_utils.common.errors import InputError
from ...module_utils.common.findings import WARNING, Finding, errors_of
from ...module_utils.common.names import is_name, is_version, version_key
from ...module_utils.common.rules import finding
from ...module_utils.common.words import UPGRADES
from ..fetching.cache import Cache
from ..fetching.git_url import parse_git_url
from ..fetching.repository import Repository
from ..fetching.snapshot import snapshot
from ..fetching.tree import FILE, Entry, FolderTree, unsafe
from ..parsing import schema
from ..parsing.report import Report, Rules, shown
from ..parsing.schema import Check, Field, list_of, one_of, record, text
from ..parsing.yaml_file import load_mapping
from .signature import examine

FOLDER = "packages"
TAP_FILE = "tap.yml"
_TAP_RULES = Rules("TAP-001", "TAP-001", "PKG-003")

_VERSIONS = list_of(record({
    "version": Field(schema.version, required=True),
    "commit": Field(schema.commit, required=True),
    "tree_sha256": Field(schema.sha256),
    "upgrade": Field(one_of(*UPGRADES)),
}), unique="version")  # fmt: skip
_lines = list_of(schema.line, unique="")
_ABOUT = {
    "description": Field(text(lambda value: "\0" not in value and len(value) <= 5000, "a text")),
    "networks": Field(_lines),
    "contact": Field(schema.line),
    "signers": Field(_lines),
}


def _schema_version(value: Any, path: str, report: Report) -> Any:
    if value == 1 and not isinstance(value, bool):
        return 1
    report.add(report.rules.type, path, f"{shown(value)} is not a schema this collection knows", "Write schema: 1.")
    return None


def _expires(value: Any, path: str, report: Report) -> Any:
    if isinstance(value, str) and _moment(value) is not None:
        return value
    report.add(report.rules.type, path, f"{shown(value)} is not a date or time", "Write a date like 2027-01-15.")
    return None


def _moment(expires: str) -> datetime | None:
    """When a tap's time is over; a date counts to its end."""
    try:
        moment = datetime.fromisoformat(expires)
        if len(expires) == len("2027-01-15"):
            moment += timedelta(days=1)
    except (ValueError, OverflowError):
        return None
    return moment.replace(tzinfo=moment.tzinfo or UTC)


_TAP = record({
    "schema": Field(_schema_version, required=True),
    "name": Field(schema.line, required=True),
    "contact": Field(schema.line),
    "expires": Field(_expires),
})  # fmt: skip


def _index(name: str) -> Check:
    """``packages/<name>.yml``: the name stands in the file, too, so that a copied file is noticed."""
    return record({
        "name": Field(text(lambda value: value == name, "the file's name", lambda _given: f"Write name: {name}."), required=True),
        "url": Field(text(bool, "the address of a repository"), required=True),
        **_ABOUT,
        "versions": Field(_VERSIONS, default=list),
    })  # fmt: skip


@dataclass(frozen=True)
class TapConfig:
    """One entry of ``avs_taps``. ``allowed_signers`` is the path of a file in OpenSSH's format; with it unsigned taps are refused."""

    name: str
    # An address may carry credentials, which have no place in a traceback.
    url: str = field(repr=False)
    ref: str | None = None
    allowed_signers: str | None = None


@dataclass(frozen=True)
class Indexed:
    """``packages/<name>.yml``: where a package's repository is, and the commits of its versions, newest first."""

    name: str
    url: str
    versions: tuple[Mapping[str, Any], ...]
    about: Mapping[str, Any] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True)
class Adapter:
    """``packages/<name>/``: version -> its folder in the tap, newest first; the one key ``""`` where the folder has no versions."""

    name: str
    folders: Mapping[str, str]


@dataclass(frozen=True)
class Tap:
    """A tap that was read and, where asked for, verified. ``local``: it is a folder of this machine, so it may point into it."""

    config: TapConfig
    root: Path
    files: Sequence[Entry]
    local: bool
    commit: str | None
    about: Mapping[str, Any]
    findings: tuple[Finding, ...]

    def names(self) -> list[str]:
        """Every package the tap offers, sorted."""
        found = set()
        for entry in self.files:
            parts = entry.path.split("/")
            name = parts[1].removesuffix(".yml") if len(parts) == 2 and parts[1].endswith(".yml") else parts[1] if len(parts) > 2 else ""
            if parts[0] == FOLDER and is_name(name):
                found.add(name)
        return sorted(found)

    def package(self, name: str) -> Indexed | Adapter | None:
        """What the tap has under a name. Raises ``InputError`` for an entry that cannot be used."""
        paths = {entry.path for entry in self.files}
        file, folder = f"{FOLDER}/{name}.yml", f"{FOLDER}/{name}/"
        adapter = any(path.startswith(folder) for path in paths)
        if file in paths and adapter:
            raise _bad(self.config, f"holds both {file} and {folder}", "Keep one of the two.")
        if adapter:
            return self._adapter(name, folder, paths)
        return self._indexed(name, file) if file in paths else None

    def read(self, path: str) -> bytes | None:
        """A file of the tap, ``None`` where there is none."""
        if all(entry.path != path for entry in self.files):
            return None
        return next(FolderTree(self.root).read([path]))[1]

    def _adapter(self, name: str, folder: str, paths: set[str]) -> Adapter:
        if f"{folder}manifest.yml" in paths:
            return Adapter(name, {"": folder.rstrip("/")})
        found = {
            path.split("/")[2] for path in paths if path.startswith(folder) and path.endswith("/manifest.yml") and path.count("/") == 3
        }
        versions = sorted((version for version in found if is_version(version)), key=version_key, reverse=True)
        if not versions:
            raise _bad(self.config, f"{folder} has neither manifest.yml nor a folder like v1.2.3 with one", "Add manifest.yml.")
        return Adapter(name, {version: f"{folder}{version}" for version in versions})

    def _indexed(self, name: str, file: str) -> Indexed:
        report = Report(f"{self.config.name}/{file}", _TAP_RULES)
        fields = _fields(self.read(file) or b"", _index(name), report)
        if errors_of(report.findings):
            raise InputError(f"the tap {self.config.name} does not describe {name} well", report.findings)
        versions = sorted(fields["versions"], key=lambda entry: version_key(entry["version"]), reverse=True)
        about = {key: fields[key] for key in _ABOUT if fields[key] is not None}
        return Indexed(name, self.resolve(fields["url"]), tuple(versions), about, tuple(report.findings))

    def resolve(self, url: str) -> str:
        """An address in the tap; in a local tap a relative one starts at the tap's folder."""
        if self.local and "://" not in url and ":" not in url and not url.startswith("/"):
            base = parse_git_url(self.config.url, True, self.config.name).url
            return os.path.normpath(os.path.join(base, url))
        return url


def _fields(data: bytes, check: Check, report: Report) -> dict[str, Any]:
    """A file's fields as checked, nothing where it has none to check."""
    loaded = load_mapping(data, report)
    found: dict[str, Any] = check(loaded, "", report) if loaded or not report.findings else {}
    return found


def _bad(config: TapConfig, why: str, remedy: str | None = None, rule: str = "TAP-001") -> InputError:
    return InputError(f"tap {config.name}: {why}", [finding(rule, f"tap {config.name}", why, remedy)])


def parse_taps(declared: Any, base: Path | None = None, place: str = "avs_taps") -> list[TapConfig]:
    """``avs_taps`` as the inventory has it; relative paths of folders and signer files start at ``base``. Raises ``InputError``."""
    report = Report("", Rules("INV-001", "INV-001", "INV-001"))
    string = text(lambda value: bool(value) and value.isprintable(), "a text")
    fields = {
        "name": Field(text(is_name, "a name ([a-z0-9][a-z0-9-]{0,62})"), required=True),
        "url": Field(string, required=True),
        "ref": Field(text(lambda value: bool(value) and not value.startswith("-") and ".." not in value, "a tag or branch")),
        "allowed_signers": Field(string),
    }
    entries = list_of(record(fields), unique="name")([] if declared is None else declared, place, report)
    if errors_of(report.findings):
        raise InputError(f"{place} is not well formed", report.findings)
    return [TapConfig(**{**entry, **_based(entry, base)}) for entry in entries]


def _based(entry: Mapping[str, Any], base: Path | None) -> dict[str, str]:
    """Paths of an entry made absolute."""
    found = {}
    for name in ("url", "allowed_signers"):
        path = entry[name]
        if path and base is not None and "://" not in path and ":" not in path:
            found[name] = os.path.normpath(os.path.join(base, os.path.expanduser(path)))
    return found


def open_tap(config: TapConfig, cache: Cache) -> Tap:
    """Fetch, verify and list a tap. Raises ``InputError``: it cannot be read, its signature is missing, it has expired."""
    path = Path(config.url) if "://" not in config.url else None
    plain_folder = path is not None and path.is_dir() and (path / TAP_FILE).exists() and not config.ref and not config.allowed_signers
    if plain_folder and path is not None:
        return _open(config, path, True, None, [])
    try:
        url = parse_git_url(config.url, True, f"tap {config.name}")
        repository = Repository(url, cache)
        commit, ref = _resolve(config, repository)
        repository.fetch(commit, ref)
    except InputError as error:
        raise _bad(config, f"cannot be read: {error.message}") from None
    _look, remembered = examine(repository, config.name, config.allowed_signers, commit, ref)
    stored = snapshot(repository.tree(commit), FOLDER, cache, commit, beside=(TAP_FILE,))
    return _open(config, stored.tree, url.protocols == ("file",), commit, [*repository.findings, *remembered])


def _resolve(config: TapConfig, repository: Repository) -> tuple[str, str | None]:
    """The commit a tap is to be read at, and the reference that leads there."""
    ref = config.ref or "HEAD"
    if schema.is_commit(ref):
        return ref, None
    refs = repository.refs()
    for name in ("HEAD",) if ref == "HEAD" else (f"refs/tags/{ref}", f"refs/heads/{ref}"):
        if name in refs:
            return refs[name], name
    raise _bad(config, f"has no tag or branch {ref}")


def _open(config: TapConfig, root: Path, local: bool, commit: str | None, findings: Sequence[Finding]) -> Tap:
    entries = [entry for entry in FolderTree(root).entries(FOLDER) if entry.path == TAP_FILE or entry.path.startswith(f"{FOLDER}/")]
    problems = unsafe(entries)
    if problems:
        raise InputError(f"the tap {config.name} is not safe to use", problems)
    report = Report(f"{config.name}/{TAP_FILE}", _TAP_RULES)
    about: dict[str, Any] = {}
    if any(entry.path == TAP_FILE and entry.kind == FILE for entry in entries):
        about = _fields((root / TAP_FILE).read_bytes(), _TAP, report)
        about = {name: value for name, value in about.items() if value is not None}
        _check_expiry(about.get("expires"), config, report)
    else:
        report.add("TAP-001", "", "is missing: this is no tap")
    if errors_of(report.findings):
        raise InputError(f"the tap {config.name} cannot be used", report.findings)
    return Tap(config, root, entries, local, commit, about, (*findings, *report.findings))


def _check_expiry(expires: str | None, config: TapConfig, report: Report) -> None:
    """Refused where signatures were asked for (an old, once valid index hides new versions); noted elsewhere."""
    moment = _moment(expires) if expires is not None else None
    if moment is not None and moment < datetime.now(UTC):
        report.add("TAP-002", "expires", f"the tap expired on {expires}", severity=None if config.allowed_signers else WARNING)
