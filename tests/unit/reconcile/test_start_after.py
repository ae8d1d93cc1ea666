# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The start after a copy, and after a restore: whatever comes meanwhile, what ran runs again, unless somebody stopped it."""

from __future__ import annotations

import signal
from collections.abc import Callable
from typing import Any

import pytest
from ansible_collections.restaking.avs.plugins.module_utils.backup import progress
from ansible_collections.restaking.avs.plugins.module_utils.instance import hold, journal
from ansible_collections.restaking.avs.plugins.module_utils.reconcile import control, restoring, saving
from ansible_collections.restaking.avs.plugins.module_utils.reconcile.repositories import Asked, Host
from ansible_collections.restaking.avs.plugins.module_utils.system.signals import held_back

from tests.unit.support.memory_host import ID, MemoryHost
from tests.unit.support.restic_in_memory import ResticInMemory
from tests.unit.support.saved_host import PASSWORD, WAY, Take, running, there

Told = Callable[[str, progress.Step], None]


def taken(host: MemoryHost, tool: ResticInMemory, told: Told) -> dict[str, Any]:
    where = Host(host.store, host.engine.connect(), tool, told)
    found: dict[str, Any] = saving.take(where, [ID], WAY, Asked(password=PASSWORD))["instances"][0]
    return found


def stopping(host: MemoryHost, stopped: list[dict[str, Any]]) -> Callable[[], None]:
    def stop() -> None:
        if not stopped:
            stopped.append({})
            stopped[0] = control.stop(host.store, host.engine.connect(), [ID], WAY, "a key leaked")["instances"][0]

    return stop


def test_a_stop_that_comes_as_it_is_to_be_started_again_holds(memory_host: MemoryHost, saved: ResticInMemory, take: Take) -> None:
    host, stopped = memory_host, list[dict[str, Any]]()
    stop = stopping(host, stopped)
    done = taken(host, saved, lambda _name, step: stop() if step.phase == progress.START else None)
    assert stopped[0]["error"] is None and stopped[0]["hold"]
    assert hold.hold_of(host.store.instance(ID)) is not None and running(host) == set()
    assert (done["error"], done["hold"]["reason"]) == (None, "a key leaked") and len(there(host, saved)) == 1


def test_nor_does_a_restore_undo_one(memory_host: MemoryHost, saved: ResticInMemory, take: Take, monkeypatch: pytest.MonkeyPatch) -> None:
    host, stopped = memory_host, list[dict[str, Any]]()
    take()
    stop, start = stopping(host, stopped), control.start

    def late(*args: Any, **more: Any) -> dict[str, Any]:
        stop()
        return start(*args, **more)

    monkeypatch.setattr(restoring, "start", late)
    where = Host(host.store, host.engine.connect(), saved)
    restoring.restore(where, [ID], WAY, Asked(), restoring.Back())
    assert stopped[0]["error"] is None
    assert hold.hold_of(host.store.instance(ID)) is not None and running(host) == set()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_while_it_is_started_waits_for_that(memory_host: MemoryHost, saved: ResticInMemory, take: Take, number: int) -> None:
    host = memory_host

    def end(_number: int, _frame: Any) -> None:
        raise KeyboardInterrupt

    before = signal.signal(number, end)
    try:
        saved.during = lambda words: signal.raise_signal(number) if words[0] == "backup" and not running(host) else None
        with pytest.raises(KeyboardInterrupt):
            # The first ends the copy, the second comes as the node is started for it.
            taken(host, saved, lambda _name, step: signal.raise_signal(number) if step.phase == progress.START else None)
        assert signal.getsignal(number) is end
    finally:
        signal.signal(number, before)
    assert running(host) == {"node", "gateway"} and there(host, saved) == []
    assert journal.opened(host.store.instance(ID)) == []


def test_what_is_raised_as_it_is_started_leaves_no_node_down(memory_host: MemoryHost, saved: ResticInMemory, take: Take) -> None:
    def told(_name: str, step: progress.Step) -> None:
        if step.phase == progress.START:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        taken(memory_host, saved, told)
    assert running(memory_host) == {"node", "gateway"}


def test_a_restore_that_is_told_to_end_is_said_to_have_ended(
    memory_host: MemoryHost, saved: ResticInMemory, take: Take, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = memory_host
    take()

    def end(*_a: Any, **_k: Any) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr(restoring, "halt", end)
    with pytest.raises(KeyboardInterrupt):
        restoring.restore(Host(host.store, host.engine.connect(), saved), [ID], WAY, Asked(), restoring.Back())
    assert journal.opened(host.store.instance(ID)) == [] and running(host) == {"node", "gateway"}


def test_signals_that_were_held_back_come_afterwards() -> None:
    came: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda number, _frame: came.append(number))
    try:
        with held_back() as held:
            signal.raise_signal(signal.SIGTERM)
            signal.raise_signal(signal.SIGTERM)
            assert (came, held) == ([], [signal.SIGTERM, signal.SIGTERM])
        assert came == [signal.SIGTERM]
        # One that is ignored still is.
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        with held_back() as held:
            signal.raise_signal(signal.SIGTERM)
        assert held == [] and signal.getsignal(signal.SIGTERM) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGTERM, before)


@pytest.mark.parametrize("times", [1, 2, 3])
def test_a_start_that_fails_once_is_tried_again(memory_host: MemoryHost, saved: ResticInMemory, take: Take, times: int) -> None:
    host = memory_host
    failed: list[str] = []

    def at(what: str) -> None:
        if what.endswith(f": start avs-{ID}-node"):
            host.world.broken = {"start node": "the engine is busy"} if len(failed) < times else {}
            failed.extend(host.world.broken)

    host.engine.at = at
    done = take()
    host.engine.at = lambda _what: None
    assert len(failed) == times and ("the engine is busy" in (done["error"] or "")) == (times > 2)
    assert ("node" in running(host)) == (times < 3)
