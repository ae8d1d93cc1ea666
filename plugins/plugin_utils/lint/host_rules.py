# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A package judged by the rules that a host judges it by: what is refused there is said here."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ...module_utils.common.findings import Finding, by_severity
from ...module_utils.policy.mounts import Layout, folders_of, place_mounts
from ...module_utils.policy.services import check
from ...module_utils.system.trees import tree_files
from ..packages.profile import Profile
from .compose_file import ComposeFiles
from .compose_model import ROOT, model_of

# Stands for the id no instance has yet; findings name files of the package in its place.
_NOBODY = "package"


def judged(profile: Profile, files: ComposeFiles) -> list[Finding]:
    """What the host's policy says of the services and their mounts, as far as it can be known before an install."""
    spec, model = _spec(profile), model_of(profile, files)
    found = [*check(spec, model), *place_mounts(spec, model, _layout(profile)).findings]
    return by_severity(replace(item, place=_place(item.place, profile, files)) for item in found)


def _spec(profile: Profile) -> dict[str, Any]:
    """The parts of a spec the policy looks at. What ``runtime.yml`` got wrong was said before, and is left out."""
    runtime = profile.runtime
    return {
        "id": _NOBODY,
        "compose": {"env_files": list(profile.env_files)},
        "privileges": runtime.privileges,
        "directories": [item for item in runtime.directories if item["path"]],
        "artifacts": [item for item in runtime.artifacts if item["path"]],
        "configs": [item for item in runtime.configs if item["path"]],
        "keys": [key for key in runtime.keys if key["name"]],
        "metrics": [metric for metric in runtime.metrics if metric["service"]],
        "health": runtime.health,
        "api": profile.api,
    }


def _layout(profile: Profile) -> Layout:
    known = frozenset(tree_files(str(profile.tree)))
    return Layout(ROOT, profile.compose_dir or ".", "/avs-tree", "/avs-data", "/avs-keys", "/avs-configs", known, folders_of(known))


def _place(place: str, profile: Profile, files: ComposeFiles) -> str:
    """The file and field of the package for the field of an instance."""
    field = place.partition(": ")[2]
    # A service's name may hold dots: the longest one that fits is meant.
    for known in sorted(files.places, key=len, reverse=True):
        if field == known or field.startswith(f"{known}."):
            return files.places[known] + field[len(known) :]
    return ": ".join(part for part in (f"profile {profile.name}", field) if part)
