# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What was stopped for its backup is started as it ran, without a second judgement; where that cannot be, a run judges it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.restaking.avs.plugins.module_utils.common.records import plain
from ansible_collections.restaking.avs.plugins.module_utils.instance.state import State
from ansible_collections.restaking.avs.plugins.module_utils.reconcile import same_again

from tests.unit.support.memory_host import ID, NODE, PACKAGE, PROJECT_NAME, MemoryHost, with_service
from tests.unit.support.memory_programs import STUMBLES
from tests.unit.support.memory_world import Container
from tests.unit.support.restic_in_memory import ResticInMemory
from tests.unit.support.saved_host import Take, keyless, running, there

UP = {"node", "gateway"}
CHECK = {"test": ["CMD", "true"], "interval": "1s", "timeout": "5s", "retries": 1}
STARTED, HEALTHY = ({"node": {"condition": f"service_{how}"}} for how in ("started", "healthy"))
During = Callable[[MemoryHost], object]


def installed(host: MemoryHost, **changes: Any) -> dict[str, Any]:
    """The node with its keys, and its gateway changed."""
    mounts = [one for one in NODE["volumes"] if "source" in one]
    wanted = host.spec(with_service(with_service(PACKAGE, "node", volumes=mounts, healthcheck=CHECK), "gateway", **changes))
    host.well(wanted)
    return wanted


def while_down(host: MemoryHost, saved: ResticInMemory, act: During) -> None:
    def once(words: list[str]) -> None:
        if words[0] == "backup" and not running(host):
            saved.during = lambda _words: None
            act(host)

    saved.during = once


def commands(host: MemoryHost, since: int) -> list[str]:
    """What changed containers, and whether compose was asked to resolve anything."""
    asked = [[word for word in words if word != "--"] for words in host.engine.asked[since:]]
    names = {item.id: item.labels["avs.service"] for item in host.world.containers.values()}
    told = []
    for words in asked:
        if words[0] == "compose":
            told.append(next(word for word in words if word in ("up", "config", "version")))
        elif words[0] in ("stop", "start"):
            told.append(" ".join([words[0], *(names[word] for word in words if word in names)]))
    return told


def container(host: MemoryHost, service: str) -> Container:
    return next(item for item in host.world.containers.values() if item.labels["avs.service"] == service)


def record(host: MemoryHost) -> State:
    state = host.store.instance(ID).state()
    assert state is not None
    return state


def test_its_containers_are_started_in_the_order_in_which_they_need_each_other(
    memory_host: MemoryHost, saved: ResticInMemory, take: Take
) -> None:
    host = memory_host
    wanted = installed(host, depends_on=STARTED)
    ids, before, asked = host.ids(), record(host), len(host.engine.asked)
    done = take()
    assert (done["error"], done["health"]["status"], done["hold"]) == (None, "healthy", None)
    assert commands(host, asked) == ["stop gateway", "stop node", "start node", "start gateway"]
    assert (running(host), host.ids()) == (UP, ids)
    after = record(host)
    assert plain(after.but(committed_at="")) == plain(before.but(committed_at="")) and after.committed_at
    assert host.call(wanted)["changed"] is False


def test_what_waits_for_more_than_a_start_is_started_by_compose(memory_host: MemoryHost, saved: ResticInMemory, take: Take) -> None:
    host = memory_host
    installed(host, depends_on=HEALTHY)
    ids, asked = host.ids(), len(host.engine.asked)
    done = take()
    assert (done["error"], running(host), host.ids()) == (None, UP, ids)
    # It was judged before: nothing is resolved again.
    assert [one for one in commands(host, asked) if not one.startswith("stop")] == ["up"]


@pytest.mark.parametrize(
    ("services", "order"),
    [
        ({"a": {}, "b": {"depends_on": {"a": {"condition": "service_started"}}}, "c": {"depends_on": ["b"]}}, [["a"], ["b"], ["c"]]),
        (
            {"a": {"network_mode": "service:b"}, "b": {}, "c": {"depends_on": {"gone": {"condition": "service_healthy"}}}},
            [["b", "c"], ["a"]],
        ),
        ({"a": {"depends_on": {"b": {"condition": "service_completed_successfully"}}}, "b": {}, "c": {}}, []),
        ({"a": {}, "b": {"post_start": [{"command": ["true"]}]}, "c": {}}, []),
        ({"a": {"depends_on": ["b"]}, "b": {"depends_on": ["a"]}, "c": {}}, []),
    ],
)
def test_the_order_of_a_start(services: dict[str, Any], order: list[list[str]]) -> None:
    assert same_again.waves({"services": services}, {"a", "b", "c"}) == order


