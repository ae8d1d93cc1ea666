# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""avsctl start, stop, restart, up, down, recover, cut, verify and unlock: what they do, say and end with."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.restaking.avs.plugins.module_utils.avsctl import install
from ansible_collections.restaking.avs.plugins.module_utils.boot.units import Plan, Units
from ansible_collections.restaking.avs.plugins.module_utils.instance import hold, journal, transaction
from ansible_collections.restaking.avs.plugins.module_utils.system.lock import Lock
from ansible_collections.restaking.avs.plugins.plugin_utils.avsctl import acting, checking, people
from ansible_collections.restaking.avs.plugins.plugin_utils.avsctl.commands import DONE, FAILED, LOCKED, OFF, UNKNOWN, WRONG_USE, Place

from tests.unit.support.memory_host import ID, MemoryHost

Said = Any


@pytest.fixture
def host(memory_host: MemoryHost, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> MemoryHost:
    """One instance, and no systemd, whatever the machine has."""
    monkeypatch.setattr(Units, "usable", lambda _self: False)
    monkeypatch.setattr(Units.__init__, "__defaults__", (str(tmp_path / "units"), str(tmp_path / "marks"), str(tmp_path), "/none", "wants"))
    monkeypatch.setattr(install, "FOLDER", str(tmp_path))
    memory_host.well(memory_host.spec())
    return memory_host


@pytest.fixture
def avsctl(host: MemoryHost, capsys: pytest.CaptureFixture[str]) -> Iterator[Said]:
    def run(*words: str) -> tuple[int, str, str]:
        code = people.main(list(words), Place(host.store, host.engine.connect()))
        out, err = capsys.readouterr()
        return code, out, err

    yield run


def test_stop_holds_and_start_lifts(host: MemoryHost, avsctl: Said) -> None:
    code, out, _err = avsctl("stop", ID, "--reason", "disk \x1b[31mfull")
    assert code == DONE and f"{ID}  held" in out and "stop container node" in out and "\x1b" not in out
    # What its package is like was told when it was installed.
    assert "PRIV-001" not in out
    assert host.states()["node"] == "exited"
    code, out, _err = avsctl("stop", ID, "--json")
    assert code == DONE and json.loads(out)["changed"] is False
    code, out, _err = avsctl("restart", ID)
    assert code == FAILED and "is to be down" in out and out.count(ID) == 1
    code, out, _err = avsctl("start", "--all")
    assert code == DONE and host.states()["node"] == "running" and "start container node" in out


def test_what_another_host_has_is_started_for_one_who_names_it(host: MemoryHost, avsctl: Said) -> None:
    avsctl("stop", ID)
    hold.bind(host.store.instance(ID), hold.MOVED, "host2", "somebody")
    for words in (["start", ID], ["start", "--all"], ["start", ID, "--take-back", "host3"]):
        code, out, _err = avsctl(*words)
        assert code == FAILED and "belongs to another host" in out and "moved to host2" in out
    assert host.states()["node"] == "exited"
    code, out, _err = avsctl("start", ID, "--take-back", "host2")
    assert code == DONE and host.states()["node"] == "running" and f"remove hold {ID}" in out


def test_a_slip_in_one_id_keeps_no_other_one_running(host: MemoryHost, avsctl: Said) -> None:
    code, out, err = avsctl("stop", "no-such", ID, "--json")
    assert code == UNKNOWN and "no-such" in json.loads(out)["unknown"] and "no-such" in err
    assert [entry["id"] for entry in json.loads(out)["instances"]] == [ID] and host.states()["node"] == "exited"
    code, out, err = avsctl("stop", "no-such", "neither")
    assert (code, out) == (UNKNOWN, "") and ID in err


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["stop"], WRONG_USE), (["stop", ID, "--all"], WRONG_USE), (["start", "no-such"], UNKNOWN), (["restart", ID, "--lock-timeout", "x"], WRONG_USE),
        (["up", "no-such"], UNKNOWN), (["recover", "no-such"], UNKNOWN), (["verify", "no-such"], UNKNOWN), (["unlock", "no-such"], UNKNOWN),
        (["up", "../x"], UNKNOWN), (["stop", ID, "--stop-timeout", "-1"], WRONG_USE),
    ],
)  # fmt: skip
def test_wrong_use(avsctl: Said, words: list[str], code: int) -> None:
    assert avsctl(*words)[0] == code


