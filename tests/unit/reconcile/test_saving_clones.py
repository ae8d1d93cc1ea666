# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where files can be set aside, a node is down for that alone, and what a cut leaves of them is removed."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest
from ansible_collections.restaking.avs.plugins.module_utils.backup import cloned, kept, pace
from ansible_collections.restaking.avs.plugins.module_utils.reconcile import own

from tests.unit.support.cuts import end_of, every_cut
from tests.unit.support.differences import differences
from tests.unit.support.memory_host import ID, MemoryHost
from tests.unit.support.restic_in_memory import ResticInMemory
from tests.unit.support.saved_host import BOOT, Take, boot, in_one_folder, keyless, prove, running, there


@pytest.fixture(autouse=True)
def clones(saved: ResticInMemory, monkeypatch: pytest.MonkeyPatch) -> None:
    """A host whose file systems can. That a real one can, and what restic makes of it: tests/integration/host/test_clones.py."""
    monkeypatch.setattr(cloned, "possible", lambda _items, _run: True)
    monkeypatch.setattr(pace, "gains", lambda _pace, _looking: True)


def rows(host: MemoryHost) -> Path:
    return host.engine.volumes / f"avs-{ID}_node-data" / "_data" / "rows"


def left(host: MemoryHost) -> list[str]:
    places = (rows(host).parent.parent, Path(host.store.instance(ID).root))
    return [name for place in places for name in os.listdir(place) if "cloned" in name] + [
        # Half a record is overwritten by the next.
        name
        for name in os.listdir(host.store.instance(ID).path("backup"))
        if name == "cloned.json"
    ]


def snapshots(host: MemoryHost) -> list[dict[str, object]]:
    found = [json.loads(path.read_text()) for path in Path(host.store.root, "backup", ID).glob("snapshots/*/snapshot.json")]
    return sorted(found, key=lambda item: str(item["time"]))


def test_the_node_runs_while_its_files_are_read(memory_host: MemoryHost, saved: ResticInMemory, take: Take) -> None:
    host = memory_host
    seen: list[tuple[str, bool]] = []

    def during(words: list[str]) -> None:
        if words[0] == "backup":
            seen.append(("clones" if saved.view else "files", bool(running(host))))
            if saved.view:
                rows(host).write_text("what it wrote since it runs again")

    saved.during = during
    done = take()
    # The live pass, the copy, the seal.
    assert done["error"] is None and seen == [("files", True), ("clones", True), ("files", True)]
    [backup] = there(host, saved)
    [content] = Path(host.store.root, "backup", ID, "snapshots", str(backup["snapshot"])).rglob("rows")
    assert content.read_text() == "committed" and left(host) == []
    assert prove(host, saved)["error"] is None
    copy = next(words for words in saved.asked if words[0] == "backup" and "avs.kind=stopped" in words)
    assert "--ignore-ctime" in copy and "avs.cloned=yes" in copy
    # Of clones no change time tells anything: the next pass is compared with the one before, which stays for that.
    [live] = [item["id"] for item in snapshots(host) if "avs.kind=live" in item["tags"]]  # type: ignore[operator]
    saved.asked.clear()
    assert take()["error"] is None
    passes = [words for words in saved.asked if words[0] == "backup" and "avs.kind=live" in words]
    assert passes[0][passes[0].index("--parent") + 1] == live and "--ignore-ctime" not in passes[0]
    assert len([item for item in snapshots(host) if "avs.kind=live" in item["tags"]]) == 1  # type: ignore[operator]


def test_what_lies_in_one_folder_is_set_aside_too(memory_host: MemoryHost, saved: ResticInMemory, take: Take) -> None:
    place = in_one_folder(memory_host)
    assert take()["error"] is None and prove(memory_host, saved)["error"] is None
    assert saved.asked.count(["cp"]) == 2 and sorted(os.listdir(place)) == ["data", "volume"]


def test_what_restic_would_not_see_is_read_with_another_time_first(memory_host: MemoryHost, saved: ResticInMemory, take: Take) -> None:
    host = memory_host
    seen: list[tuple[bool, bool, int]] = []

    def during(words: list[str]) -> None:
        if words[0] == "backup":
            place = Path(saved.view.get(str(rows(host).parent), str(rows(host).parent)), "rows")
            seen.append((bool(saved.view), bool(running(host)), place.stat().st_mtime_ns))
            if "avs.kind=live" in words:
                # Changed after the pass, with the time it had before.
                before = rows(host).stat()
                rows(host).write_text("COMMITTED")
                os.utime(rows(host), ns=(before.st_atime_ns, before.st_mtime_ns))

    moment = 10**18
    os.utime(rows(host), ns=(1, moment))
    saved.during = during
    assert take()["error"] is None and left(host) == []
    assert seen == [(False, True, moment), (True, True, moment + 10**9), (True, True, moment), (False, True, moment)]
    # It is compared with the one that has the other time, which goes.
    made = [words for words in saved.asked if words[0] == "backup" and "avs.cloned=yes" in words]
    [odd] = [words[words.index("--parent") + 1] for words in made[1:]]
    assert odd not in made[0] and len([words for words in made if "--parent" in words]) == 2
    assert len([item for item in snapshots(host) if "avs.cloned=yes" in item["tags"]]) == 1  # type: ignore[operator]
    [backup] = there(host, saved)
    [content] = Path(host.store.root, "backup", ID, "snapshots", str(backup["snapshot"])).rglob("rows")
    assert content.read_text() == "COMMITTED" and prove(host, saved)["error"] is None


