# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is told of a host, over an engine in memory."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.restaking.avs.plugins.module_utils.common.errors import HostError
from ansible_collections.restaking.avs.plugins.module_utils.instance.hold import place
from ansible_collections.restaking.avs.plugins.module_utils.status.off import off
from ansible_collections.restaking.avs.plugins.module_utils.status.read import read_host, read_instances

from tests.unit.support.memory_host import GATEWAY, ID, IMAGE, PACKAGE, SECRETS, MemoryHost, with_service
from tests.unit.support.memory_programs import STUMBLES
from tests.unit.support.memory_world import Container

EXIT = ["sh", "-c", "echo no chain here; exit 3"]


def told(host: MemoryHost) -> dict[str, Any]:
    return read_instances(host.engine.connect(), [ID], host.store)[0]


def test_one_that_runs(memory_host: MemoryHost) -> None:
    host = memory_host
    host.well(host.spec())
    entry = told(host)
    assert (entry["phase"], entry["state"], entry["health"]["status"], entry["release"]) == ("committed", "started", "healthy", "1-v1.0.0")
    assert [(item["service"], item["state"], item["exit_code"], item["restarts"]) for item in entry["containers"]] == [
        ("gateway", "running", None, 0), ("job", "exited", 0, 0), ("node", "running", None, 0)]  # fmt: skip
    assert entry["ports"] == [{"address": "127.0.0.1", "port": "24680", "protocol": "tcp", "service": "node"}]
    unnamed = [name for name in host.world.volumes if len(name) == 64]
    assert entry["volumes"] == sorted([f"avs-{ID}_node-data", *unnamed]) and len(unnamed) == 1 and "drift" not in entry


def _stopped(host: MemoryHost) -> None:
    host.well(host.stopped())


def _no_container(host: MemoryHost) -> None:
    host.world.containers.clear()


def _one_gone(host: MemoryHost) -> None:
    host.world.remove(host.container("gateway"))


def _keys_gone(host: MemoryHost) -> None:
    shutil.rmtree(host.store.run)


def _ended(host: MemoryHost) -> None:
    host.world.stop(host.container("node"))


def _failed(host: MemoryHost) -> None:
    """With other keys than before, which nobody goes back from."""
    spec = host.spec(with_service(PACKAGE, "node", entrypoint=EXIT, restart="no"))
    spec["secrets"]["key.bls.keystore"]["ref"] = {"version": "key.bls.keystore#2"}
    host.call(spec, values={**SECRETS, "key.bls.keystore": '{"crypto": {"new": 1}, "pubKey": "E([3,4])"}'})


def _restarts(host: MemoryHost) -> None:
    node = host.container("node")
    node.service = {**node.service, "entrypoint": EXIT}
    node.state, node.log, node.restarts = "restarting", ["no chain here"], 4


def _stumbled(host: MemoryHost) -> None:
    node = host.container("node")
    node.service = {**node.service, "entrypoint": list(STUMBLES)}
    node.restarts = 1


def _not_well(host: MemoryHost) -> None:
    host.container("node").check = "unhealthy"


@pytest.mark.parametrize(
    ("happens", "phase", "status", "words"),
    [
        (_stopped, "committed", "unknown", "stopped"),
        (_no_container, "committed", "unhealthy", "there are no containers"),
        (_one_gone, "committed", "unhealthy", "there is no container of gateway"),
        (_keys_gone, "committed", "unhealthy", "its keys are gone, as after a restart of the host"),
        (_ended, "committed", "unhealthy", "node is exited"),
        (_failed, "applying", "unhealthy", "has not been healthy since it was changed; run restaking.avs.install. node is exited"),
        (_restarts, "committed", "unhealthy", "times since"),
        (_stumbled, "committed", "starting", "node restarted once since"),
        (_not_well, "committed", "unhealthy", "node's health check says unhealthy"),
    ],
)
def test_one_that_is_not_as_it_should_be(
    memory_host: MemoryHost, happens: Callable[[MemoryHost], None], phase: str, status: str, words: str
) -> None:
    host = memory_host
    host.well(host.spec())
    happens(host)
    entry = told(host)
    assert (entry["phase"], entry["health"]["status"]) == (phase, status) and words in entry["health"]["detail"]


def test_why_one_restarts_is_told_in_a_run_that_finds_nothing_to_do(memory_host: MemoryHost) -> None:
    host = memory_host
    spec = host.spec(with_service(PACKAGE, "node", entrypoint=EXIT, restart="on-failure:20"))
    host.call(spec)
    host.well(host.spec())
    host.record(committed_at="2026-01-01T00:00:00Z")
    _restarts(host)
    host.world.events.append((host.container("node").started, "die", host.container("node").id, {"exitCode": "3"}))
    result = host.call(host.spec())
    entry = result["instances"][0]
    assert not result["changed"] and entry["health"]["status"] == "unhealthy"
    message = next(item["message"] for item in entry["findings"] if item["id"] == "OPS-012")
    assert message.endswith("last exit code 3: no chain here")


