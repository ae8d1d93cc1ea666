# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Locks: one run at a time, held by the commands a run started."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from ansible_collections.restaking.avs.plugins.module_utils.common.errors import HostError, LockedError
from ansible_collections.restaking.avs.plugins.module_utils.system.lock import Lock


def test_a_held_lock_names_its_holder(tmp_path: Path) -> None:
    path = str(tmp_path / "locks" / "demo-avs-op1.lock")
    now = [0.0]
    with Lock(path, "ann@controller:7", 1), pytest.raises(LockedError) as caught:
        Lock(path, "bob", 2, lambda: now[0], lambda seconds: now.__setitem__(0, now[0] + seconds)).__enter__()
    assert "demo-avs-op1 is locked by ann@controller:7" in str(caught.value)
    assert "since 20" in str(caught.value)
    assert now[0] >= 2
    with Lock(path, "bob", 0):
        pass


def test_a_lock_without_a_name(tmp_path: Path) -> None:
    path = str(tmp_path / "a.lock")
    with Lock(path, "x", 0):
        os.truncate(path, 0)
        with pytest.raises(LockedError, match="left no name"):
            Lock(path, "y", 0).__enter__()


def test_a_lock_waits_for_its_turn(tmp_path: Path) -> None:
    path = str(tmp_path / "a.lock")
    first = Lock(path, "x", 0).__enter__()
    timer = threading.Timer(0.3, lambda: first.__exit__(None, None, None))
    timer.start()
    with Lock(path, "y", 10):
        timer.join()
        assert json.loads(Path(path).read_text())["holder"] == "y"


@pytest.mark.parametrize("known", [True, False])
def test_a_lock_made_for_a_run_that_was_refused_goes_with_it(tmp_path: Path, known: bool) -> None:
    path = tmp_path / "a.lock"
    if known:
        path.touch()
    with pytest.raises(HostError), Lock(str(path), "x", 0):
        raise HostError("refused")
    assert path.exists() is known


def test_a_lock_that_was_removed_meanwhile_is_taken_anew(tmp_path: Path) -> None:
    path = str(tmp_path / "a.lock")
    first = Lock(path, "x", 0).__enter__()

    def purge() -> None:
        os.unlink(path)
        first.__exit__(None, None, None)

    timer = threading.Timer(0.3, purge)
    timer.start()
    with Lock(path, "y", 10):
        timer.join()
        assert json.loads(Path(path).read_text())["holder"] == "y"
        with pytest.raises(LockedError, match="locked by y"):
            Lock(path, "z", 0).__enter__()


@pytest.mark.parametrize("broken_off", [False, True])
def test_a_command_that_holds_the_lock_outlives_its_run(tmp_path: Path, broken_off: bool) -> None:
    path = str(tmp_path / "a.lock")
    with contextlib.suppress(KeyboardInterrupt), Lock(path, "x", 0) as lock:
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], pass_fds=(lock.fd,))
        if broken_off:
            raise KeyboardInterrupt
    try:
        with pytest.raises(LockedError):
            Lock(path, "y", 0).__enter__()
    finally:
        child.kill()
        child.wait()
    with Lock(path, "y", 0):
        pass
