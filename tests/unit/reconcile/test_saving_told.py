# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A backup that takes long is seen by whoever asks, and one that would keep its node down for too long never stops it."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.restaking.avs.plugins.module_utils.backup import again, changes, cloned, listing, pace, progress, settings
from ansible_collections.restaking.avs.plugins.module_utils.backup.progress import Step
from ansible_collections.restaking.avs.plugins.module_utils.common.errors import HostError
from ansible_collections.restaking.avs.plugins.module_utils.instance.store import Store
from ansible_collections.restaking.avs.plugins.module_utils.reconcile import control, long_work, saving, still
from ansible_collections.restaking.avs.plugins.module_utils.reconcile.repositories import Asked, Host

from tests.unit.support.memory_host import ID, MemoryHost
from tests.unit.support.restic_in_memory import ResticInMemory
from tests.unit.support.saved_host import PASSWORD, WAY, Take, prove, running, there


def phase(host: MemoryHost) -> str:
    step = progress.at_work(host.store.instance(ID))
    return "" if step is None else step.phase


def test_its_phases_are_seen_while_it_is_at_work_and_gone_with_it(memory_host: MemoryHost, saved: ResticInMemory, take: Take) -> None:
    host = memory_host
    seen: list[tuple[str, str]] = []
    saved.during = lambda words: seen.append((words[0], phase(host))) if words[0] in ("backup", "check", "restore") else None
    assert take()["error"] is None and phase(host) == ""
    assert seen == [("backup", "live pass"), ("backup", "stopped copy"), ("check", "check"), ("backup", "seal")]
    seen.clear()
    assert prove(host, saved)["error"] is None and phase(host) == ""
    assert seen == [("check", "proof"), ("restore", "proof"), ("restore", "proof restore"), ("backup", "proof restore")]
    journal = [json.loads(line) for line in Path(host.store.instance(ID).path("journal.jsonl")).read_text().splitlines()]
    told = [item["phase"] for item in journal if item["event"] == "phase"]
    assert told == ["live pass", "stopped copy", "start", "check", "seal", "proof", "proof restore"]
    # One that fails is not at work any more, either.
    saved.ends = {"check": (1, "Fatal: repository contains errors")}
    assert take()["error"] and phase(host) == "" and running(host) == {"node", "gateway"}


def test_whoever_started_it_hears_of_it(memory_host: MemoryHost, saved: ResticInMemory) -> None:
    heard: list[str] = []

    def told(name: str, step: Step) -> None:
        heard.append(f"{name} {step.phase}")

    where = Host(memory_host.store, memory_host.engine.connect(), saved, told)
    assert saving.take(where, [ID], WAY, Asked(password=PASSWORD))["changed"]
    assert heard[0] == f"{ID} live pass" and heard[-1] == f"{ID} seal"


def test_another_one_is_told_how_far_it_is(memory_host: MemoryHost, saved: ResticInMemory, take: Take) -> None:
    found: list[dict[str, Any]] = []

    def again(words: list[str]) -> None:
        if words[0] == "backup" and not found:
            found.append(take())

    saved.during = again
    assert take()["error"] is None
    assert " is locked by tester" in found[0]["error"] and "at work since" in found[0]["error"] and "live pass for" in found[0]["error"]
    assert found[0]["locked"] and len(there(memory_host, saved)) == 1


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """A host on which a pass reads 1 MiB a second, and bytes that changed by the end of each."""
    rest = [0]
    monkeypatch.setattr(pace, "rate_of", lambda _size, _seconds: float(1 << 20))
    monkeypatch.setattr(changes, "to_read_since", lambda _trees, _since: rest[0])
    return rest


def test_one_that_would_take_too_long_is_refused_before_the_node_is_stopped(
    memory_host: MemoryHost, saved: ResticInMemory, take: Take, slow: list[int]
) -> None:
    slow[0] = 500 << 20
    stops = len([words for words in memory_host.engine.asked if words[0] == "stop"])
    done = take(bound=60.0)
    assert "was not stopped: the copy would take about 500 s" in done["error"] and "may be down for 60 s" in done["error"]
    assert (done["changed"], running(memory_host), there(memory_host, saved)) == (False, {"node", "gateway"}, [])
    assert len([words for words in memory_host.engine.asked if words[0] == "stop"]) == stops
    # What changed meanwhile was saved again, as long as it might help.
    assert len([words for words in saved.asked if words[0] == "backup"]) == 3
    assert take(bound=600.0)["error"] is None and len(there(memory_host, saved)) == 1


def test_another_pass_may_leave_less(memory_host: MemoryHost, saved: ResticInMemory, take: Take, slow: list[int]) -> None:
    slow[0] = 500 << 20
    passes: list[str] = []

    def less(words: list[str]) -> None:
        if words[0] == "backup" and "avs.kind=live" in words:
            passes.append("live")
            slow[0] = (500 << 20) // 10 ** len(passes)

    saved.during = less
    done = take(bound=20.0)
    assert done["error"] is None and len(passes) == 2
    # Five bytes a pass that way.
    assert done["backup"]["added"] == 15