def test_what_a_package_is_like_is_not_told_again() -> None:
    found = {"place": ID, "message": "m", "remedy": "r"}
    known = [{**found, "id": "KEY-003", "severity": "warning"}, {**found, "id": "OPS-011", "severity": "warning"}]
    assert acting.lines_of({"id": ID, "error": None, "actions": [], "findings": known, "state": "started", "health": {"status": "healthy"}}) == [
        f"{ID}  started  healthy: nothing to do", f"{ID}: m -> r (OPS-011)",
    ]  # fmt: skip


def test_ids_and_all_are_not_both_for_one_call(avsctl: Said) -> None:
    assert "not both" in avsctl("start", ID, "--all")[2] and "not both" not in avsctl("start")[2]


def test_up_waits_for_secrets_and_marks_what_came_up(host: MemoryHost, avsctl: Said) -> None:
    assert avsctl("up", ID)[0] == DONE and Units().is_marked(ID)
    assert avsctl("down", ID)[0] == DONE and not Units().is_marked(ID) and host.states()["node"] == "exited"
    shutil.rmtree(host.store.run)
    code, out, _err = avsctl("up", ID)
    assert code == OFF and "waits for its secrets" in out and not Units().is_marked(ID)
    assert avsctl("recover")[0] == DONE


def test_recover_starts_what_a_cut_upgrade_left_down_where_a_person_names_it(host: MemoryHost, avsctl: Said) -> None:
    own = host.store.instance(ID)
    cut = transaction.Transaction(name="1", old="v1.0.0", new="v1.1.0", step=transaction.BACKUP, ran=["gateway", "node"])
    for words, state in ((["recover"], "exited"), (["recover", ID], "running")):
        for item in host.world.containers.values():
            item.state = "exited"
        transaction.write(own, cut)
        assert avsctl(*words)[0] == DONE
        assert host.states()["node"] == state and transaction.begun(own) is None
    host.well(host.stopped())
    transaction.write(own, cut)
    assert avsctl("recover", ID)[0] == DONE and host.states()["node"] == "exited"


@pytest.mark.parametrize("module", ["upgrade", "backup"])
def test_what_killed_work_left_down_is_started_and_what_is_held_is_not(host: MemoryHost, avsctl: Said, module: str) -> None:
    """systemd calls it whenever the scope of a work is empty: nothing else comes where the controller is gone as well."""
    own, name = host.store.instance(ID), "ab" * 12
    work = Path(host.store.run, ".work", name)
    work.mkdir(parents=True)
    (work / "order.json").write_text(json.dumps({"ids": [ID, "gone-since", 7]}))

    def cut(begun: bool = True) -> str:
        for item in host.world.containers.values():
            item.state = "exited"
        if begun and module == "backup":
            journal.begin(own, "backup", "somebody", actions=[{"kind": "container", "name": "node", "action": "stop"}])
        if begun and module == "upgrade":
            transaction.write(
                own, transaction.Transaction(name="1", old="v1.0.0", new="v1.1.0", step=transaction.BACKUP, ran=["gateway", "node"])
            )
        assert avsctl("cut", name)[0] == DONE
        return host.states()["node"]

    assert cut() == "running" and transaction.begun(own) is None
    avsctl("stop", ID)
    assert cut() == "exited"
    # What it only looked at, or had not come to, stays as somebody left it.
    avsctl("start", ID)
    assert cut(begun=False) == "exited"
    (work / "result.json").write_text(json.dumps({"failed": True, "changed": True}))
    assert cut() == "exited"
    assert avsctl("cut", "../etc")[0] == WRONG_USE and avsctl("cut", "cd" * 12) == (DONE, "nothing was left\n", "")


