# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where backups lie is known on a host: none are begun anew in another place, or listed there as none, without a word."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.restaking.avs.plugins.module_utils.backup import copies, settings
from ansible_collections.restaking.avs.plugins.module_utils.reconcile import restoring, saving
from ansible_collections.restaking.avs.plugins.module_utils.reconcile.own import Way
from ansible_collections.restaking.avs.plugins.module_utils.reconcile.repositories import Asked, Host
from ansible_collections.restaking.avs.plugins.module_utils.reconcile.restoring import Back

from tests.unit.support.memory_host import ID, MemoryHost, rules_of
from tests.unit.support.restic_in_memory import ResticInMemory
from tests.unit.support.saved_host import PASSWORD, WAY, Take, prove, running

CHECK = Way("tester", 0, check=True)
Entry = dict[str, Any]


def known(host: MemoryHost) -> str:
    found = settings.read(host.store.instance(ID))
    assert found is not None
    return found.repository


def message(entry: Entry) -> str:
    [found] = [item for item in entry["findings"] if item["id"] == "BAK-003"]
    return f"{found['message']} -> {found['remedy']}"


@pytest.fixture
def readers(memory_host: MemoryHost, saved: ResticInMemory) -> list[Callable[..., Entry]]:
    """List, proof and restore of a place."""

    def of(does: Callable[[Host, Asked], Entry]) -> Callable[..., Entry]:
        def read(where: str | None = None) -> Entry:
            found: Entry = does(Host(memory_host.store, memory_host.engine.connect(), saved), Asked(repository=where, password=PASSWORD))[
                "instances"
            ][0]
            return found

        return read

    return [
        of(lambda host, asked: saving.listed(host, [ID], WAY, asked)),
        of(lambda host, asked: saving.proven(host, [ID], WAY, asked)),
        of(lambda host, asked: restoring.restore(host, [ID], CHECK, asked, Back())),
    ]


@pytest.fixture
def first(take: Take, tmp_path: Path) -> str:
    """The folder of repositories in which a backup was made."""
    assert take(repository=str(tmp_path / "mnt"))["error"] is None
    return str(tmp_path / "mnt")


@pytest.mark.parametrize("old", ["there", "gone", "unread"])
@pytest.mark.parametrize("new", ["nothing", "empty"])
def test_another_place_is_not_begun_without_a_word(
    memory_host: MemoryHost, saved: ResticInMemory, take: Take, first: str, readers: list[Callable[..., Entry]], old: str, new: str
) -> None:
    host, where = memory_host, f"{first}-tpyo"
    if new == "empty":
        # As one left that began it, and saved nothing.
        shutil.copytree(f"{first}/{ID}", f"{where}/{ID}")
        shutil.rmtree(f"{where}/{ID}/snapshots")
    if old == "gone":
        os.rename(first, f"{first}.away")
    if old == "unread":
        Path(first, ID, "config").write_text("another password")
    before = sorted(Path(first).parent.rglob("*"))
    said = {"there": f"1 in {first}/{ID}, the newest of 2026-", "gone": f"{first}/{ID}, which is gone", "unread": f"{first}/{ID}"}[old]
    for way in (CHECK, WAY):
        done = take(way, repository=where)
        assert not done["changed"] and f"{where}/{ID}" in message(done) and said in message(done), message(done)
        assert f"avs_ack_backups_left={first}" in message(done) and "Moving a repository" in message(done)
    for read in readers:
        entry = read(where)
        assert said in message(entry) and "avs_ack" not in message(entry) and "Correct avs_backup_repository" in message(entry)
    assert sorted(Path(first).parent.rglob("*")) == before and running(host) == {"node", "gateway"}
    assert known(host) == f"{first}/{ID}" and "init" not in [words[0] for words in saved.asked[-4:]]


def test_one_that_is_gone_is_told_alike_and_begun_anew_where_it_is_said(
    memory_host: MemoryHost, take: Take, first: str, readers: list[Callable[..., Entry]]
) -> None:
    os.rename(first, f"{first}.away")
    for way in (CHECK, WAY):
        assert f"its repository {first}/{ID} was there, and is gone" in message(take(way)) and "avs_ack_backups_left" in message(take(way))
    for read in readers:
        assert f"its repository {first}/{ID} was there, and is gone" in message(read()) and "avs_ack" not in message(read())
    assert "gone" in message(take(left=[f"{first}.away"]))
    assert take(CHECK, left=[first])["error"] is None and not os.path.exists(first)
    assert take(left=[first])["error"] is None and len(readers[0]()["backups"]) == 1


