# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.restaking.avs.plugins.module_utils.common.spec import InstanceSpec
from ansible_collections.restaking.avs.plugins.module_utils.docker.containers import Container
from ansible_collections.restaking.avs.plugins.module_utils.docker.engine import Done
from ansible_collections.restaking.avs.plugins.module_utils.instance.state import ContainerRecord, State, read_state
from ansible_collections.restaking.avs.plugins.module_utils.instance.store import Store
from ansible_collections.restaking.avs.plugins.module_utils.policy import baseline
from ansible_collections.restaking.avs.plugins.module_utils.reconcile.job import Regard, look
from ansible_collections.restaking.avs.plugins.module_utils.reconcile.unchanged import made_by_older, why_work
from ansible_collections.restaking.avs.plugins.module_utils.status.entry import entry_of, suspects
from ansible_collections.restaking.avs.plugins.module_utils.status.restarts import restarted
from ansible_collections.restaking.avs.plugins.module_utils.system.clock import seconds_since

from tests.unit.support.engines import Told
from tests.unit.support.instances import SECRETS, installed, store
from tests.unit.support.models import typed

assert store
LONG_AGO = State(phase="committed", committed_at="2026-01-01T00:00:00Z")


def ago(seconds: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - seconds))


def running(status: str, state: str = "running") -> Container:
    return Container("id", "avs-x-node", state, "x", "node", "s", status)


@pytest.mark.parametrize(
    ("status", "committed", "suspect"),
    [
        ("Up Less than a second", LONG_AGO, True),
        ("Up 1 second", LONG_AGO, True),
        ("Up 59 seconds (healthy)", LONG_AGO, True),
        ("Up About a minute", LONG_AGO, True),
        ("Up 8 minutes", LONG_AGO, True),
        ("Up 10 minutes", LONG_AGO, False),
        ("Up About an hour", LONG_AGO, False),
        ("Up 3 weeks", LONG_AGO, False),
        ("Up 5 seconds", LONG_AGO.but(committed_at="never"), True),
        ("Up 5 seconds", LONG_AGO.but(committed_at="2999-01-01T00:00:00Z"), True),
        ("Up 10 minutes", LONG_AGO.but(committed_at="2999-01-01T00:00:00Z"), False),
        ("Up 5 seconds", State(phase="applying"), True),
    ],
)
def test_only_what_has_not_run_for_long_is_looked_at(status: str, committed: State, suspect: bool) -> None:
    assert bool(suspects(committed, [running(status)])) is suspect


def test_what_runs_since_before_the_commit_is_not_looked_at() -> None:
    assert suspects(LONG_AGO.but(committed_at=ago(3)), [running("Up 5 seconds")]) == []
    assert suspects(LONG_AGO.but(committed_at=ago(30)), [running("Up 5 seconds")]) == ["id"]
    assert suspects(LONG_AGO.but(committed_at=ago(3)), [running("Restarting (1) 1 second ago", "restarting")]) == ["id"]
    assert suspects(LONG_AGO.but(committed_at=ago(-3600)), [running("Restarting (1) 1 second ago", "restarting")]) == ["id"]
    assert suspects(LONG_AGO, [running("Exited (0) 2 seconds ago", "exited")]) == []


def inspected(count: int, seconds: float, **state: Any) -> dict[str, Any]:
    return {"Id": "id", "RestartCount": count, "State": {"Running": True, "StartedAt": ago(seconds), "ExitCode": 0, **state}}


@pytest.mark.parametrize(
    ("seen", "recorded", "status", "says"),
    [
        (partial(inspected, 0, 5), 0, None, ""),
        (partial(inspected, 2, 5), 2, None, ""),
        (partial(inspected, 5, 3600), 0, None, ""),
        (partial(inspected, 1, 5), 0, "starting", "restarted once since"),
        (partial(inspected, 7, 5), 2, "unhealthy", "restarted 5 times since"),
        (partial(inspected, 1, 5), 4, "starting", "restarted once since"),
        (partial(inspected, 3, -3600), 0, "unhealthy", "restarted 3 times since"),
        (partial(inspected, 1, 5, Restarting=True, ExitCode=1, OOMKilled=True), 0, "starting", "last exit code 1 (out of memory): "),
    ],
    ids=["never", "before the commit", "long ago", "once", "again and again", "counted anew", "by a clock that was set since", "just now"],
)
def test_restarts_since_the_commit(store: Store, seen: Callable[[], dict[str, Any]], recorded: int, status: str | None, says: str) -> None:
    own, _state, _containers = installed(store)
    engine = Told(events="", logs=Done(0, "2026-01-01T00:00:02Z out of \x1b[2Jdisk: t0ken\n", "2026-01-01T00:00:01Z warm\n"))
    state = LONG_AGO.but(containers={"node": ContainerRecord(name="n", spec="s", restarts=recorded)})
    health, found = restarted(engine, own, state, [running("Up 5 seconds")], {"id": seen()})
    assert (health or {}).get("status") == status
    assert [item.id for item in found] == ([] if status is None else ["OPS-012"])
    if found:
        assert says in found[0].message
        assert found[0].message.endswith("out of \\x1b[2Jdisk: t0ken")


