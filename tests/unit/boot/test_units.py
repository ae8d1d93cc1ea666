# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Units of a host's instances: which come back with it, and what is asked of systemd for that."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.restaking.avs.plugins.module_utils.boot.settle import settle
from ansible_collections.restaking.avs.plugins.module_utils.boot.units import CUT, RECOVER, TEMPLATE, WITH_ENGINE, Plan, Units
from ansible_collections.restaking.avs.plugins.module_utils.common.errors import HostError


class Systemd:
    """What it was asked; ``code`` is what it ends with."""

    def __init__(self, code: int = 0) -> None:
        self.code = code
        self.asked: list[list[str]] = []

    def __call__(self, args: list[str], **_options: Any) -> tuple[int, bytes, bytes]:
        self.asked.append(args[args.index("systemctl") + 1 :])
        return self.code, b"", b"Access denied\n"


@pytest.fixture
def units(tmp_path: Path) -> Units:
    for name in ("systemd", "booted"):
        (tmp_path / name).mkdir()
    (tmp_path / "avsctl").write_text("#!/bin/sh\n")
    (tmp_path / "avsctl").chmod(0o755)
    return Units(str(tmp_path / "systemd"), str(tmp_path / "marks"), str(tmp_path / "booted"), str(tmp_path / "avsctl"))


def result(**states: str) -> dict[str, Any]:
    entries = [
        {"id": name.replace("_", "-"), "state": state, "error": None, "actions": [], "changed": False, "findings": []}
        for name, state in states.items()
    ]
    return {"changed": False, "instances": entries, "findings": []}


def test_what_runs_comes_back_and_what_does_not_does_not(units: Units) -> None:
    systemd, first = Systemd(), result(node_a="started", node_b="stopped")
    settle(first, systemd, False, units)
    assert systemd.asked == [["daemon-reload"], ["--no-block", "start", "--", "avs@node-a.service"]]
    # What an older release installed is found unchanged, and has its unit from now on.
    assert [entry["actions"] for entry in first["instances"]] == [[], []] and not first["changed"]
    assert os.readlink(os.path.join(units.folder, units.wants, "avs@node-a.service")).endswith(TEMPLATE)
    assert all(os.path.islink(os.path.join(units.folder, wants, RECOVER)) for wants in (units.wants, WITH_ENGINE))
    assert "avsctl cut %i" in (tmp := Path(units.folder, CUT).read_text()) and "[Install]" not in tmp
    units.mark("node-a")
    quiet, again = Systemd(), result(node_a="started", node_b="stopped")
    settle(again, quiet, False, units)
    assert (quiet.asked, again["changed"]) == ([], False)
    os.unlink(os.path.join(units.folder, units.wants, "avs@node-a.service"))
    disabled = result(node_a="started", node_b="stopped")
    settle(disabled, Systemd(), False, units)
    assert disabled["changed"] and disabled["instances"][0]["actions"] == [
        {"kind": "unit", "name": "avs@node-a.service", "action": "create"}
    ]
    gone = result(node_a="absent", node_b="stopped")
    settle(gone, quiet, False, units)
    assert quiet.asked == [["daemon-reload"], ["--no-block", "stop", "--", "avs@node-a.service"]]
    assert gone["instances"][0]["actions"] == [{"kind": "unit", "name": "avs@node-a.service", "action": "remove"}]
    assert not units.is_enabled("node-a")


def test_check_mode_says_the_same_and_asks_nobody(units: Units) -> None:
    told, done = result(node_a="started"), result(node_a="started")
    systemd = Systemd()
    settle(result(node_b="started"), Systemd(), False, units)
    there = sorted(os.listdir(os.path.join(units.folder, units.wants)))
    settle(told, systemd, True, units)
    assert systemd.asked == [] and sorted(os.listdir(os.path.join(units.folder, units.wants))) == there
    settle(done, systemd, False, units)
    assert told == done and told["changed"]
    # Of one more node systemd learns when it is started; to read all of its units again takes long on a host that has many.
    assert systemd.asked == [["--no-block", "start", "--", "avs@node-a.service"]]


def test_a_unit_somebody_changed_is_put_back(units: Units) -> None:
    settle(result(node_a="started"), Systemd(), False, units)
    units.mark("node-a")
    path = Path(units.folder, TEMPLATE)
    text = path.read_text()
    path.write_text(text + "# mine\n")
    systemd, again = Systemd(), result(node_a="started")
    settle(again, systemd, False, units)
    assert path.read_text() == text and systemd.asked == [["daemon-reload"]]
    assert not again["changed"]


@pytest.mark.parametrize("less", ["booted", "avsctl"])
def test_nothing_is_made_without_systemd_or_a_program(units: Units, tmp_path: Path, less: str) -> None:
    (tmp_path / less).rmdir() if less == "booted" else (tmp_path / less).unlink()
    systemd, one = Systemd(), result(node_a="started")
    settle(one, systemd, False, units)
    assert systemd.asked == [] and not one["changed"] and os.listdir(units.folder) == []


def test_a_systemd_that_refuses_is_told_and_fails_nobody(units: Units) -> None:
    one = result(node_a="started", node_b="started")
    settle(one, Systemd(1), False, units)
    assert [item["id"] for item in one["findings"]] == ["OPS-020"] and "Access denied" in one["findings"][0]["message"]
    assert one["instances"][0]["findings"] == one["findings"] and "failed" not in one


def test_one_that_failed_is_left_as_it_is(units: Units) -> None:
    settle(result(node_a="started"), Systemd(), False, units)
    units.mark("node-a")
    failed = result(node_a="absent")
    failed["instances"][0]["error"] = "could not be removed"
    systemd = Systemd()
    settle(failed, systemd, False, units)
    assert systemd.asked == [] and units.is_enabled("node-a")


def test_no_name_from_outside_becomes_a_unit(units: Units) -> None:
    with pytest.raises(HostError):
        units.carry_out(Plan(start=["../x"]), Systemd())


def test_a_unit_is_not_bound_to_the_engine_and_waits_for_what_was_cut(units: Units) -> None:
    settle(result(node_a="started"), Systemd(), False, units)
    text = Path(units.folder, TEMPLATE).read_text()
    assert "Requires=" not in text and "BindsTo=" not in text and "PartOf=" not in text
    assert f"After=docker.service {RECOVER}" in text and "RemainAfterExit=yes" in text and "{" not in text


def test_a_unit_that_stops_late_takes_down_nothing_that_was_started_since(units: Units) -> None:
    settle(result(node_a="started"), Systemd(), False, units)
    units.mark("node-a")
    settle(result(node_a="stopped"), Systemd(), False, units)
    # It was started again before systemd came to the unit's own stop: that is for what was down already, and the unit starts after it.
    systemd = Systemd()
    settle(result(node_a="started"), systemd, False, units)
    assert systemd.asked[-1] == ["--no-block", "start", "--", "avs@node-a.service"]
    assert units.unmark("node-a") is True
    units.mark("node-a")
    assert units.unmark("node-a") is False


def test_a_stop_that_systemd_refuses_is_asked_for_again(units: Units) -> None:
    settle(result(node_a="started"), Systemd(), False, units)
    units.mark("node-a")
    settle(result(node_a="stopped"), Systemd(1), False, units)
    assert units.is_marked("node-a")
    units.mark("node-a")
    assert units.unmark("node-a") is False


def test_a_mark_there_is_no_room_for_fails_no_unit(units: Units) -> None:
    Path(units.marks).write_text("in the way")
    units.mark("node-a")
    assert not units.is_marked("node-a")