@pytest.mark.parametrize("broken", ["cp", "clone"])
def test_what_could_not_be_set_aside_whole_is_no_backup(
    memory_host: MemoryHost, saved: ResticInMemory, take: Take, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    host = memory_host
    if broken == "cp":
        saved.ends = {"cp": (1, "cp: failed to clone: Operation not supported")}
        assert take()["error"] is None and len(there(host, saved)) == 1
        assert [words for words in saved.asked if words[0] == "cp"] == [["cp"]]
    else:
        saved.at = lambda what: (
            (rows(host).parent.parent / cloned_name(host) / "files/rows").write_text("x") if what == "after cp" else None
        )  # type: ignore[assignment, return-value]
        done = take()
        assert "what was set aside is not what was there" in done["error"] and there(host, saved) == []
    assert running(host) == {"node", "gateway"} and left(host) == []


def cloned_name(host: MemoryHost) -> str:
    return next(name for name in os.listdir(rows(host).parent.parent) if "cloned" in name)


def test_a_cut_leaves_no_clones_behind(memory_host: MemoryHost, saved: ResticInMemory, take: Take) -> None:
    host = memory_host
    host.well(keyless(host))
    take()
    wanted, known, cuts = end_of(host), {item["id"] for item in there(host, saved)}, 0
    for what in every_cut(host, lambda _host: take()):
        cuts += 1
        now = {item["id"] for item in there(host, saved)}
        assert known <= now and len(now) <= len(known) + 1, what
        entry = boot(host)
        assert (entry["error"], running(host), left(host)) == (None, {"node", "gateway"}, []), what
        for backup in now - known:
            assert prove(host, saved, backup)["error"] is None, what
        found = [one for one in differences(end_of(host), wanted) if "backup" not in one and "making-" not in one]
        assert found == [], what
    assert cuts > 20


def test_a_record_of_clones_removes_nothing_else(memory_host: MemoryHost, take: Take) -> None:
    host = memory_host
    assert take()["error"] is None
    mine = host.store.instance(ID)
    keep = Path(mine.root, "data")
    for places in ([str(keep)], "x", [None, 5], {"a": 1}):
        Path(mine.path("backup", "cloned.json")).write_text(json.dumps({"schema": 1, "places": places}))
        own.recover(host.store, host.engine.connect(), [ID], BOOT)
        assert keep.is_dir() and rows(host).exists()


def test_the_parent_of_a_pass_is_one_of_the_files_themselves() -> None:
    from ansible_collections.restaking.avs.plugins.module_utils.backup.restic import Snapshot

    def made(number: int, kind: str, **more: str) -> Snapshot:
        return Snapshot(f"s{number}", f"2026-01-01T00:00:{number:02}Z", "i", {"avs.part": "files", "avs.kind": kind, **more}, ["/x"])

    second = 1767225600 * 10**9
    copied, live, read = made(1, "stopped"), made(2, "live"), made(3, "stopped", **{"avs.cloned": "yes"})
    assert kept.parent([], "i") == kept.Parent() == kept.parent([copied], "j")
    seal = Snapshot("s9", copied.time, "i", {"avs.part": "seal", "avs.of": "s1", "avs.transaction": "t"}, ["/x"])
    copied = replace(copied, tags={**copied.tags, "avs.transaction": "t"})
    assert kept.parent([copied, seal], "i") == kept.Parent("s1", second + 10**9)
    # Somebody may have written to what has no seal, and to what was read while the node ran.
    assert kept.parent([copied], "i") == kept.Parent("s1", second - 59 * 10**9, live=True)
    assert kept.parent([copied, seal, live], "i") == kept.Parent("s2", second - 58 * 10**9, live=True)
    assert kept.parent([copied, live, read], "i") == kept.Parent("s2", second - 58 * 10**9, live=True)
    # It says itself when it was begun, and its files were marked as they were set aside.
    begun = made(2, "live", **{"avs.begun": "7000000000"})
    assert kept.parent([copied, begun], "i") == kept.Parent("s2", 7 * 10**9, live=True)
    assert kept.parent([copied, begun, read], "i") == kept.Parent("s2", 7 * 10**9)
    # Where it is gone everything is read.
    assert kept.parent([copied, read], "i") == kept.Parent()
