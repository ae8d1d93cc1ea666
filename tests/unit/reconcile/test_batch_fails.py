# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs that come to no good end, over an engine in memory: what is told, what is left, and what the next run makes of it."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.restaking.avs.plugins.module_utils.common.errors import HostError, LockedError
from ansible_collections.restaking.avs.plugins.module_utils.system.lock import Lock

from tests.unit.support.cuts import fingerprint
from tests.unit.support.memory_host import GATEWAY, ID, IMAGE, OTHER, PACKAGE, SECRETS, MemoryHost, acted, rules_of, second, with_service
from tests.unit.support.memory_programs import STUBBORN
from tests.unit.support.memory_world import Container

EXIT = ["sh", "-c", "echo no chain here; exit 3"]


def _without_room(host: MemoryHost) -> None:
    host.world.broken["create gateway"] = "no space left on device"


def _taken_since(host: MemoryHost) -> None:
    host.world.busy.add("127.0.0.1:24680")


def _nothing(_host: MemoryHost) -> None:
    pass


UP, ENDED, LEFT = "running", "exited", "created"
FAILURES: dict[str, tuple[Callable[[MemoryHost], None], dict[str, Any], str, dict[str, str]]] = {
    "cannot be created": (_without_room, {}, "the engine says: no space left on device", {}),
    "cannot be started": (_taken_since, {}, "port is already allocated -> Something took the port", {"gateway": UP, "job": ENDED, "node": LEFT}),
    "ends": (_nothing, with_service(PACKAGE, "node", entrypoint=EXIT, restart="no"),
             "has exited with code 3; last lines of node:\n    no chain here", {"gateway": UP, "job": ENDED, "node": ENDED}),
    "keeps restarting": (_nothing, with_service(PACKAGE, "node", entrypoint=EXIT),
                         "node keeps restarting (exit code 3)", {"gateway": UP, "job": ENDED, "node": "restarting"}),
    "a job fails": (_nothing, with_service(PACKAGE, "job", entrypoint=EXIT),
                    "didn't complete successfully: exit 3; last lines of job:\n    no chain here", {"gateway": UP, "job": ENDED, "node": LEFT}),
    "no program": (_nothing, with_service(PACKAGE, "node", entrypoint=["/no/such/program"]),
                   "no such file or directory", {"gateway": UP, "job": ENDED, "node": LEFT}),
}  # fmt: skip


@pytest.mark.parametrize("name", FAILURES)
def test_one_that_fails_is_told_and_mended_by_the_next_run(memory_host: MemoryHost, name: str) -> None:
    host = memory_host
    spoil, package, words, left = FAILURES[name]
    spoil(host)
    result = host.call(host.spec(package or PACKAGE), second(host))
    failed, fine = result["instances"]
    if spoil is _without_room:
        assert "2 of 2 instances failed" in result["msg"]
    else:
        assert fine["error"] is None and result["failed"] and "1 of 2 instances failed" in result["msg"]
    assert words in failed["error"] and failed["health"]["status"] == "unhealthy"
    assert host.state()["phase"] == "applying" and host.half_files() == []
    assert {item.labels["avs.service"]: item.state for item in host.project()} == left
    host.world.broken.clear()
    host.world.busy.clear()
    spec = host.spec()
    host.well(spec)
    assert {item.labels["avs.service"]: item.state for item in host.project()} == {"gateway": "running", "job": "exited", "node": "running"}
    assert not host.call(spec)["changed"]


def test_what_cannot_be_verified_changes_nothing_of_anybody(memory_host: MemoryHost) -> None:
    host = memory_host
    host.well(host.spec())
    before = fingerprint(host)
    wrong = second(
        host,
        package=with_service(PACKAGE, "gateway", image="registry.example.org/nothing:1"),
        requirements={"min_ram": 1 << 40, "stop": True},
    )
    with pytest.raises(HostError) as caught:
        host.call(host.spec(env={"MODE": "fast"}), {**wrong, "env": {"PORT": "24680"}})
    told = sorted((item.id, item.place.partition(":")[0]) for item in caught.value.findings)
    assert ("OPS-002", OTHER) in told and ("NET-002", OTHER) in told and ("IMG-006", OTHER) in told
    assert fingerprint(host) == before


def test_one_lock_an_instance(memory_host: MemoryHost) -> None:
    host = memory_host
    own = host.store.instance(ID)
    with Lock(own.lock, "somebody else", 0), pytest.raises(LockedError, match="somebody else"):
        host.call(host.spec())
    assert not os.path.exists(own.root) and not host.project()


