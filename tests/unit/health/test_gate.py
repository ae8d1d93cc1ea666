# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pytest
from ansible_collections.restaking.avs.plugins.module_utils.common.errors import GateError
from ansible_collections.restaking.avs.plugins.module_utils.common.masking import Mask
from ansible_collections.restaking.avs.plugins.module_utils.common.spec import Condition
from ansible_collections.restaking.avs.plugins.module_utils.docker.engine import Done, Engine
from ansible_collections.restaking.avs.plugins.module_utils.health.gate import Gate, Means, Peer, peers_of
from ansible_collections.restaking.avs.plugins.module_utils.health.probes import Answer, Health, http_get, metric, node_api


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


class Looked(Engine):
    """An engine whose containers are a script: one list of inspected containers a look, the last one repeated."""

    def __init__(self, *looks: list[dict[str, Any]], logs: str = "") -> None:
        super().__init__("/nonexistent")
        self.looks, self.text, self.count = list(looks), logs, 0

    def inspect(self, containers: Iterable[str]) -> list[dict[str, Any]]:
        self.count += 1
        return self.looks.pop(0) if len(self.looks) > 1 else self.looks[0]

    def logs(self, container: str, lines: int) -> str:
        return self.text

    def run(self, arguments: Sequence[str], *_rest: Any, **_more: Any) -> Done:
        assert arguments[0] == "events", arguments
        return Done(0, '{"Action": "oom"}\n{"Action": "die", "Actor": {"Attributes": {"exitCode": "3"}}}\nodd\n', "")


def container(service: str = "node", state: str = "running", **changes: Any) -> dict[str, Any]:
    found = {
        "Id": f"id-{service}",
        "Config": {"Labels": {"avs.service": service}},
        "State": {"Status": state, "ExitCode": changes.get("code", 0), "StartedAt": changes.get("started", "t0")},
        "RestartCount": changes.get("restarts", 0),
        "HostConfig": {"NetworkMode": changes.get("mode", "avs_x")},
        "NetworkSettings": {"Networks": {"avs_x": {"IPAddress": changes.get("address", "172.18.0.2")}}},
    }
    if "check" in changes:
        found["State"]["Health"] = {"Status": changes["check"]}
    return found


def answers(by_path: Mapping[str, int | tuple[int, str]]) -> Any:
    def fetch(address: str, port: int, path: str) -> Answer:
        found = by_path.get(path, 404)
        return Answer(found, "") if isinstance(found, int) else Answer(*found)

    return fetch


def gate(engine: Engine, health: dict[str, Any], fetch: Any = None, ends: dict[str, bool] | None = None, **more: Any) -> tuple[Gate, Clock]:
    clock = Clock()
    means = Means(fetch=fetch or http_get, clock=clock, sleep=clock.sleep, **more)
    return Gate(engine, "x-op1", Condition.read(health), ends or {}, means), clock


API = {"type": "node_api", "service": "node", "port": 8080, "timeout": 30}
GOOD = {"/eigen/node/health": 200, "/eigen/node": 200}


def test_a_healthy_node_passes_at_once() -> None:
    one, clock = gate(Looked([container()]), API, answers(GOOD))
    assert one.wait(["id"]).status == "healthy"
    assert clock.now == 0


@pytest.mark.parametrize(
    ("paths", "status"),
    [
        (GOOD, "healthy"),
        ({"/eigen/node/health": 200, "/eigen/node/spec-version": 200}, "healthy"),
        ({"/eigen/node/health": 200}, "unhealthy"),
        ({"/eigen/node/health": 206}, "starting"),
        ({"/eigen/node/health": 503}, "unhealthy"),
        ({"/eigen/node/health": 404}, "unhealthy"),
        ({"/eigen/node/health": (0, "connection refused")}, "starting"),
    ],
)
def test_node_api(paths: dict[str, Any], status: str) -> None:
    fetch = answers(paths)
    assert node_api(lambda path: fetch("a", 1, path), "node:8080").status == status


@pytest.mark.parametrize(
    ("body", "bounds", "status"),
    [
        ("up 1\n", {}, "healthy"),
        ('# HELP up x\nup{a="b c"} 2\nup{a="c"} 3\n', {"min": 2, "max": 3}, "healthy"),
        ('up{a="b"} 2\nup{a="c"} 1\n', {"min": 2}, "starting"),
        ("up 5\n", {"max": 4}, "starting"),
        ("up NaN\n", {}, "starting"),
        ("upper 1\n", {}, "starting"),
        ("", {}, "starting"),
    ],
)
def test_metric(body: str, bounds: dict[str, Any], status: str) -> None:
    assert metric(Condition(type="metric", name="up", **bounds), Answer(200, body), "node:1/metrics").status == status
    assert metric(Condition(type="metric", name="up"), Answer(500, "up 1\n"), "node:1/metrics").status == "starting"


