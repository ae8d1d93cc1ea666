# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Nights on which something is wrong: a clock, a lock nobody holds any more, no room. They cost no backup, and stop no node for nothing."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.restaking.avs.plugins.module_utils.backup import claims, kept, retention, spare
from ansible_collections.restaking.avs.plugins.module_utils.backup.restic import Snapshot

from tests.unit.reconcile.test_copying import elsewhere, listed, names
from tests.unit.support.memory_host import ID, MemoryHost
from tests.unit.support.restic_in_memory import ResticInMemory
from tests.unit.support.saved_host import Take, running, there


def repository(host: MemoryHost) -> Path:
    return Path(host.store.root, "backup", ID)


def snapshots(place: Path) -> list[dict[str, Any]]:
    return [json.loads(path.read_text()) for path in sorted(place.glob("snapshots/*/snapshot.json"))]


def at_another_time(place: Path, year: str) -> None:
    """What was made until now was made while the clock was wrong."""
    for path in place.glob("snapshots/*/snapshot.json"):
        known = json.loads(path.read_text())
        path.write_text(json.dumps({**known, "time": year + known["time"][4:]}))


def before_the_pass(host: MemoryHost, saved: ResticInMemory) -> list[list[str]]:
    """Ids of the backups there are, each time restic is to save something."""
    seen: list[list[str]] = []

    def look(words: list[str]) -> None:
        if words[0] == "backup":
            known = snapshots(repository(host))
            found = [Snapshot(one["id"], one["time"], ID, dict(tag.split("=", 1) for tag in one["tags"]), one["paths"]) for one in known]
            seen.append([item.id for item in kept.backups(found, ID)])

    saved.during = look
    return seen


def stops(host: MemoryHost) -> int:
    return len([words for words in host.engine.asked if words[0] == "stop"])


def test_a_clock_that_was_wrong_once_costs_no_new_backup(memory_host: MemoryHost, saved: ResticInMemory, take: Take) -> None:
    host = memory_host
    wanted = elsewhere(host, "other")
    first = take(copies=wanted)["backup"]["id"]
    for place in (repository(host), host.roots / "other" / ID):
        at_another_time(place, "2031")
    second = take(copies=wanted, keep={"last": 1})
    made = second["backup"]["id"]
    assert second["error"] is None and second["backup"]["copies"] == {"other": [made]}
    assert {item["id"] for item in there(host, saved)} == {first, made} == set(names(listed(host, saved)))
    # A restore that names none would take the other one.
    assert [item["severity"] for item in second["findings"] if f"the newest by its time is {first}, not {made}" in item["message"]]
    third = take(keep={"last": 1})
    assert third["backup"]["id"] in {item["id"] for item in there(host, saved)} and third["backup"]["removed"] == [made]


