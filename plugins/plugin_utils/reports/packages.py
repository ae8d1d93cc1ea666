# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What taps offer, and what a profile of a package lets an operator choose."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ...module_utils.common.errors import InputError
from ...module_utils.common.names import is_version, version_key


def packages_rows(offers: Sequence[Mapping[str, Any]], results: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """One row a package of a tap: ``tap``, ``package``, ``kind``, ``newest``, ``versions`` (newest first), ``upgrades``, ``networks``,
    ``description``, ``problems``, and ``installed``: the instances of a package of this name, each with ``host``, ``id``, ``version`` and
    ``newer`` (the versions above it).

    ``offers``: what the lookup tap returned; ``results``: host -> result of instance_info.
    """
    rows = []
    for offer in offers:
        for name, about in sorted(offer["packages"].items()):
            versions = list(about.get("versions") or ())
            rows.append({
                "tap": offer["name"], "package": name, "kind": about.get("kind"), "newest": versions[0] if versions else None,
                "versions": versions, "upgrades": dict(about.get("upgrades") or {}), "networks": list(about.get("networks") or ()),
                "description": about.get("description"), "problems": _problems(offer, name),
                "installed": [_installed(host, item, versions) for host, item in _instances(results) if item.get("package") == name],
            })  # fmt: skip
    return rows


def _problems(offer: Mapping[str, Any], name: str) -> list[str]:
    """What was found wrong with a package of the tap."""
    return [
        str(item.get("message"))
        for item in offer.get("findings") or ()
        if f"/{name}.yml" in str(item.get("place")) or item.get("place") == name
    ]


def _instances(results: Mapping[str, Mapping[str, Any]]) -> list[tuple[str, Mapping[str, Any]]]:
    found = [(host, item) for host, result in sorted(results.items()) for item in result.get("instances") or ()]
    return [(host, item) for host, item in found if item.get("phase") not in (None, "absent")]


def _installed(host: str, item: Mapping[str, Any], versions: Sequence[str]) -> dict[str, Any]:
    version = item.get("version")
    newer = [other for other in versions if is_version(version) and version_key(other) > version_key(str(version))]
    return {"host": host, "id": item.get("id"), "version": version, "newer": newer}


def profiles_rows(package: Mapping[str, Any]) -> list[dict[str, Any]]:
    """One row a profile: ``package``, ``version``, ``profile``, ``options`` (their number) and ``required``, the names of those that need a
    value."""
    return [
        {"package": package["name"], "version": package["version"], "profile": name, "options": len(profile["options"]),
         "required": [option["name"] for option in profile["options"] if option["default"] is None]}
        for name, profile in sorted(package["profiles"].items())
    ]  # fmt: skip


def options_rows(package: Mapping[str, Any], profile: str) -> list[dict[str, Any]]:
    """One row an option of a profile, in its order: ``name``, ``type``, ``default``, ``required``, ``hidden``, ``help``, ``target``,
    ``validate``. Raises ``InputError`` for a profile the package does not have."""
    chosen = package["profiles"].get(profile)
    if chosen is None:
        raise InputError(f"{package['name']} has no profile {profile}; it has {', '.join(sorted(package['profiles'])) or 'none'}")
    return [{**option, "required": option["default"] is None} for option in chosen["options"]]
