# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A node that restarts again and again is not well, whoever is asked: the gate, later runs, and who looks at it."""

from __future__ import annotations

import copy
import json
import shutil
import time
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.restaking.avs.plugins.module_utils.status.read import read_host, read_instances

from tests.integration.host.handmade import SLEEP, service, spec, tree
from tests.integration.host.support import IMAGE, Bench, docker, reference
from tests.integration.host.test_lifecycle import bare, changed, step

# Ends of itself while a file is there, once for another, or after some seconds; its last line would ring a terminal's bell, and tells a secret.
NODE = (
    "for i in $(seq 1 $SECONDS_TO_LIVE); do test -e /data/crash && break; test -e /data/once && rm /data/once && break; sleep 0.2; done; "
    "printf 'bad-config-line \\a%s\\n' $TOKEN >&2; exit 7"
)
TOKEN = "very-secret-token"


def package(folder: Path, seconds: float) -> Path:
    node = service(["sh", "-c", NODE.replace("$(", "$$(").replace("$i", "$$i").replace("$TOKEN", "$$TOKEN").replace("$SEC", "$$SEC")])
    environment = {"SECONDS_TO_LIVE": str(int(seconds * 5)), "TOKEN": "${TOKEN}", "LEVEL": "${LEVEL}"}
    return tree(folder, {"node": {**node, "restart": "always", "volumes": ["st:/data"], "environment": environment}}, volumes={"st": {}})


def instance(bench: Bench, tag: str, folder: Path, seconds: float, **health: Any) -> dict[str, Any]:
    found = spec(bench, tag, package(folder, seconds), ["node"])
    fresh = bench.spec(tag, next(iter(reversed(bench.trees.values()))))
    secret = fresh["secrets"]["option.rpc-token"]
    bench.values[found["id"]] = {"option.rpc-token": TOKEN}
    found["secrets"] = {"option.rpc-token": {**secret, "ref": reference(TOKEN), "env": ["TOKEN"], "services": ["node"]}}
    found["health"] = {"type": "container", "service": None, "port": 8080, "timeout": 20, **health}
    return found


def told(bench: Bench, found: dict[str, Any]) -> dict[str, Any]:
    (entry,) = read_instances(bench.engine, [found["id"]], bench.store)
    return entry


def until(what: Any, seconds: float = 60) -> Any:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        answer = what()
        if answer:
            return answer
        time.sleep(0.3)
    raise AssertionError("it did not come to that")


def crashes(result: dict[str, Any]) -> list[dict[str, Any]]:
    return [item for item in result["instances"][0]["findings"] if item["id"] == "OPS-012"]


def restarts(found: dict[str, Any]) -> int:
    return int(docker("inspect", "-f", "{{.RestartCount}}", f"avs-{found['id']}-node"))


def test_the_gate_does_not_open(bench: Bench, tmp_path: Path) -> None:
    node = instance(bench, "loop", tmp_path, 4)
    (entry,) = bench.call([node])["instances"]
    assert "keeps restarting (exit code 7)" in entry["error"]
    assert "bad-config-line" in entry["error"] and TOKEN not in entry["error"]
    info = told(bench, node)
    assert (info["phase"], info["health"]["status"]) == ("applying", "unhealthy")
    assert "has never been healthy" in info["health"]["detail"] and "restarted" in info["health"]["detail"]
    # What was wrong with the first version may be right in the next one.
    other = copy.deepcopy(changed(node, LEVEL="x"))
    other["package"]["version"] = "v1.0.1"
    other["health"]["steady"] = 1
    (entry,) = bench.call([other])["instances"]
    assert entry["error"] is None and told(bench, node)["version"] == "v1.0.1"
    bench.call([bare(node, "absent", purge=True)])


def end(found: dict[str, Any], how: str) -> None:
    """By a file of that name; the command that writes it may end with the container, so what follows is what tells."""
    docker("exec", f"avs-{found['id']}-node", "touch", f"/data/{how}", check=False)