def test_first_installs_that_never_were_well(memory_host: MemoryHost) -> None:
    host = memory_host
    _failed(host)
    assert told(host)["health"]["detail"].startswith("has never been healthy")
    host.record("health")
    assert told(host)["health"] == {"status": "unknown", "detail": "was never confirmed"}


def test_removed_and_damaged_ones_and_strangers(memory_host: MemoryHost) -> None:
    host = memory_host
    host.well(host.spec())
    Path(host.store.instance(ID).state_file).write_text("{")
    entry = told(host)
    assert entry["phase"] == "damaged" and entry["state"] == "started" and "is not JSON" in entry["health"]["detail"]
    assert entry["package"] == "demo-avs" and [item["id"] for item in entry["findings"]] == ["OPS-010"]
    Path(host.store.instance(ID).state_file).unlink()
    assert "is not there, while its containers are" in told(host)["health"]["detail"]
    host.well(host.gone())
    removed = told(host)
    assert removed["state"] == "absent" and removed["containers"] == [] and removed["tree"] is None
    stranger = Container("f" * 64, "stranger", IMAGE, {"avs.instance": "x"}, dict(GATEWAY), {}, {})
    host.world.containers[stranger.id] = stranger
    found = host.status()
    assert [item["id"] for item in found.findings] == ["OPS-010"] and [item["id"] for item in found.instances] == [ID]
    with pytest.raises(HostError, match="not the id of an instance"):
        read_host(host.engine.connect(), ["../x"], host.store)


def test_changes_by_hand_are_told(memory_host: MemoryHost) -> None:
    host = memory_host
    host.well(host.spec())
    assert host.status(drift=True).instances[0]["drift"] == []
    node, gateway = host.container("node"), host.container("gateway")
    node.service = {**node.service, "mem_limit": "64m", "restart": "on-failure:3"}
    host.world.rename(gateway, "other")
    gateway.nets.pop(f"avs-{ID}_outer")
    gateway.nets["bridge"] = {"id": "x", "address": "", "aliases": []}
    limit = json.loads(Path(host.store.instance(ID).current, "compose.json").read_text())["services"]["node"]["mem_limit"]
    assert host.status(drift=True).instances[0]["drift"] == [
        {"service": "gateway", "what": "name", "wanted": f"avs-{ID}-gateway", "found": "other"},
        {"service": "gateway", "what": "network", "wanted": f"avs-{ID}_outer", "found": "none"},
        {"service": "gateway", "what": "network", "wanted": "none", "found": "bridge"},
        {"service": "node", "what": "memory", "wanted": limit, "found": str(64 << 20)},
        {"service": "node", "what": "restart", "wanted": "unless-stopped", "found": "on-failure:3"},
    ]
    compose = Path(host.store.instance(ID).current, "compose.json")
    model = json.loads(compose.read_text())
    compose.write_text(json.dumps({"services": {"node": {**model["services"]["node"], "cpus": "many"}}}))
    assert "as it was written" in {item["wanted"] for item in host.status(drift=True).instances[0]["drift"]}
    for text in ("[]", "{"):
        compose.write_text(text)
        assert host.status(drift=True).instances[0]["drift"] == [
            {"service": "(files)", "what": "compose.json", "wanted": "as it was installed", "found": "changed, or gone"}
        ]


def test_files_that_were_changed_by_hand_are_told(memory_host: MemoryHost) -> None:
    host = memory_host
    host.well(host.spec())
    own = host.store.instance(ID)
    Path(own.current, "tree/pkg/hoodi/conf/a.json").write_text("{} ")
    key = Path(own.keys, "node/bls.json")
    os.chmod(key, 0o640)
    assert [item["what"] for item in host.status(drift=True).instances[0]["drift"]] == ["key files of node", "the package's files"]
    host.record(phase="applying", applying="x")
    assert host.status(drift=True).instances[0]["drift"] == []


def test_what_a_restart_of_the_host_took_was_changed_by_nobody(memory_host: MemoryHost) -> None:
    """Before the host goes down a node is stopped, with the policy `no`; keys in memory are gone with it."""
    host = memory_host
    host.well(host.spec())
    shutil.rmtree(host.store.run)
    for name in ("node", "gateway"):
        container = host.container(name)
        container.state, container.service = "exited", {**container.service, "restart": "no"}
    (entry,) = host.status(drift=True).instances
    assert entry["drift"] == [] and "its keys are gone" in entry["health"]["detail"]
    place(host.store.instance(ID), "somebody", "disk")
    assert list(off(host.status(drift=True).instances[0])) == []
