# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever a package asks for and whatever became of its host: a node can be stopped and removed, and stands in nobody's way."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.restaking.avs.plugins.module_utils.common.errors import HostError
from ansible_collections.restaking.avs.plugins.module_utils.status.read import read_host, read_instances

from tests.integration.host.handmade import SLEEP, STUBBORN, service, spec, tree
from tests.integration.host.support import Bench, docker
from tests.integration.host.test_lifecycle import actions, bare, changed, step

SERVICES = {
    "db": service(STUBBORN, stop_grace_period="8760h", environment={"LEVEL": "${LEVEL}"}),
    "node": service(SLEEP, depends_on=["db"]),
}
BOUND = {"stop_timeout": 2}


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tree(tmp_path_factory.mktemp("stubborn"), SERVICES)


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tree(tmp_path_factory.mktemp("plain"), {"node": service(SLEEP)})


@pytest.fixture
def node(bench: Bench, package: Path) -> Iterator[dict[str, Any]]:
    found = spec(bench, "year", package, list(SERVICES))
    bench.call([found], settings=BOUND)
    yield found
    bench.wipe()
    shutil.rmtree(bench.store.instance(found["id"]).root, ignore_errors=True)


def rules(result: dict[str, Any]) -> list[tuple[str, str]]:
    return [(item["id"], item["place"]) for entry in result["instances"] for item in entry["findings"] if item["id"].startswith("OPS-01")]


def test_a_grace_of_a_year_ends_when_the_operator_says(bench: Bench, node: dict[str, Any]) -> None:
    started = time.monotonic()
    done = bench.call([bare(node, "stopped")], settings=BOUND)
    assert time.monotonic() - started < 120
    assert [entry["error"] for entry in done["instances"]] == [None]
    assert actions(done) == [("container", "db", "stop"), ("container", "node", "stop")]
    assert rules(done) == [("OPS-011", f"{node['id']}: services.db")]
    assert "31536000 s, avs_stop_timeout allows 2" in done["instances"][0]["findings"][0]["message"]
    assert bench.running() == []
    assert bench.call([bare(node, "stopped")])["changed"] is False


def test_nor_does_it_keep_a_node_from_being_made_anew_or_removed(bench: Bench, node: dict[str, Any]) -> None:
    started = time.monotonic()
    done = bench.call([changed(node, LEVEL="debug")], settings=BOUND)
    assert [entry["error"] for entry in done["instances"]] == [None]
    assert ("container", "db", "recreate") in actions(done)
    assert rules(done) == [("OPS-011", f"{node['id']}: services.db")]
    gone = bench.call([bare(node, "absent", purge=True)], settings=BOUND)
    assert (bench.containers(), bench.networks()) == ({}, [])
    assert rules(gone) == [("OPS-011", f"{node['id']}: services.db")]
    assert time.monotonic() - started < 240


@pytest.mark.parametrize("given", ["soon", -1, True, 1e9])
def test_a_bound_that_is_none_is_refused(bench: Bench, node: dict[str, Any], given: Any) -> None:
    with pytest.raises(HostError) as caught:
        bench.call([bare(node, "stopped")], settings={"stop_timeout": given})
    assert [(item.id, item.place) for item in caught.value.findings] == [("INV-001", "settings.stop_timeout")]
    assert len(bench.running()) == 2


@pytest.mark.parametrize("state", ["stopped", "absent"])
def test_a_sibling_that_is_gone_keeps_nobody_running(bench: Bench, node: dict[str, Any], state: str) -> None:
    docker("rm", "-f", f"avs-{node['id']}-db")
    assert step(bench, bare(node, state))[-1] == ("container", "node", "stop" if state == "stopped" else "remove")
    assert bench.running() == []


def test_a_container_that_sleeps_is_woken_to_end(bench: Bench, node: dict[str, Any]) -> None:
    docker("pause", f"avs-{node['id']}-node")
    bench.call([bare(node, "stopped")], settings=BOUND)
    assert docker("inspect", "-f", "{{.State.ExitCode}}", f"avs-{node['id']}-node").strip() == "0"


def _pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def _folder(path: Path) -> None:
    path.unlink()
    path.mkdir()
    (path / "x").write_text("x")


def _link(path: Path) -> None:
    path.unlink()
    path.symlink_to("/etc/hostname")


DAMAGE = {
    "no JSON": lambda path: path.write_text("{"),
    "empty": lambda path: path.write_text(""),
    "null": lambda path: path.write_text("null"),
    "a list": lambda path: path.write_text("[]"),
    "no phase": lambda path: path.write_text("{}"),
    "wrong types": lambda path: path.write_text(
        '{"phase": "committed", "spec_digest": 1, "containers": [], "secrets": [], "views": 7, "committed_at": 5, "package": "x"}'
    ),
    "deep": lambda path: path.write_text("[" * 200_000),
    "bytes": lambda path: path.write_bytes(b"\xff\xfe\x00"),
    "a folder": _folder,
    "a pipe": _pipe,
    "a link": _link,
}