def test_one_that_hears_nothing_is_killed_and_told(memory_host: MemoryHost) -> None:
    host = memory_host
    host.well(host.spec(with_service(PACKAGE, "gateway", entrypoint=list(STUBBORN))))
    replaced = host.well(host.spec(with_service(PACKAGE, "gateway", entrypoint=list(STUBBORN)), env={"MODE": "fast"}), stop_timeout=0)
    assert "OPS-011" in rules_of(replaced)
    host.docker("pause", f"avs-{ID}-gateway")
    entry = host.well(host.stopped(), stop_timeout=0)
    assert [item["message"] for item in entry["findings"] if item["id"] == "OPS-011"] == [
        "did not end within 0 s and was killed; its package asks for 10 s, avs_stop_timeout allows 0"
    ]
    with pytest.raises(HostError, match="a setting is not well formed"):
        host.call(host.spec(), stop_timeout="soon")


def test_one_that_cannot_be_stopped_is_told(memory_host: MemoryHost) -> None:
    host = memory_host
    host.well(host.spec())
    host.world.broken["stop node"] = "tried to kill container, but did not receive an exit event"
    result = host.call(host.stopped())
    assert "did not receive an exit event" in result["instances"][0]["error"] and host.state()["desired"] == "stopped"
    assert "could not be stopped" in host.call(host.gone())["instances"][0]["error"]
    host.world.broken.clear()
    assert host.well(host.gone())["state"] == "absent"


def test_what_cannot_be_removed_stays_known(memory_host: MemoryHost) -> None:
    host = memory_host
    host.well(host.spec())
    node = host.container("node")
    foreign = Container(host.world.new_id("container"), "foreign", IMAGE, {}, dict(GATEWAY), {}, {"/data": node.mounts["/data"]})
    host.world.containers[foreign.id] = foreign
    error = host.call(host.gone(purge=True))["instances"][0]["error"]
    assert "could not be removed" in error and "volume is in use" in error and os.path.exists(host.store.instance(ID).state_file)
    host.world.containers.pop(foreign.id)
    assert host.well(host.gone(purge=True))["kept"] == {"volumes": [], "data": None}


def test_an_engine_that_is_lost_at_the_end_is_no_success(memory_host: MemoryHost, monkeypatch: pytest.MonkeyPatch) -> None:
    host = memory_host
    answer, after = host.engine._answer, list[bool]()

    def lost(words: list[str]) -> tuple[int, str, str]:
        if after and words[0] == "ps":
            return 1, "", "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?"
        found = answer(words)
        if words[:2] == ["container", "inspect"] and host.world.containers:
            after.append(True)
        return found

    monkeypatch.setattr(host.engine, "_answer", lost)
    entry = host.call(host.spec())["instances"][0]
    assert "what became of it is not known" in entry["error"] and entry["changed"]
    monkeypatch.undo()


def test_anything_unexpected_is_one_instances_own(memory_host: MemoryHost, monkeypatch: pytest.MonkeyPatch) -> None:
    host = memory_host
    answer = host.engine._answer
    words_of = {"avs-demo-avs-op1": OSError(28, "No space left on device"), f"avs-{OTHER}": RuntimeError(f"what {SECRETS['option.token']}")}

    def wrong(words: list[str]) -> tuple[int, str, str]:
        for project, error in words_of.items():
            if words[:2] == ["compose", "--ansi"] and project in words:
                raise error
        return answer(words)

    monkeypatch.setattr(host.engine, "_answer", wrong)
    first, other = host.call(host.spec(), second(host))["instances"]
    assert "cannot be run" in first["error"] or "No space left" in first["error"]
    assert "unexpected RuntimeError: what ********" in other["error"] and SECRETS["option.token"] not in json.dumps([first, other])


def test_a_record_that_cannot_be_used_is_one_instances_own(memory_host: MemoryHost) -> None:
    host = memory_host
    host.well(host.spec(), second(host))
    Path(host.store.instance(ID).state_file).write_text("{}")
    first, other = host.call(host.spec(), second(host, env={"MODE": "fast"}))["instances"]
    assert (
        "what is recorded of it cannot be used" in first["error"]
        and other["error"] is None
        and "recreate container gateway" in acted(other)
    )
    stranger = {**host.spec(), "id": OTHER, "package": {**host.spec()["package"], "name": "another"}}
    refused = host.call(stranger)["instances"][0]
    assert "is an instance of demo-avs on this host, the entry is of another" in refused["error"]
    with pytest.raises(HostError) as caught:
        host.call({**stranger, "id": OTHER}, {**host.spec(requirements={"min_ram": 1 << 40, "stop": True}), "id": "third"})
    assert {"INV-001", "OPS-002"} <= {item.id for item in caught.value.findings}
