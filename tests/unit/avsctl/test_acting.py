# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""avsctl start, stop, restart, up, down, recover, verify and unlock: what they do, say and end with."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.restaking.avs.plugins.module_utils.avsctl import install
from ansible_collections.restaking.avs.plugins.module_utils.boot.units import Units
from ansible_collections.restaking.avs.plugins.module_utils.instance import journal
from ansible_collections.restaking.avs.plugins.module_utils.system.lock import Lock
from ansible_collections.restaking.avs.plugins.plugin_utils.avsctl import checking, people
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
    assert host.states()["node"] == "exited"
    code, out, _err = avsctl("stop", ID, "--json")
    assert code == DONE and json.loads(out)["changed"] is False
    code, out, _err = avsctl("restart", ID)
    assert code == FAILED and "is to be down" in out
    code, out, _err = avsctl("start", "--all")
    assert code == DONE and host.states()["node"] == "running" and "start container node" in out


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["stop"], WRONG_USE), (["stop", ID, "--all"], WRONG_USE), (["start", "no-such"], UNKNOWN), (["restart", ID, "--lock-timeout", "x"], WRONG_USE),
        (["up", "no-such"], FAILED), (["recover", "no-such"], UNKNOWN), (["verify", "no-such"], UNKNOWN), (["unlock", "no-such"], UNKNOWN),
        (["up", "../x"], FAILED), (["stop", ID, "--stop-timeout", "-1"], WRONG_USE),
    ],
)  # fmt: skip
def test_wrong_use(avsctl: Said, words: list[str], code: int) -> None:
    assert avsctl(*words)[0] == code


def test_up_waits_for_secrets_and_marks_what_came_up(host: MemoryHost, avsctl: Said) -> None:
    assert avsctl("up", ID)[0] == DONE and Units().is_marked(ID)
    assert avsctl("down", ID)[0] == DONE and not Units().is_marked(ID) and host.states()["node"] == "exited"
    shutil.rmtree(host.store.run)
    code, out, _err = avsctl("up", ID)
    assert code == OFF and "waits for its secrets" in out and not Units().is_marked(ID)
    assert avsctl("recover")[0] == DONE


def test_up_leaves_down_what_is_to_be_down(host: MemoryHost, avsctl: Said) -> None:
    host.well(host.stopped())
    code, out, _err = avsctl("up", ID)
    assert (code, out) == (DONE, f"{ID} is to be down\n") and host.states()["node"] == "exited"


def test_somebody_else_is_at_work(host: MemoryHost, avsctl: Said) -> None:
    with Lock(host.store.instance(ID).lock, "somebody", 0):
        code, out, _err = avsctl("restart", ID, "--lock-timeout", "0")
    assert code == LOCKED and "locked by somebody" in out


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
import fcntl, signal, sys, time
if sys.argv[2] == "deaf":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
handle = open(sys.argv[1], "a+")
fcntl.flock(handle, fcntl.LOCK_EX)
print("held", flush=True)
time.sleep(60)
"""


@pytest.mark.parametrize("kind", ["polite", "deaf"])
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
    program.write_text("#!/bin/sh\nexit 2\n")
    assert avsctl("recover", ID)[0] == DONE and journal.opened(own) == []
    own.note("begin", transaction="2", operation="apply", program=gone, holder="me")
    own.note("begin", transaction="3", operation="apply", program="../../bin/true", holder="me")
    assert avsctl("recover", ID)[0] == DONE and journal.opened(own) == []
    assert os.listdir(tmp_path)
