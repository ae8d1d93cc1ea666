# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What hosts of one run answered, what is judged by it, and how long a new key waits for it."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.restaking.avs.plugins.module_utils.common.errors import InputError
from ansible_collections.restaking.avs.plugins.module_utils.common.findings import Finding
from ansible_collections.restaking.avs.plugins.module_utils.common.keystores import record_of
from ansible_collections.restaking.avs.plugins.plugin_utils.inventory import roll_call
from ansible_collections.restaking.avs.plugins.plugin_utils.inventory.fleet import Fleet, survey
from ansible_collections.restaking.avs.plugins.plugin_utils.inventory.roll_call import Answer, RollCall, Turn, at_work
from ansible_collections.restaking.avs.plugins.plugin_utils.secrets.run_folder import RunFolder

from tests.unit.support.keystores import keystore

ONE, TWO = "1a" * 20, "2b" * 20
SPECS = [{"id": f"{name}-avs-op1", "keys": [{"name": "k", "kind": "ecdsa"}]} for name in ("a", "b", "c")]


def running(name: str, public: str) -> dict[str, Any]:
    return {"id": f"{name}-avs-op1", "state": "started", "keystores": {"k": record_of("ecdsa", keystore("ecdsa", f"old-{public}", public))}}


class Run:
    """The workers of one run."""

    def __init__(self, folder: Path, turn: Collection[str] = (), hosts: Collection[str] = ()) -> None:
        folder.mkdir(exist_ok=True)
        self.folder, self.turn, self.known = RunFolder(folder), Turn("task", turn, 50), hosts

    def fleet(self, host: str) -> Fleet:
        return Fleet(self.folder, host, {"uses": [], "wishes": {}, "wished": [], "hosts": sorted(self.known)}, turn=self.turn)

    def answer(
        self, host: str, held: Collection[Mapping[str, Any]] = (), sent: Mapping[str, str] | None = None, sending: bool = True
    ) -> list[Finding]:
        """What is told or refused; ``held``: what instances have until now; ``sent``: name -> public id of a key that is to come."""
        fleet = self.fleet(host)
        fleet.answered({"instances": [], "held": list(held)})
        values = {
            f"{name}-avs-op1": {"key.k.keystore": keystore("ecdsa", f"new-{public}", public)} for name, public in (sent or {}).items()
        }
        try:
            return fleet.review(SPECS, values, sending)
        except InputError as error:
            return error.findings

    def together(self, *answers: Callable[[], list[Finding]]) -> list[list[Finding]]:
        found: list[list[Finding]] = [[] for _answer in answers]

        def run(position: int) -> None:
            found[position] = answers[position]()

        workers = [threading.Thread(target=run, args=(position,)) for position in range(len(answers))]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join(30)
        return found


