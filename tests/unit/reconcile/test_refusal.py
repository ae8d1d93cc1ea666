# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who goes on when something is wrong with one instance of a call."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.restaking.avs.plugins.module_utils.common.errors import AvsError, HostError, LockedError
from ansible_collections.restaking.avs.plugins.module_utils.common.rules import finding
from ansible_collections.restaking.avs.plugins.module_utils.reconcile.job import Job
from ansible_collections.restaking.avs.plugins.module_utils.reconcile.refusal import distribute, settle
from ansible_collections.restaking.avs.plugins.module_utils.reconcile.work import Work

from tests.unit.support.models import typed


def work(name: str, as_committed: bool = False, wrong: bool = False, error: AvsError | None = None) -> Work:
    draft: Any = SimpleNamespace(as_committed=as_committed)
    problems = [finding("PRIV-002", f"{name}: services.node", "wants out")] if wrong else []
    return Work(Job(typed(id=name), None, [], "was killed"), draft, problems=problems, error=error)


def ends(items: list[Work]) -> list[str]:
    return ["" if item.error is None else item.error.message.split()[1] + " " + item.error.message.split()[2] for item in items]


def test_where_nothing_is_wrong_all_go_on() -> None:
    items = [work("a"), work("b", as_committed=True)]
    settle(items)
    assert ends(items) == ["", ""]


def test_what_is_only_brought_up_again_goes_on_alone() -> None:
    items = [work("a"), work("b", as_committed=True), work("c", wrong=True), work("d", as_committed=True, wrong=True)]
    settle(items)
    assert ends(items) == ["was not", "", "was refused;", "was refused;"]
    assert [item.held_back for item in items] == [True, False, False, False]
    # What shows later is told with it, once; those that only wait tell nothing.
    items[1].problems.append(finding("PKG-013", "b: artifacts.x", "is gone"))
    with pytest.raises(HostError) as caught:
        settle(items)
    assert sorted(item.place for item in caught.value.findings) == ["b: artifacts.x", "c: services.node", "d: services.node"]


def test_where_nobody_goes_on_every_problem_is_told_at_once() -> None:
    with pytest.raises(HostError) as caught:
        settle([work("a"), work("b", wrong=True), work("c", wrong=True)])
    assert [item.place for item in caught.value.findings] == ["b: services.node", "c: services.node"]


def test_an_instance_somebody_else_works_on() -> None:
    locked = LockedError("a is locked by ann")
    with pytest.raises(LockedError, match="by ann"):
        settle([work("a", error=locked), work("b")])
    with pytest.raises(HostError) as caught:
        settle([work("a", error=locked), work("b", wrong=True)])
    assert [(item.id, item.place) for item in caught.value.findings] == [("", "a"), ("PRIV-002", "b: services.node")]
    items = [work("a", error=locked), work("b", as_committed=True), work("c")]
    settle(items)
    assert ends(items) == ["is locked", "", "was not"]


def test_what_is_wrong_with_the_host_is_told_at_one_instance() -> None:
    jobs = [work(name).job for name in ("a", "b", "a-b", "idle")]
    jobs[3].reason = None
    failure = HostError("too old", [finding("OPS-004", "engine", "is too old"), finding("NET-002", "a-b: networks.x", "is taken")])
    items = distribute(jobs, failure)
    assert [item.id for item in items] == ["a", "b", "a-b"] and ends(items) == ["was not", "was not", "was not"]
    assert [[problem.place for problem in item.error.findings] for item in items if item.error] == [["engine"], [], ["a-b: networks.x"]]
    assert ["too old" in str(item.error) for item in items] == [True, False, True]