def test_one_that_was_made_while_it_was_slow_stays_before_the_next(
    memory_host: MemoryHost, saved: ResticInMemory, take: Take, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = memory_host
    take()
    at_another_time(repository(host), "2031")
    made = take()["backup"]["id"]
    free = shutil.disk_usage(host.store.root)
    monkeypatch.setattr(retention.shutil, "disk_usage", lambda _path: free._replace(free=1 << 40))
    seen = before_the_pass(host, saved)
    assert take(keep={"free": 1 << 41})["error"] is None
    assert made in seen[0]


def test_a_copy_that_lacks_what_is_to_be_copied_says_so(memory_host: MemoryHost, saved: ResticInMemory, take: Take) -> None:
    host = memory_host

    def lost(words: list[str]) -> None:
        if words[0] == "init" and len(snapshots(repository(host))) == 2:
            shutil.rmtree(repository(host) / "snapshots")
            (repository(host) / "snapshots").mkdir()

    saved.during = lost
    done = take(copies=elsewhere(host, "other"))
    assert "not copied to other" in done["error"] and any(
        "is not in the repository any more" in item["message"] for item in done["findings"]
    )


def test_nights_that_fail_leave_little_and_the_next_one_nothing(memory_host: MemoryHost, saved: ResticInMemory, take: Take) -> None:
    host = memory_host
    take()
    before = len(snapshots(repository(host)))
    saved.ends = {"check": (1, "Fatal: repository contains errors")}
    for _night in range(4):
        take()
        # Of the night before what the next pass is compared with stays, and both passes of this one.
        assert len(snapshots(repository(host))) <= before + 3
    saved.ends = {}
    assert take()["error"] is None and len(snapshots(repository(host))) == before + 2


def test_what_seems_to_have_no_seal_stays_where_one_cannot_be_read(memory_host: MemoryHost, saved: ResticInMemory, take: Take) -> None:
    host = memory_host
    take()
    take()
    [seal] = [one["id"] for one in snapshots(repository(host))[:2] if "avs.part=seal" in one["tags"]]
    path = repository(host) / "snapshots" / seal / "snapshot.json"
    text = path.read_text()
    # As restic has it: left out, and said beside it.
    path.unlink()
    saved.warns["snapshots"] = f"could not load snapshot {seal[:8]}: invalid data returned\n"
    take()
    saved.warns.clear()
    path.write_text(text)
    assert len(there(host, saved)) == 3


def test_where_room_is_short_what_failed_goes_before_what_is_good(
    memory_host: MemoryHost, saved: ResticInMemory, take: Take, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = memory_host
    good = [take()["backup"]["id"] for _number in range(3)]
    saved.ends = {"check": (1, "Fatal: repository contains errors")}
    take()
    saved.ends = {}
    assert len(snapshots(repository(host))) == 8
    much, usage = 1 << 40, shutil.disk_usage(host.store.root)
    monkeypatch.setattr(retention.shutil, "disk_usage", lambda _path: usage._replace(free=much - len(snapshots(repository(host)))))
    seen = before_the_pass(host, saved)
    # One too many: a snapshot without a seal, and no backup.
    take(keep={"free": much - 7})
    assert seen[0] == good


def test_a_lock_nobody_may_remove_stops_no_node(memory_host: MemoryHost, saved: ResticInMemory, take: Take) -> None:
    host = memory_host
    take()
    locks = repository(host) / "locks"
    locks.mkdir()
    lock = {"time": "2026-01-01T00:00:00Z", "exclusive": False, "hostname": "dead-host", "username": "root", "pid": 4711}
    (locks / ("a" * 64)).write_text(json.dumps(lock))
    before = stops(host), snapshots(repository(host))
    done = take()
    [told] = [item for item in done["findings"] if item["id"] == "BAK-003"]
    assert "process 4711 of dead-host since 2026-01-01T00:00:00Z" in told["message"]
    assert f"restic -r {repository(host)} " in told["remedy"] and " unlock" in told["remedy"]
    assert (stops(host), snapshots(repository(host))) == before and running(host) == {"node", "gateway"}
    (locks / ("a" * 64)).unlink()
    assert take()["error"] is None


def test_a_little_room_is_kept_for_when_there_is_none(
    memory_host: MemoryHost, saved: ResticInMemory, take: Take, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = memory_host
    usage = shutil.disk_usage(host.store.root)
    take()
    place = Path(spare.place(str(repository(host))))
    assert place.stat().st_size == spare.SIZE and take()["error"] is None
    monkeypatch.setattr(spare.shutil, "disk_usage", lambda _path: usage._replace(free=0))
    there_is: list[bool] = []
    saved.during = lambda words: there_is.append(place.exists()) if words[0] == "snapshots" else None
    saved.ends = {"prune": (1, "unable to create lock in backend: write x: no space left on device")}
    done = take(keep={"free": 1})
    assert there_is[0] is False and not place.exists() and "MiB are to be saved" in done["error"]
    # What cannot be removed is told with what there is no room for, and is no lock of anybody's.
    [told] = [item for item in done["findings"] if "what nothing needs could not be removed" in item["message"]]
    assert "Make room" in told["remedy"] and running(host) == {"node", "gateway"}


def test_what_only_a_failure_needed_goes_where_it_is_in_the_way(
    memory_host: MemoryHost, saved: ResticInMemory, take: Take, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = memory_host
    take()
    usage, pruned = shutil.disk_usage(host.store.root), list[str]()
    monkeypatch.setattr(spare.shutil, "disk_usage", lambda _path: usage._replace(free=usage.total if pruned else 0))
    Path(host.store.instance(ID).data, "work", "more").write_text("another one")
    saved.during = lambda words: pruned.append(words[0]) if words[0] == "prune" else None
    assert take()["error"] is None and pruned == ["prune"]
    # Nor is it done where there is room.
    assert take()["error"] is None and pruned == ["prune"]


def test_room_another_backup_was_promised_is_none(
    memory_host: MemoryHost, saved: ResticInMemory, take: Take, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = memory_host
    take()
    other, mine = host.store.instance("other-x"), host.store.instance(ID)
    Path(mine.data, "work", "more").write_text("another one")
    free = shutil.disk_usage(host.store.root).free
    # It leaves next to nothing of all there is, and has not begun to use it.
    claims.claim(other, str(repository(host)), free - 2, free)
    before = stops(host)
    done = take()
    assert "other backups are on their way" in done["error"]
    assert stops(host) == before and not Path(mine.run, "backup", "room.json").exists()
    claims.release(other)
    during: list[bool] = []
    saved.during = lambda words: during.append(Path(mine.run, "backup", "room.json").exists()) if words[0] == "backup" else None
    assert take()["error"] is None
    assert during == [True, True, True] and not Path(mine.run, "backup", "room.json").exists()
