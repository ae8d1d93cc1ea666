# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.restaking.avs.plugins.module_utils.common.errors import InputError
from ansible_collections.restaking.avs.plugins.plugin_utils.rollout.plan import (
    Plan,
    Terms,
    left_out_canary,
    limits,
    made,
    percentage,
    seconds,
)
from ansible_collections.restaking.avs.plugins.plugin_utils.rollout.seen import (
    ROLLBACK,
    Answers,
    Seen,
    kept_from,
    nowhere,
    require_version,
    seen,
    unconcerned,
)
from ansible_collections.restaking.avs.plugins.plugin_utils.rollout.waves import Size
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.rollout.answers import ID, gate, had, look, there, wants

NOBODY: dict[str, int | None] = {}


def batches(plan: Plan) -> list[list[list[str]]]:
    return [[list(part) for part in wave.batches] for wave in plan.waves]


def test_one_host_alone_is_its_own_canary() -> None:
    plan = made([wants("h1"), Seen("h2")], NOBODY, Terms())
    assert batches(plan) == [[["h1"]]] and plan.waves[0].wave.canary and (plan.order, plan.serial) == (["h1"], [1])


def test_what_is_done_is_left_out_and_a_canary_that_did_not_pass_is_asked_again() -> None:
    hosts = [wants("h1", had()), wants("h2"), wants("h3", had()), wants("h4")]
    # It has what it is to prove, and nobody said that it passed.
    assert batches(made(hosts, NOBODY, Terms())) == [[["h1"]], [["h2", "h4"]]]
    # It said so itself, or another host did.
    passed = wants("h1", had(), is_there=[there(version="v2", passed={"digest": "tree2"})])
    assert batches(made([passed, *hosts[1:]], NOBODY, Terms())) == [[["h2", "h4"]]]
    assert batches(made(hosts, NOBODY, Terms(), ["tree2"])) == [[["h2", "h4"]]]
    # With another package nothing of that counts.
    assert batches(made([passed, wants("h2", look(digest="tree3")), hosts[3]], NOBODY, Terms())) == [[["h2"]], [["h4"]]]
    # Where all is done there is nothing to prove to anybody.
    assert batches(made([wants("h1", had()), wants("h2", had())], NOBODY, Terms())) == []
    # But by who is to go first: others, who are not in this run, are refused until then.
    first: dict[str, int | None] = {"h1": 0, "h2": 1}
    assert batches(made([wants("h1", had()), wants("h2", had())], first, Terms())) == [[["h1"]]]
    assert batches(made([passed, wants("h2", had())], first, Terms())) == []
    assert left_out_canary(first, ["h2"], made([wants("h2", had())], first, Terms())) == []


def test_what_fell_ill_with_it_keeps_it_from_others() -> None:
    def ill(host: str, **more: Any) -> Seen:
        return wants(host, had(), is_there=[there(version="v2", health="unhealthy", **more)])

    rest = [wants(f"h{number}") for number in range(2, 6)]
    for one, passed in ((ill("h1"), ["tree2"]), (ill("h1"), []), (ill("h1", passed={"digest": "tree2"}), [])):
        with pytest.raises(InputError, match="h1 demo-avs-op1 has v2 already and is not well: mend it or roll it back"):
            made([one, *rest], NOBODY, Terms(), passed)
    # As many as may fail may be ill, but no canary.
    assert made([ill("h1"), *rest], NOBODY, Terms(max_fail=20), ["tree2"]).order == ["h2", "h3", "h4", "h5"]
    with pytest.raises(InputError, match="is not well"):
        made([ill("h1", passed={"digest": "tree2"}), *rest], NOBODY, Terms(max_fail=20))
    # Of another package it says nothing.
    other = wants("h1", had(digest="tree9"), is_there=[there(version="v2", health="unhealthy")])
    assert made([other, *rest], NOBODY, Terms(), ["tree2", "tree9"]).order == ["h2", "h3", "h4", "h5"]


def test_the_same_waves_however_much_is_done() -> None:
    names = [f"h{number}" for number in range(12)]
    terms = Terms(sizes=(Size(1), Size(4), Size(100, True)))
    fresh = made([wants(name) for name in names], NOBODY, terms)
    assert [len(part) for wave in batches(fresh) for part in wave] == [1, 4, 7]
    later = made([wants(name, had()) if name in ("h0", "h1", "h2", "h4") else wants(name) for name in names], NOBODY, terms, ["tree2"])
    assert batches(later) == [[["h3"]], [names[5:]]]


def test_a_host_that_cannot_be_begun_with() -> None:
    dark = seen("h1", Answers({"unreachable": True, "msg": "Task failed: no route\nmore"}))
    assert (dark.problem, dark.unreachable) == ("no route", True)
    failed = seen("h2", Answers(gate(there()), {"failed": True, "msg": "nothing was changed on h2\nbecause"}))
    assert (failed.problem, failed.unreachable) == ("nothing was changed on h2", False)
    assert seen("h3", Answers(gate(), None, {"failed": True, "msg": "avs_upgrade is no list"})).problem == "avs_upgrade is no list"
    assert seen("h4", Answers()).problem == "gave no answer" == seen("h5", Answers({"instances": 3})).problem
    plan = made([dark, failed, wants("h6")], NOBODY, Terms())
    assert (
        plan.problems == {"h1": "no route", "h2": "nothing was changed on h2"} and list(plan.unreachable) == ["h1"] and plan.order == ["h6"]
    )


