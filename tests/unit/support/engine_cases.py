# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an engine does, as far as our code depends on it: a table of cases, each with what comes of it.

Run on the engine in memory (``tests/unit/docker/test_engine_in_memory.py``) and on a real one
(``tests/integration/host/test_engine_cases.py``): where both give what stands here, the one is as good as the other.
"""

from __future__ import annotations

import time
from typing import Any

from ansible_collections.restaking.avs.plugins.module_utils.docker import last_end

from tests.unit.support import engine_cases_around, engine_cases_commands
from tests.unit.support.engine_stage import CASES, Stage, case, said
from tests.unit.support.memory_programs import STUBBORN, STUMBLES

# Its cases are in the table as well.
__all__ = ["CASES", "engine_cases_around", "engine_cases_commands"]
EXIT = ["sh", "-c", "echo no chain here; exit 3"]
COMPLETED, HEALTHY = ({"job": {"condition": f"service_{how}"}} for how in ("completed_successfully", "healthy"))


@case([("job", "exited", 0, "avs-x_net", True), ("node", "running", None, "avs-x_net", True)])
def a_job_and_who_waits_for_it(stage: Stage) -> Any:
    stage.write({"job": {"entrypoint": ["true"], "restart": "no"}, "node": {"depends_on": COMPLETED, "restart": "unless-stopped"}})
    stage.must(stage.up("job", "node"))
    return [
        (item.service, item.state, item.exit_code, stage.plain(str(item.networks)), item.project == stage.project)
        for item in stage.engine.containers(stage.instance)
    ]


@case((True, ["didn't complete successfully: exit 3"], {"job": "exited", "node": "created"}))
def a_job_that_fails(stage: Stage) -> Any:
    stage.write({"job": {"entrypoint": EXIT, "restart": "no"}, "node": {"depends_on": COMPLETED}})
    return (*said(stage.up("job", "node"), "didn't complete successfully: exit 3"), stage.states())


@case((True, ["is unhealthy"], "created"))
def a_neighbour_that_is_not_well(stage: Stage) -> Any:
    check = {"test": ["CMD", "false"], "interval": "1s", "timeout": "5s", "retries": 1}
    stage.write({"job": {"healthcheck": check}, "node": {"depends_on": HEALTHY}})
    return (*said(stage.up("job", "node"), "is unhealthy"), stage.states()["node"])


@case((["running", "exited", "running"], "healthy", None, True))
def a_health_check(stage: Stage) -> Any:
    stage.write(
        {"node": {"healthcheck": {"test": ["CMD", "true"], "interval": "1s", "timeout": "5s", "retries": 1}, "restart": "unless-stopped"}}
    )
    stage.must(stage.up("node"))
    stage.until("node", lambda seen: seen["State"]["Health"]["Status"] == "healthy")
    states, health, ident = [stage.one("node").state], stage.one("node").health, stage.one("node").id
    stage.must(stage.run("stop", "-t", "5", ident))
    states.append(stage.one("node").state)
    down = stage.one("node").health
    stage.must(stage.up("node"))
    return [*states, stage.one("node").state], health, down, stage.one("node").id == ident


@case(("exited", 0, 0, False))
def a_stop_by_hand_is_not_undone(stage: Stage) -> Any:
    stage.write({"node": {"restart": "unless-stopped"}})
    stage.must(stage.up("node"))
    stage.must(stage.run("stop", "-t", "5", stage.one("node").id))
    seen = stage.seen("node")
    return stage.one("node").state, seen["State"]["ExitCode"], seen["RestartCount"], seen["State"]["Running"]


@case(("exited", "running", True, 0, "unless-stopped"))
def what_was_stopped_is_started_by_its_id(stage: Stage) -> Any:
    stage.write({"node": {"restart": "unless-stopped"}})
    stage.must(stage.up("node"))
    ident = stage.one("node").id
    stage.must(stage.run("update", "--restart", "no", "--", ident))
    stage.must(stage.run("stop", "-t", "5", ident))
    down = stage.one("node").state
    stage.must(stage.run("update", "--restart", "unless-stopped", "--", ident))
    stage.must(stage.run("start", ident))
    seen = stage.seen("node")
    return down, stage.one("node").state, seen["Id"] == ident, seen["RestartCount"], seen["HostConfig"]["RestartPolicy"]["Name"]


@case(("exited", 137, True))
def one_that_does_not_listen_is_killed(stage: Stage) -> Any:
    stage.write({"node": {"entrypoint": list(STUBBORN)}})
    stage.must(stage.up("node"))
    began, ident = time.time(), stage.one("node").id
    stage.must(stage.run("stop", "-t", "1", ident))
    return stage.one("node").state, stage.one("node").exit_code, last_end.killed_since(stage.engine, began - 1, [ident]) == [ident]


@case((True, True, 3, "no chain here", "exited", 3))
def one_that_keeps_failing_restarts(stage: Stage) -> Any:
    stage.write({"node": {"entrypoint": EXIT, "restart": "unless-stopped"}})
    stage.must(stage.up("node"))
    seen = stage.until("node", lambda seen: seen["State"]["Restarting"] and seen["RestartCount"] >= 2)
    words = last_end.last_words(stage.engine, seen)
    code, _starved = last_end.last_end(stage.engine, seen["Id"])
    stage.must(stage.run("stop", "-t", "1", seen["Id"]))
    return (
        seen["State"]["Running"],
        seen["State"]["Restarting"],
        code,
        words,
        stage.one("node").state,
        stage.seen("node")["State"]["ExitCode"],
    )


@case(("exited", 3, 2))
def one_may_fail_so_often(stage: Stage) -> Any:
    stage.write({"node": {"entrypoint": EXIT, "restart": "on-failure:2"}})
    stage.must(stage.up("node"))
    seen = stage.until("node", lambda seen: seen["State"]["Status"] == "exited" and seen["RestartCount"] == 2)
    return stage.one("node").state, stage.one("node").exit_code, seen["RestartCount"]


@case(("running", 1, 1))
def one_that_stumbles_is_brought_back(stage: Stage) -> Any:
    stage.write({"node": {"entrypoint": list(STUMBLES), "restart": "unless-stopped"}})
    stage.must(stage.up("node"))
    for _attempt in range(3):
        seen = stage.until("node", lambda seen: seen["State"]["Status"] == "running" and seen["RestartCount"] == 1)
        code = last_end.last_end(stage.engine, seen["Id"])[0]
        if code is not None:
            break
        # An engine remembers 256 events, those of everybody else on it among them: one with much to do has forgotten it. A new one stumbles too.
        stage.must(stage.recreate("node"))
    return seen["State"]["Status"], seen["RestartCount"], code


@case((False, True, "created", "same volume", {"node": "running"}, 0))
def a_successor_takes_over_volumes(stage: Stage) -> Any:
    volumes = [{"type": "volume", "source": "data", "target": "/data"}, {"type": "volume", "target": "/cache"}]
    stage.write({"node": {"volumes": volumes}}, volumes={"data": {"name": f"{stage.project}_data"}})
    stage.must(stage.up("node"))
    old, before = stage.one("node"), stage.mounted("node")
    stage.must(stage.recreate("node"))
    new, after = stage.one("node"), stage.mounted("node")
    stage.must(stage.up("node"))
    kept = "same volume" if before == after and before["/data"] == f"{stage.project}_data" else f"{before} {after}"
    gone = len(stage.engine.inspect([old.id]))
    return new.id == old.id, new.name == old.name, new.state, kept, stage.states(), gone


@case((True, True))
def what_is_there_stays(stage: Stage) -> Any:
    stage.write({"node": {}})
    stage.must(stage.up("node"))
    before = stage.one("node").id
    stage.write({"node": {"environment": {"NEW": "1"}}, "other": {}})
    stage.must(stage.up("node", "other"))
    return stage.one("node").id == before, stage.one("other").state == "running"


@case((True, ["Conflict", "is already in use"], {"avs-x-node": "stranger", "avs-x-taken": "stranger"}))
def a_name_that_is_taken(stage: Stage) -> Any:
    """By a container of the same project that compose does not take for that service."""
    stage.write({"stranger": {"container_name": stage.name("node")}})
    stage.must(stage.up("stranger"))
    stage.write({"node": {}})
    done = stage.up("node")
    stage.must(stage.run("rename", "--", stage.name("node"), stage.name("taken")))
    found = {stage.plain(item.name): item.service for item in stage.engine.containers(stage.instance)}
    return (*said(done, "Conflict", "is already in use"), {**found, "avs-x-node": "stranger"})


@case((True, ["bind source path does not exist"], {}))
def a_folder_that_is_not_there(stage: Stage) -> Any:
    mount = {"type": "bind", "source": "/no/such/folder", "target": "/x", "bind": {"create_host_path": False}}
    stage.write({"node": {"volumes": [mount]}})
    return (*said(stage.up("node"), "bind source path does not exist"), stage.states())


@case((True, ["bind source path does not exist"], "exited", True))
def a_folder_that_is_gone(stage: Stage) -> Any:
    """As keys are after the host restarted."""
    (stage.folder / "keys").mkdir()
    mount = {"type": "bind", "source": str(stage.folder / "keys"), "target": "/x", "bind": {"create_host_path": False}}
    stage.write({"node": {"volumes": [mount]}})
    stage.must(stage.up("node"))
    stage.must(stage.run("stop", "-t", "5", stage.one("node").id))
    (stage.folder / "keys").rmdir()
    done = stage.up("node")
    state = stage.one("node").state
    (stage.folder / "keys").mkdir()
    return (*said(done, "bind source path does not exist"), state, stage.up("node").code == 0)


@case((True, ["no such file or directory"], "created", 127))
def a_program_that_is_not_there(stage: Stage) -> Any:
    stage.write({"node": {"entrypoint": ["/no/such/program"]}})
    done = stage.up("node")
    return (*said(done, "no such file or directory"), stage.one("node").state, stage.seen("node")["State"]["ExitCode"])


@case((["paused", "running"], "Up", True))
def one_that_sleeps(stage: Stage) -> Any:
    stage.write({"node": {}})
    stage.must(stage.up("node"))
    stage.must(stage.run("pause", stage.one("node").id))
    asleep = stage.one("node")
    paused = stage.seen("node")["State"]["Paused"]
    stage.must(stage.run("unpause", "--", asleep.id))
    return [asleep.state, stage.one("node").state], asleep.status[:2], paused and asleep.status.endswith("(Paused)")


@case(
    (["node"], "job:service_completed_successfully:", 7, "SIGINT", {"Name": "on-failure", "MaximumRetryCount": 4}, 64 << 20, 100, 500000000)
)
def what_is_told_of_a_container(stage: Stage) -> Any:
    limits = {"mem_limit": str(64 << 20), "pids_limit": 100, "cpus": 0.5}
    node = {"depends_on": COMPLETED, "stop_grace_period": "7s", "stop_signal": "SIGINT", "restart": "on-failure:4", **limits}
    stage.write({"job": {"entrypoint": ["true"], "restart": "no"}, "node": node})
    stage.must(stage.up("job", "node"))
    seen = stage.seen("node")
    config, host = seen["Config"], seen["HostConfig"]
    depends = config["Labels"]["com.docker.compose.depends_on"].replace("false", "")
    listed = [item.service for item in stage.engine.containers() if item.instance == stage.instance and item.state == "running"]
    return (
        listed,
        depends,
        config["StopTimeout"],
        config["StopSignal"],
        host["RestartPolicy"],
        host["Memory"],
        host["PidsLimit"],
        host["NanoCpus"],
    )
