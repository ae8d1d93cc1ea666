# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whole rollouts over hosts in memory: what a playbook does with them, without a playbook."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from ansible_collections.restaking.avs.plugins.module_utils.common.errors import InputError
from ansible_collections.restaking.avs.plugins.plugin_utils.rollout import record as records
from ansible_collections.restaking.avs.plugins.plugin_utils.rollout import run
from ansible_collections.restaking.avs.plugins.plugin_utils.rollout.plan import Terms, made
from ansible_collections.restaking.avs.plugins.plugin_utils.rollout.record import Record
from ansible_collections.restaking.avs.plugins.plugin_utils.rollout.report import failed_hosts, lines_of
from ansible_collections.restaking.avs.plugins.plugin_utils.rollout.run import Asked
from ansible_collections.restaking.avs.plugins.plugin_utils.rollout.waves import Size
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.rollout.answers import ID, gate, there
from tests.unit.rollout.fleet import SIZES, Hosts


@pytest.fixture
def fleet(tmp_path: Path) -> Hosts:
    return Hosts(tmp_path, [f"h{number}" for number in range(1, 13)])


def report(record: Record) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(Path(record.folder, "report.json").read_text())
    return found


def results(record: Record) -> dict[str, str]:
    return results_of(report(record))


def results_of(told: dict[str, Any]) -> dict[str, str]:
    return {node["host"]: node["result"] for node in told["nodes"]}


def test_a_host_that_fails_in_wave_2_leaves_wave_3_untouched(fleet: Hosts) -> None:
    fleet.broken = {"h3"}
    first = fleet.rollout()
    assert fleet.begun == ["h1", "h2", "h3", "h4", "h5"] and fleet.gates == [["h1"]] and fleet.passed == {"h1"}
    told = report(first)
    assert told["verdict"] == "failed" and "wave 2 failed: h3: demo-avs-op1: the gate failed; v1 is back in its place" in told["reason"]
    assert [wave["verdict"] for wave in told["waves"]] == ["passed", "failed", "not begun"]
    assert results(first) == {
        **dict.fromkeys(["h1", "h2", "h4", "h5"], "done"), "h3": "failed", **dict.fromkeys([f"h{number}" for number in range(6, 13)], "not begun"),
    }  # fmt: skip
    lines = lines_of(told)
    assert "h3 demo-avs-op1: failed: demo-avs-op1: the gate failed; v1 is back in its place" in lines
    assert "not begun: h6, h7, h8, h9, h10, h11, h12" in lines and failed_hosts(told).keys() == {"h3"}
    # After the repair only what is left is done, and the report has all of it.
    fleet.broken = set()
    second = fleet.rollout()
    assert fleet.begun == ["h3", *(f"h{number}" for number in range(6, 13))] and second.folder == first.folder
    assert fleet.said == [f"goes on with {first.name}, which failed: 4 of 12 are done"]
    # Those of the run before are asked with the others.
    assert fleet.gates == [["h1", "h2", "h3", "h4", "h5"], sorted(fleet.names)]
    again = report(second)
    assert again["verdict"] == "passed" and set(results(second).values()) == {"done"} and len(again["attempts"]) == 2
    assert {node["backup"] for node in again["nodes"]} == {f"backup-{name}" for name in fleet.names}
    # Once it has passed, nothing is left, and nothing is gone on with.
    third = fleet.rollout()
    assert fleet.begun == [] and third.folder != first.folder


def test_a_canary_that_is_not_well_after_its_soak(fleet: Hosts) -> None:
    fleet.sick = {"h1"}
    told = report(fleet.rollout(Terms(soak=30)))
    assert fleet.begun == ["h1"] and fleet.passed == set() and told["verdict"] == "failed"
    assert told["reason"] == "wave 1 (canary) failed: h1: is unhealthy when asked again: d" and told["counts"] == {
        "not begun": 11,
        "unhealthy": 1,
    }
    # Once it is well it is asked again, and upgraded no more.
    fleet.sick = set()
    assert set(results(fleet.rollout(Terms(soak=30))).values()) == {"done"} and fleet.passed == {"h1"}


def test_a_host_of_an_earlier_wave_that_falls_ill_stops_it(fleet: Hosts) -> None:
    fleet.sick = {"h3"}
    told = report(fleet.rollout())
    assert fleet.begun == ["h1", "h2", "h3", "h4", "h5"] and "wave 2 failed: h3: is unhealthy" in told["reason"]
    assert fleet.gates == [["h1"], ["h1", "h2", "h3", "h4", "h5"]]
    # The same command does not go past it. Where some may be ill it does, and asks it all the same.
    with pytest.raises(InputError, match="h3 demo-avs-op1 has v2 already and is not well"):
        fleet.rollout()
    told = report(fleet.rollout(Terms(sizes=(Size(1), Size(4), Size(4)), max_fail=30)))
    assert results_of(told)["h3"] == "unhealthy" and told["verdict"] == "failed" and "h9" in fleet.begun