@pytest.fixture(scope="module")
def node(bench: Bench, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Well until somebody says otherwise."""
    found = instance(bench, "later", tmp_path_factory.mktemp("later"), 600, steady=1)
    step(bench, found)
    return found


def test_a_node_that_keeps_running_is_well(bench: Bench, node: dict[str, Any]) -> None:
    assert told(bench, node)["health"] == {"status": "healthy", "detail": "all containers run"}
    assert crashes(bench.call([node])) == []


def test_one_that_began_to_crash_is_told_of_and_left_as_it_is(bench: Bench, node: dict[str, Any]) -> None:
    end(node, "crash")
    before = bench.containers()
    until(lambda: restarts(node) >= 3)
    for check in (True, False):
        done = bench.call([node], check=check)
        assert (done["changed"], done.get("failed"), done["instances"][0]["actions"]) == (False, None, [])
        (item,) = crashes(done)
        assert (item["id"], item["severity"], item["place"]) == ("OPS-012", "warning", f"{node['id']}: services.node")
        assert "restarted" in item["message"] and "last exit code 7: bad-config-line \\x07********" in item["message"]
        assert done["instances"][0]["health"]["status"] == "unhealthy"
    assert bench.containers() == before
    health = told(bench, node)["health"]
    assert health["status"] == "unhealthy" and "times since" in health["detail"] and "last exit code 7: bad-config-line" in health["detail"]
    assert told(bench, node)["phase"] == "committed"


def test_a_clock_that_was_set_back_hides_nothing(bench: Bench, node: dict[str, Any]) -> None:
    path = Path(bench.store.instance(node["id"]).state_file)
    before = path.read_text()
    path.write_text(json.dumps({**json.loads(before), "committed_at": "2999-01-01T00:00:00Z"}))
    done = bench.call([node])
    assert (done["changed"], len(crashes(done)), done["instances"][0]["health"]["status"]) == (False, 1, "unhealthy")
    for findings in (done["instances"][0]["findings"], told(bench, node)["findings"]):
        assert [item["place"] for item in findings if item["id"] == "OPS-016"] == [node["id"]]
    path.write_text(before)


def test_one_that_came_back_is_not_called_well_at_once(bench: Bench, node: dict[str, Any]) -> None:
    docker("rm", "-f", "-v", f"avs-{node['id']}-node")
    docker("run", "--rm", "-v", f"avs-{node['id']}_st:/data", "--entrypoint", "rm", IMAGE, "/data/crash")
    step(bench, node)
    assert crashes(bench.call([node])) == []
    time.sleep(3)  # `docker ps` tells times in whole seconds: a restart right after the commit could be the start itself
    end(node, "once")
    until(lambda: docker("inspect", "-f", "{{.State.Status}} {{.RestartCount}}", f"avs-{node['id']}-node").strip() == "running 1")
    health = told(bench, node)["health"]
    assert health["status"] == "starting"
    assert "restarted once" in health["detail"]


def test_keys_that_are_gone_are_said_to_be(bench: Bench, node: dict[str, Any]) -> None:
    shutil.rmtree(bench.store.run)
    health = told(bench, node)["health"]
    assert health["status"] == "unhealthy" and "keys are gone" in health["detail"] and "restaking.avs.install" in health["detail"]


def test_a_container_out_of_its_network_is_seen_and_made_anew(bench: Bench, tmp_path: Path) -> None:
    found = spec(bench, "net", tree(tmp_path, {"node": service(SLEEP), "other": service(SLEEP)}), ["node", "other"])
    step(bench, found)
    name, network = f"avs-{found['id']}-node", f"avs-{found['id']}_default"
    docker("network", "disconnect", network, name)
    assert step(bench, found) == [("container", "node", "recreate")]
    docker("network", "disconnect", network, name)
    docker("network", "disconnect", network, f"avs-{found['id']}-other")
    docker("network", "rm", network)
    done = step(bench, found)
    assert done == [("network", network, "create"), ("container", "node", "recreate"), ("container", "other", "recreate")]
    docker("stop", "-t", "1", name, f"avs-{found['id']}-other")
    docker("network", "rm", network)
    assert step(bench, found) == done
    docker("rename", name, f"{name}-x")
    before = bench.containers()
    bench.call([found])
    assert sorted(bench.containers().values()) == sorted(before.values()) and name in bench.containers()


def test_what_was_changed_by_hand_is_told_on_request(bench: Bench, tmp_path: Path) -> None:
    found = spec(bench, "drift", tree(tmp_path, {"node": service(SLEEP, cpus=0.5, restart="on-failure:3")}), ["node"])
    step(bench, found)

    def drift() -> list[tuple[str, str, str]]:
        (entry,) = read_host(bench.engine, [found["id"]], bench.store, drift=True).instances
        return [(item["what"], item["wanted"], item["found"]) for item in entry["drift"]]

    assert drift() == []
    name = f"avs-{found['id']}-node"
    docker("update", "--memory", "64m", "--memory-swap", "-1", "--cpus", "0.25", "--pids-limit", "9", "--restart", "no", name)
    docker("network", "connect", "bridge", name)
    seen = {what: there for what, _wanted, there in drift()}
    assert seen == {
        "memory": str(64 << 20),
        "memory with swap": "-1",
        "cpus": "250000000",
        "pids": "9",
        "restart": "no",
        "network": "bridge",
    }
    assert bench.call([found])["changed"] is False
    (entry,) = read_instances(bench.engine, [found["id"]], bench.store)
    assert "drift" not in entry