def test_up_leaves_down_what_is_to_be_down(host: MemoryHost, avsctl: Said) -> None:
    host.well(host.stopped())
    code, out, _err = avsctl("up", ID)
    assert (code, out) == (DONE, f"{ID} is to be down\n") and host.states()["node"] == "exited"
    # The mark tells of the unit, which is active now, and not of the node.
    assert Units().is_marked(ID)


def test_somebody_else_is_at_work(host: MemoryHost, avsctl: Said) -> None:
    with Lock(host.store.instance(ID).lock, "somebody", 0):
        code, out, _err = avsctl("restart", ID, "--lock-timeout", "0")
    assert code == LOCKED and "locked by somebody" in out
    # By what happened, not by words that anybody may have written.
    word = json.loads(avsctl("stop", ID, "--json")[1])["instances"][0]
    assert acting.code_of({"instances": [{**word, "error": "the chain is locked by its owner"}]}) == FAILED


def test_who_stops_what_somebody_works_on_is_told_before_he_waits(host: MemoryHost, avsctl: Said) -> None:
    with Lock(host.store.instance(ID).lock, "some\x1bbody", 0):
        code, out, err = avsctl("stop", ID, "--lock-timeout", "0")
    assert code == LOCKED and "was taken down and is held" in out and host.states()["node"] == "exited"
    assert err.startswith(f"avsctl: {ID} is locked by some\\x1bbody") and "it is taken down at once" in err and err.count("\n") == 1


def test_a_lost_login_leaves_no_node_down(host: MemoryHost, avsctl: Said) -> None:
    before = signal.getsignal(signal.SIGHUP)
    host.engine.at = lambda what: os.kill(os.getpid(), signal.SIGHUP) if what.startswith("after stop") else None
    assert avsctl("restart", ID)[0] == DONE and host.states()["node"] == "running"
    assert signal.getsignal(signal.SIGHUP) is before


