# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.restaking.avs.plugins.module_utils.common.errors import HostError
from ansible_collections.restaking.avs.plugins.module_utils.reconcile.stopping import grace, killed, longest, stop_bound, waves

YEAR = 31_536_000


def container(service: str, needs: str = "", stop: int | None = None, code: int = 0, **config: Any) -> dict[str, Any]:
    labels = {"com.docker.compose.service": service, "avs.service": service, "com.docker.compose.depends_on": needs}
    return {
        "Id": f"id-{service}",
        "Config": {"Labels": labels, **({} if stop is None else {"StopTimeout": stop}), **config},
        "State": {"ExitCode": code},
    }


@pytest.mark.parametrize(
    ("containers", "expected"),
    [
        ([], []),
        ([container("a"), container("b")], [["id-a", "id-b"]]),
        ([container("db"), container("node", "db:service_started:false")], [["id-node"], ["id-db"]]),
        ([container("node", "gone:service_healthy:false,also-gone:x:true")], [["id-node"]]),
        ([container("a", "b:x:false"), container("b", "a:x:false")], [["id-a", "id-b"]]),
        ([container("a", "a:x:false")], [["id-a"]]),
        ([container("c", "b"), container("b", "a"), container("a")], [["id-c"], ["id-b"], ["id-a"]]),
    ],
    ids=["none", "strangers", "a dependency", "one that is gone", "a circle", "itself", "a row"],
)
def test_those_that_depend_on_others_end_first(containers: list[dict[str, Any]], expected: list[list[str]]) -> None:
    assert waves({item["Id"]: item for item in containers}) == expected


@pytest.mark.parametrize(
    ("asked", "bound", "given"), [(None, 300, 10), (None, 5, 5), (60, 300, 60), (YEAR, 300, 300), (-1, 300, 300), (0, 300, 0), (60, 0, 0)]
)
def test_a_container_gets_its_own_time_up_to_a_bound(asked: int | None, bound: float, given: int) -> None:
    assert grace(container("node", stop=asked), bound)[0] == given


@pytest.mark.parametrize(
    ("setting", "bound"), [({}, 300), ({"stop_timeout": None}, 300), ({"stop_timeout": "60"}, 60), ({"stop_timeout": 0}, 0)]
)
def test_the_bound_is_the_operators(setting: dict[str, Any], bound: float) -> None:
    assert stop_bound(setting) == bound


@pytest.mark.parametrize("given", ["5m", "", -1, True, [], 1e12, float("nan")])
def test_what_is_no_bound_is_refused(given: Any) -> None:
    with pytest.raises(HostError, match="avs_stop_timeout"):
        stop_bound({"stop_timeout": given})


@pytest.mark.parametrize(
    ("before", "code", "took", "says"),
    [
        (container("node"), 137, 10.2, "did not end within 10 s and was killed"),
        (container("node", stop=YEAR), 137, 300.1, f"asks for {YEAR} s, avs_stop_timeout allows 300"),
        (container("node", stop=-1), 137, 300.1, "asks for any time"),
        (container("node"), 0, 10.2, None),
        (container("node"), 137, 2.0, None),
        (container("node", StopSignal="SIGKILL"), 137, 10.2, None),
    ],
    ids=["killed", "asks for a year", "asks for ever", "ended", "ended itself so", "is killed on purpose"],
)
def test_a_kill_is_told(before: dict[str, Any], code: int, took: float, says: str | None) -> None:
    found = killed("demo-op1", before, {"State": {"ExitCode": code}}, 300, took)
    assert [item.id for item in found] == ([] if says is None else ["OPS-011"])
    assert says is None or says in found[0].message


def test_compose_is_told_of_a_bound_only_where_it_would_wait_longer() -> None:
    assert longest([container("a"), container("b", stop=60)], 300) is None
    assert longest([container("a"), container("b", stop=YEAR)], 300) == 300
    assert longest([container("a", stop=-1)], 300) == 300
