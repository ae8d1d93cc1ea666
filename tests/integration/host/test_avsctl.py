# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``avsctl`` on a host: the program as a run leaves it there, each command a process, over instances that are installed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.restaking.avs.plugins.module_utils.common.harmless import harmless_deep, shown_entry
from ansible_collections.restaking.avs.plugins.module_utils.status.read import read_host

from tests.integration.host.handmade import service, spec, tree
from tests.integration.host.machine import Machine
from tests.integration.host.support import Bench, docker

# Says who it is twice a second; first what would clear a terminal and turn its text around, and a line the engine keeps in pieces.
TALK = "printf 'begin \\033[2J\\342\\200\\256gone\\n%040000d\\n' 7; i=0; while :; do i=$((i+1)); echo \"$ME $i\"; sleep 0.5; done"


def talking(bench: Bench, tag: str, folder: Path) -> dict[str, Any]:
    """An instance of two services that talk."""
    script = ["sh", "-c", "trap 'exit 0' TERM; " + TALK.replace("$", "$$")]
    services = {name: service(script, environment={"ME": name}, init=True) for name in ("node", "side-car")}
    return spec(bench, tag, tree(folder, services), list(services))


@pytest.fixture(scope="module")
def machine(bench: Bench, tmp_path_factory: pytest.TempPathFactory) -> Machine:
    found = Machine(bench, tmp_path_factory.mktemp("machine"))
    found.keep()
    return found


@pytest.fixture(scope="module")
def talker(bench: Bench, machine: Machine, tmp_path_factory: pytest.TempPathFactory) -> str:
    found = talking(bench, "talks", tmp_path_factory.mktemp("talks"))
    assert not bench.call([found]).get("failed")
    return str(found["id"])


@pytest.fixture(scope="module")
def node(bench: Bench, machine: Machine, tree: Path, keys: dict[str, str], talker: str) -> str:
    """The example package, with keys and ports."""
    found = bench.spec("one", tree, keys)
    result = bench.call([found])
    assert not result.get("failed"), result
    return str(found["id"])


def document(done: subprocess.CompletedProcess[str]) -> Any:
    assert done.stderr == ""
    return json.loads(done.stdout)


def clean(done: subprocess.CompletedProcess[str]) -> bool:
    """No traceback, and nothing that moves a cursor."""
    text = done.stdout + done.stderr
    return "Traceback" not in text and all(char.isprintable() or char in "\n\t" for char in text)


def mine(machine: Machine, text: str) -> list[str]:
    """Lines about this bench's instances: other tests use the same engine at the same time."""
    return [line for line in text.splitlines() if machine.bench.name in line]


def test_a_host_with_nothing(tmp_path: Path) -> None:
    bare = Bench(tmp_path / "bench", "avshostnothing")
    machine = Machine(bare, tmp_path / "machine")
    name = machine.keep()
    assert os.listdir(machine.local / "lib/avs") == [name]
    done = machine.avsctl("ls")
    assert (done.returncode, done.stderr) == (0, "") and mine(machine, done.stdout) == []
    done = machine.avsctl("history", "demo-avs-op1")
    assert (done.returncode, done.stdout) == (
        5,
        "",
    ) and done.stderr == "avsctl: no such instance on this host: demo-avs-op1; there is none\n"
    assert sorted(path.name for path in Path(bare.store.locks).iterdir()) == ["avsctl.lock"]
    bare.wipe()


def test_ls(machine: Machine, node: str, talker: str) -> None:
    done = machine.avsctl("ls")
    header, *rows = done.stdout.splitlines()
    assert done.returncode == 0 and header.split() == ["ID", "VERSION", "PROFILE", "STATE", "HEALTH"]
    assert [row.split() for row in rows if machine.bench.name in row] == [
        [node, "v1.0.0", "hoodi", "started", "healthy"], [talker, "v1.0.0", "net", "started", "healthy"]]  # fmt: skip
    assert all(row[: header.index("VERSION")].rstrip() == row.split()[0] for row in rows)
    told = document(machine.avsctl("ls", "--json"))["instances"]
    assert [item for item in told if item["id"] == node] == [
        {"id": node, "version": "v1.0.0", "profile": "hoodi", "state": "started", "health": "healthy", "backup": None}]  # fmt: skip