@pytest.mark.parametrize(("status", "answer", "expected"), [([200, 204], 204, "healthy"), ([200], 500, "starting"), ([200], 0, "starting")])
def test_http(status: list[int], answer: int, expected: str) -> None:
    health = {"type": "http", "service": "node", "port": 80, "path": "/ready", "status": status}
    one, _clock = gate(Looked([]), health, answers({"/ready": answer}))
    assert one.probe([Peer.of(container())]).status == expected


def test_it_waits_while_the_node_warms_up() -> None:
    left = [3]

    def fetch(address: str, port: int, path: str) -> Answer:
        left[0] -= 1
        return Answer(206 if left[0] > 0 else 200, "")

    one, clock = gate(Looked([container()]), API, fetch)
    assert one.wait(["id"]).status == "healthy"
    assert 0 < clock.now < 2


def test_time_runs_out_with_the_reason_and_the_last_lines() -> None:
    one, clock = gate(
        Looked([container()], logs="first\nsecond token-1234"), API, answers({"/eigen/node/health": 503}), mask=Mask(["token-1234"])
    )
    with pytest.raises(GateError) as caught:
        one.wait(["id"])
    (found,) = caught.value.findings
    assert clock.now == pytest.approx(30)
    assert found.id == "OPS-006"
    assert "not healthy within 30 s: node:8080 is unhealthy (503)" in found.message
    assert "    second ********" in found.message
    assert "token-1234" not in str(caught.value)


@pytest.mark.parametrize("state", ["exited", "dead"])
def test_an_exited_container_fails_at_once(state: str) -> None:
    one, clock = gate(Looked([container(state=state, code=3)], logs="panic"), API, answers(GOOD))
    with pytest.raises(GateError, match="node has exited with code 3"):
        one.wait(["id"])
    assert clock.now == 0


def test_a_container_that_keeps_restarting_fails_early() -> None:
    looks = [[container(state="restarting", restarts=number)] for number in (1, 2, 3, 4, 5)]
    one, clock = gate(Looked(*looks), API, answers(GOOD))
    with pytest.raises(GateError, match="node keeps restarting"):
        one.wait(["id"])
    assert clock.now < 5


def test_restarts_of_an_earlier_life_do_not_count() -> None:
    one, _clock = gate(Looked([container(restarts=7)]), API, answers(GOOD))
    assert one.wait(["id"]).status == "healthy"


def test_a_job_that_ended_well_is_done() -> None:
    engine = Looked([container(), container("init", "exited")])
    one, _clock = gate(engine, API, answers(GOOD), ends={"init": True})
    assert one.wait(["id"]).status == "healthy"
    bad, _clock = gate(Looked([container(), container("init", "exited", code=1)]), API, answers(GOOD), ends={"init": True})
    with pytest.raises(GateError, match="init has exited"):
        bad.wait(["id"])


@pytest.mark.parametrize("kind", ["node_api", "container", "tcp"])
def test_the_node_the_gate_asks_has_to_run(kind: str) -> None:
    looks = Looked([container(state="exited"), container("side")])
    health = {**API, "type": kind}
    one, clock = gate(looks, health, answers(GOOD))
    with pytest.raises(GateError, match="node has exited with code 0"):
        one.wait(["id"])
    assert clock.now == 0
    # Whoever has ended is not asked, be there somebody else at its address.
    rests, _clock = gate(looks, health, answers(GOOD), ends={"node": True})
    expected = "healthy" if kind == "container" else "unhealthy"
    assert rests.probe(peers_of(looks.inspect([]))).status == expected


def test_something_has_to_run_unless_everything_ends() -> None:
    ended = [container(state="exited"), container("init", "exited")]
    ends = {"node": True, "init": True}
    bare = {"type": "container", "timeout": 30}
    one, clock = gate(Looked(ended), bare, ends=ends)
    with pytest.raises(GateError, match="nothing else runs") as caught:
        one.wait(["id"])
    assert clock.now == 0 and "health.ends" in caught.value.findings[0].message
    assert one.probe(peers_of(ended)) == Health("unhealthy", "nothing runs: node, init ended with code 0")
    idle, _clock = gate(Looked(ended), bare, ends=ends, idle=True)
    assert idle.wait(["id"]) == Health("healthy", "every service has done its work")


def test_containers_have_to_stay_up_for_a_moment() -> None:
    one, clock = gate(Looked([container()]), {"type": "container", "timeout": 30})
    assert one.wait(["id"]) == Health("healthy", "all containers run")
    assert 10 <= clock.now < 12


@pytest.mark.parametrize(("health", "waits"), [({"steady": 3}, 3), ({"steady": 60, "timeout": 20}, 20), ({"timeout": 4}, 4)])
def test_the_moment_is_the_packages_to_choose_and_never_longer_than_the_wait(health: dict[str, Any], waits: float) -> None:
    one, clock = gate(Looked([container()]), {"type": "container", "timeout": 30, **health})
    assert one.wait(["id"]).status == "healthy"
    assert waits <= clock.now < waits + 1.5


