# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Backups on a schedule: one call makes all instances of a host ready, twice changes nothing, and what is wrong is told before a night."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.restaking.avs.plugins.module_utils.backup import copies, last, settings, timer
from ansible_collections.restaking.avs.plugins.module_utils.backup.copies import given
from ansible_collections.restaking.avs.plugins.module_utils.boot.settle import settle
from ansible_collections.restaking.avs.plugins.module_utils.boot.timers import Timers
from ansible_collections.restaking.avs.plugins.module_utils.boot.units import Units
from ansible_collections.restaking.avs.plugins.module_utils.common.errors import HostError
from ansible_collections.restaking.avs.plugins.module_utils.instance import hold
from ansible_collections.restaking.avs.plugins.module_utils.reconcile import control
from ansible_collections.restaking.avs.plugins.module_utils.reconcile.own import Way
from ansible_collections.restaking.avs.plugins.module_utils.reconcile.repositories import Asked, Host
from ansible_collections.restaking.avs.plugins.module_utils.reconcile.scheduling import Wanted, schedule, wanted
from ansible_collections.restaking.avs.plugins.module_utils.status.saved import saved as saved_of
from ansible_collections.restaking.avs.plugins.module_utils.system import files

from tests.unit.support.memory_host import ID, MemoryHost, acted
from tests.unit.support.restic_in_memory import ResticInMemory
from tests.unit.support.saved_host import PASSWORD, WAY, Take, running
from tests.unit.support.systemd_in_memory import Systemd

CHECK = Way("tester", 0, check=True)
READY = ["create files backup settings", f"create unit avs-backup@{ID}.timer", "create keys backup password"]
Set = Callable[..., dict[str, Any]]


class Programs:
    """Both programs of a host that this needs."""

    def __init__(self, saved: ResticInMemory) -> None:
        self.restic, self.systemd = saved, Systemd()

    def __call__(self, args: list[str], **options: Any) -> tuple[int, bytes, bytes]:
        is_its = any(word.startswith("systemctl") or word == "systemd-analyze" for word in args)
        return self.systemd(args, **options) if is_its else self.restic(args, **options)


@pytest.fixture
def programs(saved: ResticInMemory) -> Programs:
    return Programs(saved)


