# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is said where a backup and its copies would be lost with the data."""

from __future__ import annotations

import os
from collections.abc import Collection

from ..backup.backends import LOCAL, address_of
from ..backup.settings import Settings
from ..backup.volumes import Item
from ..common.findings import WARNING, Finding
from ..common.rules import finding
from ..instance.store import InstanceStore


def one_disk(own: InstanceStore, wanted: Settings, copied: Collection[str], items: Collection[Item]) -> list[Finding]:
    """``copied``: names of the copies that have it. Raises ``OSError``."""
    folders = {"": wanted.repository}
    found = []
    away = False
    for copy in wanted.copies:
        address = address_of(copy.repository)
        if copy.name not in copied:
            continue
        if address.kind != LOCAL:
            away = True
        elif os.path.realpath(address.below(own.id)) == os.path.realpath(wanted.repository):
            message = f"{copy.repository} is the repository itself, and no copy of it"
            found.append(
                finding("INV-001", f"{own.id}: copies.{copy.name}", message, "Name another folder, or remove it.", severity=WARNING)
            )
        else:
            folders[copy.name] = address.below(own.id)
    disks = {os.stat(path).st_dev for path in folders.values()}
    here = [item.name for item in items if {os.stat(item.path).st_dev} == disks]
    if here and not away:
        names = " and ".join(folders.values())
        text = f"{names} {'is' if len(folders) == 1 else 'are'} on the disk of {', '.join(here)}: {'both' if len(folders) == 1 else 'all'} are lost with it"
        found.append(finding("BAK-004", own.id, text))
    return found
