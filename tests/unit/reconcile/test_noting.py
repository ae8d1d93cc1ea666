# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a host notes of its backups, and what is told of that without restic: how old, how large, and what went wrong."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.restaking.avs.plugins.module_utils.backup import copies, last, settings, timer
from ansible_collections.restaking.avs.plugins.module_utils.common.errors import LockedError
from ansible_collections.restaking.avs.plugins.module_utils.reconcile import saving
from ansible_collections.restaking.avs.plugins.module_utils.reconcile.noting import turn
from ansible_collections.restaking.avs.plugins.module_utils.reconcile.own import Way
from ansible_collections.restaking.avs.plugins.module_utils.reconcile.repositories import Asked, Host
from ansible_collections.restaking.avs.plugins.module_utils.status.read import read_host
from ansible_collections.restaking.avs.plugins.module_utils.system.lock import Lock
from ansible_collections.restaking.avs.plugins.plugin_utils.avsctl import people
from ansible_collections.restaking.avs.plugins.plugin_utils.avsctl.commands import Place

from tests.unit.support.memory_host import ID, MemoryHost
from tests.unit.support.restic_in_memory import ResticInMemory
from tests.unit.support.saved_host import PASSWORD, WAY, Take, prove, running, there

FIELDS = ("id", "time", "added", "size", "files", "seconds")


def seen(host: MemoryHost) -> tuple[Any, list[str]]:
    """``backup`` of its entry, and the messages of what is off with it."""
    (entry,) = read_host(host.engine.connect(), [ID], host.store).instances
    return entry["backup"], [item["message"] for item in entry["findings"] if item["id"] == "BAK-010"]


def scheduled(monkeypatch: pytest.MonkeyPatch, folder: Path, text: str = "daily") -> None:
    monkeypatch.setattr(timer, "FOLDER", str(folder))
    (folder / timer.timer_of(ID)).write_text(f"[Timer]\nOnCalendar={text}\n")


def test_what_was_made_and_proven_is_told_without_restic(memory_host: MemoryHost, saved: ResticInMemory, take: Take) -> None:
    host = memory_host
    assert seen(host) == (None, [])
    take(Way("tester", 0, check=True))
    assert seen(host) == (None, [])
    done = take()["backup"]
    asked = len(saved.asked)
    told, problems = seen(host)
    assert [told[name] for name in FIELDS] == [done[name] for name in FIELDS] and 0 <= told["age"] < 60
    assert len(saved.asked) == asked
    assert (told["verified"], told["failures"], told["problem"], told["schedule"], told["waiting"]) == (None, {}, None, None, False)
    prove(host, saved)
    told, problems = seen(host)
    assert told["verified"] and told["proven"] == done["id"] and problems == []
    # What is removed keeps it, as it keeps its backups.
    host.well(host.gone())
    assert "is not installed" in take()["error"]
    told, problems = seen(host)
    assert (told["id"], told["problem"], problems) == (done["id"], None, [])


def test_a_failure_is_told_until_the_next_one_succeeds(memory_host: MemoryHost, saved: ResticInMemory, take: Take) -> None:
    host = memory_host
    first = take()["backup"]["id"]
    saved.ends = {"check": (1, "Fatal: repository contains errors")}
    take()
    prove(host, saved)
    told, problems = seen(host)
    assert told["id"] == first and sorted(told["failures"]) == ["backup", "proof"] and len(problems) == 2
    assert "its last backup, at " in told["problem"] and "repository contains errors" in told["problem"]
    saved.ends = {}
    take()
    assert sorted(seen(host)[0]["failures"]) == ["proof"]
    # A slip in an id says nothing of the repository.
    prove(host, saved, "nothing")
    prove(host, saved)
    assert "has no backup" in prove(host, saved, "nothing")["error"] and seen(host)[1] == []
    assert PASSWORD not in Path(last.place(host.store.instance(ID))).read_text()


def test_one_that_waits_for_its_password_says_so_before_and_after_its_time(
    memory_host: MemoryHost, saved: ResticInMemory, take: Take, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: Any
) -> None:
    host = memory_host
    place = Place(host.store, host.engine.connect())
    scheduled(monkeypatch, tmp_path)
    told, problems = seen(host)
    assert told["waiting"] and told["schedule"] == "daily" and told["time"] is None
    assert problems == ["its backup (daily) waits for the password of its repository, which is gone since the host was started"]
    assert take(password="")["waiting"]
    assert seen(host)[1] == problems
    for command, word in (("ls", "waits"), ("status", "BAK-010"), ("backups", "waits for the password")):
        people.main([command], place)
        assert word in capsys.readouterr().out, command
    take()
    assert seen(host)[1] == [] and seen(host)[0]["waiting"] is False
    people.main(["ls"], place)
    out = capsys.readouterr().out.splitlines()
    assert out[0].split()[-1] == "BACKUP" and out[1].split()[-1] == seen(host)[0]["time"]
    people.main(["ls", "--json"], place)
    assert json.loads(capsys.readouterr().out)["instances"][0]["backup"] == seen(host)[0]["time"]