def test_what_is_not_well_is_upgraded_where_it_is_named() -> None:
    sick = [there(health="unhealthy")]
    named, meant = wants("h1", is_there=sick), wants("h1", is_there=sick, everything=True)
    assert made([named], NOBODY, Terms()).order == ["h1"] and not named.nodes[0].well
    assert made([meant], NOBODY, Terms()).order == [] and "is unhealthy: name it" in meant.nodes[0].left_out


def test_an_upgrade_that_is_at_work_is_joined() -> None:
    going = there(at_work={"phase": "start"}, upgrade={"from": "v1", "to": "v2", "step": "START"})
    one = seen("h1", Answers(gate(going)))
    assert one.nodes[0].attached and one.nodes[0].new == "v2" and made([one], NOBODY, Terms()).order == ["h1"]
    # What nobody asked for is none of this run's.
    assert seen("h1", Answers(gate(going), ids=["demo-avs-x"])).nodes == () and len(seen("h1", Answers(gate(going), ids=[ID])).nodes) == 1
    # One that was at work, and a backup, are none.
    assert seen("h1", Answers(gate(there(at_work={}, upgrade={"from": "v1", "to": "v2", "step": None})))).nodes == ()


def test_what_the_last_upgrade_was_is_told_of_what_is_done() -> None:
    done = wants("h1", had(), is_there=[there(version="v2", upgrade={"from": "v1", "to": "v2", "step": None, "backup": "abc"})]).nodes[0]
    assert (done.done, done.old, done.new, done.backup) == (True, "v1", "v2", "abc")
    assert wants("h1", had()).nodes[0].old == "v2"


def test_as_many_of_a_package_as_may_be_down() -> None:
    hosts = [wants(f"h{number}") for number in range(5)]
    terms = Terms(sizes=(Size(1), Size(100, True)), limits={"demo-avs": Size(2)})
    assert batches(made(hosts, NOBODY, terms)) == [[["h0"]], [["h1", "h2"], ["h3", "h4"]]]
    # A share is one of all that run, rounded down.
    assert batches(made(hosts, NOBODY, Terms(limits={"demo-avs": Size(50, True)}))) == [[["h0"]], [["h1", "h2"], ["h3", "h4"]]]
    # A node nobody asked for that is down takes room.
    away = seen("h9", Answers(gate(there("demo-avs-x", health="unhealthy")), {"instances": [], "unknown": [ID]}))
    assert batches(made([*hosts, away], NOBODY, terms)) == [[["h0"]], [["h1"], ["h2"], ["h3"], ["h4"]]]


def test_who_gives_no_answer_is_taken_to_be_down() -> None:
    meant = [("demo-avs", ID), ("demo-avs", "demo-avs-op2")]
    dark = seen("h1", Answers({"unreachable": True, "msg": "no route"}, meant=meant))
    assert dark.sick == dark.counts == {"demo-avs": 2} and seen("h1", Answers(meant=meant)).sick == {"demo-avs": 2}
    # What answered first is believed as long as it is there.
    failed = seen("h2", Answers(gate(there(), there("demo-avs-op2", health="unhealthy")), {"failed": True, "msg": "x"}))
    assert (failed.sick, failed.counts) == ({"demo-avs": 1}, {"demo-avs": 2})
    assert seen("h2", Answers(gate(there()), {"unreachable": True, "msg": "x"}, meant=meant)).sick == {"demo-avs": 1}
    hosts = [dark, *(wants(f"h{number}") for number in range(3, 6))]
    assert batches(made(hosts, NOBODY, Terms(limits={"demo-avs": Size(3)}))) == [[["h3"]], [["h4"], ["h5"]]]


def test_a_host_that_has_none_of_what_was_named_keeps_nobody() -> None:
    dark = seen("h1", Answers({"unreachable": True, "msg": "no route"}, meant=[("demo-avs", "demo-avs-op9")]))
    assert unconcerned(dark, [ID], ["demo-avs-op9"]).problem == "" and unconcerned(dark, [ID], [ID]).problem == "no route"
    plan = made([unconcerned(dark, [ID], ["demo-avs-op9"]), wants("h2")], NOBODY, Terms())
    assert plan.problems == {} and plan.order == ["h2"] and plan.room.sick["h1"] == {"demo-avs": 1}
    # One that has it though its inventory does not say so.
    assert unconcerned(seen("h1", Answers(gate(there()), {"failed": True, "msg": "x"})), [ID], []).problem == "x"


