# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where a repository may not be: in what it is to save, or what is made anew, replaced and removed with a node."""

from __future__ import annotations

import os

from ..backup.backends import LOCAL, address_of
from ..backup.settings import Settings
from ..common.errors import HostError
from ..common.rules import finding
from ..docker.names import project
from ..instance.store import InstanceStore
from ..policy.mounts import below
from .repositories import Host


def require_apart(host: Host, own: InstanceStore, wanted: Settings) -> None:
    """Neither the repository nor a copy lies in what any node of this host has. Raises ``HostError`` (INV-001)."""
    wished = {"avs_backup_repository": wanted.repository}
    addresses = {copy.name: address_of(copy.repository) for copy in wanted.copies}
    wished.update({f"avs_backup_copies: {name}": one.below(own.id) for name, one in addresses.items() if one.kind == LOCAL})
    nodes = _of_nodes(host)
    problems = []
    for name, path in wished.items():
        real = os.path.realpath(path)
        around = next((place for place in nodes if below(real, place) is not None), None)
        if around is not None:
            message = f"{path} lies in {around}, which nodes have: a backup would save itself, and go with the node"
            problems.append(
                finding("INV-001", f"{own.id}: {name}", message, "Name a folder apart; what is in this one can be moved there.")
            )
    if problems:
        raise HostError(f"{own.id}: a repository is where it cannot be", problems)


def _of_nodes(host: Host) -> list[str]:
    """The folder of all instances, what links in it lead to, and volumes of theirs."""
    ids = host.store.ids()
    projects = {project(name) for name in ids}
    volumes = host.engine.inspect_volumes(sorted(name for name, of in host.engine.volumes().items() if of in projects))
    found = [
        host.store.instances,
        *(host.store.instance(name).data for name in ids),
        *(str(item.get("Mountpoint") or "") for item in volumes),
    ]
    return [os.path.realpath(place) for place in found if place]
