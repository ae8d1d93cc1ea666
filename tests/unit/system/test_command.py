# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Command lines do what they say, whoever starts them: tried with the module's own way of starting processes."""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils import basic
from ansible_collections.restaking.avs.plugins.module_utils.common.errors import HostError
from ansible_collections.restaking.avs.plugins.module_utils.docker.engine import Engine
from ansible_collections.restaking.avs.plugins.module_utils.system.command import await_the_end, invocation, ran_out_of_time
from ansible_collections.restaking.avs.plugins.plugin_utils.avsctl import process


@pytest.fixture
def module(monkeypatch: pytest.MonkeyPatch) -> basic.AnsibleModule:
    monkeypatch.setattr(basic, "_ANSIBLE_ARGS", b'{"ANSIBLE_MODULE_ARGS": {}}')
    monkeypatch.setattr(basic, "_ANSIBLE_PROFILE", "legacy")
    return basic.AnsibleModule({})


def out(line: Sequence[str]) -> str:
    return subprocess.run(line, capture_output=True, text=True, check=True, cwd="/").stdout


def test_the_environment_is_ours_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "tcp://elsewhere")
    assert out(invocation(["/usr/bin/env"], {"A": "b c", "E": ""}, timeout=5)) == "A=b c\nE=\n"


@pytest.mark.parametrize(
    ("code", "timeout", "seconds", "expected"),
    [
        (124, 5, 5.1, True),
        (137, 5, 10.1, True),
        (-9, 5, 10.1, True),
        (124, 5, 0.2, False),
        (137, None, 99, False),
        (0, 5, 5.1, False),
        (1, 5, 6, False),
    ],
)
def test_what_a_limit_stopped(code: int, timeout: float | None, seconds: float, expected: bool) -> None:
    assert ran_out_of_time(code, timeout, seconds) is expected


def script(folder: Path, text: str) -> str:
    path = folder / "docker"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return str(path)


def test_a_module_runs_the_engine(module: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET", "s3cret")
    binary = script(tmp_path, "printf 'caf\\351 $HOME ~ %s' \"$1\"; env >&2; exit 3")
    done = Engine(module.run_command, binary).run(["$HOME ~"])
    assert (done.code, done.out) == (3, "caf\ufffd $HOME ~ $HOME ~")
    assert "SECRET" not in done.err and "LC_ALL=C" in done.err


def test_the_engine_waits_for_the_end_of_its_commands() -> None:
    given: list[Any] = []

    def run(_line: list[str], **options: Any) -> tuple[int, bytes, bytes]:
        given.append(options["before_communicate_callback"])
        return 0, b"", b""

    Engine(run, "/bin/true").run(["ps"])
    assert given == [await_the_end]


def test_what_outlives_its_limit_is_ended_with_all_it_started(module: Any, tmp_path: Path) -> None:
    binary = script(tmp_path, f"sleep 60 & echo $! >{tmp_path}/child; wait")
    started = time.monotonic()
    with pytest.raises(HostError, match=r"did not answer `docker ps` within 0\.3 s"):
        Engine(module.run_command, binary).run(["ps"], timeout=0.3)
    assert time.monotonic() - started < 30
    child = Path("/proc") / (tmp_path / "child").read_text().strip()
    deadline = time.monotonic() + 10
    while child.exists() and "sleep" in (child / "cmdline").read_text():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_command_keeps_what_it_is_to_hold(module: Any, tmp_path: Path) -> None:
    binary = script(tmp_path, "ls /proc/self/fd")
    with (tmp_path / "lock").open("w") as lock:
        plain = Engine(module.run_command, binary).run([]).out.split()
        held = Engine(module.run_command, binary).run([], hold=[lock.fileno(), -1]).out.split()
        assert str(lock.fileno()) not in plain
        assert str(lock.fileno()) in held


def started(text: str) -> subprocess.Popen[bytes]:
    process = subprocess.Popen(["/bin/sh", "-c", text], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    await_the_end(process)
    return process


def test_the_end_of_a_process_that_closed_its_output_is_waited_for() -> None:
    with started("exec >&- 2>&-; read go; exit 3") as process:
        assert process.stdout is not None and process.stderr is not None and process.stdin is not None
        assert (process.stdout.read(), process.stderr.read()) == (b"", b"")
        threading.Timer(0.2, process.stdin.close).start()
        assert process.poll() == 3


@pytest.mark.parametrize("text", ["read go", "exec >&-; read go", "exec 2>&-; read go", "echo unread; exec >&- 2>&-; read go"])
def test_a_process_with_something_to_read_is_not_waited_for(text: str) -> None:
    with started(text) as process:
        assert process.stdin is not None
        time.sleep(0.05)
        assert process.poll() is None
        process.stdin.close()
        assert process.wait() == 1


def test_what_was_said_before_the_end_is_read_first() -> None:
    with started("echo said") as process:
        assert process.stdout is not None
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        assert process.poll() is None
        assert process.stdout.read() == b"said\n"
        assert process.poll() == 0


def test_no_word_is_lost_of_a_command_that_takes_long_to_say_it(module: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It speaks and ends after a look for output that found none, and before the look at whether it ended."""
    looks: list[float | None] = []
    select = selectors.PollSelector.select

    def late(selector: Any, timeout: float | None = None) -> Any:
        looks.append(timeout)
        if len(looks) > 1:
            return select(selector, timeout)
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOWAIT)
        return []

    monkeypatch.setattr(selectors.PollSelector, "select", late)
    done = Engine(module.run_command, script(tmp_path, "echo said; echo more >&2")).run(["ps"])
    assert (done.code, done.out, done.err) == (0, "said\n", "more\n")


@pytest.mark.parametrize("memory", [True, False])
def test_a_command_is_over_when_it_ends_whatever_it_leaves_behind(monkeypatch: pytest.MonkeyPatch, memory: bool) -> None:
    """``process.run_command``, like that of a module: a helper in the background keeps both outputs open."""
    if not memory:
        monkeypatch.delattr(os, "memfd_create")
    code, out, err = process.run_command(["sh", "-c", "sleep 300 & echo $!; echo no >&2; exit 3"], cwd="/", pass_fds=())
    os.kill(int(out), signal.SIGKILL)
    assert (code, err) == (3, b"no\n")


def test_a_command_that_is_not_there_is_named() -> None:
    with pytest.raises(OSError) as caught:
        process.run_command(["/nonexistent/docker"], cwd="/", pass_fds=())
    assert caught.value.filename == "/nonexistent/docker"
