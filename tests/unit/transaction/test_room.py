# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Room for the way back, before anything is stopped."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.restaking.avs.plugins.module_utils.common.errors import HostError
from ansible_collections.restaking.avs.plugins.module_utils.reconcile import saving
from ansible_collections.restaking.avs.plugins.module_utils.reconcile.repositories import Asked, Host
from ansible_collections.restaking.avs.plugins.module_utils.transaction import restoring

from tests.unit.support.memory_host import ID, MemoryHost
from tests.unit.support.restic_in_memory import ResticInMemory
from tests.unit.support.saved_host import PASSWORD, WAY
from tests.unit.transaction.test_upgrade import entry, newer, upgrade

Free = Callable[[int], None]


@pytest.fixture
def free(monkeypatch: pytest.MonkeyPatch) -> Free:
    """Say how many bytes are free, on all file systems."""
    real = os.statvfs

    def say(count: int) -> None:
        class Room:
            f_frsize = f_bsize = 1
            f_bavail = f_bfree = count

            def __init__(self, path: Any) -> None:
                self.rest = real(path)

            def __getattr__(self, name: str) -> Any:
                return getattr(self.rest, name)

        monkeypatch.setattr(restoring.os, "statvfs", Room)

    return say


def stored(host: MemoryHost) -> int:
    """Bytes of what the node has stored by now."""
    rows = host.engine.volumes / f"avs-{ID}_node-data" / "_data" / "rows"
    rows.write_text("committed" + " " * 3_000_000)
    return sum(path.stat().st_size for path in rows.parent.rglob("*"))


def test_the_room_for_the_backup_itself_counts(memory_host: MemoryHost, saved: ResticInMemory, free: Free) -> None:
    """The repository is beside the data: what the backup takes is gone when the way back needs it."""
    host = memory_host
    used = stored(host)
    free(used * 3 // 2)
    with pytest.raises(HostError, match="way back"):
        upgrade(host, saved, newer(host), check=True)
    free(used * 3)
    assert entry(upgrade(host, saved, newer(host), check=True))["error"] is None


def test_what_the_repository_has_already_takes_no_room(memory_host: MemoryHost, saved: ResticInMemory, free: Free) -> None:
    host = memory_host
    used = stored(host)
    # By the clock of backups, which knows whole seconds.
    time.sleep(1.01 - time.time() % 1)
    taken = saving.take(Host(host.store, host.engine.connect(), saved), [ID], WAY, Asked(password=PASSWORD))["instances"][0]
    assert taken["error"] is None
    free(used * 3 // 2)
    assert entry(upgrade(host, saved, newer(host), check=True))["error"] is None
    # Of one that is still to come nobody knows what changed since.
    last = Path(host.store.instance(ID).path("backup", "last.json"))
    last.write_text(last.read_text().replace(taken["backup"]["time"], "2099-01-01T00:00:00Z"))
    with pytest.raises(HostError, match="way back"):
        upgrade(host, saved, newer(host), check=True)
