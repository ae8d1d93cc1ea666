# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What of an instance may change without an upgrade (rule UPG-005). Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..common.findings import Finding
from ..common.rules import finding
from ..common.words import ABSENT, APPLYING

# Of a package in a folder of the controller.
_NO_VERSION = "a package without a version"


def version_problems(spec: Mapping[str, Any], state: Mapping[str, Any] | None) -> list[Finding]:
    """UPG-005: upgrades are taken on purpose. What was kept of a removed instance counts as well: its data has the old version's form."""
    if state is None or not state.get("package") or never_well(state):
        return []
    have, want = state["package"], spec["package"]
    removed = state.get("phase") == ABSENT
    if removed and not state.get("volumes") and not state.get("kept_data"):
        return []
    place = f"{spec['id']}: version"
    what = "its kept data is of" if removed else "installed is"
    installed, wanted = (package.get("version") or _NO_VERSION for package in (have, want))
    kept = f"version back to {installed}, which stays installed" if have.get("version") else "package back to the folder, without a version"
    back = f"Set {kept}: this release does not upgrade instances" + (", or remove the data with purge: true." if removed else ".")
    if installed != wanted:
        return [finding("UPG-005", place, f"{what} {installed}, wanted is {wanted}; nothing was changed", back)]
    if have.get("commit") and want.get("commit") and have["commit"] != want["commit"]:
        message = (
            f"{what} {installed} at commit {have['commit']}, wanted is commit {want['commit']} of the same version; nothing was changed"
        )
        return [
            finding(
                "UPG-005", place, message, "Pin the installed commit (avs_instances[].commit): this release does not upgrade instances."
            )
        ]
    if have.get("name") != want.get("name") or state.get("profile") not in (None, spec.get("profile")):
        message = f"{what} {have.get('name')}, profile {state.get('profile')}; wanted is {want.get('name')}, profile {spec.get('profile')}"
        return [finding("INV-001", f"{spec['id']}: profile", message, "Give the other profile a tag of its own.")]
    return []


def never_well(state: Mapping[str, Any]) -> bool:
    """Whether this is a first install that never became healthy, and that no removal kept data before: there is nothing to upgrade
    from, and a wrong version has to be corrected."""
    return state.get("phase") == APPLYING and not state.get("committed_at") and not state.get("removed_at")


def recorded_images(spec: Mapping[str, Any], state: Mapping[str, Any] | None) -> dict[str, str]:
    """The lock of the same package version; a package without versions is looked up anew whenever its files change."""
    package = (state or {}).get("package") or {}
    same = spec["package"].get("version") or package.get("tree_sha256") == spec["package"]["tree_sha256"]
    return dict((state or {}).get("images") or {}) if same else {}
