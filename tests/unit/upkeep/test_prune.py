# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What nobody needs any more goes, and nothing else."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.restaking.avs.plugins.module_utils.common.errors import LockedError
from ansible_collections.restaking.avs.plugins.module_utils.system.lock import Lock
from ansible_collections.restaking.avs.plugins.module_utils.upkeep.prune import prune

from tests.unit.support.memory_host import ID, IMAGE, PACKAGE, MemoryHost, image, second, with_service

REPOSITORY = IMAGE.rpartition(":")[0]
NEXT = f"{REPOSITORY}:9.9.9"


def pruned(host: MemoryHost, check: bool = False) -> dict[str, Any]:
    found = prune(host.engine.connect(), "test", 0, check, host.store)
    assert host.engine.unknown == []
    return found


def packaged(name: str) -> dict[str, Any]:
    found = PACKAGE
    for service in PACKAGE["services"]:
        found = with_service(found, service, image=name)
    return found


@pytest.fixture
def moved_on(memory_host: MemoryHost) -> MemoryHost:
    """A host whose node was made of another image before."""
    memory_host.well(memory_host.spec())
    memory_host.world.images[NEXT] = image("1001:1001")
    memory_host.well(memory_host.spec(packaged(NEXT)))
    return memory_host


def test_an_image_nobody_went_back_to(moved_on: MemoryHost) -> None:
    # The release before could still be gone back to.
    assert pruned(moved_on)["images"] == []
    moved_on.well(moved_on.spec(packaged(NEXT), files={"conf/a.json": "[]"}))
    would = pruned(moved_on, check=True)
    assert IMAGE in moved_on.world.images and would["changed"]
    found = pruned(moved_on)
    assert found == would and [(item["names"], item["instances"]) for item in found["images"]] == [([IMAGE, *image()["RepoDigests"]], [ID])]
    assert IMAGE not in moved_on.world.images and NEXT in moved_on.world.images
    again = pruned(moved_on)
    assert (again["changed"], again["images"], again["bytes"]) == (False, [], 0)
    assert moved_on.well(moved_on.spec(packaged(NEXT), files={"conf/a.json": "[]"}))["changed"] is False


def test_an_image_of_a_removed_instance(memory_host: MemoryHost) -> None:
    memory_host.well(memory_host.spec(), second(memory_host))
    memory_host.well(memory_host.gone())
    volumes = set(memory_host.world.volumes)
    assert pruned(memory_host)["changed"] is False and IMAGE in memory_host.world.images
    memory_host.well({**second(memory_host), "state": "absent"})
    found = pruned(memory_host)
    assert found["changed"] and IMAGE not in memory_host.world.images
    assert set(memory_host.world.volumes) == volumes and volumes


def test_a_stopped_node_needs_its_image(memory_host: MemoryHost) -> None:
    memory_host.well(memory_host.spec())
    memory_host.well(memory_host.stopped())
    for item in list(memory_host.world.containers.values()):
        memory_host.docker("rm", "-f", "--", item.id)
    assert pruned(memory_host)["changed"] is False and IMAGE in memory_host.world.images


def test_what_somebody_else_uses_stays(memory_host: MemoryHost) -> None:
    memory_host.well(memory_host.spec())
    theirs = memory_host.container("gateway")
    memory_host.well(memory_host.gone())
    theirs.labels, theirs.state = {}, "exited"
    memory_host.world.containers[theirs.id] = theirs
    assert pruned(memory_host)["changed"] is False and IMAGE in memory_host.world.images


@pytest.mark.parametrize(
    ("names", "why"),
    [
        ({f"{REPOSITORY}:latest": image()}, f"it also has the name {REPOSITORY}:latest, which is not ours"),
        ({"mine/tool:1": image()}, "it also has the name mine/tool:1, which is not ours"),
    ],
)
def test_what_has_a_name_of_somebody_else_stays(memory_host: MemoryHost, names: dict[str, Any], why: str) -> None:
    memory_host.well(memory_host.spec())
    memory_host.well(memory_host.gone())
    memory_host.world.images.update(names)
    found = pruned(memory_host)
    assert not found["changed"] and [item["why"] for item in found["kept"]] == [why] and IMAGE in memory_host.world.images


def test_what_came_from_no_registry_stays(memory_host: MemoryHost) -> None:
    memory_host.world.images[IMAGE] = {**image(), "RepoDigests": []}
    memory_host.well(memory_host.spec())
    memory_host.well(memory_host.gone())
    found = pruned(memory_host)
    assert not found["changed"] and "came from no registry" in found["kept"][0]["why"] and IMAGE in memory_host.world.images