def test_status_tells_what_instance_info_tells(machine: Machine, bench: Bench, node: str) -> None:
    done = machine.avsctl("status", node, "--json")
    found = read_host(bench.engine, [node], bench.store)
    (entry,) = found.instances
    told = document(done)
    assert done.returncode == 0 and [_lasting(item) for item in told["instances"]] == [_lasting(shown_entry(entry))]
    assert isinstance(told["findings"], list) and harmless_deep(told["findings"]) == told["findings"]
    text = machine.avsctl("status", node)
    assert text.returncode == 0 and text.stdout.splitlines()[0] == f"{node}  started  healthy" and clean(text)
    for key in entry["keystores"].values():
        assert key["fingerprint"] in text.stdout and str(key["public_id"] or "") in text.stdout
    for port in entry["ports"]:
        assert f"{port['address']}:{port['port']}/{port['protocol']} {port['service']}" in text.stdout
    assert all(item["message"].split()[0] in text.stdout and item["id"] in text.stdout for item in entry["findings"])


def test_a_terminal_gets_what_fits(machine: Machine, node: str) -> None:
    for columns in (200, 60, 20):
        for command in (["status", node], ["history", node], ["ls"]):
            text = machine.at_terminal(columns, *command)
            # One word may be too long; it is to be copied, and stays whole. Behind a label it is.
            assert [line for line in text.splitlines() if len(line) > columns and len(line.split()) > 2] == []
            assert node in text or command[0] == "history"
            assert "\x1b" not in text and "Traceback" not in text
    piped = machine.avsctl("history", node).stdout
    assert max(map(len, piped.splitlines())) > 200 and piped.split() == machine.at_terminal(1000, "history", node).split()
    # At a terminal it waits for no call.
    assert machine.at_terminal(80).startswith("usage: avsctl ")


def _lasting(entry: dict[str, Any]) -> dict[str, Any]:
    """Without what says how long ago something was, and where: the program sees the host's paths."""
    told = json.dumps({**entry, "containers": [{**item, "status": ""} for item in entry["containers"]]}, sort_keys=True)
    found: dict[str, Any] = json.loads(told)
    for name in ("tree", "data"):
        found[name] = (found[name] or "").partition("/instances/")[2]
    return found


def test_status_ends_with_3_where_one_is_not_well(machine: Machine, bench: Bench, node: str, talker: str) -> None:
    name = f"avs-{node}-gateway"
    docker("stop", "-t", "0", name)
    try:
        done = machine.avsctl("status", node, talker)
        assert done.returncode == 3 and f"{node}  started  unhealthy" in done.stdout and f"{talker}  started  healthy" in done.stdout
        assert machine.avsctl("status", node, "--json").returncode == 3 and machine.avsctl("status", talker).returncode == 0
        assert machine.avsctl("ls").returncode == 0
    finally:
        docker("start", name)


def test_a_damaged_record_beside_a_good_one(machine: Machine, bench: Bench, node: str, talker: str) -> None:
    path = Path(bench.store.instance(node).state_file)
    good = path.read_bytes()
    path.write_bytes(good[:-40])
    try:
        done = machine.avsctl("status", node, talker)
        assert done.returncode == 3 and clean(done) and done.stderr == ""
        assert f"{talker}  started  healthy" in done.stdout and "state.json is not JSON" in done.stdout and "OPS-010" in done.stdout
        rows = {line.split()[0]: line.split() for line in mine(machine, machine.avsctl("ls").stdout)}
        assert rows[node][-2:] == ["started", "unknown"] and rows[talker][-1] == "healthy"
        assert machine.avsctl("logs", node, "--tail", "1").returncode == machine.avsctl("history", node).returncode == 0
    finally:
        path.write_bytes(good)


