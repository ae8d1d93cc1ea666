# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a host does by its own record: start, stop and restart, and what becomes of its nodes when it is started again."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.restaking.avs.plugins.module_utils.instance import hold, journal
from ansible_collections.restaking.avs.plugins.module_utils.reconcile import by_record, control, own
from ansible_collections.restaking.avs.plugins.module_utils.reconcile.own import Way
from ansible_collections.restaking.avs.plugins.module_utils.system.lock import Lock

from tests.unit.support.memory_host import ID, NODE, PACKAGE, MemoryHost, acted, with_service
from tests.unit.support.memory_programs import STUBBORN

WAY = Way("tester", 0)
BOOT = Way("unit", 0, boot=True)


def stop(host: MemoryHost, reason: str = "", way: Way = WAY) -> dict[str, Any]:
    return control.stop(host.store, host.engine.connect(), [ID], way, reason)


def start(host: MemoryHost, way: Way = WAY) -> dict[str, Any]:
    return control.start(host.store, host.engine.connect(), [ID], way)


def reboot(host: MemoryHost) -> dict[str, Any]:
    """Keys are in memory, and gone; then the units do what they do."""
    shutil.rmtree(host.store.run, ignore_errors=True)
    host.world.reboot()
    return units(host)


def units(host: MemoryHost) -> dict[str, Any]:
    own.recover(host.store, host.engine.connect(), [ID], BOOT)
    mine = host.store.instance(ID)
    if by_record.to_be_down(mine, mine.known()):
        return {}
    return start(host, BOOT)


def keyless(host: MemoryHost) -> dict[str, Any]:
    return {**host.spec(with_service(PACKAGE, "node", volumes=NODE["volumes"][:3])), "secrets": {}, "keys": []}


def events(host: MemoryHost) -> list[tuple[str, str | None]]:
    lines = Path(host.store.instance(ID).path("journal.jsonl")).read_text().splitlines()
    return [(item["event"], item.get("operation") or item.get("outcome") or item.get("reason")) for item in map(json.loads, lines)]


def error(result: dict[str, Any]) -> str:
    return str(result["instances"][0]["error"])


def policies(host: MemoryHost) -> dict[str, str]:
    return {item.labels["avs.service"]: str(item.service.get("restart")) for item in host.world.containers.values()}


def test_what_is_held_stays_down_until_it_is_started(memory_host: MemoryHost) -> None:
    host, spec = memory_host, memory_host.spec()
    host.well(spec)
    before, made = host.ids(), policies(host)
    done = stop(host, "key leaked")
    entry = done["instances"][0]
    assert (done["changed"], entry["state"], entry["hold"]["by"], entry["hold"]["reason"]) == (True, "stopped", "tester", "key leaked")
    assert {"kind": "hold", "name": ID, "action": "create"} in entry["actions"]
    assert set(policies(host).values()) == {"no"} and not any(item.alive for item in host.world.containers.values())
    assert stop(host)["changed"] is False
    run = host.call(spec)
    assert (run["changed"], run.get("failed"), run["instances"][0]["state"]) == (False, None, "stopped")
    assert [item["id"] for item in run["findings"]].count("OPS-017") == 1
    assert "key leaked" in json.dumps(run["findings"])
    host.world.reboot()
    assert units(host) == {} and host.states()["node"] == "exited"
    started = start(host)
    assert (error(started), started["instances"][0]["hold"], host.ids()) == ("None", None, before)
    assert policies(host) == made and host.states()["node"] == "running"
    assert host.call(spec)["changed"] is False and start(host)["changed"] is False


def test_check_mode_announces_and_does_nothing(memory_host: MemoryHost) -> None:
    host, spec = memory_host, memory_host.spec()
    host.well(spec)
    way = Way("tester", 0, check=True)
    told = stop(host, way=way)
    assert told["changed"] and host.states()["node"] == "running" and hold.hold_of(host.store.instance(ID)) is None
    real = stop(host)
    assert told["instances"][0]["actions"] == real["instances"][0]["actions"]
    told = start(host, way)
    assert told["changed"] and host.states()["node"] == "exited"
    assert told["instances"][0]["actions"] == start(host)["instances"][0]["actions"]
    told = control.restart(host.store, host.engine.connect(), [ID], way)
    assert told["changed"] and host.states()["node"] == "running"
    assert told["instances"][0]["actions"] == control.restart(host.store, host.engine.connect(), [ID], WAY)["instances"][0]["actions"]