def test_a_host_out_of_reach_in_the_middle_counts_as_failed(fleet: Hosts) -> None:
    fleet.dark = {"h4"}
    record = fleet.rollout()
    assert results(record)["h4"] == "unreachable" and results(record)["h6"] == "not begun" and failed_hosts(report(record)).keys() == {"h4"}
    # As many as may fail, and the run fails all the same.
    fleet.dark = {"h6"}
    record = fleet.rollout(Terms(sizes=SIZES, max_fail=20))
    assert (
        results(record)["h6"] == "unreachable"
        and set(results(record).values()) == {"done", "unreachable"}
        and report(record)["verdict"] == "failed"
    )


def test_a_controller_that_is_gone(fleet: Hosts) -> None:
    fleet.cut = "h3"
    first = fleet.rollout()
    # Its reports are as of the wave before.
    assert report(first)["verdict"] == "running" and results(first)["h1"] == "done" and results(first)["h4"] == "not begun"
    fleet.cut = ""
    second = fleet.rollout()
    assert second.folder == first.folder and fleet.said == [f"goes on with {first.name}, which was cut: 3 of 12 are done"]
    assert fleet.begun == ["h4", "h5", *(f"h{number}" for number in range(6, 13))] and set(results(second).values()) == {"done"}


def test_two_at_once(fleet: Hosts) -> None:
    fleet.cut = "h1"
    fleet.rollout(pid=os.getpid())
    with pytest.raises(InputError, match=r"the rollout .* \(process \d+\) is at work on h1, h10, h11, h12, h2: wait for its end"):
        fleet.rollout()
    fleet.names = ["x1"]
    fleet.rollout()
    assert fleet.begun == ["x1"]


def test_one_host_alone_is_asked_nothing_more(fleet: Hosts) -> None:
    fleet.names = ["h1"]
    record = fleet.rollout(Terms(soak=60))
    assert (
        fleet.gates == [] and report(record)["verdict"] == "passed" and [wave["verdict"] for wave in report(record)["waves"]] == ["passed"]
    )


def test_what_falls_ill_on_the_way_takes_room_from_the_next_batch(fleet: Hosts) -> None:
    terms = Terms(sizes=(Size(1), Size(6), Size(100, True)), limits={"demo-avs": Size(2)}, max_fail=50)
    fleet.down, fleet.broken = True, {"h2"}
    told = report(fleet.rollout(terms))
    assert fleet.begun == ["h1", "h2", "h3"]
    assert told["reason"] == "1 of demo-avs are down, and avs_max_unavailable lets 2 be so: the next batch would take down 2 more"
    # One whose old version runs again is not down; one that was well in its gate and is not any more is.
    fleet.down, fleet.broken, fleet.sick, fleet.versions = False, {"h2"}, {"h3"}, {}
    told = report(fleet.rollout(terms))
    assert fleet.begun == [f"h{number}" for number in range(1, 8)] and told["reason"].startswith("1 of demo-avs are down")


def test_who_is_to_go_first_passes_alone_as_well(fleet: Hosts) -> None:
    fleet.names = ["h1"]
    fleet.sick = {"h1"}
    record = fleet.rollout(Terms(soak=60), stages={"h1": 0})
    assert (fleet.soaks, fleet.gates, fleet.passed) == ([60], [["h1"]], set()) and report(record)["verdict"] == "failed"
    # Once it is well, nothing is left to be done with it, and it passes all the same.
    fleet.sick = set()
    record = fleet.rollout(Terms(soak=60), stages={"h1": 0})
    assert (fleet.soaks, fleet.gates, fleet.passed) == ([60], [["h1"]], {"h1"}) and report(record)["verdict"] == "passed"
    assert fleet.rollout(Terms(soak=60), stages={"h1": 0}).read()["waves"] == []


def test_an_answer_of_another_machine_is_none(fleet: Hosts) -> None:
    fleet.names = ["h1", "h2"]
    batch = ["h1"]
    temp = fleet.folder / "tmp"
    temp.mkdir()
    asked = Asked("upgrade", [ID], False, str(fleet.folder / "rollouts"), 1, False)
    record, _said = run.begin(str(temp), asked, made([fleet._seen(name) for name in fleet.names], {}, Terms()))
    fleet._upgrade(record, "h1")
    assert run.judge(record, batch).ask
    why = run.gated(record, batch, {"h1": gate(there(version="v2"), machine="h7")})
    assert "another machine answered in its place" in why and run.known(record, "stopped") == [why]
    assert run.asks(record, batch, "h1", True) == []


