# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A backup that waits for its node: by a program in restic's place, of which nothing but its order of reading is taken for granted. That
restic's own is the same: ``tests/integration/host/test_opened.py``."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from ansible_collections.restaking.avs.plugins.module_utils.backup import opened, restic
from ansible_collections.restaking.avs.plugins.module_utils.backup.opened import Opened
from ansible_collections.restaking.avs.plugins.module_utils.backup.restic import How, Label, Restic, ResticError
from ansible_collections.restaking.avs.plugins.module_utils.system.processes import run_command

# Opens (or fails to), reads the files of patterns, then the source.
PROGRAM = """#!/bin/bash
here=$(dirname "$0")
if [[ " $* " = *" version "* ]]; then cat "$here/version"; exit; fi
if [ -e "$here/refuses" ]; then echo "Fatal: wrong password or no key found" >&2; exit 1; fi
echo opened >>"$here/order"
for word; do
  if [ "$before" = --exclude-file ]; then
    cat "$word" >/dev/null || { echo "Fatal: $word" >&2; echo ended >>"$here/order"; exit 1; }
  fi
  before=$word
done
echo read >>"$here/order"
cp "$word" "$here/saved"
[ ! -e "$here/slow" ] || exec sleep 60
echo '{"message_type":"summary","snapshot_id":"abc","data_added":1}'
"""

Begin = Callable[..., Opened]


@pytest.fixture
def begin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Begin:
    program = tmp_path / "restic"
    program.write_text(PROGRAM)
    program.chmod(0o755)
    (tmp_path / "version").write_text("restic 0.14.0\n")
    (tmp_path / "source").write_text("of before")
    monkeypatch.setattr(restic, "program", lambda: str(program))
    tool = Restic(run_command, str(tmp_path / "repository"), str(tmp_path / "password"))
    what = [str(tmp_path / "source")], Label("a", {})
    return lambda timeout=None, most=5.0: Opened(tool, (*what, How(timeout=timeout)), str(tmp_path / "go"), most)


def order(folder: Path) -> list[str]:
    path = folder / "order"
    return path.read_text().split() if path.exists() else []


def until(what: Callable[[], bool]) -> None:
    end = time.monotonic() + 10
    while not what():
        assert time.monotonic() < end
        time.sleep(0.01)


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


def test_what_it_reads_is_of_after_it_was_let_go_on(tmp_path: Path, begin: Begin) -> None:
    before = descriptors()
    with begin() as begun:
        assert order(tmp_path) == ["opened"] and not (tmp_path / "go").exists()
        time.sleep(0.2)
        assert order(tmp_path) == ["opened"]
        (tmp_path / "source").write_text("of the stop")
        assert begun.go().added == 1
    assert order(tmp_path) == ["opened", "read"] and (tmp_path / "saved").read_text() == "of the stop"
    assert not (tmp_path / "go").exists() and descriptors() == before


def test_one_that_is_not_let_go_on_reads_nothing_and_ends(tmp_path: Path, begin: Begin) -> None:
    before = descriptors()
    with begin():
        pass
    # By itself: killed, it would leave its lock behind.
    assert order(tmp_path) == ["opened", "ended"] and not (tmp_path / "saved").exists() and descriptors() == before


def test_where_whoever_began_it_is_gone_it_reads_nothing_and_ends(tmp_path: Path, begin: Begin) -> None:
    child = os.fork()
    if child == 0:
        begin()
        os.kill(os.getpid(), 9)
    os.waitpid(child, 0)
    until(lambda: order(tmp_path) == ["opened", "ended"])
    assert not (tmp_path / "saved").exists()


def test_what_keeps_it_from_opening_is_known_before_anything_is_stopped(tmp_path: Path, begin: Begin) -> None:
    (tmp_path / "refuses").touch()
    with pytest.raises(ResticError, match="wrong password") as error:
        begin()
    assert error.value.kind == "password"


def test_one_that_does_not_open_in_time_is_ended(tmp_path: Path, begin: Begin, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opened, "_PATIENCE", 0.3)
    os.mkfifo(tmp_path / "order")
    with pytest.raises(ResticError, match="did not open the repository") as error:
        begin()
    assert error.value.kind == "time"


def test_its_bound_is_that_of_reading_alone(tmp_path: Path, begin: Begin) -> None:
    (tmp_path / "slow").touch()
    with begin(timeout=0.5) as begun:
        time.sleep(0.8)
        assert order(tmp_path) == ["opened"]
        started = time.monotonic()
        with pytest.raises(ResticError, match=r"longer than 0\.5 s") as error:
            begun.go()
    assert error.value.kind == "time" and 0.4 < time.monotonic() - started < 4


def test_one_that_reads_when_nobody_waits_any_more_is_ended(tmp_path: Path, begin: Begin) -> None:
    (tmp_path / "slow").touch()
    with begin() as begun:

        def go() -> None:
            with pytest.raises(ResticError):
                begun.go()

        waits = threading.Thread(target=go, daemon=True)
        waits.start()
        until(lambda: order(tmp_path) == ["opened", "read"])
        started = time.monotonic()
        begun.close()
        assert time.monotonic() - started < 4
    waits.join(5)
    assert not waits.is_alive()


@pytest.mark.parametrize("why", ["older", "not asked for", "no handles"])
def test_where_it_cannot_wait_it_is_begun_when_it_is_let_go_on(
    tmp_path: Path, begin: Begin, monkeypatch: pytest.MonkeyPatch, why: str
) -> None:
    if why == "older":
        (tmp_path / "version").write_text("restic 0.13.1\n")
    if why == "no handles":
        monkeypatch.setattr(opened, "_can_be_ended", lambda: False)
    with begin(most=None if why == "not asked for" else 5.0) as begun:
        time.sleep(0.1)
        assert order(tmp_path) == []
        (tmp_path / "source").write_text("of the stop")
        begun.go()
    assert (tmp_path / "saved").read_text() == "of the stop"
