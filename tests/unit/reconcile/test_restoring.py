# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A backup is put back: proven first, never half, with what it replaced kept until the node is well."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.restaking.avs.plugins.module_utils.backup import restore as swaps
from ansible_collections.restaking.avs.plugins.module_utils.backup import settings
from ansible_collections.restaking.avs.plugins.module_utils.instance import hold, journal
from ansible_collections.restaking.avs.plugins.module_utils.reconcile import control, own, restoring
from ansible_collections.restaking.avs.plugins.module_utils.reconcile.own import Way
from ansible_collections.restaking.avs.plugins.module_utils.reconcile.repositories import Asked, Host
from ansible_collections.restaking.avs.plugins.module_utils.reconcile.restoring import Back
from ansible_collections.restaking.avs.plugins.modules import instance_restore

from tests.unit.support.cuts import Kept, every_cut
from tests.unit.support.memory_host import ID, MemoryHost, acted, rules_of
from tests.unit.support.restic_in_memory import ResticInMemory
from tests.unit.support.saved_host import BOOT, PASSWORD, WAY, Take, in_one_folder, keyless, prove, running, there


def back(host: MemoryHost, tool: ResticInMemory, backup: str = "", way: Way = WAY, acknowledged: tuple[str, ...] = ()) -> dict[str, Any]:
    where = Host(host.store, host.engine.connect(), tool)
    found: dict[str, Any] = restoring.restore(where, [ID], way, Asked(), Back(backup, acknowledged))["instances"][0]
    return found


def volume(host: MemoryHost) -> Path:
    return host.engine.volumes / f"avs-{ID}_node-data" / "_data"


def data(host: MemoryHost) -> Path:
    return Path(host.store.instance(ID).data)


def contents(host: MemoryHost) -> tuple[str, str]:
    """What the node would find."""
    return (volume(host) / "rows").read_text(), (data(host) / "work" / "more").read_text()


def write(host: MemoryHost, text: str) -> None:
    (volume(host) / "rows").write_text(text)
    (data(host) / "work" / "more").write_text(text)


def beside(host: MemoryHost) -> list[str]:
    """What a restore has left beside what it replaced."""
    return sorted(
        name for folder in (volume(host).parent, data(host).parent) for name in os.listdir(folder) if "restor" in name or "replaced" in name
    )


THEN, NOW = ("committed", "more"), ("later", "later")


@pytest.fixture
def later(memory_host: MemoryHost, take: Take) -> str:
    """The id of a backup that was made before the node went on."""
    found = str(take()["backup"]["id"])
    write(memory_host, "later")
    return found


def module_on(host: MemoryHost, tool: ResticInMemory, monkeypatch: pytest.MonkeyPatch, **given: Any) -> dict[str, Any]:
    """What the module of a restore answers."""
    monkeypatch.setattr(instance_restore, "host_store", lambda: host.store)
    monkeypatch.setattr(instance_restore, "Engine", lambda _run_command: host.engine.connect())
    names = ("backup", "repository", "password", "copies", "copy", "classes", "backup_acknowledged")
    way = {"holder": "tester", "lock_timeout": 0, "stop_timeout": 30, "check": False}
    answer: dict[str, Any] = instance_restore.work({**dict.fromkeys(names), "id": ID, "acknowledged": [], **way, **given}, tool)[
        "instances"
    ][0]
    return answer


