# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Timers that back up instances: what is written, what is asked of systemd, and what a calendar text may be."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.restaking.avs.plugins.module_utils.backup.timer import schedule_of, timer_of
from ansible_collections.restaking.avs.plugins.module_utils.boot.settle import settle
from ansible_collections.restaking.avs.plugins.module_utils.boot.timers import SERVICE, WANTS, TimerPlan, Timers, Timing, calendar_problem
from ansible_collections.restaking.avs.plugins.module_utils.boot.units import Units
from ansible_collections.restaking.avs.plugins.module_utils.common.errors import HostError

from tests.unit.support.systemd_in_memory import Systemd

DAILY = Timing("daily", 600)


@pytest.fixture
def timers(tmp_path: Path) -> Timers:
    for name in ("systemd", "booted", "stamps"):
        (tmp_path / name).mkdir()
    (tmp_path / "avsctl").write_text("#!/bin/sh\n")
    (tmp_path / "avsctl").chmod(0o755)
    units = Units(str(tmp_path / "systemd"), str(tmp_path / "marks"), str(tmp_path / "booted"), str(tmp_path / "avsctl"))
    return Timers(units, str(tmp_path / "stamps"))


def made(timers: Timers, systemd: Systemd, **times: Timing) -> TimerPlan:
    plan = timers.plan({name.replace("_", "-"): timing for name, timing in times.items()}, [], systemd)
    timers.carry_out(plan, systemd)
    return plan


def path(timers: Timers, name: str) -> Path:
    return Path(timers.units.folder, name)


def test_a_timer_is_made_started_and_found_unchanged(timers: Timers) -> None:
    systemd = Systemd()
    plan = made(timers, systemd, node_a=DAILY, node_b=Timing("Sun 03:00", 0))
    assert [(item.kind, item.name, item.action) for item in plan.actions("node-a")] == [("unit", "avs-backup@node-a.timer", "create")]
    assert systemd.asked == [["daemon-reload"], ["restart", "--", "avs-backup@node-a.timer", "avs-backup@node-b.timer"]]
    text = path(timers, "avs-backup@node-a.timer").read_text()
    assert {"OnCalendar=daily", "RandomizedDelaySec=600", "FixedRandomDelay=true", "Persistent=true"} <= set(text.splitlines())
    assert os.readlink(path(timers, f"{WANTS}/avs-backup@node-a.timer")) == str(path(timers, "avs-backup@node-a.timer"))
    assert schedule_of("node-b", timers.units.folder) == "Sun 03:00" and schedule_of("node-c", timers.units.folder) == ""
    quiet = Systemd()
    again = made(timers, quiet, node_a=DAILY, node_b=Timing("Sun 03:00", 0))
    assert again == TimerPlan() and quiet.asked == [["is-active", "--", "avs-backup@node-a.timer", "avs-backup@node-b.timer"]]


def test_the_service_is_bounded_takes_its_turn_and_leaves_no_node_down(timers: Timers) -> None:
    made(timers, Systemd(), node_a=DAILY)
    text = path(timers, SERVICE).read_text()
    assert "ExecStart=/usr/local/sbin/avsctl backup --lock-timeout 3600 --prove-due %i\n" in text and "SuccessExitStatus=3\n" in text
    assert "exec /usr/local/sbin/avsctl up %i" in text and "Nice=10" in text and "TimeoutStartSec=2d" in text
    assert "Requires=" not in text and "{" not in text and "infinity" not in text


@pytest.mark.parametrize("name", [SERVICE, "avs-backup@node-a.timer", f"{WANTS}/avs-backup@node-a.timer"])
@pytest.mark.parametrize("how", ["changed", "removed", "another"])
def test_what_somebody_changed_is_put_back(timers: Timers, name: str, how: str) -> None:
    made(timers, Systemd(), node_a=DAILY)
    place = path(timers, name)
    before = os.readlink(place) if place.is_symlink() else place.read_text()
    place.unlink()
    if how == "changed":
        place.write_text("[Timer]\nOnCalendar=never\n")
    elif how == "another":
        place.symlink_to("/dev/null")
    systemd = Systemd()
    made(timers, systemd, node_a=DAILY)
    assert (os.readlink(place) if place.is_symlink() else place.read_text()) == before and ["daemon-reload"] in systemd.asked
    assert made(timers, Systemd(), node_a=DAILY) == TimerPlan()


