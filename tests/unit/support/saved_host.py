# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host with a node that has stored something, and a restic in memory."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.restaking.avs.plugins.module_utils.backup import again, aside, cloned, progress, restic, snapshot, span, spare
from ansible_collections.restaking.avs.plugins.module_utils.reconcile import control, own, saving
from ansible_collections.restaking.avs.plugins.module_utils.reconcile.own import Way
from ansible_collections.restaking.avs.plugins.module_utils.reconcile.repositories import Asked, Host

from tests.unit.support.memory_host import ID, NODE, PACKAGE, MemoryHost, with_service
from tests.unit.support.restic_in_memory import ResticInMemory

WAY, BOOT = Way("tester", 0), Way("unit", 0, boot=True)
PASSWORD = "the repository's"
# Seconds: just more than any kernel's tick, to which times of files are rounded.
_TICK = 0.012
Take = Callable[..., dict[str, Any]]


def keyless(host: MemoryHost) -> dict[str, Any]:
    """Without a volume that has no name, and with a folder of its own."""
    mounts = [NODE["volumes"][0], NODE["volumes"][2], {"type": "bind", "source": "./work", "target": "/work"}]
    return {**host.spec(with_service(PACKAGE, "node", volumes=mounts)), "secrets": {}, "keys": []}


def in_short(patch: pytest.MonkeyPatch) -> None:
    """Backups wait for the next tick of the clock often, and all that is kept is copied at each cut: as little as will do."""
    for module in (again, aside, snapshot):
        patch.setattr(module, "TICK", _TICK)
    patch.setattr(span, "_TICK", int(_TICK * 10**9))
    patch.setattr(spare, "SIZE", 1 << 12)


def with_restic(memory_host: MemoryHost, monkeypatch: pytest.MonkeyPatch) -> ResticInMemory:
    """A host with a node that has stored something, and the restic it has."""
    monkeypatch.setattr(restic, "program", lambda: "/usr/bin/restic")
    # Whatever file system the tests are run on.
    monkeypatch.setattr(cloned, "possible", lambda _items, _run: False)
    monkeypatch.setattr(again, "kind_of", lambda _path: "ext4")
    in_short(monkeypatch)
    host, tool = memory_host, ResticInMemory()
    host.well(keyless(host))
    content = host.engine.volumes / f"avs-{ID}_node-data" / "_data"
    content.mkdir(parents=True)
    (content / "rows").write_text("committed")
    Path(host.store.instance(ID).data, "work", "more").write_text("more")

    def at(what: str) -> None:
        # Which moment is looked at is said later.
        host.engine.at(what)

    tool.at = at
    return tool


def in_one_folder(host: MemoryHost) -> Path:
    """Have the volume and the data folder lie beside each other in a folder, behind links."""
    place = host.engine.volumes.parent / "big"
    place.mkdir()
    for name, path in (("volume", host.engine.volumes / f"avs-{ID}_node-data" / "_data"), ("data", Path(host.store.instance(ID).data))):
        path.rename(place / name)
        path.symlink_to(place / name)
    return place


def taking(memory_host: MemoryHost, saved: ResticInMemory) -> Take:
    def run(way: Way = WAY, **asked: Any) -> dict[str, Any]:
        where = Host(memory_host.store, memory_host.engine.connect(), saved)
        found: dict[str, Any] = saving.take(where, [ID], way, Asked(**{"password": PASSWORD, **asked}))["instances"][0]
        return found

    return run


def there(host: MemoryHost, tool: ResticInMemory) -> list[dict[str, Any]]:
    entry = saving.listed(Host(host.store, host.engine.connect(), tool), [ID], WAY, Asked(password=PASSWORD))["instances"][0]
    assert entry["error"] is None
    return list(entry["backups"])


def prove(host: MemoryHost, tool: ResticInMemory, backup: str = "", way: Way = WAY) -> dict[str, Any]:
    found: dict[str, Any] = saving.proven(Host(host.store, host.engine.connect(), tool), [ID], way, Asked(), backup)["instances"][0]
    return found


def running(host: MemoryHost) -> set[str]:
    return {item.labels["avs.service"] for item in host.world.containers.values() if item.alive}


def boot(host: MemoryHost) -> dict[str, Any]:
    host.world.reboot()
    # In memory; the process it names is this one, which is not gone.
    progress.clear(host.store.instance(ID))
    own.recover(host.store, host.engine.connect(), [ID], BOOT)
    found: dict[str, Any] = control.start(host.store, host.engine.connect(), [ID], BOOT)["instances"][0]
    return found
