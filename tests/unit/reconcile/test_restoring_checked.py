# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What check mode says of a restore is what the run does, or is refused for."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.restaking.avs.plugins.module_utils.backup import restore as swaps
from ansible_collections.restaking.avs.plugins.module_utils.reconcile import control
from ansible_collections.restaking.avs.plugins.module_utils.reconcile.own import Way

from tests.unit.reconcile.test_restoring import NOW, THEN, back, beside, contents, data, write
from tests.unit.support.cuts import every_cut
from tests.unit.support.memory_host import ID, MemoryHost, acted
from tests.unit.support.restic_in_memory import ResticInMemory
from tests.unit.support.saved_host import WAY, Take, prove, running, there

CHECK = Way("tester", 0, check=True)


def both(host: MemoryHost, saved: ResticInMemory, word: str) -> None:
    before = contents(host), beside(host), running(host)
    announced, done = back(host, saved, way=CHECK), back(host, saved)
    assert announced["error"] == done["error"] and word in done["error"], (announced["error"], done["error"])
    assert (contents(host), beside(host), running(host)) == before and not announced["changed"]


@pytest.fixture(autouse=True)
def later(memory_host: MemoryHost, take: Take) -> None:
    assert take()["error"] is None
    write(memory_host, "later")


def test_what_is_still_kept_is_told(memory_host: MemoryHost, saved: ResticInMemory) -> None:
    control.stop(memory_host.store, memory_host.engine.connect(), [ID], WAY)
    kept = back(memory_host, saved)["replaced"]
    both(memory_host, saved, "is still kept: ")
    path = Path(memory_host.store.instance(ID).path("backup", "restore.json"))
    record = path.read_text()
    path.write_text("{")
    both(memory_host, saved, "cannot be used")
    path.write_text(record)
    for place in kept.values():
        shutil.rmtree(place)
    path.unlink()
    assert back(memory_host, saved, way=CHECK)["error"] is None and back(memory_host, saved)["error"] is None


def test_too_little_room_is_told(memory_host: MemoryHost, saved: ResticInMemory, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage(memory_host.root)
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: usage._replace(free=3))
    both(memory_host, saved, "0 are free there")


def test_one_that_was_cut_is_announced_as_it_is_done(memory_host: MemoryHost, saved: ResticInMemory) -> None:
    host, mine = memory_host, memory_host.store.instance(ID)
    seen = 0
    for what in every_cut(host, lambda host: back(host, saved), "before update"):
        if swaps.half(mine) is None:
            continue
        seen += 1
        before = sorted(str(path) for path in host.roots.rglob("*"))
        announced = back(host, saved, way=CHECK)
        assert announced["error"] is None and sorted(str(path) for path in host.roots.rglob("*")) == before, what
        done = back(host, saved)
        assert (done["error"], contents(host), acted(done)) == (None, THEN, acted(announced)), what
    assert seen > 2 and NOW != THEN and os.path.isdir(data(host)) and there(host, saved)


@pytest.mark.parametrize("what", ["a proof", "a restore"])
def test_who_looks_is_in_nobodys_way(memory_host: MemoryHost, saved: ResticInMemory, what: str) -> None:
    looks: list[dict[str, Any]] = []
    still = saved.during

    def look(words: list[str]) -> None:
        if words[0] == "restore":
            # What it asks itself is no moment of the other's.
            saved.during = still
            looks.append(back(memory_host, saved, way=CHECK))
            saved.during = look

    saved.during = look
    done = prove(memory_host, saved) if what == "a proof" else back(memory_host, saved)
    assert done["error"] is None and [item["error"] for item in looks] == [None] * (2 if what == "a proof" else 3)
    assert sorted(os.listdir(Path(memory_host.store.instance(ID).run, "backup"))) == ["password"]
