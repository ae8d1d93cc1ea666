# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where mounts really lead on this host (rule PKG-019)."""

from __future__ import annotations

import os

from ..common.findings import Finding
from ..common.rules import finding
from ..instance.store import InstanceStore
from ..policy.exceptions import Grants, granted
from ..policy.mounts import below, host_grant
from ..policy.pipeline import Shaped
from ..system import files


def outside(instance: str, allowed: Grants, shaped: Shaped) -> list[Finding]:
    found = []
    for service, paths in shaped.mounted.outside.items():
        place = f"{instance}: services.{service}.volumes"
        for path in paths:
            real = os.path.realpath(path)
            if not os.path.exists(real):
                found.append(
                    finding("PKG-019", place, f"{path} does not exist on the host", "Create it, or set the option to another path.")
                )
            elif real != path and (grant := host_grant(real)) is not None and grant != host_grant(path):
                found.append(granted(place, grant, f"{path} leads to {real}", allowed.get(service, {})))
    return found


def links(shaped: Shaped, own: InstanceStore) -> list[Finding]:
    """Symlinks where mounts come from: a container that may write above another one's source could lead it anywhere."""
    found = []
    for service, config in shaped.model["services"].items():
        for mount in config.get("volumes") or ():
            relative = below(str(mount.get("source") or ""), own.data) if mount.get("type") == "bind" else None
            if relative is not None and files.has_link(own.data, relative):
                place = f"{own.id}: services.{service}.volumes"
                found.append(
                    finding("PKG-019", place, f"{mount['source']} is, or lies behind, a symlink", "Put the folder itself in its place.")
                )
    return found