def test_what_an_engine_still_lists_as_running_is_started_again(memory_host: MemoryHost, monkeypatch: pytest.MonkeyPatch) -> None:
    """A list is written after a stop is answered, when the disk has taken it."""
    host = memory_host
    host.well(host.spec())
    engine, left = host.engine.connect(), [2]
    real, before = engine.containers, engine.containers()

    def behind(*arguments: Any) -> Any:
        if left[0] and host.states()["node"] == "exited":
            left[0] -= 1
            return before
        return real(*arguments)

    monkeypatch.setattr(engine, "containers", behind)
    assert control.restart(host.store, engine, [ID], WAY)["instances"][0]["error"] is None
    assert (left, host.states()["node"]) == ([0], "running")


def test_a_held_instance_is_taken_down_by_a_run_if_somebody_started_it(memory_host: MemoryHost) -> None:
    host, spec = memory_host, memory_host.spec()
    host.well(spec)
    stop(host)
    host.docker("start", "avs-demo-avs-op1-node")
    run = host.call(spec)
    assert run["changed"] and host.states()["node"] == "exited"


def test_a_damaged_hold_holds(memory_host: MemoryHost) -> None:
    host, spec = memory_host, memory_host.spec()
    host.well(spec)
    Path(host.store.instance(ID).hold_file).write_text("{")
    assert host.call(spec)["instances"][0]["hold"] == {"since": "not known", "by": "not known", "reason": ""}
    assert host.states()["node"] == "exited"


def test_what_somebody_works_on_is_stopped_all_the_same(memory_host: MemoryHost) -> None:
    host = memory_host
    host.well(host.spec())
    with Lock(host.store.instance(ID).lock, "somebody", 0):
        done = stop(host)
    assert "locked by somebody" in error(done) and host.states()["node"] == "exited" and set(policies(host).values()) == {"no"}
    assert hold.hold_of(host.store.instance(ID)) is not None


def test_a_node_without_secrets_comes_back_with_its_host(memory_host: MemoryHost) -> None:
    host = memory_host
    spec = keyless(host)
    host.well(spec)
    before = host.ids()
    assert error(reboot(host)) == "None"
    assert host.ids() == before and host.states()["node"] == "running"
    assert host.call(spec)["changed"] is False


def test_one_whose_secrets_are_gone_waits_for_a_run(memory_host: MemoryHost) -> None:
    host, spec = memory_host, memory_host.spec()
    host.well(spec)
    before = host.ids()
    waiting = reboot(host)
    assert "waits for its secrets" in error(waiting) and waiting["instances"][0]["waiting"] is True
    assert "running" not in host.states().values()
    host.well(spec)
    assert host.ids() == before and host.states()["node"] == "running"


def test_orderly_down_and_up(memory_host: MemoryHost) -> None:
    host = memory_host
    spec = keyless(host)
    host.well(spec)
    made = policies(host)
    own.down(host.store, host.engine.connect(), ID, BOOT)
    assert host.states()["node"] == "exited" and host.state()["desired"] == "started"
    assert error(reboot(host)) == "None"
    assert policies(host) == made and host.call(spec)["changed"] is False


def test_a_failed_end_after_our_stop_brings_nothing_back(memory_host: MemoryHost) -> None:
    host = memory_host
    host.well(host.spec(with_service(PACKAGE, "node", entrypoint=["sleep", "infinity"], init=True, restart="on-failure")))
    stop(host)
    assert host.container("node").code not in (0, None)
    host.world.reboot()
    assert "running" not in host.states().values()


def test_a_node_that_had_to_be_killed_is_told_of(memory_host: MemoryHost) -> None:
    host, now = memory_host, Way("tester", 0, 0.0)
    host.well(host.spec(with_service(PACKAGE, "node", entrypoint=list(STUBBORN))))
    restarted = control.restart(host.store, host.engine.connect(), [ID], now)
    stopped = own.down(host.store, host.engine.connect(), ID, now)
    for result in (restarted, stopped):
        assert error(result) == "None" and "OPS-011" in [item["id"] for item in result["instances"][0]["findings"]]


def test_the_journal_says_what_was_begun_and_what_became_of_it(memory_host: MemoryHost) -> None:
    host = memory_host
    host.well(host.spec())
    stop(host, "disk")
    start(host)
    control.restart(host.store, host.engine.connect(), [ID], WAY)
    own.down(host.store, host.engine.connect(), ID, WAY)
    apply, done = ("begin", "apply"), ("end", "done")
    assert events(host) == [
        apply, done, ("hold", "disk"), ("begin", "stop"), done, ("lift", None), apply, done, ("begin", "restart"), done, apply, done,
        ("begin", "down"), done,
    ]  # fmt: skip
    assert journal.opened(host.store.instance(ID)) == []