@pytest.mark.parametrize("named", ["{first}", "{first}/", "{first}/demo-avs-op1"])
def test_what_is_left_behind_is_named_and_stays(
    memory_host: MemoryHost, saved: ResticInMemory, take: Take, first: str, readers: list[Callable[..., Entry]], named: str
) -> None:
    where, left = f"{first}-larger", [named.format(first=first)]
    before = sorted(Path(first).rglob("*"))
    assert take(CHECK, repository=where, left=left)["error"] is None
    done = take(repository=where, left=left)
    assert done["error"] is None and f"stays in {first}/{ID}" in message(done)
    # From then on it is the place, and the other one has to be named to be begun.
    assert take()["error"] is None and rules_of(take()).count("BAK-003") == 0 and known(memory_host) == f"{where}/{ID}"
    assert len(readers[0]()["backups"]) == 3 and sorted(Path(first).rglob("*")) == before
    # Nor is that one begun anew, which is there.
    assert take(repository=first)["error"] is None and len(readers[0]()["backups"]) == 2
    assert prove(memory_host, saved)["error"] is None


def test_what_was_moved_goes_on_and_what_holds_nothing_is_left(
    memory_host: MemoryHost, saved: ResticInMemory, take: Take, first: str
) -> None:
    os.rename(first, f"{first}-larger")
    done = take(repository=f"{first}-larger")
    assert done["error"] is None and "BAK-003" not in rules_of(done)
    # A first backup that failed has left a repository with nothing in it.
    shutil.rmtree(f"{first}-larger/{ID}/snapshots")
    Path(f"{first}-larger/{ID}/snapshots").mkdir()
    assert take(CHECK, repository=f"{first}-other")["error"] is None
    assert take(repository=f"{first}-other")["error"] is None and known(memory_host) == f"{first}-other/{ID}"


def test_what_lies_where_it_was_is_not_taken_for_what_is_in_the_new_place(
    memory_host: MemoryHost, saved: ResticInMemory, take: Take, first: str
) -> None:
    where = f"{first}-own"
    # Somebody else goes on there; here it is another place, which is there and has nothing in it yet.
    for path in Path(first, ID, "snapshots").glob("*/snapshot.json"):
        path.write_text(re.sub(r"avs\.host=[^\"]*", "avs.host=another:1", path.read_text()))
    shutil.copytree(f"{first}/{ID}", f"{where}/{ID}")
    shutil.rmtree(f"{where}/{ID}/snapshots")
    before = {path.parent.name for path in Path(first, ID, "snapshots").glob("*/snapshot.json")}
    saved.asked.clear()
    assert take(repository=where)["error"] is None
    assert before.isdisjoint(word for words in saved.asked for word in words) and known(memory_host) == f"{where}/{ID}"


def test_in_check_mode_what_lies_in_one_nobody_can_open_is_taken_for_backups(memory_host: MemoryHost, take: Take, first: str) -> None:
    os.unlink(settings.password_file(memory_host.store.instance(ID)))
    assert f"in {first}/{ID}" in message(take(CHECK, password="", brings=True, repository=f"{first}-tpyo"))


def test_who_reads_is_told_of_copies(take: Take, tmp_path: Path, first: str, readers: list[Callable[..., Entry]]) -> None:
    assert "Or read a copy" not in message(readers[0](f"{first}-tpyo"))
    assert take(copies=copies.given([{"name": "offsite", "repository": str(tmp_path / "offsite")}]))["error"] is None
    shutil.rmtree(first)
    for read in readers:
        assert "Or read a copy, offsite (" in message(read())


def test_a_copy_that_is_somewhere_else_is_told(memory_host: MemoryHost, take: Take, tmp_path: Path) -> None:
    def at(name: str) -> Any:
        return copies.given([{"name": "offsite", "repository": str(tmp_path / name)}])

    assert take(copies=at("one"))["error"] is None
    done = take(copies=at("two"))
    assert done["error"] is None and len(done["backup"]["copies"]["offsite"]) == 2 and f"stays in {tmp_path / 'one'}" in message(done)
    assert "BAK-003" not in rules_of(take(copies=at("two")))
    shutil.rmtree(tmp_path / "two")
    done = take()
    assert "was there, and is gone" in message(done) and f"avs_ack_backups_left={tmp_path / 'two'}" in message(done)
    assert take(left=[str(tmp_path / "two")])["error"] is None and (tmp_path / "two" / ID).exists()