def test_logs_of_several_services(machine: Machine, talker: str) -> None:
    done = machine.avsctl("logs", talker, "--timestamps")
    lines = done.stdout.splitlines()
    assert done.returncode == 0 and done.stderr == "" and clean(done)
    assert {line.split(" | ")[0] for line in lines} == {"node    ", "side-car"}
    times = [line.split(" | ")[1].split()[0] for line in lines]
    assert times == sorted(times) and len(times) > 4
    assert sum(line.endswith("begin \\x1b[2J\\u202egone") for line in lines) == 2

    told = document(machine.avsctl("logs", talker, "--json", "--service", "side-car"))
    assert told["id"] == talker and {line["service"] for line in told["lines"]} == {"side-car"}
    texts = [line["text"] for line in told["lines"]]
    assert texts[1] == "7".zfill(40_000) and texts[2] == "side-car 1" and told["lines"][1]["time"].endswith("Z")
    assert len(machine.avsctl("logs", talker, "--tail", "2").stdout.splitlines()) == 4
    assert machine.avsctl("logs", talker, "--tail", "0").stdout == ""
    assert 0 < len(machine.avsctl("logs", talker, "--since", "2s").stdout.splitlines()) < 14
    assert machine.avsctl("logs", talker, "--since", "2999-01-01T00:00:00Z").stdout == ""


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_logs_follow_until_they_are_ended(machine: Machine, talker: str, how: signal.Signals) -> None:
    with machine.started("logs", talker, "-f", "--tail", "1") as process:
        assert process.stdout is not None and process.stderr is not None
        began = time.monotonic()
        lines = [process.stdout.readline() for _line in range(8)]
        assert {line.partition(" |")[0].strip() for line in lines} == {"node", "side-car"} and time.monotonic() - began < 20
        if how is signal.SIGINT:
            os.killpg(process.pid, how)
        else:
            process.send_signal(how)
        out, err = process.communicate(timeout=20)
        assert err == "" and process.returncode == (0 if how is signal.SIGINT else 128 + how) and "Traceback" not in out
        assert _group(process.pid) == []


def test_logs_follow_a_container_that_starts_again(machine: Machine, talker: str) -> None:
    name = f"avs-{talker}-node"
    with machine.started("logs", talker, "-f", "--tail", "0", "--service", "node") as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("node | node ")
        docker("restart", "-t", "5", name)
        deadline = time.monotonic() + 30
        line = ""
        while "begin" not in line and time.monotonic() < deadline:
            line = process.stdout.readline()
        assert line == "node | begin \\x1b[2J\\u202egone\n"
        assert len(process.stdout.readline()) > 40_000
        assert [process.stdout.readline() for _line in range(2)] == ["node | node 1\n", "node | node 2\n"]


def test_logs_that_nobody_reads_any_more_end(machine: Machine, talker: str) -> None:
    done = machine.run(["sh", "-c", f"avsctl logs {talker} -f | head -n 2"])
    assert done.returncode == 0 and len(done.stdout.splitlines()) == 2 and done.stderr == ""


def test_a_service_that_keeps_no_log_is_named(machine: Machine, bench: Bench, tmp_path: Path) -> None:
    services = {"node": service(["sh", "-c", "echo here; sleep infinity"], init=True), "mute": service(["sleep", "infinity"], init=True)}
    services["mute"]["logging"] = {"driver": "none"}
    found = spec(bench, "mutes", tree(tmp_path, services), list(services))
    assert not bench.call([found]).get("failed")
    done = machine.avsctl("logs", found["id"])
    assert done.returncode == 1 and done.stdout == "node | here\n" and done.stderr.count("\n") == 1
    assert done.stderr.startswith("avsctl: the engine does not give all logs: mute: ") and "reading" in done.stderr
    # Followed alone, there is nothing to wait for.
    assert machine.avsctl("logs", found["id"], "-f", "--service", "mute").returncode == 1
    assert machine.avsctl("logs", found["id"], "--service", "node").returncode == 0


def _group(leader: int) -> list[str]:
    """Processes of a group that are still there."""
    found = subprocess.run(["ps", "-eo", "pgid=,args="], capture_output=True, text=True, check=True).stdout.splitlines()
    return [line for line in found if line.split(None, 1)[0] == str(leader)]


def test_history(machine: Machine, bench: Bench, node: str) -> None:
    done = machine.avsctl("history", node)
    header, *rows = done.stdout.splitlines()
    assert done.returncode == 0 and done.stderr == "" and header.split() == ["TIME", "EVENT", "DETAILS"]
    begun, ended = rows[0], rows[1]
    assert begun.split()[1:4] == ["begin", "operation:", "apply,"] and "create container node" in begun and "holder: test" in begun
    assert ended.split()[1:4] == ["end", "outcome:", "done,"]
    journal = Path(bench.store.instance(node).path("journal.jsonl"))
    before = journal.read_bytes()
    journal.write_bytes(before + b'{"time": "2026-\n' + b'{"event": "x", "time": "t", "why": "\\u001b[2J"}\n')
    try:
        done = machine.avsctl("history", node)
        assert done.returncode == 0 and clean(done)
        assert f"line {len(before.splitlines()) + 1} of /var/lib/avs/instances/{node}/journal.jsonl is not JSON" in done.stdout
        assert done.stdout.splitlines()[-1].split(None, 2) == ["t", "x", "why: \\x1b[2J"]
        told = document(machine.avsctl("history", node, "--json"))
        assert [item["line"] for item in told["damaged"]] == [len(before.splitlines()) + 1] and len(told["records"]) == len(rows) + 1
    finally:
        journal.write_bytes(before)