def test_what_is_left_alone_takes_room_to_the_end() -> None:
    sick = there("demo-avs-op1", health="unhealthy")
    one = wants("h1", look(ID), look("demo-avs-op2"), is_there=[sick, there("demo-avs-op2")], everything=True)
    assert (one.sick, one.mended) == ({"demo-avs": 1}, {})
    hosts = [one, *(wants(f"h{number}") for number in range(2, 5))]
    assert batches(made(hosts, NOBODY, Terms(limits={"demo-avs": Size(2)}))) == [[["h1"]], [["h2"], ["h3"], ["h4"]]]
    with pytest.raises(InputError, match="1 of demo-avs are down already"):
        made(hosts, NOBODY, Terms(limits={"demo-avs": Size(1)}))
    # Named, it is mended by it.
    named = wants("h1", is_there=[sick])
    assert batches(made([named, *hosts[1:]], NOBODY, Terms(limits={"demo-avs": Size(2)}))) == [[["h1"]], [["h2", "h3"], ["h4"]]]


def test_who_is_to_go_first_and_is_left_out() -> None:
    named: dict[str, int | None] = {"h1": 0, "h2": None, "h3": 1}
    plan = made([wants("h2"), wants("h3")], named, Terms())
    assert left_out_canary(named, ["h2", "h3"], plan) == ["h1"]
    assert left_out_canary(named, ["h1", "h2"], plan) == [] == left_out_canary({"h2": None}, ["h2"], plan)
    assert left_out_canary(named, ["h2", "h3"], made([wants("h2"), wants("h3")], named, Terms(), ["tree2"])) == []
    assert left_out_canary(named, ["h2"], made([wants("h2", kind=ROLLBACK)], named, Terms(kind=ROLLBACK))) == []


def test_a_rollback_has_no_canary_of_a_package() -> None:
    plan = made([wants(f"h{number}", kind=ROLLBACK) for number in range(3)], NOBODY, Terms(kind=ROLLBACK))
    assert batches(plan) == [[["h0"]], [["h1", "h2"]]] and not any(wave.wave.canary for wave in plan.waves)


def test_a_rollback_leaves_one_version_alone() -> None:
    left = wants("h1", look(old="v2", new="v1"), is_there=[there(version="v2")], kind=ROLLBACK)
    asked = gate(there(version="v1"), there("demo-avs-op2", version="v1"))
    other = kept_from(seen("h2", Answers(asked, {"skipped": True}, ids=[ID]), kind=ROLLBACK), asked, [ID], "v2")
    assert [(node.id, node.left_out) for node in other.nodes] == [(ID, "is v1, and not v2, which is left")]
    assert made([left, other], NOBODY, Terms(kind=ROLLBACK)).order == ["h1"]
    assert kept_from(left, gate(there(version="v2")), [ID], "v2") == left
    # Where more than one has it, it has to be said.
    stuck = seen("h3", Answers(gate(there()), {"failed": True, "msg": "has nothing to go back to"}), kind=ROLLBACK)
    require_version([left, other], [ID], "")
    require_version([left, stuck], [ID], "v2")
    with pytest.raises(InputError, match="2 hosts have it, and it is not said which version is left: avs_rollback_from=<version>"):
        require_version([left, stuck], [ID], "")


def test_names_nobody_has() -> None:
    def one(host: str, *unknown: str) -> Seen:
        return seen(host, Answers(gate(), {"instances": [], "unknown": list(unknown)}))

    assert nowhere([one("h1", "a", "b"), one("h2", "a")], ["a", "b"]) == ["a"]
    assert nowhere([seen("h1", Answers(gate()))], ["a"]) == []
    assert nowhere([wants("h1"), one("h2", ID)], [ID]) == []


@pytest.mark.parametrize("value", [{"p": 0}, {"p": "x"}, [1], "2", {"p": None}])
def test_limits_that_are_none(value: Any) -> None:
    with pytest.raises(InputError, match="avs_max_unavailable"):
        limits({"h1": value})


def test_the_strictest_limit_counts() -> None:
    assert limits({"h1": {"p": 3}, "h2": {"p": 2, "q": "10%"}, "h3": None, "h4": ""}) == {"p": Size(2), "q": Size(10, True)}
    with pytest.raises(InputError, match="say it in one way"):
        limits({"h1": {"p": 3}, "h2": {"p": "10%"}})


@pytest.mark.parametrize("given", [-1, "x", "1.5", True, None, 10**9, "²"])
def test_seconds_that_are_none(given: Any) -> None:
    with pytest.raises(InputError, match="avs_rollout_soak"):
        seconds(given, "avs_rollout_soak")
    assert seconds("60", "x") == 60 == seconds(60, "x")


@pytest.mark.parametrize("given", [-1, "x", True, 101, "nan", None])
def test_percentages_that_are_none(given: Any) -> None:
    with pytest.raises(InputError, match="avs_max_fail_percentage"):
        percentage(given, "avs_max_fail_percentage")


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["id", "instances", "upgrade", "health", "passed", "step", "msg"]), inner)
    ),
    max_leaves=20,
)


@given(anything, anything, st.booleans())
def test_whatever_a_host_says_is_a_problem_or_an_answer(asked: Any, looked: Any, everything: bool) -> None:
    one = seen("h1", Answers(asked, looked), everything)
    assert one.host == "h1" and (one.problem or isinstance(one.nodes, tuple))
    made([one], NOBODY, Terms())
