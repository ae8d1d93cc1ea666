# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two people, or a person and a run, at one host at the same time: who stops wins, and nobody goes back behind the other."""

from __future__ import annotations

import json
import threading
from contextlib import ExitStack
from typing import Any

import pytest
from ansible_collections.restaking.avs.plugins.module_utils.instance import hold, journal
from ansible_collections.restaking.avs.plugins.module_utils.reconcile import control, own
from ansible_collections.restaking.avs.plugins.module_utils.reconcile.own import Way
from ansible_collections.restaking.avs.plugins.module_utils.system.lock import Lock

from tests.unit.support.memory_host import ID, OTHER, PACKAGE, MemoryHost, second, with_service
from tests.unit.support.memory_programs import STUBBORN

WAY = Way("tester", 0)
BOOT = Way("unit", 0, boot=True)


def held(host: MemoryHost) -> bool:
    return hold.hold_of(host.store.instance(ID)) is not None


def once(host: MemoryHost, beginning: str, do: Any) -> None:
    """``do`` something at the first moment whose name begins so."""
    left = [do]

    def at(what: str) -> None:
        if left and what.startswith(beginning):
            left.pop()()

    host.engine.at = at


def emergency(host: MemoryHost) -> None:
    """What a stop does first, and all of it there is when its process dies then."""
    hold.place(host.store.instance(ID), "somebody", "key leaked")


def test_a_stop_during_a_restart_is_not_lifted_by_it(memory_host: MemoryHost) -> None:
    host = memory_host
    host.well(host.spec())
    once(host, "before stop", lambda: emergency(host))
    result = control.restart(host.store, host.engine.connect(), [ID], WAY)
    assert held(host) and host.states()["node"] == "exited"
    assert "was stopped" in str(result["instances"][0]["error"]) and result["instances"][0]["hold"]["reason"] == "key leaked"


def test_a_stop_during_a_start_is_not_overlooked_by_it(memory_host: MemoryHost) -> None:
    host = memory_host
    host.well(host.spec())
    control.stop(host.store, host.engine.connect(), [ID], WAY)
    once(host, "before ps", lambda: emergency(host))
    control.start(host.store, host.engine.connect(), [ID], WAY)
    assert held(host) and host.states()["node"] == "exited"


@pytest.mark.parametrize("moment", ["in compose: start", "after compose --ansi never", "before container inspect"])
def test_what_is_stopped_while_its_containers_are_started_is_down_in_the_end(memory_host: MemoryHost, moment: str) -> None:
    host, spec = memory_host, memory_host.spec()
    host.well(spec)
    made = host.ids()

    def at(what: str) -> None:
        # The last of these comes when the node runs already, and is waited for.
        if what.startswith(moment) and (
            moment != "before container inspect" or (made != host.ids() and host.states().get("node") == "running")
        ):
            emergency(host)

    host.engine.at = at
    result = host.call({**spec, "env": {**spec["env"], "LEVEL": "debug"}})
    assert held(host) and host.states()["node"] in ("exited", "created")
    assert "was stopped while this run worked on it" in str(result["instances"][0]["error"])


def test_one_that_somebody_works_on_keeps_no_other_one_running(memory_host: MemoryHost) -> None:
    host = memory_host
    deaf = with_service(PACKAGE, "node", entrypoint=list(STUBBORN))
    host.well(host.spec(deaf), second(host))
    stops: list[str] = []

    def at(what: str) -> None:
        if what.startswith("before update"):
            stops.append(threading.current_thread().name)

    host.engine.at = at
    with Lock(host.store.instance(ID).lock, "somebody", 0):
        result = control.stop(host.store, host.engine.connect(), [ID, OTHER], WAY)
    assert set(host.states().values()) <= {"exited"}
    # Each has a thread of its own: nobody waits for the grace period of another one.
    assert len(set(stops)) == 2 and threading.current_thread().name not in stops
    mine, other = result["instances"]
    assert "was taken down and is held" in mine["error"] and mine["locked"] is True and other["error"] is None
    assert mine["changed"] and {"kind": "container", "name": "node", "action": "stop"} in mine["actions"]