def test_what_the_inventory_calls_monotonic_by_now_does_not_go_back(
    memory_host: MemoryHost, saved: ResticInMemory, later: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = module_on(memory_host, saved, monkeypatch, classes={ID: {"node-data": "monotonic"}})
    assert "BAK-005" in rules_of(done) and contents(memory_host) == NOW
    done = module_on(memory_host, saved, monkeypatch, classes={ID: {"node-data": "monotonic"}}, acknowledged=["volumes/node-data"])
    assert done["error"] is None and contents(memory_host) == THEN


def test_where_its_host_has_no_settings_any_more_the_inventory_has_them(
    memory_host: MemoryHost, saved: ResticInMemory, take: Take, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    host, where, left = memory_host, str(tmp_path / "mnt"), {ID: ["node:/cache"]}
    # With a volume that has no name.
    host.well(host.spec())
    (data(host) / "work").mkdir(exist_ok=True)
    write(host, "committed")
    assert take(repository=where, acknowledged=left)["error"] is None
    write(host, "later")
    os.unlink(os.path.join(settings.folder(host.store.instance(ID)), "settings.json"))
    assert "Is there a repository" in module_on(host, saved, monkeypatch, password=PASSWORD)["error"]
    assert "BAK-002" in rules_of(module_on(host, saved, monkeypatch, repository=where, password=PASSWORD))
    done = module_on(host, saved, monkeypatch, repository=where, password=PASSWORD, backup_acknowledged=left)
    assert done["error"] is None and contents(host) == ("committed", "committed")


def test_it_is_announced_done_and_leaves_nothing(memory_host: MemoryHost, saved: ResticInMemory, later: str) -> None:
    host = memory_host
    announced = back(host, saved, way=Way("tester", 0, check=True))
    assert contents(host) == NOW and beside(host) == [] and announced["restored"]["id"] == later
    seen: list[set[str]] = []
    saved.during = lambda words: seen.append(running(host)) if words[0] == "restore" else None
    done = back(host, saved)
    assert (done["error"], acted(done), done["replaced"]) == (None, acted(announced), {})
    assert acted(done)[:2] == ["update files data", "update volume node-data"] and done["restored"]["id"] == later
    # All that takes long while it runs.
    assert seen == [{"node", "gateway"}] * 3 and running(host) == {"node", "gateway"}
    assert contents(host) == THEN and beside(host) == [] and hold.hold_of(host.store.instance(ID)) is None
    assert host.call(keyless(host))["changed"] is False


def test_what_lies_in_one_folder_is_restored_too(memory_host: MemoryHost, saved: ResticInMemory, take: Take) -> None:
    host = memory_host
    place = in_one_folder(host)
    take()
    write(host, "later")
    done = back(host, saved)
    assert (done["error"], done["replaced"], contents(host)) == (None, {}, THEN) and running(host) == {"node", "gateway"}
    assert sorted(os.listdir(place)) == ["data", "volume"]


@pytest.mark.usefixtures("later")
def test_one_that_would_be_replaced_with_what_it_is_in_is_refused(memory_host: MemoryHost, saved: ResticInMemory) -> None:
    host, own = memory_host, memory_host.store.instance(ID)
    (data(host) / "saved").mkdir()
    Path(host.store.root, "backup", ID).rename(data(host) / "saved" / ID)
    known = settings.read(own)
    assert known is not None and settings.keep(own, known.but(repository=str(data(host) / "saved" / ID)))
    done = back(host, saved)
    assert "which nodes have" in done["error"] and contents(host) == NOW and running(host) == {"node", "gateway"}


def test_one_that_is_not_what_was_saved_replaces_nothing(memory_host: MemoryHost, saved: ResticInMemory, later: str) -> None:
    host = memory_host
    [rows] = Path(host.store.root, "backup", ID, "snapshots", there(host, saved)[0]["snapshot"]).rglob("rows")
    rows.write_text("some other length")
    before = len(host.engine.asked)
    done = back(host, saved)
    assert "differs in size" in done["error"] and contents(host) == NOW and beside(host) == []
    assert running(host) == {"node", "gateway"} and not [words for words in host.engine.asked[before:] if words[0] == "stop"]


@pytest.mark.parametrize(
    "odd", [*({"path": path} for path in (f"{'/..' * 30}/etc", "/a/./b", "//etc", "/", "etc")), {"name": "volumes/../x"}, {"twice": True}]
)
def test_a_seal_that_leads_elsewhere_is_neither_restored_nor_proven(
    memory_host: MemoryHost, saved: ResticInMemory, later: str, odd: dict[str, Any]
) -> None:
    """Whoever can write to the repository has a say in it."""
    host = memory_host
    [path] = Path(host.store.root, "backup", ID, "snapshots").rglob("manifest.json")
    manifest = json.loads(path.read_text())
    manifest["items"][0].update(odd)
    if "twice" in odd:
        manifest["items"].append(manifest["items"][-1])
    path.write_text(json.dumps(manifest))
    saved.asked.clear()
    for done in (back(host, saved), prove(host, saved)):
        assert "which is none of a node's" in done["error"]
    # The seal alone was read.
    assert len([words for words in saved.asked if words[0] == "restore"]) == 2
    assert contents(host) == NOW and beside(host) == [] and running(host) == {"node", "gateway"}


def test_what_was_replaced_stays_until_the_node_is_well(memory_host: MemoryHost, saved: ResticInMemory, later: str) -> None:
    host = memory_host
    control.stop(host.store, host.engine.connect(), [ID], WAY)
    done = back(host, saved, later)
    # Nobody asked it how it is: it is held, and stays so.
    assert done["error"] is None and running(host) == set() and contents(host) == THEN
    kept = done["replaced"]
    assert sorted(kept) == ["data", "volumes/node-data"] and Path(kept["volumes/node-data"], "rows").read_text() == "later"
    again = back(host, saved, later)
    assert "is still kept" in again["error"] and kept["data"] in again["error"]


def test_data_of_another_version_is_not_put_back(memory_host: MemoryHost, saved: ResticInMemory, later: str) -> None:
    host = memory_host
    host.record(package={**host.state()["package"], "version": "v9"})
    assert "v9 is installed" in back(host, saved)["error"] and contents(host) == NOW


@pytest.mark.usefixtures("later")
def test_somebody_who_stops_it_meanwhile_has_it_down(
    memory_host: MemoryHost, saved: ResticInMemory, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = memory_host
    swap = swaps.swap

    def stopped_by_somebody(mine: Any, what: Any, *more: Any) -> Any:
        done = swap(mine, what, *more)
        hold.place(mine, "somebody", "leak")
        return done

    monkeypatch.setattr(swaps, "swap", stopped_by_somebody)
    done = back(host, saved)
    found = hold.hold_of(host.store.instance(ID))
    assert found is not None and found.by == "somebody" and running(host) == set() and len(done["replaced"]) == 2


@pytest.mark.usefixtures("later")
def test_a_disk_that_fails_in_the_middle_is_as_it_was(
    memory_host: MemoryHost, saved: ResticInMemory, monkeypatch: pytest.MonkeyPatch
) -> None:
    host, rename = memory_host, os.rename
    for number in range(4):
        now_it_fails = iter([*[False] * number, True])

        def fails(source: Any, target: Any, now_it_fails: Iterator[bool] = now_it_fails) -> None:
            if (".replaced-" in f"{source}{target}" or ".avs-restoring-" in str(source)) and next(now_it_fails, False):
                raise OSError(5, "Input/output error", str(source))
            rename(source, target)

        with monkeypatch.context() as patch:
            patch.setattr(os, "rename", fails)
            done = back(host, saved)
        assert "Input/output error" in done["error"], number
        assert contents(host) == NOW and beside(host) == [] and running(host) == {"node", "gateway"}, number


@pytest.mark.usefixtures("later")
def test_one_whose_replaced_files_cannot_be_removed_is_done_and_says_so(
    memory_host: MemoryHost, saved: ResticInMemory, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = memory_host
    remove = shutil.rmtree

    def fails(path: Any, *more: Any, **options: Any) -> None:
        if f"{path}".startswith(f"{volume(host)}.replaced-"):
            raise PermissionError(1, "Operation not permitted", f"{path}/fixed")
        remove(path, *more, **options)

    monkeypatch.setattr(shutil, "rmtree", fails)
    done = back(host, saved)
    assert (done["error"], done["changed"], contents(host), running(host)) == (None, True, THEN, {"node", "gateway"})
    kept = f"{volume(host)}.replaced-{done['restored']['id']}"
    assert done["replaced"] == {"volumes/node-data": kept} and beside(host) == [os.path.basename(kept)]
    [told] = [item for item in done["findings"] if item["id"] == "BAK-003"]
    assert told["severity"] == "warning" and f"{kept}/fixed" in told["message"]
    assert journal.opened(host.store.instance(ID)) == []
    assert "is still kept" in back(host, saved)["error"]


def test_power_cut_at_any_moment_leaves_the_old_or_the_new_and_a_node(memory_host: MemoryHost, saved: ResticInMemory, later: str) -> None:
    host = memory_host
    ends = set()
    cuts = 0
    for what in every_cut(host, lambda host: back(host, saved)):
        cuts += 1
        if cuts % 2:
            # Nobody has it on half of each, whatever he asks for.
            for ask in (lambda: host.call(keyless(host)), lambda: control.start(host.store, host.engine.connect(), [ID], WAY)):
                ask()
                if running(host):
                    assert contents(host) in (THEN, NOW), what
                else:
                    assert hold.hold_of(host.store.instance(ID)) is not None, what
        host.world.reboot()
        own.recover(host.store, host.engine.connect(), [ID], BOOT)
        entry = control.start(host.store, host.engine.connect(), [ID], BOOT)["instances"][0]
        assert (entry["error"], running(host)) == (None, {"node", "gateway"}), what
        assert contents(host) in (THEN, NOW), what
        ends.add(contents(host))
        record = Path(host.store.instance(ID).path("backup", "restore.json"))
        if record.exists():
            # It is done, and what it replaced is still there.
            assert contents(host) == THEN and json.loads(record.read_text())["phase"] == "swapped", what
        else:
            assert back(host, saved)["error"] is None, what
            assert contents(host) == THEN, what
            assert [name for name in beside(host) if name != "restore.json"] == [], what
    assert cuts > 20 and ends == {THEN, NOW}


@pytest.mark.usefixtures("later")
def test_half_a_restore_is_not_started_or_backed_up_and_another_one_mends_it(
    memory_host: MemoryHost, saved: ResticInMemory, take: Take
) -> None:
    host, mine = memory_host, memory_host.store.instance(ID)
    for what in every_cut(host, lambda host: back(host, saved), "before update"):
        if swaps.half(mine) is None or not (data(host).parent / f"data.replaced-{there(host, saved)[0]['id']}").exists():
            continue
        done = control.start(host.store, host.engine.connect(), [ID], WAY)["instances"][0]
        assert "a restore was cut" in done["error"] and running(host) == set() and hold.hold_of(mine) is not None, what
        assert "a restore was cut" in take()["error"], what
        path = Path(mine.path("backup", "restore.json"))
        record = path.read_text()
        path.write_text("{")
        done = control.start(host.store, host.engine.connect(), [ID], WAY)["instances"][0]
        assert "cannot be used" in done["error"] and running(host) == set() and hold.hold_of(mine) is not None, what
        own.recover(host.store, host.engine.connect(), [ID], BOOT)
        assert running(host) == set() and hold.hold_of(mine) is not None, what
        path.write_text(record)
        half = Kept(host, "half")
        assert host.call(host.gone())["instances"][0]["error"] is None and contents(host) == NOW and beside(host) == [], what
        half.restore()
        done = back(host, saved)
        assert done["error"] is None and contents(host) == THEN and running(host) == {"node", "gateway"}, what
        break
    else:
        raise AssertionError("no cut was between the renames")
