# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.restaking.avs.plugins.plugin_utils.rollout.outcome import gate_problem, note_of
from ansible_collections.restaking.avs.plugins.plugin_utils.rollout.verdict import Place, place, share, why_stop
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.rollout.answers import ID, gate, look, there, wants

NODE = wants("h1").nodes[0].as_dict()
OTHER = {**NODE, "id": "demo-avs-op2"}


def told(result: Any, *nodes: dict[str, Any]) -> list[tuple[str, str]]:
    return [(node["result"], node["reason"]) for node in note_of("h1", result, nodes or (NODE,))["nodes"]]


@pytest.mark.parametrize(
    "result,wanted",
    [
        ({"unreachable": True, "msg": "Task failed: gone\nmore"}, ("unreachable", "gone")),
        ({"failed": True, "msg": "refused"}, ("failed", "refused")),
        ({"instances": [look()]}, ("done", "")),
        ({"instances": [look("demo-avs-x")]}, ("failed", "its host said nothing of it")),
        (None, ("failed", "nothing is known of it")),
        ({"failed": True, "msg": "1 of 1", "instances": [look(error="a\nb")]}, ("failed", "a")),
        (
            {"failed": True, "msg": "1 of 1", "instances": [look(error="a", upgrade={"from": "v1", "to": "v2", "quarantined": True})]},
            ("failed", "a; neither version is well: it is down, and held"),
        ),
        # It failed, and nobody says with what.
        ({"failed": True, "msg": "odd", "instances": [look()]}, ("failed", "odd")),
    ],
)
def test_what_became_of_one(result: Any, wanted: tuple[str, str]) -> None:
    note = note_of("h1", result, [NODE])
    assert [(node["result"], node["reason"]) for node in note["nodes"]] == [wanted] and note["result"] == wanted[0]


def test_one_of_two_that_fails_is_what_the_host_is_said_to_have_failed_with() -> None:
    note = note_of("h1", {"failed": True, "msg": "1 of 2", "instances": [look(), look("demo-avs-op2", error="x")]}, [NODE, OTHER])
    assert [node["result"] for node in note["nodes"]] == ["done", "failed"] and (note["result"], note["reason"]) == ("failed", "x")
    # One that was left out is not told of.
    assert told({"instances": [look()]}, NODE, {**OTHER, "left_out": "is unhealthy"}) == [("done", "")]


def test_texts_of_hosts_are_harmless() -> None:
    bad = look(error="a\x1b[2Jb", findings=[{"id": "X", "message": "m\x1bn", "other": 1}, 3])
    (node,) = note_of("h1", {"failed": True, "msg": "x", "instances": [bad]}, [NODE])["nodes"]
    assert "\x1b" not in node["reason"] and node["findings"][0]["message"] == "m\\x1bn" and "other" not in node["findings"][0]


@pytest.mark.parametrize(
    "answer,wanted",
    [
        (gate(there(version="v2")), ""),
        (None, "out of reach when it was asked again"),
        ({"unreachable": True, "msg": "no route"}, "out of reach when it was asked again: no route"),
        ({"failed": True, "msg": "no engine"}, "could not be asked again: no engine"),
        (
            gate(there(version="v2"), machine="x"),
            "another machine answered in its place: a variable of its connection is made of inventory_hostname",
        ),
        (gate(), "is not there when asked again"),
        (gate(there(version="v2", state="stopped")), "is stopped when asked again"),
        (gate(there(version="v2", health="starting")), "is starting when asked again: d"),
        (gate(there(version="v2", digest="tree2")), ""),
        (gate(there(version="v2", digest="tree3")), "has another package than was planned: tree3, and not tree2"),
        (gate(there(version="v1")), "is v1 when asked again, not v2"),
        ({"machine": "m", "instances": [3, {"id": ID, "state": "started", "health": 3}]}, "is started when asked again"),
    ],
)
def test_what_a_gate_says(answer: Any, wanted: str) -> None:
    assert gate_problem(answer, NODE, "m") == wanted


WAVES = [{"canary": True, "batches": [["a"]]}, {"canary": False, "batches": [["b", "c"], ["d", "e"]]}]


def test_where_a_batch_stands() -> None:
    assert place(WAVES, ["a"]) == Place(0, 0, True, False) and place(WAVES, ["e"]) == Place(1, 1, True, True)
    assert place(WAVES, ["c", "b"]) == Place(1, 0, False, False)
    with pytest.raises(LookupError):
        place(WAVES, ["x"])


def test_how_many_of_a_wave_may_fail() -> None:
    notes = {name: {"result": "failed" if name == "b" else "done", "reason": "r"} for name in "abcde"}
    where = place(WAVES, ["b", "c"])
    assert why_stop(WAVES, where, 0, notes, {}) == "wave 2 failed: b: r" and why_stop(WAVES, where, 25, notes, {}) == ""
    assert why_stop(WAVES, where, 25, notes, {"a": "is ill"}) == "wave 2 failed: a: is ill; b: r"
    # A canary that fell ill is not one of those that may; another host is.
    assert (
        why_stop(WAVES, where, 60, {name: {"result": "done", "reason": ""} for name in "abcde"}, {"a": "is ill"})
        == "wave 2 failed: a: is ill"
    )
    assert why_stop(WAVES, where, 60, {name: {"result": "done", "reason": ""} for name in "abcde"}, {"c": "is ill"}) == ""
    # Of a canary none may, and who left no word failed.
    assert why_stop(WAVES, place(WAVES, ["a"]), 100, {}, {}) == "wave 1 (canary) failed: a: left no word"


@given(st.lists(st.text("abcdef", min_size=1), unique=True), st.integers(1, 5))
def test_everybody_is_asked_once(hosts: list[str], count: int) -> None:
    batch = [f"x{number}" for number in range(count)]
    whole = [*hosts, *batch[:2]]
    asked = [host for own in batch for host in share(whole, batch, own)]
    assert sorted(asked) == sorted(whole)
