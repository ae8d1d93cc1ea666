# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which commit a version is: what the operator pins, what a tap's index says, what the tag says and said before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ...module_utils.common.errors import InputError
from ...module_utils.common.findings import WARNING, Finding
from ...module_utils.common.names import is_prerelease, is_version, version_key
from ...module_utils.common.rules import finding
from ..fetching.cache import Cache
from ..fetching.repository import Repository


@dataclass(frozen=True)
class Pinned:
    """The commit to use for a version, and ``ref``, the tag that should lead to it."""

    version: str | None
    commit: str
    ref: str | None
    findings: tuple[Finding, ...] = ()


def tags_of(refs: Mapping[str, str]) -> dict[str, str]:
    """Version -> commit of the tags that are versions."""
    found = {name.removeprefix("refs/tags/"): commit for name, commit in refs.items() if name.startswith("refs/tags/")}
    return {name: commit for name, commit in found.items() if is_version(name)}


def released(versions: Sequence[str]) -> tuple[str, ...]:
    """Newest first, pre-releases left out: those count only when named."""
    return tuple(sorted((version for version in versions if not is_prerelease(version)), key=version_key, reverse=True))


def pin(repository: Repository, label: str, version: str | None, commit: str | None, indexed: Mapping[str, str] | None) -> Pinned:
    """``commit``: the operator's, which wins. ``indexed``: a tap's version -> commit, which binds the tag; ``None`` or empty: no index.

    Raises ``InputError``: no such version (INV-002), or a tag that does not lead to the commit it led to before (SRC-002).
    """
    if commit is not None:
        return _chosen(repository, version, commit)
    tags = tags_of(repository.refs())
    version = version or next(iter(released(list(indexed or tags))), None)
    if version is None:
        raise _unknown(label, "has no version yet", tags)
    actual = tags.get(version)
    expected = (indexed or {}).get(version)
    if indexed and expected is None:
        raise _unknown(label, f"{version} is not in the tap's index", indexed)
    ref = f"refs/tags/{version}"
    if expected is None and actual is None:
        raise _unknown(label, f"there is no version {version}", tags)
    if expected is not None and actual not in (None, expected):
        raise _moved(label, version, f"the tap's index says {version} is {expected}, the tag leads to {actual}")
    found = expected or str(actual)
    with repository.cache.lock(f"pins-{repository.key}"):
        pins = repository.cache.read("pins", repository.key) or {}
        before = pins.get(version, found)
        if before != found and expected is None:
            raise _moved(label, version, f"the tag {version} led to {before}, now it leads to {found}")
        if pins.get(version) != found:
            repository.cache.write("pins", repository.key, {**pins, version: found})
    notes = []
    if before != found:
        message = f"{version} was commit {before}; the tap's index now says {found}, which is used"
        notes.append(finding("SRC-002", label, message, severity=WARNING))
    return Pinned(version, found, ref if actual is not None else None, tuple(notes))


def _chosen(repository: Repository, version: str | None, commit: str) -> Pinned:
    """The operator's commit. The network is not asked for what is in the cache already."""
    refs = (repository.cache.read("refs", repository.key) or {}).get("refs") if repository.has(commit) else repository.refs()
    actual = tags_of(refs or {}).get(version or "")
    if version and actual == commit:
        with repository.cache.lock(f"pins-{repository.key}"):
            pins = repository.cache.read("pins", repository.key) or {}
            if pins.get(version) != commit:
                repository.cache.write("pins", repository.key, {**pins, version: commit})
    if actual in (None, commit):
        return Pinned(version, commit, f"refs/tags/{version}" if actual else None)
    message = f"the tag {version} leads to {actual}; commit {commit} is used, as the inventory says"
    return Pinned(version, commit, None, (finding("SRC-002", repository.url.url, message, severity=WARNING),))


def _unknown(label: str, why: str, known: Mapping[str, str]) -> InputError:
    names = sorted(known, key=version_key, reverse=True)
    versions = ", ".join(names[:20]) or "none"
    return InputError(f"{label}: {why}", [finding("INV-002", "version", why, f"Choose one of: {versions}.")])


def _moved(label: str, version: str, why: str) -> InputError:
    return InputError(f"{label}: the tag {version} moved", [finding("SRC-002", "version", why)])


def known_versions(cache: Cache, repository: Repository) -> tuple[str, ...]:
    """Released versions the server listed when it was last asked."""
    refs = (cache.read("refs", repository.key) or {}).get("refs") or {}
    return released(list(tags_of(refs)))