def test_what_was_removed_is_not_held_when_it_is_made_again(memory_host: MemoryHost) -> None:
    host, spec = memory_host, memory_host.spec()
    host.well(spec)
    stop(host)
    assert host.well(host.gone())["hold"] is None
    assert host.well(spec)["state"] == "started"


def test_what_runs_is_told_to_run_whatever_was_refused(memory_host: MemoryHost) -> None:
    host = memory_host
    host.well(host.spec())
    own_, engine = host.store.instance(ID), host.engine.connect()
    found = [own.recover(host.store, engine, [ID], WAY)["instances"][0]]
    with Lock(own_.lock, "somebody", 0):
        found += [
            control.restart(host.store, engine, [ID], WAY)["instances"][0],
            own.recover(host.store, engine, [ID], WAY)["instances"][0],
        ]
    os.unlink(own_.path("spec.json"))
    found += [do(host.store, engine, [ID], WAY)["instances"][0] for do in (control.start, control.restart)]
    assert [(bool(item["error"]), item["state"], item["health"]["status"]) for item in found] == [
        (False, "started", "healthy"),
        *[(True, "started", "healthy")] * 4,
    ]


def test_a_full_disk_keeps_no_node_running(memory_host: MemoryHost, monkeypatch: pytest.MonkeyPatch) -> None:
    host = memory_host
    host.well(host.spec())

    def full(*_arguments: Any, **_more: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("ansible_collections.restaking.avs.plugins.module_utils.system.files.write", full)
    done = stop(host)
    assert host.states()["node"] == "exited" and "No space left on device" in error(done)


def test_nothing_is_started_that_was_stopped_meanwhile(memory_host: MemoryHost) -> None:
    host, spec = memory_host, memory_host.spec()
    host.well(spec)
    host.well(host.stopped())

    def meanwhile(what: str) -> None:
        if what.startswith(("before pull", "before ps")):
            hold.place(host.store.instance(ID), "somebody", "")

    host.engine.at = meanwhile
    host.call(spec)
    assert host.states()["node"] == "exited"


@pytest.mark.parametrize("lost", ["tree", "spec"])
def test_what_is_not_whole_is_not_started(memory_host: MemoryHost, lost: str) -> None:
    host = memory_host
    host.well(host.spec())
    stop(host)
    mine = host.store.instance(ID)
    if lost == "tree":
        shutil.rmtree(os.path.join(mine.current, "tree"))
    else:
        os.unlink(mine.path("spec.json"))
    assert "before all of it was on this host" in error(start(host))


def test_an_engine_that_does_not_answer_keeps_nobody_from_being_held(memory_host: MemoryHost, monkeypatch: pytest.MonkeyPatch) -> None:
    host = memory_host
    host.well(host.spec())

    def gone(_words: list[str]) -> tuple[int, str, str]:
        return 1, "", "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?\n"

    with monkeypatch.context() as patch:
        patch.setattr(host.engine, "_answer", gone)
        done = stop(host, "key leaked")
    entry = done["instances"][0]
    assert "is held down from now on, but what of it runs still runs" in error(done) and "Docker daemon" in error(done)
    assert entry["hold"]["reason"] == "key leaked" and entry["changed"] and done["failed"]
    # Once the engine is back the next run, or the next stop, does the rest.
    assert host.states()["node"] == "running"
    stop(host)
    assert host.states()["node"] == "exited"


def test_a_hold_that_cannot_be_lifted_is_told_of(memory_host: MemoryHost, monkeypatch: pytest.MonkeyPatch) -> None:
    host = memory_host
    host.well(host.spec())
    stop(host)

    def refuse(_own: Any) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(hold, "lift", refuse)
    assert "Read-only file system" in error(start(host)) and host.states()["node"] == "exited"


def test_a_hold_a_removal_left_goes_with_the_next_one(memory_host: MemoryHost) -> None:
    host = memory_host
    host.well(host.spec())
    host.well(host.gone())
    # It was cut before its last step.
    hold.place(host.store.instance(ID), "somebody", "")
    host.well(host.gone())
    assert hold.hold_of(host.store.instance(ID)) is None
    assert host.call(host.gone())["changed"] is False


def test_what_a_newer_release_recorded_is_taken_down_and_its_record_left_alone(memory_host: MemoryHost) -> None:
    host = memory_host
    host.well(host.spec())
    path = Path(host.store.instance(ID).state_file)
    newer = json.dumps({**json.loads(path.read_text()), "schema": 99})
    path.write_text(newer)
    done = stop(host)
    assert host.states()["node"] == "exited" and set(policies(host).values()) == {"no"} and path.read_text() == newer
    assert "was taken down and is held" in error(done) and "schema 99" in error(done)
    assert hold.hold_of(host.store.instance(ID)) is not None and "stop container node" in acted(done["instances"][0])
