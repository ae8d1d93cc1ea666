# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a tap offers, for a person or a template."""

from __future__ import annotations

from typing import Any

from ...module_utils.common.errors import InputError
from ...module_utils.common.findings import Finding
from ..fetching.cache import Cache
from ..fetching.git_url import parse_git_url
from ..fetching.repository import Repository
from .pins import released, tags_of
from .tap import Indexed, Tap


def offer(tap: Tap, cache: Cache) -> dict[str, Any]:
    """``name``, ``commit``, ``packages`` (name -> kind, source, versions newest first, description...) and ``findings``.

    A package that cannot be read is listed with no versions and a finding; the others still are.
    """
    findings = list(tap.findings)
    packages = {name: offer_of(tap, name, cache, findings) for name in tap.names()}
    return {
        "name": tap.config.name,
        "commit": tap.commit,
        "about": dict(tap.about),
        "packages": packages,
        "findings": [item.as_dict() for item in findings],
    }


def offer_of(tap: Tap, name: str, cache: Cache, findings: list[Finding]) -> dict[str, Any]:
    """One package: ``kind``, ``source``, ``versions`` newest first, ``upgrades`` (version -> urgency) as far as the index says, and what else
    it says. What is wrong with it goes to the ``findings``."""
    try:
        entry = tap.package(name)
        if not isinstance(entry, Indexed):
            return {"kind": "adapter", "source": None, "versions": list(released([key for key in entry.folders if key])) if entry else []}
        findings += entry.findings
        url = parse_git_url(entry.url, tap.local, name)
        versions = [version["version"] for version in entry.versions]
        if not versions:
            repository = Repository(url, cache)
            versions = list(tags_of(repository.refs()))
            findings += repository.findings
        commits = {version["version"]: version["commit"] for version in entry.versions}
        upgrades = {version["version"]: version["upgrade"] for version in entry.versions if version["upgrade"]}
        return {
            **entry.about,
            "kind": "package",
            "source": url.url,
            "versions": list(released(versions)),
            "commits": commits,
            "upgrades": upgrades,
        }
    except InputError as error:
        findings += error.findings
        return {"kind": "unknown", "source": None, "versions": []}
