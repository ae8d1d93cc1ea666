# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A node that ended is not taken for a job that is done, and a job that is done not for one that is missing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.restaking.avs.plugins.module_utils.status.read import read_instances

from tests.integration.host.handmade import SLEEP, service, spec, tree
from tests.integration.host.support import Bench, docker
from tests.integration.host.test_lifecycle import actions, changed, step

DATA = "st:/data"
ONCE = ["sh", "-c", "date >> /data/runs; echo ${TIMES:-1}"]


def health(bench: Bench, node: dict[str, Any]) -> tuple[str, str]:
    (entry,) = read_instances(bench.engine, [node["id"]], bench.store)
    return entry["health"]["status"], entry["health"]["detail"]


def as_before(bench: Bench, node: dict[str, Any]) -> None:
    """The record as a release left it that did not note which services had done their work."""
    path = Path(bench.store.instance(node["id"]).state_file)
    state = json.loads(path.read_text())
    # Committed a while ago: the engine tells in whole minutes when a container ended.
    state["committed_at"] = "2026-01-01T00:00:00Z"
    for item in state["containers"].values():
        del item["finished"], item["job"]
    path.write_text(json.dumps(state))


@pytest.mark.parametrize("old", [False, True], ids=["recorded", "of a release before"])
@pytest.mark.parametrize(("restart", "named", "beside"), [("no", None, False), ("on-failure", None, True), ("no", "node", True)])
def test_a_node_that_was_stopped_is_seen_and_started(
    bench: Bench, tmp_path: Path, restart: str, named: str | None, beside: bool, old: bool
) -> None:
    services = {"node": service(SLEEP, restart=restart), **({"side": service(SLEEP)} if beside else {})}
    node = spec(bench, f"stopped{restart[:2]}{int(beside)}{int(bool(named))}{int(old)}", tree(tmp_path, services), list(services))
    node["health"]["service"] = named
    step(bench, node)
    assert health(bench, node)[0] == "healthy"
    if old:
        as_before(bench, node)
    before = bench.containers()
    docker("stop", "-t", "5", f"avs-{node['id']}-node")
    assert docker("inspect", "-f", "{{.State.ExitCode}}", f"avs-{node['id']}-node").strip() == "0"
    assert health(bench, node) == ("unhealthy", "node is exited")
    announced = bench.call([node], check=True)
    assert actions(announced) == [("container", "node", "start")]
    assert announced["instances"][0]["health"] == {"status": "unhealthy", "detail": "node is exited"}
    assert step(bench, node) == [("container", "node", "start")]
    assert health(bench, node)[0] == "healthy" and bench.containers() == before


def test_a_node_that_ends_at_once_opens_no_gate(bench: Bench, tmp_path: Path) -> None:
    alone = spec(bench, "alone", tree(tmp_path / "alone", {"node": service(["true"], restart="on-failure")}), ["node"])
    (entry,) = bench.call([alone])["instances"]
    assert "has exited with code 0, and nothing else runs" in entry["error"] and "health.ends" in entry["error"]
    assert health(bench, alone)[0] == "unhealthy"
    (entry,) = bench.call([alone])["instances"]
    assert "nothing else runs" in entry["error"]
    services = {"node": service(["true"], restart="on-failure"), "side": service(SLEEP)}
    named = spec(bench, "named", tree(tmp_path / "named", services), list(services))
    named["health"]["service"] = "node"
    (entry,) = bench.call([named])["instances"]
    assert "node has exited with code 0" in entry["error"]


def test_a_package_says_which_of_its_services_end(bench: Bench, tmp_path: Path) -> None:
    services = {"one": service(["sh", "-c", "sleep 3"]), "two": service(["true"], restart="no")}
    node = spec(bench, "declared", tree(tmp_path, services), list(services))
    node["health"]["ends"] = ["one", "two"]
    step(bench, node)
    assert health(bench, node) == ("healthy", "all containers run")
    docker("wait", f"avs-{node['id']}-one")
    assert health(bench, node) == ("healthy", "every service has done its work")
    done = bench.call([node])
    assert (done["changed"], done.get("failed")) == (False, None)


@pytest.fixture(scope="module")
def pruned(bench: Bench, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    waits = {"import": {"condition": "service_completed_successfully"}}
    services = {
        "import": service(ONCE, volumes=[DATA]),
        "node": service(SLEEP, volumes=[DATA], depends_on=waits, environment={"LEVEL": "${LEVEL}"}),
        "seed": service(["sh", "-c", "date >> /data/seeds; echo ${SEED:-1}"], volumes=[DATA], restart="no"),
    }
    node = spec(bench, "pruned", tree(tmp_path_factory.mktemp("pruned"), services, volumes={"st": {}}), list(services))
    step(bench, node)
    return node


def runs(node: dict[str, Any]) -> list[int]:
    text = docker("exec", f"avs-{node['id']}-node", "sh", "-c", "wc -l < /data/runs; wc -l < /data/seeds")
    return [int(line) for line in text.split()]


def prune(node: dict[str, Any]) -> None:
    docker("rm", f"avs-{node['id']}-import", f"avs-{node['id']}-seed")


def test_containers_of_finished_jobs_may_go(bench: Bench, pruned: dict[str, Any]) -> None:
    prune(pruned)
    for check in (True, False):
        done = bench.call([pruned], check=check)
        assert (done["changed"], actions(done)) == (False, [])
    assert health(bench, pruned) == ("healthy", "all containers run")


@pytest.mark.parametrize("harm", [["stop", "-t", "5"], ["rm", "-f"]])
def test_nor_are_they_made_for_those_that_waited_for_them(bench: Bench, pruned: dict[str, Any], harm: list[str]) -> None:
    docker(*harm, f"avs-{pruned['id']}-node")
    assert step(bench, pruned) == [("container", "node", "create" if harm[0] == "rm" else "start")]
    assert runs(pruned) == [1, 1]


def test_another_services_change_leaves_them_where_they_are(bench: Bench, pruned: dict[str, Any]) -> None:
    for level in ("debug", "info"):
        done = step(bench, changed(pruned, LEVEL=level))
        assert [item for item in done if item[0] == "container"] == [("container", "node", "recreate")]
    step(bench, pruned)
    assert runs(pruned) == [1, 1]


def test_a_change_of_their_own_or_the_operator_runs_them(bench: Bench, pruned: dict[str, Any]) -> None:
    done = step(bench, changed(pruned, SEED="2"))
    assert [item for item in done if item[0] == "container"] == [("container", "seed", "create")]
    assert runs(pruned) == [1, 2]
    docker("rm", f"avs-{pruned['id']}-seed")
    renew = {"renew": True}
    wanted = [("container", "import", "create"), ("container", "seed", "create")]
    again = changed(pruned, SEED="2")
    assert actions(bench.call([again], check=True, settings=renew)) == wanted
    assert actions(bench.call([again], settings=renew)) == wanted
    assert runs(pruned) == [2, 3]
    assert bench.call([again], settings=renew)["changed"] is False


def test_a_job_whose_volume_is_gone_has_its_work_to_do_again(bench: Bench, pruned: dict[str, Any]) -> None:
    again = changed(pruned, SEED="2")
    docker("rm", "-f", *(f"avs-{pruned['id']}-{name}" for name in ("node", "import", "seed")))
    docker("volume", "rm", f"avs-{pruned['id']}_st")
    done = step(bench, again)
    assert [item for item in done if item[0] == "container"] == [("container", name, "create") for name in ("import", "node", "seed")]
    assert runs(pruned) == [1, 1]
