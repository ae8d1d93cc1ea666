# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What of an instance may change without an upgrade (rule UPG-005), and where an upgrade may not lead (UPG-008). Pure."""

from __future__ import annotations

from collections.abc import Mapping

from ..common.findings import Finding
from ..common.names import is_version, version_key
from ..common.rules import finding
from ..common.spec import InstanceSpec, Package
from ..common.words import APPLYING, COMMITTED
from ..instance.state import NONE, State

# Of a package in a folder of the controller.
_NO_VERSION = "a package without a version"


def is_upgrade(spec: InstanceSpec, state: State) -> bool:
    """Whether another version is wanted than the one that is installed and was well once."""
    have, want = state.package, spec.package
    if have is None or state.phase != COMMITTED:
        return False
    return have.version != want.version or bool(have.commit and want.commit and have.commit != want.commit)


def version_problems(spec: InstanceSpec, state: State | None, upgrade: bool = False) -> list[Finding]:
    """UPG-005: upgrades are taken on purpose. What was kept of a removed instance counts as well: its data has the old version's form.
    ``upgrade``: one is what was asked for (``is_upgrade``)."""
    if state is None or state.package is None or state.left_nothing or never_well(state):
        return []
    have, want, removed = state.package, spec.package, not state.installed
    place = f"{spec.id}: version"
    what = "its kept data is of" if removed else "installed is"
    installed, wanted = (package.version or _NO_VERSION for package in (have, want))
    kept = f"version back to {installed}, which stays installed" if have.version else "package back to the folder, without a version"
    on = "or remove the data with purge: true." if removed else "or take the upgrade: restaking.avs.upgrade."
    back = f"Set {kept}, {on}"
    same = have.name == want.name and state.profile in (None, spec.profile)
    if upgrade and same:
        return _backwards(place, have, want)
    if installed != wanted and not upgrade:
        return [finding("UPG-005", place, f"{what} {installed}, wanted is {wanted}; nothing was changed", back)]
    if have.commit and want.commit and have.commit != want.commit and not upgrade:
        message = f"{what} {installed} at commit {have.commit}, wanted is commit {want.commit} of the same version; nothing was changed"
        remedy = "Pin the installed commit (avs_instances[].commit), or take the upgrade: restaking.avs.upgrade."
        return [finding("UPG-005", place, message, remedy)]
    if not same:
        message = f"{what} {have.name}, profile {state.profile}; wanted is {want.name}, profile {spec.profile}"
        return [finding("INV-001", f"{spec.id}: profile", message, "Give the other profile a tag of its own.")]
    return []


def _backwards(place: str, have: Package, want: Package) -> list[Finding]:
    """What an older version would find is of a newer one."""
    if not (is_version(have.version) and is_version(want.version)) or version_key(str(want.version)) >= version_key(str(have.version)):
        return []
    return [leads_back(place, str(have.version), str(want.version))]


def leads_back(place: str, installed: str, wanted: str) -> Finding:
    return finding("UPG-008", place, f"{wanted} is older than {installed}, which is installed: an upgrade never leads back")


def never_well(state: State) -> bool:
    """Whether this is a first install that never became healthy, and that no removal kept data before: there is nothing to upgrade
    from, and a wrong version has to be corrected."""
    return state.phase == APPLYING and not state.committed_at and not state.removed_at


def recorded_images(package: Package, state: State | None) -> Mapping[str, str]:
    """The lock of the same package version, which is no other one's; a package without versions is looked up anew whenever its files
    change."""
    recorded = state or NONE
    before = recorded.package
    if before is None:
        return recorded.images if package.version else {}
    if package.version:
        same = before.version == package.version and not (before.commit and package.commit and before.commit != package.commit)
    else:
        same = before.tree_sha256 == package.tree_sha256
    return recorded.images if same else {}