def test_who_waits_is_told_at_once(memory_host: MemoryHost) -> None:
    host = memory_host
    host.well(host.spec())
    said: list[tuple[str, str]] = []
    with Lock(host.store.instance(ID).lock, "somebody", 0):
        control.stop(host.store, host.engine.connect(), [ID], Way("tester", 0, say=lambda text: said.append((text, host.states()["node"]))))
    ((text, state),) = said
    assert "locked by somebody" in text and "taken down at once" in text and state == "running"


def test_once_the_other_has_ended_all_of_a_stop_is_recorded(memory_host: MemoryHost) -> None:
    host = memory_host
    host.well(host.spec())
    with ExitStack() as other:
        other.enter_context(Lock(host.store.instance(ID).lock, "somebody", 0))
        result = control.stop(host.store, host.engine.connect(), [ID], Way("tester", 5, say=lambda _text: other.close()))
    (entry,) = result["instances"]
    assert (entry["error"], entry["state"], entry["changed"], host.state()["desired"]) == (None, "stopped", True, "stopped")
    assert {"kind": "container", "name": "node", "action": "stop"} in entry["actions"]
    assert journal.opened(host.store.instance(ID)) == []


def test_a_node_that_cannot_be_stopped_is_not_told_as_locked(memory_host: MemoryHost, monkeypatch: pytest.MonkeyPatch) -> None:
    host = memory_host
    host.well(host.spec())

    monkeypatch.setattr(host.world, "stop", lambda _item: None)
    with Lock(host.store.instance(ID).lock, "somebody", 0):
        result = control.stop(host.store, host.engine.connect(), [ID], WAY)
    entry = result["instances"][0]
    assert "could not be stopped" in entry["error"] and "locked" not in entry and host.states()["node"] == "running"


def test_a_lock_that_cannot_be_had_keeps_no_node_running(memory_host: MemoryHost, monkeypatch: pytest.MonkeyPatch) -> None:
    host = memory_host
    host.well(host.spec())

    def full(_lock: Lock) -> Lock:
        raise OSError(28, "No space left on device", "/run/lock/avs")

    monkeypatch.setattr(Lock, "__enter__", full)
    result = control.stop(host.store, host.engine.connect(), [ID], WAY)
    entry = result["instances"][0]
    assert host.states()["node"] == "exited" and held(host)
    assert "was taken down and is held" in entry["error"] and "No space left on device" in entry["error"] and "locked" not in entry


@pytest.mark.parametrize("way", [WAY, BOOT])
def test_a_start_does_not_go_back_behind_a_run_it_waited_for(memory_host: MemoryHost, monkeypatch: pytest.MonkeyPatch, way: Way) -> None:
    host, spec = memory_host, memory_host.spec()
    host.well(spec)
    host.docker("stop", "-t", "5", f"avs-{ID}-node")
    read = control.going_on

    def overtaken(*arguments: Any) -> Any:
        """The record was read, and then a run comes first to the lock."""
        found = read(*arguments)
        host.well({**spec, "env": {**spec["env"], "LEVEL": "debug"}})
        host.docker("stop", "-t", "5", f"avs-{ID}-node")
        return found

    monkeypatch.setattr(control, "going_on", overtaken)
    control.start(host.store, host.engine.connect(), [ID], way)
    assert host.states()["node"] == "running" and "debug" in json.dumps(host.container("node").service)


def test_a_host_that_goes_down_waits_for_nobody_for_ever(memory_host: MemoryHost) -> None:
    host = memory_host
    host.well(host.spec())
    with Lock(host.store.instance(ID).lock, "somebody", 0):
        result = own.down(host.store, host.engine.connect(), ID, WAY)
    assert host.states()["node"] == "exited" and "locked by somebody" in str(result["instances"][0]["error"])
    assert host.state()["desired"] == "started"