def test_what_has_run_for_long_is_not_waited_for() -> None:
    one, clock = gate(Looked([container(started="2026-01-01T00:00:00.5Z")]), {"type": "container", "timeout": 30})
    assert one.wait(["id"]).status == "healthy"
    assert clock.now == 0


def test_a_restart_begins_the_moment_anew() -> None:
    looks = [[container(started="a")], [container(started="a")], [container(started="b")]]
    one, clock = gate(Looked(*looks), {"type": "container", "timeout": 30})
    one.wait(["id"])
    assert clock.now > 10.2


@pytest.mark.parametrize("kind", ["container", "node_api", "http"])
def test_a_node_that_answers_and_was_restarted_meanwhile_is_not_well_yet(kind: str) -> None:
    health = {"type": kind, "service": "node", "port": 8080, "path": "/eigen/node/health", "timeout": 60}
    one, clock = gate(Looked([container(started="b", restarts=1)]), health, answers(GOOD))
    assert "restarted once" in one.probe([Peer.of(container(started="b", restarts=1))], steady=True).detail
    assert one.wait(["id"]).status == "healthy"
    assert 10 <= clock.now < 14


def test_a_node_that_restarts_again_and_again_never_passes() -> None:
    looks = [[container(started=f"t{number}", restarts=number)] for number in range(9)]
    one, _clock = gate(Looked(*looks, logs="bad-config-line"), API, answers({"/eigen/node/health": 206}))
    with pytest.raises(GateError) as caught:
        one.wait(["id"])
    assert "keeps restarting (exit code 3)" in str(caught.value)


@pytest.mark.parametrize(("check", "expected"), [("healthy", "healthy"), ("starting", "starting"), ("unhealthy", "unhealthy")])
def test_a_containers_own_check_decides(check: str, expected: str) -> None:
    one, _clock = gate(Looked([]), {"type": "container"})
    assert one.probe([Peer.of(container(check=check))], steady=True).status == expected


def test_only_the_named_service_counts_for_its_check() -> None:
    one, _clock = gate(Looked([]), {"type": "container", "service": "node"})
    assert one.probe([Peer.of(container()), Peer.of(container("other", check="unhealthy"))]).status == "healthy"


def test_nobody_to_ask() -> None:
    one, _clock = gate(Looked([]), API, answers(GOOD))
    assert one.probe([]).status == "unhealthy"
    assert "no service node" in one.probe([Peer.of(container("other"))]).detail
    assert one.probe([Peer.of(container(address=""))]).status == "starting"
    assert "gateway is exited" in one.probe([Peer.of(container()), Peer.of(container("gateway", "exited"))]).detail


def test_a_service_on_the_hosts_network_is_asked_on_loopback() -> None:
    assert Peer.of(container(mode="host", address="")).address == "127.0.0.1"


def test_a_container_in_anothers_network_is_asked_there() -> None:
    joined = container("api", mode="container:id-node", address="")
    asked = []

    def fetch(address: str, port: int, path: str) -> Answer:
        asked.append(address)
        return Answer(GOOD.get(path, 404), "")

    one, _clock = gate(Looked([joined, container()]), {**API, "service": "api"}, fetch)
    assert one.wait(["id"]).status == "healthy"
    assert set(asked) == {"172.18.0.2"}


@pytest.mark.parametrize(
    ("others", "address"),
    [
        ([container(mode="host", address="")], "127.0.0.1"),
        ([container(mode="container:id-base", address=""), container("base", address="172.18.0.9")], "172.18.0.9"),
        ([container(mode="container:id-api", address="")], ""),
        ([], ""),
    ],
)
def test_where_a_joined_container_is(others: list[dict[str, Any]], address: str) -> None:
    joined = container("api", mode="container:id-node", address="")
    assert peers_of([joined, *others])[0].address == address


KEYSTORE = (
    '{"address": "0x00112233445566778899aabbccddeeff00112233", "crypto": {"ciphertext": "cafebabecafebabecafebabe", "kdf": "scrypt"}}'
)


@pytest.mark.parametrize(
    ("values", "text", "shown"),
    [
        (["s3cret"], "a s3cret b", "a ******** b"),
        (['a"b\\c'], 'said "a\\"b\\\\c"', 'said "********"'),
        (["abc"], "abc", "abc"),
        (["line-one-is-long-enough\nline-two-is-long-enough"], "x line-two-is-long-enough", "x ********"),
        (["pass\n"], "pass", "********"),
        (
            [KEYSTORE],
            "c=cafebabecafebabecafebabe a=0x00112233445566778899aabbccddeeff00112233",
            "c=******** a=0x00112233445566778899aabbccddeeff00112233",
        ),
        (["long-value", "long-value-2"], "long-value-2", "********"),
    ],
)
def test_mask(values: list[str], text: str, shown: str) -> None:
    mask = Mask(values)
    assert mask(text) == shown
    assert mask.deep({"a": [text], "b": 1}) == {"a": [shown], "b": 1}