@pytest.mark.parametrize("there", [True, False])
def test_where_digests_say_nothing_the_registry_is_asked(memory_host: MemoryHost, monkeypatch: pytest.MonkeyPatch, there: bool) -> None:
    memory_host.well(memory_host.spec())
    memory_host.well(memory_host.gone())
    info = json.dumps({"DriverStatus": [["driver-type", "io.containerd.snapshotter.v1"]]})
    monkeypatch.setattr(memory_host.engine, "_info", lambda _words: (0, info, ""))
    if there:
        memory_host.world.registry[image()["RepoDigests"][0]] = image()
    found = pruned(memory_host)
    assert found["changed"] is there and (IMAGE in memory_host.world.images) is not there
    assert ["its registry does not say" in item["why"] for item in found["kept"]] == [True] * (not there)


def test_a_record_that_cannot_be_read_speaks_for_every_image(memory_host: MemoryHost) -> None:
    memory_host.well(memory_host.spec(), second(memory_host))
    memory_host.well(memory_host.gone())
    other = next(name for name in memory_host.store.ids() if name != ID)
    for item in list(memory_host.world.containers.values()):
        memory_host.docker("rm", "-f", "--", item.id)
    Path(memory_host.store.instance(other).state_file).write_text("{")
    found = pruned(memory_host)
    assert not found["changed"] and f"it may be needed by {other}" in found["kept"][0]["why"] and IMAGE in memory_host.world.images


def test_old_releases_go_and_those_in_use_stay(memory_host: MemoryHost) -> None:
    memory_host.well(memory_host.spec())
    memory_host.well(memory_host.spec(files={"conf/a.json": "[]"}))
    own = memory_host.store.instance(ID)
    kept = own.release_names()
    old = Path(own.releases) / "0-v0.0.1"
    (old / "tree").mkdir(parents=True)
    (old / "tree/file").write_text("x" * 100)
    os.link(Path(own.current) / "compose.json", old / "linked")
    strange = Path(own.releases) / "notes"
    strange.mkdir()
    would = pruned(memory_host, check=True)
    assert would["releases"] == [{"instance": ID, "release": "0-v0.0.1", "bytes": 100}] and old.exists()
    assert pruned(memory_host) == would and not old.exists()
    assert own.release_names() == kept and strange.exists()
    assert pruned(memory_host)["changed"] is False


def test_releases_of_a_run_that_was_cut_stay(memory_host: MemoryHost) -> None:
    memory_host.well(memory_host.spec())
    own = memory_host.store.instance(ID)
    (Path(own.releases) / "0-v0.0.1").mkdir()
    memory_host.record(phase="applying")
    assert pruned(memory_host)["changed"] is False and "0-v0.0.1" in own.release_names()


def test_a_run_that_works_on_an_instance_is_waited_for(memory_host: MemoryHost) -> None:
    memory_host.well(memory_host.spec())
    # Of one that is just about to be made there is nothing but its lock.
    with (
        Lock(os.path.join(memory_host.store.locks, "new-avs-x.lock"), "install", 0),
        pytest.raises(LockedError, match="new-avs-x is locked by install"),
    ):
        pruned(memory_host)
    assert pruned(memory_host)["changed"] is False


def test_what_the_engine_refuses_is_told(memory_host: MemoryHost, monkeypatch: pytest.MonkeyPatch) -> None:
    memory_host.well(memory_host.spec())
    theirs = memory_host.container("gateway")
    memory_host.well(memory_host.gone())
    before = memory_host.engine._image

    def just_begun(words: list[str]) -> Any:
        if words[1] == "rm":
            memory_host.world.containers[theirs.id] = theirs
        return before(words)

    monkeypatch.setattr(memory_host.engine, "_image", just_begun)
    found = pruned(memory_host)
    assert not found["changed"] and found["images"] == [] and "is using its referenced image" in found["findings"][0]["message"]
    assert IMAGE in memory_host.world.images


def test_a_host_without_anything(memory_host: MemoryHost) -> None:
    assert pruned(memory_host) == {"changed": False, "images": [], "releases": [], "kept": [], "bytes": 0, "findings": []}


def test_old_images_are_remembered_and_forgotten(moved_on: MemoryHost) -> None:
    digest = image()["RepoDigests"][0]
    assert moved_on.state()["old_images"] == {digest: IMAGE}
    moved_on.well(moved_on.spec())
    assert list(moved_on.state()["old_images"].values()) == [NEXT]
    moved_on.well(moved_on.gone())
    assert list(moved_on.state()["old_images"].values()) == [NEXT]