def no_network(host: MemoryHost) -> None:
    del host.world.networks[f"{PROJECT_NAME}_outer"]


def no_container(host: MemoryHost) -> None:
    host.world.remove(container(host, "gateway"))


def no_compose_file(host: MemoryHost) -> None:
    Path(host.store.instance(ID).current, "compose.json").unlink()


@pytest.mark.parametrize("change", [no_network, no_container, no_compose_file])
def test_where_something_is_otherwise_by_then_a_run_judges_it(
    memory_host: MemoryHost, saved: ResticInMemory, take: Take, change: During
) -> None:
    host = memory_host
    installed(host)
    take()
    asked = len(host.engine.asked)
    while_down(host, saved, change)
    done = take()
    assert (done["error"], running(host)) == (None, UP) and "config" in commands(host, asked)
    assert record(host).phase == "committed"


def test_one_that_loses_its_keys_meanwhile_is_known_to_be_down(memory_host: MemoryHost, saved: ResticInMemory, take: Take) -> None:
    host = memory_host
    installed(host)
    own = host.store.instance(ID)

    def lose(_host: MemoryHost) -> None:
        Path(own.run).rename(f"{own.run}-away")

    while_down(host, saved, lose)
    done = take()
    assert "waits for its secrets" in done["error"] and running(host) == set()
    assert host.call(host.spec(), values=None)["instances"][0]["error"] is None


def test_one_that_is_not_well_afterwards_is_still_to_be_confirmed(memory_host: MemoryHost, saved: ResticInMemory, take: Take) -> None:
    host = memory_host
    installed(host)

    def ill(host: MemoryHost) -> None:
        item = container(host, "node")
        item.service = {**item.service, "entrypoint": ["sh", "-c", "exit 3"], "restart": "no"}

    while_down(host, saved, ill)
    done = take()
    assert "did not become healthy" in done["error"] and done["health"]["status"] == "unhealthy"
    assert record(host).phase == "applying" and len(there(host, saved)) == 1


def test_one_that_stumbles_is_started_again(memory_host: MemoryHost, saved: ResticInMemory, take: Take) -> None:
    host = memory_host
    installed(host)

    def stumbling(host: MemoryHost) -> None:
        item = container(host, "node")
        item.service = {**item.service, "entrypoint": list(STUMBLES), "restart": "no"}

    while_down(host, saved, stumbling)
    assert take()["error"] is None and running(host) == UP and record(host).phase == "committed"


@pytest.mark.parametrize("service", ["node", "gateway"])
def test_what_did_not_run_as_it_was_committed_is_a_runs_to_judge(
    memory_host: MemoryHost, saved: ResticInMemory, take: Take, service: str
) -> None:
    host = memory_host
    installed(host)
    asked = len(host.engine.asked)
    host.world.stop(container(host, service))
    assert take()["error"] is None and "config" in commands(host, asked) and running(host) == UP


def test_a_run_would_record_the_same(memory_host: MemoryHost, saved: ResticInMemory, take: Take, monkeypatch: pytest.MonkeyPatch) -> None:
    host = memory_host
    host.well(keyless(host))
    found = []
    for judged in (True, False):
        with monkeypatch.context() as patch:
            if judged:
                patch.setattr(same_again, "ran", lambda *_given: None)
            done = take()
        told = {name: value for name, value in done.items() if name not in ("backup", "findings", "health")}
        found.append((told, done["health"]["status"], plain(record(host).but(committed_at=""))))
    assert found[0] == found[1]


@pytest.mark.parametrize("step", ["going_on", "give_back"])
def test_whatever_goes_wrong_with_it_a_run_starts_it(
    memory_host: MemoryHost, saved: ResticInMemory, take: Take, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    host = memory_host
    installed(host)
    asked = len(host.engine.asked)

    def fails(*_given: Any) -> None:
        raise KeyError(step)

    monkeypatch.setattr(same_again, step, fails)
    assert take()["error"] is None and running(host) == UP and "config" in commands(host, asked)


def test_what_goes_wrong_once_it_runs_is_told(
    memory_host: MemoryHost, saved: ResticInMemory, take: Take, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = memory_host
    installed(host)

    def fails(*_given: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(same_again, "wait", fails)
    done = take()
    assert "No space left" in done["error"] and running(host) == UP and record(host).phase == "applying"
