# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Work that outlives whoever asked for it: begun once, asked for by its name, and seen as cut when it was."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from ansible_collections.restaking.avs.plugins.module_utils.common.errors import HostError
from ansible_collections.restaking.avs.plugins.module_utils.system.detached import Detached, Order, same
from ansible_collections.restaking.avs.plugins.module_utils.system.processes import birth, run_command

DEEDS = """
import os, subprocess, time
from pathlib import Path

def work(given, run_command):
    folder = Path(given["folder"])
    said = {"pid": os.getpid(), "session": os.getsid(0), "stdin": os.readlink("/proc/self/fd/0"), "environment": dict(os.environ)}
    said["line"] = Path("/proc/self/cmdline").read_text()
    (folder / f"begun-{os.getpid()}").write_text(str(os.getpid()))
    if given.get("raise"):
        raise RuntimeError(f"with {given['secret']} in it")
    try:
        if given.get("command"):
            run_command(["/bin/sh", "-c", f"echo $$ > {folder}/command; exec sleep 60"], cwd="/", pass_fds=())
        until = time.monotonic() + 60
        while given.get("gate") and not os.path.exists(given["gate"]) and time.monotonic() < until:
            time.sleep(0.02)
    finally:
        (folder / "settled").write_text("settled")
    return {"changed": True, "instances": [], "said": said, "secret": given["secret"]}
"""
NAME, OTHER = "aa" * 12, "bb" * 12
Begin = Callable[..., str]


@pytest.fixture
def detached(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Detached:
    (tmp_path / "deeds_of_a_test.py").write_text(DEEDS)
    monkeypatch.syspath_prepend(str(tmp_path))
    return Detached(str(tmp_path / "run" / ".work"))


@pytest.fixture
def begin(detached: Detached, tmp_path: Path) -> Begin:
    def run(name: str = NAME, what: str = "x", ids: Sequence[str] = (), **given: object) -> str:
        secret = "canary-0123456789"
        order = Order(name, "deeds_of_a_test", {"folder": str(tmp_path), "secret": secret, **given}, what, [secret], ids)
        return detached.begin(order, run_command)

    return run


def seen(path: Path) -> Path:
    until = time.monotonic() + 20
    while not (path.exists() and path.read_text()) and time.monotonic() < until:
        time.sleep(0.02)
    return path


def test_it_goes_on_without_whoever_asked_and_nothing_secret_is_seen(detached: Detached, begin: Begin, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    assert begin(gate=str(gate)) == NAME and detached.is_at_work(NAME) and detached.result(NAME, 0.1) is None
    # The answer may be lost: to ask for it to be begun again begins nothing.
    assert begin(gate=str(gate)) == NAME
    kept = "".join(path.read_text(errors="replace") for path in (tmp_path / "run").rglob("*") if path.is_file())
    assert "canary" not in kept
    gate.touch()
    done = detached.result(NAME, 20)
    assert done is not None and (done["changed"], done["secret"]) == (True, "********")
    said = done["said"]
    assert said["session"] != os.getsid(0) and said["stdin"] == "/dev/null" and said["pid"] != os.getpid()
    assert "canary" not in said["line"] + json.dumps(said["environment"])
    assert detached.result(NAME, 0) == done and len(list(tmp_path.glob("begun-*"))) == 1


def test_the_same_is_joined_and_something_else_is_not(detached: Detached, begin: Begin, tmp_path: Path) -> None:
    gate = str(tmp_path / "gate")
    assert begin(gate=gate) == NAME
    assert begin(OTHER, gate=gate) == NAME and not detached.is_known(OTHER)
    assert begin("cc" * 12, what="y", gate=gate) == "cc" * 12
    Path(gate).touch()
    assert detached.result(NAME, 20) and detached.result("cc" * 12, 20)
    # What has ended is joined by nobody.
    assert begin(OTHER) == OTHER and detached.result(OTHER, 20)


def test_one_that_was_killed_is_cut_and_waited_for_by_nobody(detached: Detached, begin: Begin, tmp_path: Path) -> None:
    begin(gate=str(tmp_path / "gate"), ids=["node-a"])
    assert detached.left_by(NAME) == []
    until = time.monotonic() + 20
    while not list(tmp_path.glob("begun-*")) and time.monotonic() < until:
        time.sleep(0.02)
    [mark] = tmp_path.glob("begun-*")
    os.kill(int(seen(mark).read_text()), signal.SIGKILL)
    started = time.monotonic()
    done = detached.result(NAME, 20)
    assert done is not None and done["failed"] and "ended without a result" in done["msg"] and time.monotonic() - started < 5
    assert detached.left_by(NAME) == ["node-a"]
    assert begin(OTHER, ids=["node-a"]) == OTHER and detached.result(OTHER, 20) and detached.left_by(OTHER) == []
    gone = detached.result("cc" * 12, 20)
    assert gone is not None and gone["failed"] and "knows nothing of that work" in gone["msg"]


def test_one_that_is_told_to_end_ends_its_commands_and_settles(detached: Detached, begin: Begin, tmp_path: Path) -> None:
    begin(command=True)
    command = int(seen(tmp_path / "command").read_text())
    [mark] = tmp_path.glob("begun-*")
    os.kill(int(mark.read_text()), signal.SIGTERM)
    done = detached.result(NAME, 20)
    assert done is not None and done["failed"] and "told to end by a signal" in done["msg"]
    assert (tmp_path / "settled").exists() and birth(command) is None


def test_what_goes_wrong_in_it_is_its_result_without_secrets(detached: Detached, begin: Begin) -> None:
    begin(**{"raise": True})
    done = detached.result(NAME, 20)
    assert done is not None and done["failed"] and "unexpected RuntimeError: with ******** in it" in done["msg"]
    detached.begin(Order(OTHER, "nothing_like_that", {}, "z"), run_command)
    done = detached.result(OTHER, 20)
    assert done is not None and done["failed"] and "nothing_like_that" in done["msg"]


def test_names_are_nothing_but_names(detached: Detached) -> None:
    for name in ("", "../../etc", "a" * 7, "g" * 12, "a/b" * 4):
        with pytest.raises(HostError):
            detached.result(name, 0)
    assert same("a", {"b": 1, "c": 2}) == same("a", {"c": 2, "b": 1}) != same("a", {"b": 1})


def test_a_process_is_told_from_another_with_its_number() -> None:
    mine = birth(os.getpid())
    assert mine is not None and mine == birth(os.getpid())
    child = os.fork()
    if not child:
        os._exit(0)
    os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT)
    # Ended, and not asked how.
    assert birth(child) is None
    os.waitpid(child, 0)
    assert birth(child) is None and birth(1 << 30) is None
