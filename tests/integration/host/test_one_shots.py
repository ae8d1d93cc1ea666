# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Services that end: they run once, and again only for a reason of their own that was announced."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.integration.host.handmade import SLEEP, service, spec, tree
from tests.integration.host.support import Bench, docker
from tests.integration.host.test_lifecycle import actions, bare, changed, step

DATA = "st:/data"
SERVICES = {
    "import": service(["sh", "-c", "date +%s%N >> /data/imports; sleep 1; test ! -e /data/fail"], volumes=[DATA]),
    "node": service(
        SLEEP, volumes=[DATA], environment={"LEVEL": "${LEVEL}"}, depends_on={"import": {"condition": "service_completed_successfully"}}
    ),
    "seed": service(["sh", "-c", "date +%s%N >> /data/seeds; echo ${SEED:-1}"], volumes=[DATA], restart="no"),
    "helper": service(SLEEP, volumes=[DATA], restart="unless-stopped"),
}


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tree(tmp_path_factory.mktemp("one-shots"), SERVICES, volumes={"st": {}})


@pytest.fixture(scope="module")
def node(bench: Bench, package: Path) -> dict[str, Any]:
    return spec(bench, "once", package, list(SERVICES))


def runs(node: dict[str, Any]) -> dict[str, int]:
    """How often each of the two has run."""
    text = docker("exec", f"avs-{node['id']}-helper", "sh", "-c", "wc -l < /data/imports; wc -l < /data/seeds")
    return dict(zip(("import", "seed"), map(int, text.split()), strict=True))


def test_each_runs_once(bench: Bench, node: dict[str, Any]) -> None:
    assert {name for kind, name, _action in step(bench, node) if kind == "container"} == set(SERVICES)
    assert runs(node) == {"import": 1, "seed": 1}


def test_another_services_option_does_not_run_them_again(bench: Bench, node: dict[str, Any]) -> None:
    before = bench.containers()
    done = step(bench, changed(node, LEVEL="debug"))
    assert [item for item in done if item[0] == "container"] == [("container", "node", "recreate")]
    assert [name for name in before if bench.containers()[name] != before[name]] == [f"avs-{node['id']}-node"]
    step(bench, node)
    assert runs(node) == {"import": 1, "seed": 1}


@pytest.mark.parametrize("harm", [["stop", "-t", "1"], ["rm", "-f"]])
def test_nor_does_what_becomes_of_another_service(bench: Bench, node: dict[str, Any], harm: list[str]) -> None:
    docker(*harm, f"avs-{node['id']}-node")
    assert step(bench, node) == [("container", "node", "create" if harm[0] == "rm" else "start")]
    assert runs(node) == {"import": 1, "seed": 1}


def test_nor_does_a_stop_and_a_start_of_the_instance(bench: Bench, node: dict[str, Any]) -> None:
    assert step(bench, bare(node, "stopped")) == [("container", "helper", "stop"), ("container", "node", "stop")]
    assert step(bench, node) == [("container", "helper", "start"), ("container", "node", "start")]
    assert runs(node) == {"import": 1, "seed": 1}


def test_its_own_definition_runs_it_again(bench: Bench, node: dict[str, Any]) -> None:
    done = step(bench, changed(node, SEED="2"))
    assert [item for item in done if item[0] == "container"] == [("container", "seed", "recreate")]
    assert runs(node) == {"import": 1, "seed": 2}
    step(bench, node)


def test_one_that_failed_is_announced_and_runs_again(bench: Bench, node: dict[str, Any]) -> None:
    docker("exec", f"avs-{node['id']}-helper", "touch", "/data/fail")
    docker("start", f"avs-{node['id']}-import")
    assert docker("wait", f"avs-{node['id']}-import").strip() == "1"
    announced = bench.call([node], check=True)
    assert actions(announced) == [("container", "import", "start")]
    docker("exec", f"avs-{node['id']}-helper", "rm", "/data/fail")
    before = runs(node)["import"]
    assert bench.call([node])["instances"][0]["error"] is None
    assert runs(node)["import"] == before + 1
    assert bench.call([node], check=True)["changed"] is False


def test_one_that_ended_well_and_is_to_run_on_is_started(bench: Bench, node: dict[str, Any]) -> None:
    docker("stop", "-t", "5", f"avs-{node['id']}-helper")
    assert step(bench, node) == [("container", "helper", "start")]


def test_one_that_fails_is_quoted(bench: Bench, tmp_path: Path) -> None:
    services = {
        "init": service(["sh", "-c", "echo boom-cause >&2; exit 3"]),
        "node": service(SLEEP, depends_on={"init": {"condition": "service_completed_successfully"}}),
    }
    found = spec(bench, "fails", tree(tmp_path, services), list(services))
    for _again in range(2):
        (entry,) = bench.call([found])["instances"]
        assert "init" in entry["error"] and "exit 3" in entry["error"].replace("code ", "") and "boom-cause" in entry["error"]