@pytest.mark.parametrize("kind", ["ext4", "tmpfs"])
def test_a_copy_that_was_slow_once_keeps_no_backup_from_being_made(
    memory_host: MemoryHost, take: Take, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    own = memory_host.store.instance(ID)
    assert take()["error"] is None
    # A disk that hung for 25 minutes, within its bound; then the bound was set to ten.
    pace.keep(own, pace.read(own).but(fixed=1500.0))
    monkeypatch.setattr(again, "kind_of", lambda _path: kind)
    error = take(bound=600.0)["error"]
    if kind == "tmpfs":
        # A pass tells nothing of a copy that reads all of it.
        assert "would take about 1500 s" in error
        return
    assert error is None and pace.read(own).fixed < 600
    # What is within its bound is believed.
    pace.keep(own, pace.read(own).but(fixed=500.0))
    seen: list[float | None] = []
    real = pace.learn
    monkeypatch.setattr(pace, "learn", lambda mine, *more: (seen.append(pace.read(mine).fixed), real(mine, *more)))
    assert take(bound=600.0)["error"] is None and seen == [500.0]


@pytest.mark.parametrize("other", [PASSWORD, "the wrong one"])
def test_a_list_beside_it_brings_a_password_of_its_own(memory_host: MemoryHost, saved: ResticInMemory, take: Take, other: str) -> None:
    host = memory_host
    assert take()["error"] is None
    beside: list[dict[str, Any]] = []

    def during(words: list[str]) -> None:
        if words[0] in ("snapshots", "check") and not beside:
            beside.append({})
            where = Host(host.store, host.engine.connect(), saved)
            beside[0].update(saving.listed(where, [ID], WAY, Asked(password=other))["instances"][0])

    saved.during = during
    assert take()["error"] is None and (beside[0]["error"] is None) is (other == PASSWORD)
    own = host.store.instance(ID)
    assert settings.same_password(own, PASSWORD) and os.listdir(own.run + "/backup") == ["password"]
    assert take(password="")["error"] is None


@pytest.mark.parametrize("enough", [True, False])
def test_what_is_written_while_it_waits_for_its_turn_counts(
    memory_host: MemoryHost, saved: ResticInMemory, take: Take, slow: list[int], monkeypatch: pytest.MonkeyPatch, enough: bool
) -> None:
    passes: list[bool] = []
    real = still.turn

    @contextmanager
    def waited(*args: Any) -> Iterator[None]:
        with real(*args):
            slow[0] = 500 << 20
            yield

    def less(words: list[str]) -> None:
        if words[0] == "backup" and "avs.kind=live" in words:
            passes.append(running(memory_host) == {"node", "gateway"})
            slow[0] = 0 if enough or len(passes) == 1 else slow[0]

    monkeypatch.setattr(pace, "_WAIT", 0.0)
    monkeypatch.setattr(still, "turn", waited)
    saved.during = less
    done = take(bound=20.0)
    if enough:
        assert done["error"] is None and passes == [True, True] and done["backup"]["added"] == 15
    else:
        assert "was not stopped: the copy would take about 500 s" in done["error"] and passes == [True] * 4
    assert running(memory_host) == {"node", "gateway"}


@pytest.mark.parametrize("clones", [False, True])
def test_to_look_at_its_files_is_part_of_the_time_it_may_be_down(
    memory_host: MemoryHost, saved: ResticInMemory, take: Take, monkeypatch: pytest.MonkeyPatch, clones: bool
) -> None:
    real = listing.entries

    def late(tree: listing.Tree) -> Iterator[Any]:
        time.sleep(0.6)
        yield from real(tree)

    monkeypatch.setattr(cloned, "possible", lambda _items, _run: clones)
    monkeypatch.setattr(pace, "gains", lambda _pace, _looking: True)
    monkeypatch.setattr(listing, "entries", late)
    done = take(bound=0.5)
    assert "took longer than 0.5 s" in done["error"] and there(memory_host, saved) == []
    assert running(memory_host) == {"node", "gateway"}


def test_one_that_is_down_is_kept_from_nothing(memory_host: MemoryHost, saved: ResticInMemory, take: Take, slow: list[int]) -> None:
    slow[0] = 500 << 20
    control.stop(memory_host.store, memory_host.engine.connect(), [ID], WAY)
    assert take(bound=20.0)["backup"]


def test_a_call_does_it_all_where_nobody_wants_it_to_go_on(tmp_path: Path) -> None:
    done: list[dict[str, Any]] = []

    def work(given: Any, _run_command: Any) -> dict[str, Any]:
        done.append(dict(given))
        return {"changed": True}

    def never(*_args: Any, **_options: Any) -> Any:
        raise AssertionError("nothing is to be started")

    store = Store(*(str(tmp_path / name) for name in ("root", "run", "locks")))
    job = {"name": "ab" * 12, "begin": True, "wait": 0.0}
    for more in ({"job": None}, {"job": job, "check": True}, {}):
        asked = long_work.Asked("x", {"ids": ["a"], "poll": 10, **more}, ["canary"])
        assert long_work.answer(asked, never, work, store) == {"changed": True}
    assert done[0] == {"ids": ["a"]} and "canary" not in repr(asked)
    gone = long_work.answer(long_work.Asked("x", {"job": {**job, "begin": False}}), never, work, store)
    assert gone["failed"] and len(done) == 3
    with pytest.raises(HostError):
        long_work.answer(long_work.Asked("x", {"job": {**job, "name": "../x"}}), never, work, store)


@pytest.mark.parametrize(("changed", "aside"), [(500 << 20, True), (0, False)])
def test_what_is_set_aside_is_not_read_while_the_node_is_down_and_needs_no_such_time(
    memory_host: MemoryHost, saved: ResticInMemory, take: Take, slow: list[int], monkeypatch: pytest.MonkeyPatch, changed: int, aside: bool
) -> None:
    monkeypatch.setattr(cloned, "possible", lambda _items, _run: True)
    slow[0] = changed
    assert take(bound=20.0)["error"] is None
    assert (["cp"] in saved.asked) is aside
