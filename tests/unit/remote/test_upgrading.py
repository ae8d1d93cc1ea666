# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The way of an upgrade: planned by the host's first answer, gone a transaction at a time. Real runs: tests/integration/controller."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from ansible.errors import AnsibleConnectionFailure
from ansible_collections.restaking.avs.plugins.module_utils.common.errors import InputError
from ansible_collections.restaking.avs.plugins.plugin_utils.inventory.entries import Entry
from ansible_collections.restaking.avs.plugins.plugin_utils.inventory.spec import Built
from ansible_collections.restaking.avs.plugins.plugin_utils.remote import long_work, upgrading
from ansible_collections.restaking.avs.plugins.plugin_utils.remote.calls import Terms
from ansible_collections.restaking.avs.plugins.plugin_utils.remote.host import Host, Long

from tests.unit.remote.test_host import FIRST, LAST, VALUES, Ansible
from tests.unit.support.fakes import profile

NODE = "demo-avs-op1"


class Offers:
    """Versions v1.0.0 to v4.0.0; ``declared``: version -> its migrations."""

    def __init__(self, declared: Mapping[str, list[str]]) -> None:
        self._declared = declared

    def order(self, _entry: Entry) -> tuple[str, ...]:
        return ()

    def migrations(self, _entry: Entry, version: str) -> list[str]:
        return self._declared.get(version, [])

    def package(self, _entry: Entry) -> Any:
        return SimpleNamespace(versions=[f"v{number}.0.0" for number in range(1, 5)], profiles={"hoodi": profile()})


def built_of(*entries: Entry) -> Built:
    specs = tuple({"id": entry.instance, "package": {"version": entry.version}, "env": {}} for entry in entries)
    return Built(specs, entries)


def plan_of(declared: Mapping[str, list[str]] | None = None, wanted: str = "v4.0.0", tags: tuple[str, ...] = ("op1",)) -> Any:
    entries = [Entry(f"avs_instances[{number}]", "core/demo-avs", tag, "hoodi", wanted) for number, tag in enumerate(tags)]
    run: Any = SimpleNamespace(offers=Offers(declared or {}), build=lambda some: built_of(*some), sources=None, fleet=None)
    return upgrading._Plan(run, built_of(*entries))


def first(**installed: str | None) -> dict[str, Any]:
    names = {f"demo-avs-{tag}": version for tag, version in installed.items()}
    return {"installed": names, "needs": {name: {} for name in names}, "instances": []}


def test_one_step_is_no_detour() -> None:
    plan = plan_of()
    plan.see(first(op1="v1.0.0"))
    assert plan.ways == {NODE: ("v4.0.0",)} and plan.installed == {NODE: "v1.0.0"} and plan.steps == []
    assert upgrading._with_way({"id": NODE, "upgrade": {"step": "COMMIT"}}, plan)["upgrade"] == {
        "step": "COMMIT", "from": "v1.0.0", "to": "v4.0.0", "way": ["v4.0.0"],
    }  # fmt: skip


def test_what_has_its_version_or_another_commit_of_it_is_for_the_host_to_say() -> None:
    plan = plan_of(tags=("op1", "op2"))
    plan.see({**first(op1="v4.0.0", op2="v4.0.0"), "needs": {"demo-avs-op2": {}}})
    assert plan.ways == {} and upgrading._with_way({"id": NODE}, plan) == {"id": NODE}


@pytest.mark.parametrize(
    ("installed", "rule", "text"),
    [("v5.0.0", "UPG-008", "v4.0.0 is older than v5.0.0"), (None, "UPG-008", "cannot be compared with a package without a version")],
)
def test_the_way_back_is_none(installed: str | None, rule: str, text: str) -> None:
    with pytest.raises(InputError) as caught:
        plan_of().see(first(op1=installed))
    ((found),) = caught.value.findings
    assert found.id == rule and text in found.message


def test_every_problem_of_every_instance_at_once() -> None:
    plan = plan_of(tags=("op1", "op2", "op3"))
    with pytest.raises(InputError) as caught:
        plan.see({**first(op1="v5.0.0", op3="v6.0.0"), "needs": {f"demo-avs-{tag}": {} for tag in ("op1", "op2", "op3")}})
    assert [item.place for item in caught.value.findings] == [f"demo-avs-{tag}: version" for tag in ("op1", "op2", "op3")]


def detour(tags: tuple[str, ...] = ("op1",)) -> Any:
    plan = plan_of({"v2.0.0": ["v2.0.0"], "v3.0.0": ["v3.0.0"]}, tags=tags)
    with pytest.raises(upgrading._Detour):
        plan.see(first(**dict(zip(tags, ("v1.0.0", "v2.0.0")))))
    return plan


