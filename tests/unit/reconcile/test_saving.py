# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Backups around the node: whatever becomes of the copy, the node runs again, and nothing but a whole backup is ever shown as one."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.restaking.avs.plugins.module_utils.backup import retention, settings
from ansible_collections.restaking.avs.plugins.module_utils.backup.copies import given
from ansible_collections.restaking.avs.plugins.module_utils.common.errors import HostError
from ansible_collections.restaking.avs.plugins.module_utils.instance import hold, journal
from ansible_collections.restaking.avs.plugins.module_utils.reconcile import control, saving
from ansible_collections.restaking.avs.plugins.module_utils.reconcile.own import Way
from ansible_collections.restaking.avs.plugins.module_utils.reconcile.repositories import Asked, Host, asked
from ansible_collections.restaking.avs.plugins.module_utils.system.lock import Lock

from tests.unit.support.cuts import Kept, end_of, every_cut
from tests.unit.support.differences import differences
from tests.unit.support.memory_host import ID, MemoryHost, acted
from tests.unit.support.restic_in_memory import ResticInMemory
from tests.unit.support.saved_host import PASSWORD, WAY, Take, boot, keyless, prove, running, there


def operations(host: MemoryHost) -> list[tuple[str, str]]:
    lines = Path(host.store.instance(ID).path("journal.jsonl")).read_text().splitlines()
    found = [(item["event"], item.get("operation") or item.get("outcome")) for item in map(json.loads, lines)]
    return [item for item in found if item[0] != "phase"]


def failing(saved: ResticInMemory, command: str, ends: tuple[int, str], moment: int) -> tuple[Callable[[list[str]], None], list[int]]:
    """What has one call of a command end so, and how often it was called."""
    count = [0]

    def fail(words: list[str]) -> None:
        if words[0] == command:
            saved.ends = {command: ends} if count[0] == moment else {}
            count[0] += 1

    return fail, count


def test_the_node_is_stopped_copied_and_started_and_what_was_announced_is_done(memory_host: MemoryHost, saved: ResticInMemory, take: Take) -> None:  # fmt: skip
    host = memory_host
    ids, before = host.ids(), Kept(host)
    announced = take(Way("tester", 0, check=True))
    assert announced["changed"] and saved.asked == [["version"]] and not os.path.exists(settings.folder(host.store.instance(ID)))
    before.restore()
    seen: list[set[str]] = []
    saved.during = lambda words: seen.append(running(host)) if words[0] == "backup" else None
    done = take()
    assert (done["error"], acted(done)) == (None, acted(announced))
    # The live pass, the copy, the seal.
    assert seen == [{"node", "gateway"}, set(), {"node", "gateway"}]
    assert (running(host), host.ids()) == ({"node", "gateway"}, ids)
    assert operations(host)[-2:] == [("begin", "backup"), ("end", "done")]
    assert [item["id"] for item in there(host, saved)] == [done["backup"]["id"]]
    # Of the live pass nothing is left.
    assert len(json.loads(saved._snapshots(Path(host.store.root, "backup", ID), ["snapshots", "--no-lock"]))) == 2
    assert host.call(keyless(host))["changed"] is False


def test_what_is_in_it_is_what_its_classes_say(memory_host: MemoryHost, saved: ResticInMemory, take: Take) -> None:
    done = take(classes={ID: {"node-data": "secret", "data/work": "cache"}})
    assert done["backup"]["omitted"] == {"node-data": "secret"}
    words = [words for words in saved.asked if words[0] == "backup"][1]
    data = os.path.realpath(memory_host.store.instance(ID).data)
    assert words[words.index("--") + 1 :] == [data] and words[words.index("--exclude") + 1] == f"{data}/work/*"
    # What was said last counts where nothing is said.
    assert take()["backup"]["omitted"] == {"node-data": "secret"}
    assert take(classes={})["backup"]["omitted"] == {}


