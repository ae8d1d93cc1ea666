# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What ``avsctl ls``, ``status`` and ``logs`` say of a host, over an engine in memory."""

from __future__ import annotations

import argparse
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.restaking.avs.plugins.module_utils.instance import hold
from ansible_collections.restaking.avs.plugins.plugin_utils.avsctl import logs, reading
from ansible_collections.restaking.avs.plugins.plugin_utils.avsctl.commands import Place
from ansible_collections.restaking.avs.plugins.plugin_utils.avsctl.people import main

from tests.unit.support.memory_host import ID, MemoryHost

Captured = pytest.CaptureFixture[str]


def place(host: MemoryHost) -> Place:
    return Place(host.store, host.engine.connect())


def _nothing(_host: MemoryHost) -> None:
    """As it was installed."""


def _stopped(host: MemoryHost) -> None:
    host.well(host.stopped())


def _removed(host: MemoryHost) -> None:
    host.well(host.gone())


def _one_down(host: MemoryHost) -> None:
    host.world.stop(host.container("gateway"))


def _keys_gone(host: MemoryHost) -> None:
    shutil.rmtree(host.store.run)


def _damaged(host: MemoryHost) -> None:
    Path(host.store.instance(ID).state_file).write_text("{")


@pytest.mark.parametrize(
    ("change", "code", "state", "health", "said"),
    [
        (_nothing, 0, "started", "healthy", ["hoodi", "1-v1.0.0", "127.0.0.1:24680/tcp node", "key", "bls bn254 sha256:", "container"]),
        (_stopped, 0, "stopped", "unknown", ["stopped"]),
        (_removed, 0, "absent", "unknown", ["kept", f"avs-{ID}_node-data"]),
        (_one_down, 3, "started", "unhealthy", ["gateway", "Exited"]),
        (_keys_gone, 3, "started", "unhealthy", ["its keys are gone"]),
        (_damaged, 3, "started", "unknown", ["damaged", "state.json is not JSON", "OPS-010", "->"]),
    ],
)
def test_status_tells_what_is_off(
    memory_host: MemoryHost, capsys: Captured, change: Callable[[MemoryHost], None], code: int, state: str, health: str, said: list[str]
) -> None:
    memory_host.well(memory_host.spec())
    change(memory_host)
    assert main(["status", ID], place(memory_host)) == main(["status"], place(memory_host)) == code
    once, twice = capsys.readouterr().out.split(f"{ID}  ")[1:]
    assert once == twice and once.splitlines()[0] == f"{state}  {health}"
    assert [word for word in said if word not in once] == []
    assert main(["ls"], place(memory_host)) == 0
    assert capsys.readouterr().out.splitlines()[1].split()[-2:] == [state, health]
    assert main(["status", "--json"], place(memory_host)) == code
    (entry,) = json.loads(capsys.readouterr().out)["instances"]
    assert (entry["id"], entry["state"], entry["health"]["status"]) == (ID, state, health)


def test_one_that_is_held_down_is_shown_as_that_and_is_not_off() -> None:
    entry: dict[str, Any] = {"id": ID, "state": "stopped", "health": {"status": "unknown", "detail": "stopped"}}
    hold = {"since": "2026-01-15T08:00:00Z", "by": "op@host7", "reason": "slashing \x1b[2J"}
    assert reading.state_of(entry) == "stopped" and not reading.is_off(entry)
    for state in ("stopped", "started"):
        held = {**entry, "state": state, "hold": hold}
        assert reading.state_of(held) == "held" and not reading.is_off(held)
        assert "  held    since 2026-01-15T08:00:00Z by op@host7: slashing \\x1b[2J" in reading._told(held, None)


def test_containers_of_nobody_are_told_beside_the_instances(memory_host: MemoryHost, capsys: Captured) -> None:
    memory_host.well(memory_host.spec())
    stranger = memory_host.container("gateway")
    stranger.labels["com.docker.compose.project"] = "mine"
    assert main(["status"], place(memory_host)) == 3
    out = capsys.readouterr().out
    assert "beside them" in out and "OPS-010" in out.partition("beside them")[2]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("10m", "600s"), ("1h30m", "5400s"), ("2d", "172800s"), ("90s", "90s"), ("2026-01-15", "2026-01-15"),
        ("2026-01-15T08:00", "2026-01-15T08:00"), ("2026-01-15T08:00:00.5Z", "2026-01-15T08:00:00.5Z"),
        ("2026-01-15T08:00:00+02:00", "2026-01-15T08:00:00+02:00"),
    ],
)  # fmt: skip
def test_spans_and_instants(text: str, expected: str) -> None:
    assert logs.since(text) == expected


@pytest.mark.parametrize(
    "text", ["", "10", "m", "10 m", "-5m", "1.5h", "10m\n", "2026-02-30", "2026-01-15T25:00", "2026-01-15 08:00", "\u0661m", "10M"]
)
def test_what_is_neither(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="neither"):
        logs.since(text)


def test_logs_of_what_is_not_there(memory_host: MemoryHost, capsys: Captured) -> None:
    memory_host.well(memory_host.spec())
    assert main(["logs", ID, "--service", "x", "--service", "node"], place(memory_host)) == 2
    assert "no container of a service x; there are gateway, job, node" in capsys.readouterr().err
    memory_host.well(memory_host.gone())
    assert main(["logs", ID], place(memory_host)) == 1
    assert capsys.readouterr().err == f"avsctl: {ID} has no containers, so the engine has no logs of it\n"


def test_an_engine_that_is_down_hides_no_record(memory_host: MemoryHost, capsys: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
    memory_host.well(memory_host.spec())
    down = (1, "", "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?\n")
    monkeypatch.setattr(memory_host.engine, "_answer", lambda _words: down)
    for words in (["ls"], ["status"], ["status", ID]):
        assert main(words, place(memory_host)) == 3
        out = capsys.readouterr().out
        assert ID in out and "started  unknown" in out and "v1.0.0" in out
        assert "the container engine does not answer: this is what is on record, not what runs" in out and "OPS-004" in out
    assert main(["status", "--json"], place(memory_host)) == 3
    said = json.loads(capsys.readouterr().out)
    assert said["instances"][0]["health"] == {"status": "unknown", "detail": "the container engine does not answer"}
    assert said["findings"][0]["id"] == "OPS-004"
    assert main(["status", "no-such"], place(memory_host)) == 1


def test_a_node_that_is_held_and_runs_is_off(memory_host: MemoryHost, capsys: Captured) -> None:
    memory_host.well(memory_host.spec())
    hold.place(memory_host.store.instance(ID), "me", "")
    assert main(["status"], place(memory_host)) == 3
    assert "is to be down, and runs" in capsys.readouterr().out
    memory_host.well(memory_host.spec())
    assert main(["status"], place(memory_host)) == 0