def gone(plan: Any, monkeypatch: pytest.MonkeyPatch, *answers: Any) -> tuple[dict[str, Any], list[dict[str, str]]]:
    """The answer of a way gone step by step, and the versions each step asked for; what is an error is raised."""
    left, steps = list(answers), list[dict[str, str]]()

    def reconcile(built: Built, terms: Terms, *_more: Any) -> Any:
        steps.append({spec["id"]: spec["package"]["version"] for spec in built.specs})
        assert terms.upgrade == {"ids": list(steps[-1]), "acknowledged": {}}
        answer = left.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(upgrading, "reconcile", reconcile)
    terms = Terms(upgrade={"ids": [], "acknowledged": {}})
    return upgrading._one_by_one(plan, terms, SimpleNamespace()), steps  # type: ignore[arg-type]


def went(*ids: str, **more: Any) -> dict[str, Any]:
    entries = [{"id": name, "changed": True, "actions": [{"name": name}], "error": None} for name in ids]
    return {"changed": True, "instances": entries, "findings": [], "diff": [{"before": "", "after": ""}], **more}


def test_each_step_is_a_transaction_and_each_instance_has_its_own_way(monkeypatch: pytest.MonkeyPatch) -> None:
    plan = detour(("op1", "op2"))
    other = "demo-avs-op2"
    assert plan.ways == {NODE: ("v2.0.0", "v3.0.0", "v4.0.0"), other: ("v3.0.0", "v4.0.0")}
    answer, steps = gone(plan, monkeypatch, went(other, NODE), went(NODE, other), went(NODE))
    assert steps == [{NODE: "v2.0.0", other: "v3.0.0"}, {NODE: "v3.0.0", other: "v4.0.0"}, {NODE: "v4.0.0"}]
    assert [entry["id"] for entry in answer["instances"]] == [NODE, other] and len(answer["instances"][0]["actions"]) == 3
    assert answer["changed"] and len(answer["diff"]) == 3


def test_the_first_step_that_fails_is_the_last(monkeypatch: pytest.MonkeyPatch) -> None:
    failed = went(NODE, failed=True, msg="1 of 1 instances failed")
    answer, steps = gone(detour(), monkeypatch, went(NODE), failed)
    assert answer["failed"] and len(steps) == 2 and answer["changed"]


def test_a_step_that_is_refused_says_where_everything_has_come_to(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match=r"stopped on the way, at demo-avs-op1 v2\.0\.0: no token"):
        gone(detour(), monkeypatch, went(NODE), InputError("no token"))
    with pytest.raises(InputError, match=r"\Ano token"):
        gone(detour(), monkeypatch, InputError("no token"))


@pytest.fixture
def quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(long_work, "_tell", lambda _text: None)
    monkeypatch.setattr(long_work.time, "sleep", lambda _seconds: None)


LONG = Long(
    "restaking.avs.instance_upgrade",
    {"state": "upgraded", "ids": [NODE]},
    10,
    "look",
    {"password": "canary-repository"},
    ["canary-repository"],
)


class Asked(Ansible):
    """Answers of a module, in turn."""

    def __init__(self, *answers: Any) -> None:
        super().__init__(None)
        self.answers = list(answers)

    def _execute_module(self, module_name: str, module_args: dict[str, Any], task_vars: Any) -> dict[str, Any]:
        self.asked.append((module_name, module_args, self._connection.pipelining))
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return dict(answer)


@pytest.mark.usefixtures("quiet")
def test_work_that_goes_on_is_waited_for_and_what_is_secret_is_sent_once() -> None:
    going_on = {"changed": False, "going_on": {"name": "ab" * 12, "joined": False, "steps": {}}}
    ansible = Asked(
        {"changed": False, "needs": {NODE: {}}}, going_on, going_on, {"changed": True, "findings": [], "msg": "canary-repository"}
    )
    host = Host(ansible, LONG)  # type: ignore[arg-type]
    host.call(FIRST)
    answer = host.call(LAST, VALUES)
    assert answer["changed"] and host.changed and "canary" not in str(answer)
    names, sent, piped = zip(*ansible.asked)
    assert set(names) == {LONG.module} and [("password" in one, "secret_values" in one) for one in sent] == [
        (False, False), (True, True), (False, False), (False, False),
    ]  # fmt: skip
    assert piped[1] and all(one["state"] == "upgraded" and one["ids"] == [NODE] for one in sent)
    # What comes up with the host has to know what is begun: the library goes there with it.
    assert ["copy" in one.get("document", {}) for one in sent] == [False, True, False, False]
    assert sent[2]["job"] == {"name": "ab" * 12, "begin": False, "wait": 10}


def test_a_trial_gets_nothing_secret() -> None:
    ansible = Asked({"changed": False, "findings": []})
    Host(ansible, LONG).call({**LAST, "trial": True})  # type: ignore[arg-type]
    assert "password" not in ansible.asked[0][1] and "copy" not in ansible.asked[0][1]["document"]


@pytest.mark.usefixtures("quiet")
def test_a_host_that_is_lost_while_it_is_begun_may_be_at_work() -> None:
    host = Host(Asked(AnsibleConnectionFailure("out of reach")), LONG)  # type: ignore[arg-type]
    with pytest.raises(AnsibleConnectionFailure, match=r"If the work was begun before, it goes on\. look"):
        host.call(LAST)
    assert replace(LONG, poll=1).poll == 1 and "canary" not in repr(LONG)