def test_another_time_is_taken_over_and_one_that_was_stopped_is_started(timers: Timers) -> None:
    made(timers, Systemd(), node_a=DAILY)
    plan = made(timers, Systemd(), node_a=Timing("weekly", 600))
    assert [item.action for item in plan.actions("node-a")] == ["update"] and "daily" in plan.changes["node-a"].before
    systemd = Systemd(inactive={"avs-backup@node-a.timer"})
    plan = made(timers, systemd, node_a=Timing("weekly", 600))
    assert [item.action for item in plan.actions("node-a")] == ["start"]
    assert systemd.asked[1:] == [["restart", "--", "avs-backup@node-a.timer"]]


def test_one_that_is_not_wanted_leaves_nothing(timers: Timers) -> None:
    made(timers, Systemd(), node_a=DAILY, node_b=DAILY)
    stamp = Path(timers.stamps, "stamp-avs-backup@node-a.timer")
    stamp.touch()
    systemd = Systemd()
    assert timers.known() == ["node-a", "node-b"]
    plan = timers.plan({"node-b": DAILY}, ["node-a", "node-c"], systemd)
    timers.carry_out(plan, systemd)
    assert [item.action for item in plan.actions("node-a")] == ["remove"] and plan.actions("node-c") == []
    assert ["stop", "--", "avs-backup@node-a.timer"] in systemd.asked and timers.known() == ["node-b"] and not stamp.exists()
    assert not os.path.lexists(path(timers, f"{WANTS}/avs-backup@node-a.timer"))
    # Of one that was removed by hand a link is left, which systemd knows nothing of.
    path(timers, "avs-backup@node-b.timer").unlink()
    systemd = Systemd()
    timers.carry_out(timers.plan({}, ["node-b"], systemd), systemd)
    assert systemd.asked == [["daemon-reload"]] and os.listdir(path(timers, WANTS)) == []


def entry(state: str) -> dict[str, Any]:
    one = {"id": "node-a", "state": state, "error": None, "actions": [], "changed": False, "findings": []}
    return {"changed": False, "instances": [one], "findings": []}


def test_an_instance_that_is_removed_loses_its_timer_and_one_that_is_stopped_keeps_it(timers: Timers) -> None:
    made(timers, Systemd(), node_a=DAILY)
    settle(entry("stopped"), Systemd(), False, timers.units)
    assert timers.has("node-a")
    told, done = entry("absent"), entry("absent")
    settle(told, Systemd(), True, timers.units)
    assert timers.has("node-a")
    settle(done, Systemd(), False, timers.units)
    assert told == done and done["changed"] and not timers.has("node-a")
    assert done["instances"][0]["actions"] == [{"kind": "unit", "name": timer_of("node-a"), "action": "remove"}]
    again, quiet = entry("absent"), Systemd()
    settle(again, quiet, False, timers.units)
    assert quiet.asked == [] and not again["changed"]


def test_a_systemd_that_refuses_is_told_and_the_removal_stands(timers: Timers) -> None:
    made(timers, Systemd(), node_a=DAILY)
    one = entry("absent")
    settle(one, Systemd(code=1), False, timers.units)
    assert [item["id"] for item in one["findings"]] == ["OPS-020"] and "failed" not in one
    with pytest.raises(HostError):
        timers.carry_out(timers.plan({"node-a": Timing("weekly", 0)}, [], Systemd()), Systemd(code=1))


@pytest.mark.parametrize(
    "text",
    [
        "",
        " daily",
        "daily\n",
        "daily\nUnit=x.service",
        "%i",
        "$(reboot)",
        "a;b",
        "-x",
        "d" * 121,
        "t\u00e4glich",
        "daily\\",
        '"daily"',
        "--help",
    ],
)
def test_what_is_no_calendar_text_reaches_nobody(text: str) -> None:
    systemd = Systemd()
    assert "is not made of" in calendar_problem(text, systemd) and systemd.asked == []


def test_systemd_says_what_a_calendar_text_means() -> None:
    assert calendar_problem("Mon..Fri 03:00:00 Europe/Berlin", Systemd()) == ""
    assert "is no calendar text of systemd: Failed to parse" in calendar_problem("nonsense", Systemd(nonsense={"nonsense"}))
    assert calendar_problem("2020-01-01", Systemd(never={"2020-01-01"})) == "is a time that never comes"


def test_no_name_from_outside_becomes_a_timer(timers: Timers) -> None:
    with pytest.raises(HostError):
        timers.plan({"../x": DAILY}, [], Systemd())
    path(timers, "avs-backup@..x.timer").write_text("")
    assert timers.known() == []
