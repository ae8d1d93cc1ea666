# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two hosts in memory, one of which has a node with keys that has stored something; its repository is on both."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.restaking.avs.plugins.module_utils.backup import copies, origin, restic
from ansible_collections.restaking.avs.plugins.module_utils.reconcile import control, giving_up, moving, saving
from ansible_collections.restaking.avs.plugins.module_utils.reconcile.moving import Wanted
from ansible_collections.restaking.avs.plugins.module_utils.reconcile.own import Way
from ansible_collections.restaking.avs.plugins.module_utils.reconcile.repositories import Asked, Host

from tests.unit.support.memory_host import ID, MemoryHost, in_memory
from tests.unit.support.restic_in_memory import ResticInMemory
from tests.unit.support.saved_host import PASSWORD, WAY, in_short, keyless

CHECK = Way("tester", 0, check=True)


def keyed(host: MemoryHost) -> dict[str, Any]:
    whole = host.spec()
    return {**keyless(host), "secrets": whole["secrets"], "keys": whole["keys"]}


@dataclass
class Two:
    """Two hosts. ``gone``: what the old one said when it gave it up."""

    old: MemoryHost
    new: MemoryHost
    tool: ResticInMemory
    patch: pytest.MonkeyPatch
    classes: tuple[tuple[str, str], ...] = ()
    copy: str = ""
    gone: dict[str, Any] | None = None

    def at(self, host: MemoryHost) -> Host:
        name = "one" if host is self.old else "two"
        self.patch.setattr(origin.machine, "identity", lambda: f"machine {name}")
        self.patch.setattr(origin.socket, "gethostname", lambda: name)
        return Host(host.store, host.engine.connect(), self.tool)

    def asked(self, host: MemoryHost) -> Asked:
        found = Asked(password=PASSWORD, host="inventory-one" if host is self.old else "inventory-two")
        if not self.copy:
            return found
        where = copies.given([{"name": "offsite", "repository": self.copy, "password": "its own"}])
        return replace(found, copies=where, copy="offsite" if host is self.new else "")

    def back_up(self) -> dict[str, Any]:
        asked = Asked(**{**vars(self.asked(self.old)), "classes": {ID: dict(self.classes)}})
        entry: dict[str, Any] = saving.take(self.at(self.old), [ID], WAY, asked)["instances"][0]
        assert entry["error"] is None
        return entry

    def carry(self) -> None:
        place = Path(self.new.store.root, "backup", ID)
        shutil.rmtree(place, ignore_errors=True)
        shutil.copytree(Path(self.old.store.root, "backup", ID), place, symlinks=True)

    def step(self, what: str, way: Way = WAY, **wanted: Any) -> dict[str, Any]:
        host = self.old if what == "given_up" else self.new
        found = {**wanted, **({"to": "inventory-two", "machine": "machine one"} if what == "given_up" else {})}
        taken = getattr(giving_up if what == "given_up" else moving, what)
        entry: dict[str, Any] = taken(self.at(host), ID, way, self.asked(host), Wanted(**found))["instances"][0]
        return entry

    def move(self, **wanted: Any) -> None:
        """All of the steps, as the playbook takes them; ``AssertionError`` with what one of them says."""
        promised = self.step("given_up", CHECK)["move"]
        for what, old in (("brought", promised), ("given_up", None), ("confirmed", None)):
            told = self.gone if what == "confirmed" else old
            entry = self.step(what, **wanted, **({"old": told} if told else {}))
            assert entry["error"] is None, entry["error"]
            self.gone = entry["move"] if what == "given_up" else self.gone

    def start(self, way: Way = WAY, host: MemoryHost | None = None) -> dict[str, Any]:
        where = host or self.old
        entry: dict[str, Any] = control.start(where.store, where.engine.connect(), [ID], way)["instances"][0]
        return entry


@contextmanager
def two_hosts(monkeypatch: pytest.MonkeyPatch) -> Iterator[Two]:
    """A node with keys that has stored something on the one, and its repository on both."""
    monkeypatch.setattr(restic, "program", lambda: "/usr/bin/restic")
    in_short(monkeypatch)
    with in_memory(monkeypatch) as old, in_memory(monkeypatch) as new:
        old.well(keyed(old))
        content = old.engine.volumes / f"avs-{ID}_node-data" / "_data"
        content.mkdir(parents=True, exist_ok=True)
        (content / "height").write_text("41")
        Path(old.store.instance(ID).data, "work", "more").write_text("more")
        found = Two(old, new, ResticInMemory(), monkeypatch)
        found.back_up()
        found.carry()
        yield found


def contents(host: MemoryHost) -> tuple[str, str]:
    volume = host.engine.volumes / f"avs-{ID}_node-data" / "_data"
    return (volume / "height").read_text(), Path(host.store.instance(ID).data, "work", "more").read_text()


def nothing(host: MemoryHost) -> bool:
    """Whether a host has nothing but the repository."""
    there = [path for path in (Path(host.store.instances), Path(host.store.run)) if path.exists()]
    return not host.world.volumes and not [item for path in there for item in path.rglob("*")]