def test_stop_asks_no_engine_before_it_holds(host: MemoryHost, avsctl: Said, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(host.engine, "_answer", lambda _words: (1, "", "Cannot connect to the Docker daemon at unix:///x. Is it running?\n"))
        for words in (["stop", ID], ["stop", "--all"]):
            code, out, _err = avsctl(*words)
            assert code == FAILED and "is held down from now on, but what of it runs still runs" in out
        assert avsctl("start", "--all")[0] == FAILED
    assert avsctl("unlock", ID)[0] == DONE


def test_a_late_stop_of_a_unit_takes_down_nothing(host: MemoryHost, avsctl: Said, monkeypatch: pytest.MonkeyPatch) -> None:
    assert avsctl("up", ID)[0] == DONE
    units = Units()
    units.carry_out(Plan(stop=[ID]), lambda *_arguments, **_more: (0, b"", b""))
    code, out, _err = avsctl("down", ID)
    assert (code, out) == (DONE, f"{ID} was taken down before\n") and host.states()["node"] == "running"
    assert avsctl("down", ID)[0] == DONE and host.states()["node"] == "exited"


@pytest.mark.parametrize("command", ["up", "recover"])
def test_an_engine_that_comes_late_is_waited_for(host: MemoryHost, avsctl: Said, monkeypatch: pytest.MonkeyPatch, command: str) -> None:
    answer, left = host.engine._answer, [1, 1, 1]

    def late(words: list[str]) -> tuple[int, str, str]:
        return (1, "", "Cannot connect to the Docker daemon at unix:///x. Is it running?\n") if left and left.pop() else answer(words)

    monkeypatch.setattr(host.engine, "_answer", late)
    monkeypatch.setattr(acting, "_PAUSE", 0.0)
    code, _out, err = avsctl(command, ID)
    assert code == DONE and left == [] and err.count("it is waited for") == 1
    monkeypatch.setattr(acting, "_ENGINE_PATIENCE", 0.0)
    left += [1, 1]
    assert avsctl(command, ID)[0] == FAILED


def test_verify_tells_what_is_off(host: MemoryHost, avsctl: Said) -> None:
    node = host.container("node")
    code, out, _err = avsctl("verify")
    assert "node: memory" not in out
    node.service = {**node.service, "mem_limit": "64m"}
    code, out, _err = avsctl("verify", ID)
    assert code == OFF and f"{ID}: node: memory is {64 << 20}" in out
    code, out, _err = avsctl("verify", "--json")
    assert code == OFF and any("node: memory" in line for line in json.loads(out)["instances"][0]["off"])


HOLDER = """
import fcntl, os, signal, sys, time
if sys.argv[2] == "deaf":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
handle = open(sys.argv[1], "a+")
if sys.argv[2] != "heir" or os.fork() == 0:
    fcntl.flock(handle, fcntl.LOCK_EX)
    if sys.argv[2] == "heir":
        os._exit(0)
elif os.wait()[1]:
    sys.exit(1)
print("held", flush=True)
time.sleep(60)
"""


@pytest.mark.parametrize("kind", ["polite", "deaf", "heir"])
def test_unlock_tells_and_ends(host: MemoryHost, avsctl: Said, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    monkeypatch.setattr(checking, "_GRACE", 1.0)
    assert avsctl("unlock", ID)[:2] == (DONE, f"nobody holds the lock of {ID}\n")
    lock = host.store.instance(ID).lock
    Path(lock).touch()
    with subprocess.Popen([sys.executable, "-c", HOLDER, lock, kind], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stdout.readline() == "held\n"
        code, out, _err = avsctl("unlock", ID)
        assert code == LOCKED and f"process {process.pid}: python" in out and "--end" in out
        assert process.poll() is None
        assert avsctl("unlock", ID, "--end")[0] == DONE
        assert process.wait(5) != 0
    assert avsctl("unlock", ID)[0] == DONE


def test_who_waits_for_a_lock_does_not_hold_it(host: MemoryHost, avsctl: Said) -> None:
    lock = host.store.instance(ID).lock
    Path(lock).touch()
    with Lock(lock, "me", 0):
        script = "import fcntl, sys; print('waits', flush=True); fcntl.flock(open(sys.argv[1], 'a+'), fcntl.LOCK_EX)"
        with subprocess.Popen([sys.executable, "-c", script, lock], stdout=subprocess.PIPE, text=True) as waiting:
            assert waiting.stdout is not None and waiting.stdout.readline() == "waits\n"
            while not checking._opens(str(waiting.pid), os.stat(lock)):
                time.sleep(0.01)
            assert [item["pid"] for item in checking._holding(lock)] == []
            waiting.kill()


def test_recovery_goes_to_the_program_that_began(host: MemoryHost, avsctl: Said, tmp_path: Path) -> None:
    own = host.store.instance(ID)
    old, gone = "avsctl-00000000000000aa.pyz", "avsctl-00000000000000bb.pyz"
    program = tmp_path / old
    program.write_text(f'#!/bin/sh\necho "$@" >>{tmp_path}/asked\nexit 0\n')
    program.chmod(0o755)
    own.note("begin", transaction="1", operation="apply", program=old, holder="me")
    assert avsctl("recover")[0] == DONE
    assert (tmp_path / "asked").read_text() == f"recover {ID}\n"
    # That program is not ours to second-guess; one that is gone, or knows no such command, leaves it to this one.
    assert len(journal.opened(own)) == 1
    # Each of several goes there once.
    other = host.store.instance("demo-avs-op9")
    other.make()
    other.note("begin", transaction="1", operation="apply", program=old, holder="me")
    assert avsctl("recover")[0] == DONE
    assert (tmp_path / "asked").read_text().splitlines() == [f"recover {ID}"] * 2 + ["recover demo-avs-op9"]
    shutil.rmtree(other.root)
    program.write_text("#!/bin/sh\nexit 2\n")
    assert avsctl("recover", ID)[0] == DONE and journal.opened(own) == []
    own.note("begin", transaction="2", operation="apply", program=gone, holder="me")
    own.note("begin", transaction="3", operation="apply", program="../../bin/true", holder="me")
    assert avsctl("recover", ID)[0] == DONE and journal.opened(own) == []
    assert os.listdir(tmp_path)