@pytest.mark.parametrize(
    ("typed", "code", "said"),
    [
        (["stats"], 2, "invalid choice: 'stats'"),
        (["logs"], 2, "ID"),
        (["logs", "{id}", "--since", "yesterday"], 2, "'yesterday' is neither a time span"),
        (["logs", "{id}", "--since", "2026-13-01"], 2, "neither a time span"),
        (["logs", "{id}", "--tail", "many"], 2, "is not a number of lines"),
        (["logs", "{id}", "--service", "nobody"], 2, "there are node, side-car"),
        (["logs", "nobody"], 5, "no such instance on this host: nobody; there "),
        (["status", "{id}", "nobody", "../x"], 5, "nobody, ../x"),
    ],
)
def test_what_is_wrong_is_one_line(machine: Machine, talker: str, typed: list[str], code: int, said: str) -> None:
    arguments = [word.format(id=talker) for word in typed]
    done = machine.avsctl(*arguments)
    assert (done.returncode, done.stdout) == (code, "") and done.stderr.count("\n") == 1 and said in done.stderr and clean(done)
    done = machine.avsctl(*arguments, "--json")
    assert done.returncode == code and document(done)["failed"] is True and said in document(done)["msg"]


def test_logs_have_no_end_and_are_no_document(machine: Machine, talker: str) -> None:
    done = machine.avsctl("logs", talker, "-f", "--json")
    assert done.returncode == 2 and "no end" in document(done)["msg"]


def test_who_is_not_root_gets_no_more_than_help(machine: Machine, bench: Bench, node: str, tmp_path: Path) -> None:
    # By a Python that anybody may start.
    open_to_all = Machine(bench, tmp_path)
    open_to_all.keep(sys.executable)

    def nobody(*arguments: str) -> subprocess.CompletedProcess[str]:
        return open_to_all.run(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "avsctl", *arguments])

    done = nobody("ls")
    assert (done.returncode, done.stdout) == (1, "") and done.stderr == "avsctl: ls needs root's rights: sudo avsctl ls\n"
    assert nobody("--help").returncode == 0 and "logs" in nobody("__complete", "").stdout.split()
    assert nobody("__complete", "status", "").stdout == "" and node in machine.avsctl("__complete", "status", "").stdout.split()


def test_bash_completes_it(machine: Machine, node: str) -> None:
    script = "source /usr/local/share/bash-completion/completions/avsctl; COMP_WORDS=(avsctl history {}); COMP_CWORD=2; _avsctl; echo ${{COMPREPLY[@]}}"
    done = machine.run(["bash", "--norc", "-c", script.format(node[:-1])])
    assert (done.returncode, done.stdout.split(), done.stderr) == (0, [node], "")


def test_an_engine_that_is_down(machine: Machine, node: str) -> None:
    for command in (["ls"], ["status"], ["status", node]):
        done = machine.avsctl(*command, engine=False)
        assert (done.returncode, done.stderr) == (3, "") and node in done.stdout and "unknown" in done.stdout
        assert "the container engine does not answer: this is what is on record" in done.stdout and "systemctl start docker" in done.stdout
    for command in (["logs", node], ["verify"]):
        done = machine.avsctl(*command, engine=False)
        assert (done.returncode, done.stdout) == (1, "") and clean(done)
        first, *more = done.stderr.splitlines()
        assert first == "avsctl: the container engine does not answer" and len(more) == 1 and "systemctl start docker" in more[0]
    told = document(machine.avsctl("ls", "--json", engine=False))
    assert [item["id"] for item in told["findings"]] == ["OPS-004"] and node in [item["id"] for item in told["instances"]]
    assert document(machine.avsctl("verify", "--json", engine=False))["failed"] is True
    for command in (["history", node], ["unlock", node]):
        assert machine.avsctl(*command, engine=False).returncode == 0


def test_nothing_of_it_changes_the_host(machine: Machine, bench: Bench, node: str, talker: str) -> None:
    before = bench.files()
    for command in (["ls"], ["status"], ["logs", talker, "--tail", "1"], ["history", node], ["status", "--json"]):
        assert machine.avsctl(*command).returncode in (0, 3)
    assert bench.files() == before