def test_of_one_that_was_removed_it_is_said_where_its_backups_are(
    memory_host: MemoryHost, saved: ResticInMemory, take: Take, capsys: Any
) -> None:
    host = memory_host
    place = Place(host.store, host.engine.connect())
    made = take()["backup"]["id"]
    host.call(host.gone())
    assert not os.path.exists(settings.password_file(host.store.instance(ID)))
    where = f"{host.store.root}/backup/{ID}"
    assert people.main(["backups"], place) == 0
    out = capsys.readouterr().out
    assert f"{ID}: is not installed on this host; its backups stay in {where}" in out and "waits" not in out
    # Who asks for it is told what is to be done, and nothing that could not be.
    assert people.main(["backups", ID], place) == 3
    out = capsys.readouterr().out
    assert f"its backups stay in {where}" in out and "install it again" in out and "no backups" not in out
    entry = saving.listed(Host(host.store, host.engine.connect(), saved), [ID], WAY, Asked(password=PASSWORD))["instances"][0]
    assert [item["id"] for item in entry["backups"]] == [made]


def test_one_that_was_cut_is_told_and_one_that_is_on_its_way_is_not(memory_host: MemoryHost, saved: ResticInMemory, take: Take) -> None:
    host, looks = memory_host, []
    saved.during = lambda words: looks.append(seen(host)[1]) if words[0] == "check" else None
    take()
    assert looks == [[]]

    def killed(words: list[str]) -> None:
        if words[0] == "check":
            raise KeyboardInterrupt

    saved.during = killed
    with pytest.raises(KeyboardInterrupt):
        take()
    saved.during = lambda _words: None
    (problem,) = seen(host)[1]
    assert "was cut before its end" in problem
    saved.ends = {"snapshots": (1, "Fatal: broken")}
    take()
    assert "could not be read" in seen(host)[1][0]
    saved.ends = {}
    take()
    assert seen(host)[1] == []


@pytest.mark.parametrize("text", ["", "{", "[]", '{"schema": 99}', '{"added": "x"}', '{"failures": {"backup": 3}}'])
def test_a_record_that_cannot_be_read_is_made_anew(memory_host: MemoryHost, saved: ResticInMemory, take: Take, text: str) -> None:
    place = Path(last.place(memory_host.store.instance(ID)))
    take()
    place.write_text(text)
    assert seen(memory_host) == (None, [])
    done = take()["backup"]
    assert seen(memory_host)[0]["id"] == done["id"]
    place.unlink()
    place.mkdir()
    assert seen(memory_host) == (None, []) and take()["error"] is None


def test_an_instance_that_is_not_here_gets_no_record(memory_host: MemoryHost) -> None:
    own = memory_host.store.instance("nobody-x")
    last.begin(own, last.BACKUP)
    last.failed(own, last.BACKUP, "is not installed", False)
    assert not os.path.exists(own.root)


def test_one_node_of_a_host_at_a_time_is_down_for_its_backup(memory_host: MemoryHost, saved: ResticInMemory, take: Take) -> None:
    host = memory_host
    with turn(host.store, "other-x", WAY):
        refused = pytest.raises(LockedError, match=f"{ID} was not stopped: another node of this host is down .*by tester for other-x")
        with refused, turn(host.store, ID, Way("tester", 0)):
            raise AssertionError("both at once")
        stops = len([words for words in host.engine.asked if words[0] == "stop"])
        assert "another node of this host is down for its backup" in take()["error"]
        assert running(host) == {"node", "gateway"} and len([words for words in host.engine.asked if words[0] == "stop"]) == stops
    free: list[bool] = []

    def during(words: list[str]) -> None:
        if words[0] in ("backup", "check"):
            try:
                with Lock(os.path.join(host.store.locks, "@backup.lock"), "tester", 0):
                    free.append(True)
            except LockedError:
                free.append(False)

    saved.during = during
    assert take()["error"] is None
    # The live pass, the copy; the check and the seal, while the node runs again.
    assert free == [True, False, True, True]


def test_the_newest_backup_is_told_though_its_copy_failed(memory_host: MemoryHost, saved: ResticInMemory, take: Take) -> None:
    host = memory_host
    first = take()["backup"]["id"]
    saved.ends = {"copy": (1, "Fatal: dial tcp: connection refused")}
    done = take(copies=copies.given([{"name": "other", "repository": str(host.roots / "other")}]))
    saved.ends = {}
    assert [item["id"] for item in there(host, saved)] == [first, done["backup"]["id"]]
    told, _problems = seen(host)
    assert (told["id"], told["time"]) == (done["backup"]["id"], done["backup"]["time"]) and "not copied to other" in told["problem"]


def test_what_a_copy_is_worth_says_nothing_of_the_repository(memory_host: MemoryHost, saved: ResticInMemory, take: Take) -> None:
    host = memory_host
    take(copies=copies.given([{"name": "other", "repository": str(host.roots / "other")}]))

    def prove_copy(damaged: bool) -> Any:
        saved.ends = {"check": (1, "Fatal: repository contains errors")} if damaged else {}
        saving.proven(Host(host.store, host.engine.connect(), saved), [ID], WAY, Asked(copy="other"))
        saved.ends = {}
        return seen(host)[0]

    saved.ends = {"check": (1, "Fatal: repository contains errors")}
    prove(host, saved)
    told = prove_copy(damaged=False)
    assert list(told["failures"]) == ["proof"] and "contains errors" in told["problem"] and told["verified"] is None
    told = prove_copy(damaged=True)
    assert list(told["failures"]) == ["proof", "proof of other"]
    prove(host, saved)
    told = seen(host)[0]
    (entry,) = read_host(host.engine.connect(), [ID], host.store).instances
    assert [item["remedy"] for item in entry["findings"] if item["id"] == "BAK-010"] == [
        f"Mend what it names, and: avsctl prove {ID} --from other."
    ]
    assert list(told["failures"]) == ["proof of other"] and "its last proof of other" in told["problem"] and told["verified"]
    # Of a copy that is given up nothing is to be mended.
    take(copies=[])
    assert seen(host)[0]["problem"] is None
