# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A newer release of the collection, which would make containers otherwise, leaves those that are there until it is asked."""

from __future__ import annotations

import json
import shutil
import threading
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.restaking.avs.plugins.module_utils.common.records import anything
from ansible_collections.restaking.avs.plugins.module_utils.common.spec import Condition, InstanceSpec
from ansible_collections.restaking.avs.plugins.module_utils.policy import baseline
from ansible_collections.restaking.avs.plugins.module_utils.reconcile import apply

from tests.integration.host.handmade import SLEEP, service, spec, tree
from tests.integration.host.support import Bench, docker
from tests.integration.host.test_lifecycle import actions, bare, step


@pytest.fixture(scope="module")
def node(bench: Bench, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    package = tree(tmp_path_factory.mktemp("older"), {"node": service(SLEEP), "other": service(SLEEP)})
    found = spec(bench, "older", package, ["node", "other"])
    step(bench, found)
    # As a release before the record of its rules left it.
    path = Path(bench.store.instance(found["id"]).state_file)
    state = json.loads(path.read_text())
    assert state.pop("transform") == baseline.TRANSFORM
    for item in state["containers"].values():
        for name in ("networks", "restarts"):
            item.pop(name)
    path.write_text(json.dumps(state))
    return found


@pytest.fixture
def newer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(baseline, "TRANSFORM", baseline.TRANSFORM + 1)
    monkeypatch.setattr(baseline, "PIDS", 1234)


def pids(found: dict[str, Any]) -> list[str]:
    return docker("inspect", "-f", "{{.HostConfig.PidsLimit}}", *(f"avs-{found['id']}-{name}" for name in ("node", "other"))).split()


def notes(result: dict[str, Any]) -> list[str]:
    return [item["id"] for item in result["instances"][0]["findings"] if item["id"].startswith("OPS-013")]


def test_what_the_release_before_left_is_found_unchanged(bench: Bench, node: dict[str, Any]) -> None:
    done = bench.call([node])
    assert (done["changed"], notes(done)) == (False, [])


@pytest.mark.usefixtures("newer")
def test_a_newer_release_says_so_and_changes_nothing(bench: Bench, node: dict[str, Any]) -> None:
    before = bench.containers()
    for check in (True, False):
        done = bench.call([node], check=check)
        assert (done["changed"], notes(done)) == (False, ["OPS-013"])
    assert bench.containers() == before


@pytest.mark.usefixtures("newer")
def test_nor_does_other_work_bring_its_rules_in(bench: Bench, node: dict[str, Any]) -> None:
    name = f"avs-{node['id']}-node"
    before = bench.containers()
    docker("stop", "-t", "1", name)
    assert step(bench, node) == [("container", "node", "start")]
    step(bench, bare(node, "stopped"))
    assert step(bench, node) == [("container", "node", "start"), ("container", "other", "start")]
    assert bench.containers() == before
    docker("rm", "-f", name)
    assert step(bench, node) == [("container", "node", "create")]
    assert pids(node) == ["4096", "4096"]
    shutil.rmtree(bench.store.instance(node["id"]).run, ignore_errors=True)
    step(bench, node)
    assert notes(bench.call([node])) == ["OPS-013"] and pids(node) == ["4096", "4096"]


@pytest.mark.usefixtures("newer")
def test_the_operator_asks_for_them(bench: Bench, node: dict[str, Any]) -> None:
    renew = {"renew": True}
    wanted = [("files", "release", "update"), ("container", "node", "recreate"), ("container", "other", "recreate")]
    for check in (True, False):
        assert actions(bench.call([node], check=check, settings=renew)) == wanted
    assert pids(node) == ["1234", "1234"]
    for settings in (renew, None):
        done = bench.call([node], settings=settings)
        assert (done["changed"], notes(done)) == (False, [])


def applying(bench: Bench, node: dict[str, Any], digest: str | None = None) -> None:
    """As a run leaves the record that is cut before its commit, or whose gate does not open."""
    path = Path(bench.store.instance(node["id"]).state_file)
    state = json.loads(path.read_text())
    path.write_text(json.dumps({**state, "phase": "applying", "applying": digest or state["spec_digest"]}))


@pytest.fixture
def fresh(bench: Bench, tmp_path: Path) -> dict[str, Any]:
    package = tree(tmp_path, {"node": service(SLEEP), "other": service(SLEEP)})
    found = spec(bench, tmp_path.name[-12:].replace("_", "").lower(), package, ["node", "other"])
    step(bench, found)
    return found


def test_a_run_that_is_cut_does_not_bring_them_in(bench: Bench, fresh: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(baseline, "TRANSFORM", baseline.TRANSFORM + 1)
    monkeypatch.setattr(baseline, "PIDS", 1234)
    before = bench.containers()
    docker("stop", "-t", "1", f"avs-{fresh['id']}-node")

    class Cut(BaseException):
        pass

    def cut(*_arguments: Any) -> None:
        raise Cut

    with monkeypatch.context() as patch:
        patch.setattr(apply, "gate", cut)
        # The thread ends where the run was cut.
        patch.setattr(threading, "excepthook", lambda _args: None)
        bench.call([fresh])
    assert json.loads(Path(bench.store.instance(fresh["id"]).state_file).read_text())["phase"] == "applying"
    assert [entry["actions"] for entry in bench.call([fresh], check=True)["instances"]] == [[]]
    assert bench.call([fresh])["changed"] is False
    assert bench.containers() == before and pids(fresh) == ["4096", "4096"]
    assert notes(bench.call([fresh])) == ["OPS-013"]
    # What was on its way to something else goes on to it.
    applying(bench, fresh, "0" * 64)
    assert ("container", "node", "recreate") in actions(bench.call([fresh], check=True))


@pytest.mark.parametrize("newer_rules", [False, True])
def test_a_field_a_later_release_adds_changes_nothing(
    bench: Bench, fresh: dict[str, Any], monkeypatch: pytest.MonkeyPatch, newer_rules: bool
) -> None:
    if newer_rules:
        monkeypatch.setattr(baseline, "TRANSFORM", baseline.TRANSFORM + 1)
        monkeypatch.setattr(baseline, "PIDS", 1234)
    for record, name in ((InstanceSpec, "backup"), (Condition, "quorum")):
        monkeypatch.setattr(record, "_readers", {**record._readers, name: anything})
    later = {**fresh, "backup": {"paths": [], "before": None}, "health": {**fresh["health"], "quorum": None}}
    before = bench.containers()
    assert bench.call([later])["changed"] is False
    for _again in range(2):
        docker("stop", "-t", "1", f"avs-{fresh['id']}-node")
        assert step(bench, later) == [("container", "node", "start")]
    applying(bench, fresh)
    assert bench.call([later])["changed"] is False
    for found in (fresh, later):
        assert bench.call([found])["changed"] is False
    assert bench.containers() == before and pids(fresh) == ["4096", "4096"]
    said = {**later, "backup": {"paths": ["data"], "before": None}}
    assert ("files", "release", "update") in actions(bench.call([said], check=True))


def test_a_record_that_says_nothing_of_jobs_is_found_unchanged(bench: Bench, tmp_path: Path) -> None:
    waits = {"import": {"condition": "service_completed_successfully"}}
    services = {"import": service(["true"]), "node": service(SLEEP, depends_on=waits), "once": service(["true"], restart="no")}
    found = spec(bench, "silent", tree(tmp_path, services), list(services))
    step(bench, found)
    path = Path(bench.store.instance(found["id"]).state_file)
    state = json.loads(path.read_text())
    for item in state["containers"].values():
        assert item.pop("finished") is not None and item.pop("job") is not None
    path.write_text(json.dumps(state))
    before = bench.containers()
    for check in (True, False):
        done = bench.call([found], check=check)
        assert (done["changed"], actions(done)) == (False, [])
    assert bench.containers() == before and json.loads(path.read_text()) == state