@pytest.fixture
def busy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody who could still answer is at work."""
    monkeypatch.setattr(roll_call, "at_work", lambda _run, _waiting: True)


def test_keys_that_are_swapped_in_one_run_are_refused_on_both_sides(tmp_path: Path, busy: None) -> None:
    run = Run(tmp_path, ["h1", "h2"])
    first, second = run.together(
        lambda: run.answer("h1", [running("a", ONE)], {"a": TWO}), lambda: run.answer("h2", [running("b", TWO)], {"b": ONE})
    )
    assert [(item.id, item.severity, item.place) for item in (*first, *second)] == [
        ("KEY-006", "error", "a-avs-op1.keys.k"),
        ("KEY-006", "error", "b-avs-op1.keys.k"),
    ]
    assert "b-avs-op1 on h2" in first[0].message and "two runs: b-avs-op1 on h2 has it until" in first[0].remedy
    assert "a-avs-op1 on h1 has it until" in second[0].remedy


@pytest.mark.parametrize("late", ["the holder", "the newcomer"])
def test_a_key_is_not_handed_on_while_its_holder_has_it(tmp_path: Path, busy: None, late: str) -> None:
    run = Run(tmp_path, ["h1", "h2"])
    answers = [lambda: run.answer("h1", [running("a", ONE)], {"a": TWO}), lambda: run.answer("h2", [], {"b": ONE})]
    order = [1, 0] if late == "the holder" else [0, 1]
    told = dict(zip(order, run.together(*(answers[position] for position in order)), strict=True))
    assert told[0] == [] and [item.id for item in told[1]] == ["KEY-006"]
    # The next run finds it gone from there.
    assert Run(tmp_path / "next").answer("h2", [], {"b": ONE}) == []


def test_nor_on_one_host(tmp_path: Path) -> None:
    run = Run(tmp_path, ["h1"])
    (found,) = run.answer("h1", [running("a", ONE)], {"a": TWO, "b": ONE})
    assert found.place == "b-avs-op1.keys.k" and "a-avs-op1 on h1 has it until" in found.remedy
    swapped = Run(tmp_path / "swap").answer("h1", [running("a", ONE), running("b", TWO)], {"a": TWO, "b": ONE})
    assert [item.place for item in swapped] == ["a-avs-op1.keys.k", "b-avs-op1.keys.k"]
    # A key of another password, or in a store that moved, is the instance's own.
    assert Run(tmp_path / "same").answer("h1", [running("a", ONE)], {"a": ONE}) == []


def test_what_was_held_counts_until_the_run_ends(tmp_path: Path) -> None:
    run = Run(tmp_path)
    assert run.answer("h1", [running("a", ONE)], {"a": TWO}) == []
    # The same host in a later task of the run, without that key by now.
    assert run.answer("h1", [running("a", TWO)]) == []
    assert [item.id for item in run.answer("h2", [], {"b": ONE})] == ["KEY-006"]
    assert [item.id for item in run.answer("h2", [], {"b": TWO})] == ["KEY-006"]


def test_a_newcomer_waits_for_the_host_that_has_the_key(tmp_path: Path, busy: None) -> None:
    run = Run(tmp_path, ["h1", "h2"])

    def holder() -> list[Finding]:
        time.sleep(0.5)
        return run.answer("h2", [running("b", ONE)])

    newcomer, held = run.together(lambda: run.answer("h1", [], {"a": ONE}), holder)
    assert [item.id for item in newcomer] == ["KEY-006"] and held == []


def test_two_newcomers_with_one_key_are_both_refused(tmp_path: Path, busy: None) -> None:
    run = Run(tmp_path, ["h1", "h2"])
    found = run.together(lambda: run.answer("h1", [], {"a": ONE}), lambda: run.answer("h2", [], {"b": ONE}))
    assert [[item.id for item in told] for told in found] == [["KEY-006"]] * 2
    assert all("two runs" not in item.remedy for told in found for item in told)


def test_a_key_that_was_sent_before_its_holder_answered_is_told_by_the_holder(tmp_path: Path) -> None:
    run = Run(tmp_path)
    assert run.answer("h1", [], {"a": ONE}) == []
    assert [item.id for item in run.answer("h2", [running("b", ONE)])] == ["KEY-006"]
    # In check mode nothing was sent.
    checked = Run(tmp_path / "check")
    assert checked.answer("h1", [], {"a": ONE}, sending=False) == []
    assert checked.answer("h2", [running("b", ONE)]) == []


def test_hosts_that_were_not_asked_are_named_once_and_for_new_keys_alone(tmp_path: Path) -> None:
    run = Run(tmp_path, ["h1"], ["h1", "h2", "h3", "h4"])
    run.fleet("h2").leave()
    assert run.answer("h3") == []
    (warning,) = run.answer("h1", [], {"a": ONE, "b": TWO})
    assert (warning.id, warning.severity) == ("KEY-012", "warning")
    assert "h2, h4," in warning.message and "h3" not in warning.message
    assert "a-avs-op1.keys.k, b-avs-op1.keys.k" in warning.message
    assert run.answer("h1", [running("a", ONE)], {"a": ONE}) == []
    many = Run(tmp_path / "many", ["h1"], [f"n{number:02}" for number in range(30)])
    assert "n09 and 20 more" in many.answer("h1", [], {"a": ONE})[0].message


def test_who_gave_it_up_in_this_run_is_neither_waited_for_nor_called_silent(tmp_path: Path) -> None:
    run = Run(tmp_path, ["h1", "h2"], ["h1", "h2", "h3"])
    run.turn = run.turn.without(["h2"])
    (warning,) = run.answer("h1", [], {"a": ONE})
    assert "h3," in warning.message and "h2" not in warning.message
    alone = Run(tmp_path / "alone", ["h1", "h2"], ["h1", "h2"])
    alone.turn = alone.turn.without(["h2"])
    assert alone.answer("h1", [], {"a": ONE}) == []
    # Whoever answers is heard.
    told = Run(tmp_path / "told", ["h1", "h2"], ["h1", "h2"])
    told.turn = told.turn.without(["h2"])
    told.answer("h2", [running("b", ONE)])
    assert [item.id for item in told.answer("h1", [], {"a": ONE})] == ["KEY-006"]


def test_the_survey_names_who_may_run_instances() -> None:
    def variables(host: str) -> dict[str, Any]:
        if host == "broken":
            raise KeyError("needs facts")
        return {"avs_instances": []} if host == "limited" else {}

    hosts = ["broken", "limited", "monitor", "played"]
    assert survey(hosts, ["played"], variables)["hosts"] == ["broken", "limited", "played"]


def test_keys_nobody_can_tell(tmp_path: Path) -> None:
    dark = {"id": "x-avs-op1", "state": "started", "keystores": {}, "unknown": True}
    run = Run(tmp_path)
    (refused,) = run.answer("h1", [dark], {"a": ONE})
    assert (refused.id, refused.severity, refused.place) == ("KEY-006", "error", "a-avs-op1.keys.k") and "x-avs-op1" in refused.message
    assert run.answer("h1", [dark]) == []
    # No new key, and the instance itself, which is made anew.
    assert run.answer("h1", [dark, running("a", ONE)], {"a": ONE}) == []
    assert run.answer("h1", [{**dark, "id": "a-avs-op1"}], {"a": TWO}) == []
    again = Run(tmp_path / "again")
    again.answer("h1", [dark])
    (warning,) = again.answer("h2", [], {"b": TWO})
    assert warning.id == "KEY-012" and "x-avs-op1 on h1" in warning.message


def test_a_host_that_failed_still_tells_what_it_could(tmp_path: Path) -> None:
    run = Run(tmp_path, ["h1", "h2"])
    failed = run.fleet("h2")
    failed.answered({"failed": True, "instances": [], "held": [running("b", ONE)]})
    failed.leave()
    dead = run.fleet("h3")
    dead.answered({"failed": True, "msg": "died"})
    dead.leave()
    assert [item.id for item in run.answer("h1", [], {"a": ONE})] == ["KEY-006"]


def waited(roll: RollCall, **bounds: float) -> float:
    began = time.monotonic()
    roll.wait(**bounds)
    return time.monotonic() - began


def test_how_long_a_new_key_waits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = RunFolder(tmp_path)
    roll = RollCall(folder, "h1", Turn("t", ["h1", "h2"], 5))
    monkeypatch.setattr(roll_call, "at_work", lambda _run, _waiting: True)
    assert 0.35 < waited(roll, patience=0.4, quiet=0.1) < 5
    # Not known whether anybody is at work: the bound holds.
    monkeypatch.setattr(roll_call, "at_work", lambda _run, _waiting: None)
    assert 0.35 < waited(roll, patience=0.4, quiet=0.1) < 5
    # Nobody else is: the task was skipped on the rest.
    monkeypatch.setattr(roll_call, "at_work", lambda _run, _waiting: False)
    assert 0.2 < waited(roll, patience=30, quiet=0.25) < 10
    # Every fork waits.
    assert waited(RollCall(folder, "h1", Turn("t", ["h1", "h2"], 1)), patience=30, quiet=30) < 5
    # Who was found out of reach in another task may answer in this one.
    RollCall(folder, "h2", Turn("before", ["h2"], 5)).give(Answer(heard=False, task="before"))
    assert waited(roll, patience=0.3, quiet=30) > 0.25
    RollCall(folder, "h2", Turn("t", ["h2"], 5)).give(Answer(heard=False, task="t"))
    assert waited(roll, patience=30, quiet=30) < 5
    assert folder.read("waiting") == {"pids": []}


def test_all_go_on_where_every_fork_waits(tmp_path: Path, busy: None) -> None:
    """Also those that still wait when the first of them is at work again."""
    folder, turn = RunFolder(tmp_path), Turn("t", ["h1", "h2", "h3"], 2)
    before = os.fork()
    if before == 0:
        RollCall(folder, "h1", turn).wait(20, 20)
        time.sleep(0.5)
        os._exit(0)
    assert waited(RollCall(folder, "h2", turn), patience=20, quiet=20) < 15
    assert os.waitpid(before, 0)[1] == 0


def process(folder: Path, pid: int, program: str, state: str = "S", children: str | None = None) -> None:
    own = folder / str(pid)
    own.mkdir()
    (own / "exe").symlink_to(program)
    (own / "stat").write_text(f"{pid} (odd ) name) {state} 1 1")
    if children is not None:
        (own / f"task/{pid}").mkdir(parents=True)
        (own / f"task/{pid}/children").write_text(children)


def test_workers_that_could_still_answer(tmp_path: Path) -> None:
    process(tmp_path, 10, "/python", children="11 12 13 14 15 ")
    process(tmp_path, 11, "/python")
    process(tmp_path, 12, "/python")
    process(tmp_path, 13, "/python", "Z")
    process(tmp_path, 14, "/ssh-agent")
    assert at_work(10, [11], tmp_path) is True
    assert at_work(10, [11, 12], tmp_path) is False
    assert at_work(99, [11], tmp_path) is None
    process(tmp_path, 20, "/python")
    assert at_work(20, [], tmp_path) is None
    assert at_work(os.getppid(), []) is not None