@pytest.fixture
def timers(memory_host: MemoryHost, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Timers:
    for name in ("systemd", "booted"):
        (tmp_path / name).mkdir()
    (tmp_path / "avsctl").write_text("#!/bin/sh\n")
    (tmp_path / "avsctl").chmod(0o755)
    units = Units(str(tmp_path / "systemd"), str(tmp_path / "marks"), str(tmp_path / "booted"), str(tmp_path / "avsctl"))
    monkeypatch.setattr(timer, "FOLDER", units.folder)
    return Timers(units, str(tmp_path / "stamps"))


@pytest.fixture
def set_up(memory_host: MemoryHost, programs: Programs, timers: Timers) -> Set:
    def run(wish: Wanted | str = "daily", way: Way = WAY, **asked: Any) -> dict[str, Any]:
        where = Host(memory_host.store, memory_host.engine.connect(), programs)
        wish = Wanted(wish) if isinstance(wish, str) else wish
        # As the action plugin: nothing of a password is sent in check mode.
        given = {"password": "" if way.check else PASSWORD, **asked}
        return schedule(where, timers, wish, Asked(**given), way)

    return run


def test_it_is_made_ready_once_as_was_announced(memory_host: MemoryHost, programs: Programs, timers: Timers, set_up: Set) -> None:
    host = memory_host
    own = host.store.instance(ID)
    announced = set_up(way=CHECK)
    assert acted(announced["instances"][0]) == READY and announced["changed"]
    assert not os.path.exists(settings.folder(own)) and os.listdir(timers.units.folder) == [] and programs.restic.asked == []
    done = set_up(max_stop=900)
    assert (done["instances"][0]["error"], acted(done["instances"][0])) == (None, READY)
    assert [item["after_header"] for item in done["diff"]] == [
        os.path.join(settings.folder(own), "settings.json"),
        f"avs-backup@{ID}.timer",
    ]
    assert PASSWORD not in json.dumps(done) and running(host) == {"node", "gateway"}
    before = len(programs.restic.asked)
    for way in (WAY, CHECK):
        again = set_up(way=way)
        assert (again["changed"], acted(again["instances"][0]), again["diff"]) == (False, [], [])
    assert len(programs.restic.asked) == before and programs.systemd.texts == ["daily", "daily"]
    assert settings.read(own).max_stop == 900  # type: ignore[union-attr]


def test_what_was_changed_is_told_and_done(set_up: Set, take: Take) -> None:
    set_up()
    assert take(password="")["error"] is None
    done = set_up(keep={"last": 2})
    assert acted(done["instances"][0]) == ["update files backup settings"] and '"last": 2' in done["diff"][0]["after"]
    done = set_up(Wanted("weekly", {ID: "Sun 03:00"}))
    assert acted(done["instances"][0]) == [f"update unit avs-backup@{ID}.timer"] and done["instances"][0]["schedule"] == "Sun 03:00"
    assert set_up(Wanted("weekly", {ID: "Sun 03:00"}))["changed"] is False


@pytest.mark.parametrize("wish", [Wanted(), Wanted("never"), Wanted("daily", {ID: "never"})])
def test_never_takes_the_timer_away(timers: Timers, set_up: Set, wish: Wanted) -> None:
    assert set_up(wish) == {"changed": False, "instances": [], "diff": []}
    set_up()
    told, done = set_up(wish, CHECK), set_up(wish)
    assert acted(told["instances"][0]) == acted(done["instances"][0]) == [f"remove unit avs-backup@{ID}.timer"]
    assert timers.known() == [] and set_up(wish)["changed"] is False


def test_what_is_held_keeps_its_timer_and_what_is_gone_loses_it(memory_host: MemoryHost, timers: Timers, set_up: Set) -> None:
    host = memory_host
    set_up()
    control.stop(host.store, host.engine.connect(), [ID], WAY)
    assert set_up()["changed"] is False and timers.has(ID)
    host.well(host.gone())
    done = set_up()
    assert acted(done["instances"][0]) == [f"remove unit avs-backup@{ID}.timer"] and timers.known() == []
    assert set_up()["instances"] == []


def test_what_another_host_has_by_now_loses_its_timer_and_is_expected_no_more(memory_host: MemoryHost, timers: Timers, set_up: Set) -> None:
    set_up()
    own = memory_host.store.instance(ID)
    Path(settings.password_file(own)).unlink()
    assert "waits for the password" in saved_of(own, True)[1][0].message
    hold.bind(own, hold.MOVED, "host2", "tester")
    assert saved_of(own, True) == (None, [])
    # As soon as it is given up, and said before; or with the next run.
    entry = {"id": ID, "state": "stopped", "actions": [], "changed": False, "error": None}
    for more, dry, left in ({"move": {"down": True}}, True, True), ({"hold": {"kind": hold.MOVED}}, False, False):
        result = {"changed": False, "instances": [{**entry, **more}]}
        settle(result, Systemd(), dry, timers.units)
        assert acted(result["instances"][0])[0] == f"remove unit avs-backup@{ID}.timer" and timers.has(ID) is left
    assert set_up()["instances"] == [] and timers.known() == []


@pytest.mark.parametrize(
    ("wish", "word"), [("nonsense", "is no calendar text"), ("2020-01-01", "never comes"), ("daily\nUnit=x", "is not made of")]
)
def test_nothing_is_changed_where_a_text_means_nothing(timers: Timers, programs: Programs, set_up: Set, wish: str, word: str) -> None:
    programs.systemd = Systemd(nonsense={"nonsense"}, never={"2020-01-01"})
    for way in (WAY, CHECK):
        with pytest.raises(HostError, match="nothing was changed") as refused:
            set_up(Wanted(wish, {"elsewhere-x": "daily"}), way)
        assert word in str(refused.value) and programs.restic.asked == [] and programs.systemd.asked == []
    assert os.listdir(timers.units.folder) == []


@pytest.mark.parametrize(("less", "word"), [("booted", "does not run on this host"), ("avsctl", "is not there")])
def test_a_host_that_has_no_timers_is_refused(tmp_path: Path, set_up: Set, less: str, word: str) -> None:
    (tmp_path / less).rmdir() if less == "booted" else (tmp_path / less).unlink()
    with pytest.raises(HostError, match="nothing was changed") as refused:
        set_up()
    assert word in str(refused.value)
    assert set_up("never")["changed"] is False


def test_without_a_password_the_timer_waits_and_says_so(memory_host: MemoryHost, timers: Timers, set_up: Set, take: Take) -> None:
    done = set_up(password="")
    (entry,) = done["instances"]
    assert (entry["waiting"], entry["error"], timers.has(ID)) == (True, None, True)
    assert [item["id"] for item in entry["findings"]] == ["BAK-010"]
    # Where it will be is not settled by one that nobody could open.
    assert not os.path.exists(os.path.join(settings.folder(memory_host.store.instance(ID)), "settings.json"))
    assert take(password="")["waiting"]
    assert [item for item in acted(set_up()["instances"][0]) if "password" in item] == ["create keys backup password"]
    # After a restart of the host.
    os.unlink(settings.password_file(memory_host.store.instance(ID)))
    for way in (CHECK, WAY):
        assert acted(set_up(way=way)["instances"][0]) == ["create keys backup password"]
    assert set_up()["changed"] is False and take(password="")["error"] is None


def test_what_would_fail_at_night_is_told_today_and_the_timer_stays(memory_host: MemoryHost, timers: Timers, set_up: Set) -> None:
    host = memory_host
    set_up()
    host.well(host.spec())
    done = set_up(acknowledged={ID: ["other"]})
    assert "node:/cache is a volume without a name" in done["instances"][0]["error"] and done["failed"] and timers.has(ID)
    inside = set_up(acknowledged={ID: ["node:/cache"]}, repository=host.store.instance(ID).data)
    assert "which nodes have" in inside["instances"][0]["error"] and timers.has(ID)
    wrong = set_up(acknowledged={ID: ["node:/cache"]}, password="another")
    assert "wrong password" in wrong["instances"][0]["error"]
    assert set_up(acknowledged={ID: ["node:/cache"]})["instances"][0]["error"] is None


def test_another_place_is_not_begun_by_a_timer(memory_host: MemoryHost, timers: Timers, set_up: Set, take: Take) -> None:
    set_up()
    old, new = os.path.join(memory_host.store.root, "backup"), str(memory_host.roots / "elsewhere")
    # Nothing is in it yet.
    assert set_up(repository=new)["instances"][0]["error"] is None and set_up(repository=old)["instances"][0]["error"] is None
    assert take(password="")["error"] is None
    for way in (CHECK, WAY):
        (entry,) = set_up(repository=f"{new}-2", way=way)["instances"]
        assert f"its backups are 1 in {old}/{ID}" in entry["error"] and not entry["changed"] and timers.has(ID)
    assert take(password="")["error"] is None and len(os.listdir(f"{old}/{ID}/snapshots")) == 4


def test_what_copies_are_reached_by_is_brought_again_once_it_is_gone(memory_host: MemoryHost, set_up: Set) -> None:
    where = {"name": "offsite", "repository": "sftp:me@backup.example.org:/avs", "known_hosts": "backup.example.org ssh-ed25519 AAAA"}
    whole, public = given([{**where, "secret": "a private key"}], False), given([where], True)
    own = memory_host.store.instance(ID)

    def said(**more: Any) -> list[tuple[str, str]]:
        done = set_up(**more)
        assert not done.get("failed"), done
        return [(item["kind"], item["name"]) for item in done["instances"][0]["actions"]]

    assert ("keys", "backup copies") in said(copies=whole)
    assert said(copies=whole) == [] and said(copies=public, way=CHECK) == []
    files.remove(copies.folder(own, "offsite"))
    assert said(copies=public, way=CHECK) == said(copies=whole) == [("keys", "backup copies")]
    assert said(copies=given([{**where, "secret": "another"}], False)) == [("keys", "backup copies")]
    assert said() == []


def test_a_record_that_cannot_be_used_is_left_alone(memory_host: MemoryHost, timers: Timers, set_up: Set) -> None:
    set_up()
    Path(memory_host.store.instance(ID).state_file).write_text("{")
    assert set_up("weekly") == {"changed": False, "instances": [], "diff": []} and timers.has(ID)


def test_what_a_module_is_given_is_checked() -> None:
    given = {"schedule": "daily", "schedules": {ID: "never"}, "random_delay": 60}
    found = wanted(given)
    assert (found.of(ID), found.of("other-x"), found.delay) == ("", "daily", 60)
    for wrong in ({"schedules": {ID: 3}}, {"random_delay": -1}, {"random_delay": 100_000}):
        with pytest.raises(HostError):
            wanted({**given, **wrong})


def test_one_that_waited_for_its_password_is_made_up_for_once_it_is_there(
    memory_host: MemoryHost, programs: Programs, timers: Timers, set_up: Set, take: Take
) -> None:
    own, service = memory_host.store.instance(ID), f"avs-backup@{ID}.service"
    set_up()
    started = ["start", "--no-block", "--", service]
    # The host is started; its timer fires.
    files.remove(settings.password_file(own))
    assert take(password="")["waiting"]
    # Nobody brings it.
    assert acted(set_up(password="")["instances"][0]) == [] and started not in programs.systemd.asked
    announced = set_up(way=CHECK)
    assert started not in programs.systemd.asked
    done = set_up()
    assert acted(done["instances"][0]) == acted(announced["instances"][0]) == [f"start unit {service}", "create keys backup password"]
    assert programs.systemd.asked.count(started) == 1
    # Once, whether or not that has begun.
    assert set_up()["changed"] is False and programs.systemd.asked.count(started) == 1
    # Another failure is none that a password would mend.
    last.failed(own, last.BACKUP, "is full", False)
    assert set_up()["changed"] is False
    # It is there already, brought by another run.
    last.failed(own, last.BACKUP, "waits", True)
    assert acted(set_up()["instances"][0]) == [f"start unit {service}"]
    # One that is on its way is not called for again.
    last.failed(own, last.BACKUP, "waits", True)
    last.begin(own, last.BACKUP)
    assert set_up()["changed"] is False and programs.systemd.asked.count(started) == 2