@pytest.mark.parametrize(
    ("command", "code", "said", "word"),
    [
        ("backup", 3, "error: read a: permission denied", "permission denied"),
        ("backup", 1, "Fatal: unable to save snapshot: no space left on device", "no space left"),
        ("check", 1, "Fatal: repository contains errors", "not sound"),
        ("snapshots", 1, "Fatal: broken", "could not be read"),
    ],
)
def test_a_copy_that_fails_leaves_no_backup_and_a_node_that_runs(
    memory_host: MemoryHost, saved: ResticInMemory, take: Take, command: str, code: int, said: str, word: str
) -> None:
    host = memory_host
    take()
    known = there(host, saved)
    for moment in range(3):
        fail, count = failing(saved, command, (code, said), moment)
        saved.during, saved.ends = fail, {}
        done = take()
        saved.during, saved.ends = (lambda _words: None), {}
        # Of a live pass a file may vanish, and the last question is asked once there is a backup.
        if count[0] > moment and (command, code, moment) not in (("backup", 3, 0), ("snapshots", 1, 2)):
            assert word in done["error"] and "BAK-003" in [item["id"] for item in done["findings"]], (moment, done["error"])
            assert there(host, saved) == known, moment
        else:
            known = there(host, saved)
        assert running(host) == {"node", "gateway"}, moment
        assert journal.opened(host.store.instance(ID)) == []


@pytest.mark.parametrize("where", ["instances", "data", "a link to data", "volume", "copy"])
def test_a_repository_in_a_node_is_refused_before_anything_is_done(
    memory_host: MemoryHost, saved: ResticInMemory, take: Take, where: str
) -> None:
    host, own = memory_host, memory_host.store.instance(ID)
    link = Path(host.store.root, "link")
    link.symlink_to(own.data)
    volume = host.engine.volumes / f"avs-{ID}_node-data" / "_data"
    folders = {"instances": host.store.instances, "data": own.data, "a link to data": str(link), "volume": str(volume / "x")}
    more = {"copies": given([{"name": "offsite", "repository": own.data}])} if where == "copy" else {"repository": folders[where]}
    for way in (Way("tester", 0, check=True), WAY):
        done = take(way, **more)
        told = [item["place"] for item in done["findings"] if item["id"] == "INV-001"]
        assert "which nodes have" in done["error"] and len(told) == 1 and "avs_backup_" in told[0] and not done["changed"], way
    assert saved.asked == [] and running(host) == {"node", "gateway"} and settings.read(own) is None


def test_a_file_written_while_it_is_copied_makes_it_no_backup(memory_host: MemoryHost, saved: ResticInMemory, take: Take) -> None:
    host = memory_host
    place = Path(host.store.instance(ID).data, "work", "sneaked")
    saved.during = lambda words: place.write_text(str(len(saved.asked))) and None if words[0] == "backup" and not running(host) else None
    done = take()
    # Its folder is told with it where it was listed later.
    assert re.search("written while it was copied: (data/work, )?data/work/sneaked[,;]", done["error"])
    assert there(host, saved) == [] and running(host) == {"node", "gateway"}


def test_a_container_started_while_it_is_copied_makes_it_no_backup(memory_host: MemoryHost, saved: ResticInMemory, take: Take) -> None:
    host = memory_host
    saved.during = lambda words: host.docker("start", f"avs-{ID}-node") if words[0] == "backup" and not running(host) else None
    done = take()
    assert "was started while it was copied" in done["error"] and there(host, saved) == []


def test_what_is_held_is_backed_up_and_stays_down(memory_host: MemoryHost, saved: ResticInMemory, take: Take) -> None:
    host = memory_host
    control.stop(host.store, host.engine.connect(), [ID], WAY)
    done = take()
    assert (done["error"], acted(done), running(host)) == (None, [f"create backup {ID}"], set())
    assert len([words for words in saved.asked if words[0] == "backup"]) == 2 and len(there(host, saved)) == 1


def test_one_that_is_held_while_it_is_copied_stays_down(memory_host: MemoryHost, saved: ResticInMemory, take: Take) -> None:
    host = memory_host
    saved.during = lambda words: None if running(host) or words[0] != "backup" else hold.place(host.store.instance(ID), "somebody", "leak")
    done = take()
    assert running(host) == set() and done["error"] is None and done["backup"]


def test_a_wrong_or_a_missing_password_is_told_before_anything_is_stopped(
    memory_host: MemoryHost, saved: ResticInMemory, take: Take
) -> None:
    host = memory_host
    done = take(password="")
    # Nothing was ever backed up: nothing is waited for that was there once.
    assert "has no password for its repository, and none was given" in done["error"] and done["waiting"]
    assert "avs_backup_password" in done["findings"][0]["remedy"]
    take()
    Path(settings.password_file(host.store.instance(ID))).unlink()
    done = take(password="")
    assert "waits for the password" in done["error"] and done["waiting"] and "avs_backup_password" in done["findings"][0]["remedy"]
    take()
    stops = len([words for words in host.engine.asked if words[0] == "stop"])
    refused = take(password="another")
    assert "wrong password" in refused["error"] and (refused["state"], refused["health"]["status"]) == ("started", "healthy")
    # One that does not open it is not kept.
    assert take(password="")["error"] is None
    for bad in ("two\nlines", " spaces "):
        assert "one line" in take(password=bad)["error"]
    assert len([words for words in host.engine.asked if words[0] == "stop"]) == stops + 1 + 0


