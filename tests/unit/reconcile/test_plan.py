# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.restaking.avs.plugins.module_utils.docker.containers import Container
from ansible_collections.restaking.avs.plugins.module_utils.reconcile.plan import Asked, ContainerPlan, observed, plan_containers, plan_stop


def container(service: str, state: str = "running", spec: str = "1", **changes: Any) -> Container:
    values = {
        "id": f"id-{service}",
        "name": f"avs-x-{service}",
        "state": state,
        "instance": "x",
        "service": service,
        "spec": spec,
        "status": "",
    }
    return Container(**{**values, **changes})


def wanted(**services: dict[str, Any]) -> dict[str, Asked]:
    values = {"spec": "1", "ends": False}
    return {name: Asked(**{"name": f"avs-x-{name}", **values, **changes}) for name, changes in services.items()}


EXITED_WELL = {"state": "exited", "status": "Exited (0) 2 hours ago"}


EXITED_BADLY = {"state": "exited", "status": "Exited (137) 2 hours ago"}


@pytest.mark.parametrize(
    ("want", "found", "plan"),
    [
        (wanted(a={}), [container("a")], ContainerPlan()),
        (wanted(a={}), [], ContainerPlan(create=("a",))),
        (wanted(a={}), [container("a", spec="0")], ContainerPlan(recreate=("a",))),
        (wanted(a={}), [container("a", "exited", spec="0")], ContainerPlan(recreate=("a",))),
        (wanted(a={}), [container("a", **EXITED_WELL)], ContainerPlan(start=("a",))),
        (wanted(a={"ends": True}), [container("a", **EXITED_WELL)], ContainerPlan()),
        (wanted(a={"ends": True}), [container("a", **EXITED_BADLY)], ContainerPlan(start=("a",))),
        (wanted(a={"ends": True}), [container("a")], ContainerPlan()),
        (wanted(a={}), [container("a", "created")], ContainerPlan(start=("a",))),
        (wanted(a={}), [container("a", "restarting")], ContainerPlan()),
        (wanted(a={}), [container("a", "paused")], ContainerPlan(start=("a",), unpause=("id-a",))),
        (wanted(a={}), [container("a"), container("b")], ContainerPlan(remove=("b",))),
        (wanted(a={}), [container("a"), container("a", "created", id="half", name="12ab_avs-x-a")], ContainerPlan(drop=("half",))),
        (
            wanted(a={}),
            [container("a", "created", id="half", name="12ab_avs-x-a")],
            ContainerPlan(rename={"half": "avs-x-a"}, start=("a",)),
        ),
        (
            wanted(a={}),
            [container("a", "created", spec="0", id="half", name="12ab_avs-x-a")],
            ContainerPlan(rename={"half": "avs-x-a"}, recreate=("a",)),
        ),
        (wanted(a={}, b={"joins": ("a",)}), [container("a", spec="0"), container("b")], ContainerPlan(recreate=("a", "b"))),
        (
            wanted(a={}, b={"joins": ("a",)}, c={"joins": ("b",)}),
            [container("b"), container("c")],
            ContainerPlan(recreate=("b", "c"), create=("a",)),
        ),
        (wanted(a={}, b={"joins": ("a",)}), [container("a", "exited"), container("b")], ContainerPlan(start=("a",))),
        # The container of a job that is done may be gone, unless somebody is to join it.
        (wanted(a={"ends": True, "finished": True}, b={}), [container("b")], ContainerPlan()),
        (wanted(a={"ends": True, "finished": True}), [container("a", **EXITED_BADLY)], ContainerPlan(start=("a",))),
        (wanted(a={"ends": True, "finished": True}), [container("a", spec="0", **EXITED_WELL)], ContainerPlan(recreate=("a",))),
        (wanted(a={"ends": True, "finished": True}, b={"joins": ("a",)}), [container("b")], ContainerPlan()),
        (wanted(a={"ends": True, "finished": True}, b={"joins": ("a",)}), [], ContainerPlan(create=("a", "b"))),
        (
            wanted(a={"ends": True, "finished": True}, b={"joins": ("a",)}, c={"joins": ("b",)}),
            [container("b", spec="0"), container("c")],
            ContainerPlan(recreate=("b", "c"), create=("a",)),
        ),
        # Where nothing else would run, what ended is not taken for a job that is done.
        (wanted(a={"ends": True, "unsure": True}), [container("a", **EXITED_WELL)], ContainerPlan(start=("a",))),
        (wanted(a={"ends": True, "unsure": True}, b={}), [container("a", **EXITED_WELL), container("b")], ContainerPlan()),
        (wanted(a={"ends": True, "unsure": True}, b={}), [container("a", **EXITED_WELL)], ContainerPlan(create=("b",))),
    ],
)
def test_plan(want: dict[str, Any], found: list[Container], plan: ContainerPlan) -> None:
    assert plan_containers(want, found) == plan


def test_a_container_that_looks_at_a_vanished_key_folder_is_recreated() -> None:
    assert plan_containers(wanted(a={}), [container("a")], blind=["a"]) == ContainerPlan(recreate=("a",))
    assert plan_containers(wanted(a={}), [container("a", "exited")], blind=["a"]) == ContainerPlan(start=("a",))


def test_plan_stop_takes_what_runs() -> None:
    found = [container("a"), container("b", "exited"), container("c", "restarting"), container("d", "paused"), container("e", "created")]
    assert [action.name for action in plan_stop(found)] == ["a", "c", "d"]


@pytest.mark.parametrize(
    ("before", "after", "action"),
    [
        ([container("a")], [container("a")], None),
        ([], [container("a")], "create"),
        ([container("a")], [], "remove"),
        ([container("a")], [container("a", id="new")], "recreate"),
        ([container("a", "exited")], [container("a")], "start"),
        ([container("a", "paused")], [container("a")], "start"),
        ([container("a")], [container("a", "exited")], "stop"),
        ([container("a", "exited")], [container("a", "exited")], None),
        ([container("a", "restarting")], [container("a")], None),
    ],
)
def test_observed(before: list[Container], after: list[Container], action: str | None) -> None:
    assert [item.action for item in observed(before, after)] == ([] if action is None else [action])


def test_what_is_joined_is_made_together_with_what_is_made_anew() -> None:
    joins = {"side": ("node",), "node": (), "other": ()}
    assert ContainerPlan(recreate=("side",), create=("node", "other")).anew(joins) == ["side", "node", "other"]
    assert ContainerPlan(recreate=("side",), create=("other",)).anew(joins) == ["side"]
    assert ContainerPlan(recreate=("node", "side")).anew(joins) == ["node", "side"]