def test_nothing_is_kept_in_check_mode(tmp_path: Path) -> None:
    asked = Asked("upgrade", [ID], False, str(tmp_path / "rollouts"), 1, True)
    record, _said = run.begin(str(tmp_path), asked, made([Hosts(tmp_path, [])._seen("h1")], {}, Terms()))
    assert run.known(record, "order") == [] and run.end(record)["verdict"] == "would go"
    assert not (tmp_path / "rollouts").exists()


def test_a_rollout_that_is_refused_is_told_as_well(tmp_path: Path) -> None:
    asked = Asked("upgrade", [ID], False, str(tmp_path / "rollouts"), 1, False)
    record = run.refuse(str(tmp_path), asked, "nothing was begun: 1 of 2 hosts", {"h1": "no route"}, ["h1"])
    told = run.end(record, str(tmp_path))
    assert (
        told["verdict"] == "failed"
        and told["counts"] == {"unreachable": 1}
        and report(record) == json.loads((tmp_path / "report.json").read_text())
    )


def test_a_folder_of_a_release_to_come_is_let_be(fleet: Hosts) -> None:
    fleet.broken = {"h1"}
    first = fleet.rollout()
    place = Path(first.folder, "rollout.json")
    place.write_text(json.dumps({**json.loads(place.read_text()), "schema": 2}))
    assert fleet.rollout().folder != first.folder
    with pytest.raises(InputError, match="holds no rollout that this release"):
        first.read()


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="avs_rollout_folder"), records.alone(str(tmp_path / "file" / "x")):
        pass


def test_reports_hold_whatever_texts_there_are(fleet: Hosts) -> None:
    fleet.names = ["h1", "<b>&\"'\ufffe"]
    fleet.broken = set(fleet.names[1:])
    record = fleet.rollout()
    tree = ElementTree.parse(Path(record.folder, "report.xml")).getroot()
    assert (tree.get("tests"), tree.get("failures"), tree.get("skipped")) == ("2", "1", "0")
    cases = {case.get("classname"): case for case in tree.iter("testcase")}
    failure = cases["<b>&\"'\\ufffe"].find("failure")
    assert failure is not None and "the gate failed" in str(failure.get("message")) and cases["h1"].get("time") == "4.25"
    page = Path(record.folder, "report.html").read_text()
    assert "<b>&" not in page and "&lt;b&gt;&amp;" in page and "<script" not in page and "http" not in page.replace("http-equiv", "")
    assert os.stat(Path(record.folder, "report.html")).st_mode & 0o777 == 0o600


some = st.sets(st.integers(1, 8).map(lambda number: f"h{number}"))


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(1, 8), some, some, some, st.sampled_from(["", "h1", "h3", "h5"]), st.sampled_from([0, 30, 100]), st.data())
def test_whatever_happens(
    tmp_path_factory: pytest.TempPathFactory,
    count: int,
    broken: set[str],
    dark: set[str],
    sick: set[str],
    cut: str,
    most: int,
    data: st.DataObject,
) -> None:
    names = [f"h{number}" for number in range(1, count + 1)]
    fleet = Hosts(tmp_path_factory.mktemp("any"), names, broken=broken, dark=dark, sick=sick, cut=cut)
    sizes = data.draw(st.none() | st.just((Size(1), Size(2))) | st.just((Size(3),)))
    terms = Terms(sizes=sizes, max_fail=most, at_once=data.draw(st.integers(0, 2)))
    record = fleet.rollout(terms)
    document = record.read()
    waves = [[host for part in wave["batches"] for host in part] for wave in document["waves"]]
    # Nobody was begun after a canary that failed.
    if broken & set(waves[0]) or dark & set(waves[0]):
        assert set(fleet.begun) <= set(waves[0])
    if most == 0:
        bad = next((number for number, wave in enumerate(waves) if set(wave) & (broken | dark)), len(waves))
        assert not set(fleet.begun) & {host for wave in waves[bad + 1 :] for host in wave}
    # With all mended, what is left is done, once, and told as done.
    fleet.broken, fleet.dark, fleet.sick, fleet.cut = set(), set(), set(), ""
    left = {name for name in names if fleet.versions.get(name) != "v2"}
    record = fleet.rollout(terms)
    assert set(fleet.begun) - {"h1"} <= left | set(waves[0]) and left <= set(fleet.begun) and len(fleet.begun) == len(set(fleet.begun))
    assert all(version == "v2" for version in fleet.versions.values()) and len(fleet.versions) == len(names)
    if left:
        assert report(record)["verdict"] == "passed" and set(results(record).values()) <= {"done", "had it"}