@pytest.fixture
def pair(bench: Bench, plain: Path) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    found = spec(bench, "hurt", plain, ["node"]), spec(bench, "well", plain, ["node"])
    bench.call(list(found))
    yield found
    bench.wipe()
    for one in found:
        shutil.rmtree(bench.store.instance(one["id"]).root, ignore_errors=True)


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_record_harms_its_own_instance_alone(bench: Bench, pair: tuple[dict[str, Any], dict[str, Any]], damage: str) -> None:
    hurt, well = pair
    DAMAGE[damage](Path(bench.store.instance(hurt["id"]).state_file))
    before = bench.containers()
    for check in (True, False):
        done = bench.call([hurt, changed(well, LEVEL="x")] if check else [hurt, well], check=check)
        assert done["failed"] is True and "1 of 2 instances failed" in done["msg"]
        assert [bool(entry["error"]) for entry in done["instances"]] == [True, False]
        assert [(item["id"], item["severity"]) for item in done["instances"][0]["findings"]] == [("OPS-010", "error")]
        assert "state: absent" in done["instances"][0]["error"]
    assert bench.containers() == before
    told = {entry["id"]: entry for entry in read_instances(bench.engine, store=bench.store)}
    assert (told[hurt["id"]]["phase"], told[hurt["id"]]["state"]) == ("damaged", "started")
    assert told[hurt["id"]]["package"] == hurt["package"]["name"]
    assert told[well["id"]]["health"]["status"] == "healthy"
    # Somebody else's work goes on, and so do a stop and a removal of its own.
    more = bench.call([bare(well, "stopped"), hurt])
    assert [bool(entry["error"]) for entry in more["instances"]] == [False, True]
    assert bench.running() == [f"avs-{hurt['id']}-node"]
    assert actions(bench.call([bare(hurt, "stopped")])) == [("container", "node", "stop")]
    assert bench.running() == []
    gone = bench.call([bare(hurt, "absent")])
    assert [entry["error"] for entry in gone["instances"]] == [None]
    assert not [name for name in bench.containers() if "-hurt-" in name]
    assert bench.call([bare(hurt, "absent")])["changed"] is False
    assert bench.call([hurt])["instances"][0]["error"] is None


@pytest.mark.parametrize(
    ("name", "harm"), [("spec.json", _pipe), ("journal.jsonl", _folder), ("journal.jsonl", _pipe), ("current/compose.json", _pipe)]
)
def test_other_records_stand_in_no_way(bench: Bench, pair: tuple[dict[str, Any], dict[str, Any]], name: str, harm: Any) -> None:
    hurt, _well = pair
    path = Path(bench.store.instance(hurt["id"]).root, name)
    path.touch()
    harm(path)
    read_instances(bench.engine, store=bench.store)
    bench.call([changed(hurt, LEVEL="x")], check=True, diff=True)
    assert [entry["error"] for entry in bench.call([bare(hurt, "stopped")])["instances"]] == [None]
    assert [entry["error"] for entry in bench.call([bare(hurt, "absent", purge=True)])["instances"]] == [None]
    assert not os.path.lexists(bench.store.instance(hurt["id"]).root)


def test_an_odd_lock_is_replaced(bench: Bench, pair: tuple[dict[str, Any], dict[str, Any]]) -> None:
    lock = Path(bench.store.instance(pair[0]["id"]).lock)
    _pipe(lock)
    assert actions(bench.call([bare(pair[0], "stopped")])) == [("container", "node", "stop")]


def test_a_secrets_file_that_is_a_pipe_is_written_anew(bench: Bench, pair: tuple[dict[str, Any], dict[str, Any]]) -> None:
    hurt, _well = pair
    _pipe(Path(bench.store.instance(hurt["id"]).secrets_env))
    assert step(bench, hurt) == [("keys", "secrets", "update")]


@pytest.mark.parametrize("label", ["../../x", "hurt\tx\ny", "x" * 200, ""])
def test_a_label_alone_makes_no_container_ours(bench: Bench, pair: tuple[dict[str, Any], dict[str, Any]], label: str) -> None:
    hurt, well = pair
    name = f"avs-{bench.name}-stranger"
    docker("run", "-d", "--name", name, "--label", f"avs.instance={label.replace('hurt', hurt['id'])}", "--entrypoint", "sleep",
           docker("inspect", "-f", "{{.Image}}", f"avs-{hurt['id']}-node").strip(), "600")  # fmt: skip
    done = bench.call([hurt, well])
    assert (done["changed"], [entry["error"] for entry in done["instances"]]) == (False, [None, None])
    assert [item["place"] for item in done["findings"] if bench.name in item["place"] and item["id"] == "OPS-010"] == [f"containers.{name}"]
    found = read_host(bench.engine, store=bench.store)
    assert [item["place"] for item in found.findings if bench.name in item["place"]] == [f"containers.{name}"]
    bench.call([bare(hurt, "absent")])
    assert name in bench.running()


def test_a_container_somebody_else_labelled_as_one_of_ours_is_left_alone(bench: Bench, pair: tuple[dict[str, Any], dict[str, Any]]) -> None:
    hurt, well = pair
    name = f"avs-{bench.name}-stranger"
    docker("run", "-d", "--name", name, "--label", f"avs.instance={hurt['id']}", "--label", "avs.service=node", "--entrypoint", "sleep",
           docker("inspect", "-f", "{{.Image}}", f"avs-{hurt['id']}-node").strip(), "600")  # fmt: skip
    done = bench.call([hurt, well])
    assert done["changed"] is False
    assert [item["place"] for item in done["findings"] if bench.name in item["place"]] == [f"containers.{name}"]
    bench.call([bare(hurt, "absent", purge=True), well])
    assert bench.running() == sorted([name, f"avs-{well['id']}-node"])


@pytest.mark.parametrize("state", ["started", "stopped", "absent"])
def test_an_id_that_is_another_packages_is_refused(bench: Bench, pair: tuple[dict[str, Any], dict[str, Any]], state: str) -> None:
    hurt, well = pair
    other = {**(hurt if state == "started" else bare(hurt, state)), "package": {**hurt["package"], "name": "other"}}
    done = bench.call([other, bare(well, "stopped")])
    assert [bool(entry["error"]) for entry in done["instances"]] == [True, False]
    assert [item["id"] for item in done["instances"][0]["findings"]] == ["INV-001"]
    assert bench.running() == [f"avs-{hurt['id']}-node"]