def test_a_repository_that_is_gone_is_not_one_without_backups(
    memory_host: MemoryHost, saved: ResticInMemory, take: Take, tmp_path: Path
) -> None:
    host = memory_host

    def listing(**more: Any) -> dict[str, Any]:
        where = Host(host.store, host.engine.connect(), saved)
        found: dict[str, Any] = saving.listed(where, [ID], WAY, Asked(password=PASSWORD, **more))["instances"][0]
        return found

    assert listing()["error"] is None and listing(repository=str(tmp_path / "nowhere"))["error"] is None
    take()
    known = settings.read(host.store.instance(ID))
    assert known is not None and len(listing()["backups"]) == 1
    typo = listing(repository=str(tmp_path / "tpyo"))
    assert str(tmp_path / "tpyo") in typo["error"] and known.repository in typo["error"] and typo["findings"][0]["id"] == "BAK-003"
    os.rename(known.repository, f"{known.repository}.away")
    gone = listing()
    assert (
        f"its repository {known.repository} was there, and is gone" in gone["error"] and "Mount its disk" in gone["findings"][0]["remedy"]
    )


def test_a_repository_that_was_there_and_is_gone_is_not_begun_anew(memory_host: MemoryHost, saved: ResticInMemory, take: Take) -> None:
    host = memory_host
    take()
    place = Path(host.store.root, "backup", ID)
    place.rename(f"{place}.away")
    done = take()
    assert "was there, and is gone" in done["error"] and not place.exists() and running(host) == {"node", "gateway"}
    place.with_name(f"{ID}.away").rename(place)
    assert take()["error"] is None and len(there(host, saved)) == 2


def test_what_cannot_be_in_it_is_named_and_has_to_be_acknowledged(memory_host: MemoryHost, saved: ResticInMemory, take: Take) -> None:
    host = memory_host
    host.well(host.spec())
    done = take()
    assert "node:/cache is a volume without a name" in done["error"] and running(host) == {"node", "gateway"}
    assert "BAK-002" in [item["id"] for item in done["findings"]]
    done = take(acknowledged={ID: ["node:/cache"]})
    assert done["error"] is None and "node:/cache" in done["backup"]["left"]
    assert take()["error"] is None


def test_another_backup_of_the_same_instance_waits(memory_host: MemoryHost, saved: ResticInMemory, take: Take) -> None:
    with Lock(os.path.join(memory_host.store.locks, f"{ID}.backup.lock"), "somebody", 0):
        assert " is locked by somebody" in take()["error"]
    with Lock(memory_host.store.instance(ID).lock, "somebody", 0):
        assert " is locked by somebody" in take()["error"]
    assert there(memory_host, saved) == [] and running(memory_host) == {"node", "gateway"}


def test_a_backup_is_proven_and_a_damaged_one_is_not(memory_host: MemoryHost, saved: ResticInMemory, take: Take) -> None:
    host = memory_host
    first, second = take()["backup"]["id"], take()["backup"]["id"]
    assert prove(host, saved, way=Way("tester", 0, check=True))["changed"]
    assert [item["verified"] for item in there(host, saved)] == [None, None]
    assert prove(host, saved)["error"] is None
    assert [bool(item["verified"]) for item in there(host, saved)] == [False, True]
    assert "has no backup nothing" in prove(host, saved, "nothing")["error"]
    snapshot = there(host, saved)[0]["snapshot"]
    [rows] = Path(host.store.root, "backup", ID, "snapshots", snapshot).rglob("rows")
    rows.chmod(0o600 if rows.stat().st_mode & 0o777 != 0o600 else 0o640)
    done = prove(host, saved, first)
    assert "volumes/node-data/rows differs in mode" in done["error"] and second != first
    assert [bool(item["verified"]) for item in there(host, saved)] == [False, True]
    assert sorted(os.listdir(settings.folder(host.store.instance(ID)))) == ["last.json", "pace.json", "settings.json"]