def test_the_last_words_are_masked_and_harmless(store: Store) -> None:
    own, _state, _containers = installed(store)
    secret = "a-very-secret-value"
    Path(own.run, "secrets.json").write_text(f'{{"option.token": "{secret}"}}')
    death = '{"Action": "die", "Actor": {"Attributes": {"exitCode": "9"}}}'
    engine = Told(events=death, logs=f"2026-01-01T00:00:02Z \x07{secret}\r\x9b{'x' * 500}\n")
    _health, found = restarted(engine, own, LONG_AGO, [running("Up 5 seconds")], {"id": inspected(1, 5)})
    assert "last exit code 9: \\x07********\\x0d\\x9bxxx" in found[0].message
    assert secret not in found[0].message and len(found[0].message) < 400


def test_a_container_that_keeps_restarting_is_no_work_once_it_was_well(store: Store) -> None:
    own, document, containers = installed(store)
    wanted, state = typed(secrets=SECRETS), read_state(document)
    assert why_work(wanted, state, containers, own, None) is None
    assert why_work(wanted, state, [replace(containers[0], state="restarting")], own, None) is None
    assert why_work(wanted, state.but(phase="applying"), containers, own, None) == "phase is applying"
    assert "paused" in (why_work(wanted, state, [replace(containers[0], state="paused")], own, None) or "")


def test_a_container_out_of_its_network_is_work(store: Store) -> None:
    own, document, containers = installed(store)
    document["containers"]["node"]["networks"] = ["avs-x_a"]
    state = read_state(document)
    for networks, works in ((None, False), ("avs-x_a", False), ("avs-x_a,bridge", False), ("bridge", True), ("", True)):
        reason = why_work(typed(secrets=SECRETS), state, [replace(containers[0], networks=networks)], own, None)
        assert bool(reason) is works, networks


@pytest.mark.parametrize("recorded", [{}, {"transform": 3}], ids=["not said", "said"])
def test_rules_of_a_newer_release_are_no_work_until_asked_for(
    store: Store, monkeypatch: pytest.MonkeyPatch, recorded: dict[str, int]
) -> None:
    own, document, containers = installed(store)
    own.write_state(State.read({**document, **recorded}))
    wanted, state = typed(secrets=SECRETS), own.state()
    assert made_by_older(wanted.id, state) == []
    assert look(wanted, store, containers, None, Regard(renew=True)).reason is None
    monkeypatch.setattr(baseline, "TRANSFORM", baseline.TRANSFORM + 1)
    assert why_work(wanted, state, containers, own, None) is None
    assert [item.id for item in made_by_older(wanted.id, state)] == ["OPS-013"]
    assert look(wanted, store, containers, None).reason is None
    assert look(wanted, store, containers, None, Regard(renew=True)).reason == "the rules changed"


@pytest.mark.parametrize(("age", "told"), [(3600, False), (-20, False), (-3600, True), (None, False)])
def test_an_instant_that_is_still_to_come_is_told_of_once(store: Store, age: float | None, told: bool) -> None:
    _own, document, containers = installed(store)
    state = State.read({**document, "committed_at": "never" if age is None else ago(age)})
    entry = entry_of(typed(secrets=SECRETS), state, containers)
    assert [item["id"] for item in entry["findings"]] == (["OPS-016"] if told else [])
    assert entry_of(InstanceSpec(id="demo-avs-op1"), state.but(phase="absent"), [])["findings"] == []


@pytest.mark.parametrize("odd", ["", "x", "2026-13-01T00:00:00Z", "2999-01-01T00:00:00Z", "2026-01-01", "0001-01-01T00:00:00"])
def test_what_is_no_instant_of_the_past(odd: str) -> None:
    assert seconds_since(odd) is None


def test_seconds_since() -> None:
    assert 4 <= (seconds_since(ago(5)) or 0) < 8
    assert 4 <= (seconds_since(ago(5).replace("Z", ".123456789Z")) or 0) < 8