def test_power_cut_at_any_moment_leaves_a_node_and_no_half_backup(memory_host: MemoryHost, saved: ResticInMemory, take: Take) -> None:
    host = memory_host
    host.well(keyless(host))
    wanted = end_of(host)
    take()
    known = {item["id"] for item in there(host, saved)}
    cuts = 0
    for what in every_cut(host, lambda _host: take()):
        cuts += 1
        now = {item["id"] for item in there(host, saved)}
        assert known <= now and len(now) <= len(known) + 1, what
        entry = boot(host) if cuts % 2 else host.call(keyless(host))["instances"][0]
        assert (entry["error"], running(host)) == (None, {"node", "gateway"}), what
        for backup in now - known:
            assert prove(host, saved, backup)["error"] is None, what
        if cuts % 3:
            continue
        assert take()["error"] is None, what
        assert len(there(host, saved)) == len(now) + 1, what
        left = sorted(os.listdir(settings.folder(host.store.instance(ID))))
        assert left == ["last.json", "pace.json", "settings.json"], what
        found = [one for one in differences(end_of(host), wanted) if "backup" not in one and "making-" not in one]
        assert found == [], what
    assert cuts > 20


def test_nobody_gives_a_class_to_what_is_not_there(memory_host: MemoryHost, saved: ResticInMemory, take: Take) -> None:
    wrong = {"nothing": "is no volume of this instance", "data/../x": "is no folder", "node-data": "is no class"}
    for classes, word in (({name: "gold" if name == "node-data" else "data"}, word) for name, word in wrong.items()):
        assert word in take(classes={ID: classes})["error"]
    assert saved.asked == []


def test_what_a_module_is_given_is_checked() -> None:
    good = {"repository": None, "password": None, "max_stop": 5}
    assert asked(good) == Asked(max_stop=5)
    assert asked({**good, "prove": 0, "prove_copies": 3650}) == Asked(max_stop=5, prove=0, prove_copies=3650)
    for wrong in (
        {"classes": {ID: ["x"]}},
        {"acknowledged": {ID: {"x": 1}}},
        {"max_stop": 0},
        {"prove": -1},
        {"prove_copies": 3651},
        {"password": {"source": "vault"}},
        {"classes": {ID: {"x": 1}}},
    ):
        with pytest.raises(HostError):
            asked({**good, **wrong})


def test_the_oldest_go_where_too_little_is_free_before_and_after(
    memory_host: MemoryHost, saved: ResticInMemory, take: Take, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = memory_host
    made = [take(keep={})["backup"]["id"] for _number in range(3)]
    retention.need(host.store.instance(ID), made[0], "to go back to it")
    much, disk, spare = 1 << 40, Path(host.store.root, "backup", ID), shutil.disk_usage(host.store.root)
    monkeypatch.setattr(retention.shutil, "disk_usage", lambda _path: spare._replace(free=much - len(list(disk.glob("snapshots/*")))))
    # Six snapshots of three backups are two too many; one goes before, and with the fourth there are six again.
    done = take(keep={"free": much - 4})
    assert (done["error"], done["backup"]["removed"]) == (None, [made[1], made[2]])
    assert [item["id"] for item in there(host, saved)] == [made[0], done["backup"]["id"]]
    assert f"remove backup {made[1]}" in " ".join(acted(done))
    # What may not go stays, and that is told.
    done = take(keep={"free": much - 1})
    assert done["error"] is None and [item["id"] for item in there(host, saved)] == [made[0], done["backup"]["id"]]
    assert any("no other backup may go" in item["message"] for item in done["findings"])
    Path(settings.folder(host.store.instance(ID)), "needed.json").write_text("{")
    done = take()
    assert done["error"] is None and len(there(host, saved)) == 3
    assert any("still needed" in item["message"] for item in done["findings"])
    # Those that went for one that has no room after all are told, too.
    path = Path(settings.folder(host.store.instance(ID)), "needed.json")
    path.unlink()
    oldest = there(host, saved)[0]["id"]
    monkeypatch.setattr(retention.shutil, "disk_usage", lambda _path: spare._replace(free=0))
    done = take(keep={"free": 1})
    assert "MiB are to be saved" in done["error"]
    assert [oldest in item["message"] for item in done["findings"] if "removed to make room: " in item["message"]] == [True]
