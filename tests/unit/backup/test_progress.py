# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How far a backup is: of restic's words the numbers alone, and of a process that is gone nothing."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.restaking.avs.plugins.module_utils.backup import progress, watched
from ansible_collections.restaking.avs.plugins.module_utils.backup.progress import Progress, Step
from ansible_collections.restaking.avs.plugins.module_utils.common.records import plain
from ansible_collections.restaking.avs.plugins.module_utils.instance.store import InstanceStore, Store
from ansible_collections.restaking.avs.plugins.plugin_utils.avsctl.process import run_command

STATUS = {"message_type": "status", "percent_done": 0.5, "bytes_done": 5 << 30, "total_bytes": 10 << 30, "files_done": 3, "total_files": 7}


@pytest.fixture
def own(tmp_path: Path) -> InstanceStore:
    mine = Store(*(str(tmp_path / name) for name in ("root", "run", "locks"))).instance("a-avs-1")
    mine.make()
    return mine


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is told at most once a second otherwise."""
    monkeypatch.setattr(progress, "_PAUSE", 0.0)


def line(**changes: Any) -> bytes:
    return json.dumps({**STATUS, **changes}).encode() + b"\n"


def test_each_step_is_there_for_whoever_asks_and_goes_with_its_end(own: InstanceStore) -> None:
    heard: list[tuple[str, Step]] = []
    mine = Progress(own, lambda name, step: heard.append((name, step)))
    assert mine.silent and progress.at_work(own) is None
    mine.phase(progress.LIVE)
    assert watched.taken(mine, line(seconds_remaining=754, current_files=["/x/\x1b[31m"]))
    step = progress.at_work(own)
    assert step is not None and (step.phase, step.bytes, step.total_files, step.left) == ("live pass", 5 << 30, 7, 754)
    said = progress.said("a-avs-1", plain(step))
    assert re.search(r"live pass for \d s, 5.0 GiB of 10.0 GiB, 3 of 7 files, about 12 min left", said) and "\x1b" not in said
    file = Path(own.run, "backup", "progress.json")
    assert file.stat().st_mode & 0o777 == 0o600 and "x" not in json.loads(file.read_text())
    mine.phase(progress.CHECK)
    # The next phase begins anew.
    assert [(name, item.phase, item.bytes) for name, item in heard][1:] == [("a-avs-1", "live pass", 5 << 30), ("a-avs-1", "check", None)]
    assert watched.taken(mine, b"[1:05] 15.00%  3 / 20 packs\n") and heard[-1][1].total_parts == 20
    journal = [json.loads(row) for row in Path(own.path("journal.jsonl")).read_text().splitlines()]
    assert [(row["event"], row["phase"]) for row in journal] == [("phase", "live pass"), ("phase", "check")]
    progress.clear(own)
    assert progress.at_work(own) is None


def test_numbers_that_are_none_are_left_out(own: InstanceStore) -> None:
    mine = Progress(own)
    mine.phase(progress.COPY)
    for wrong in ("7", -1, True, float("nan"), float("inf"), 1 << 70, None, [1], {"a": 1}):
        text = json.dumps({**STATUS, "total_bytes": wrong, "seconds_remaining": wrong}).encode()
        assert watched.taken(mine, text)
        step = progress.at_work(own)
        assert step is not None and (step.total_bytes, step.bytes) == (None, 5 << 30)


def test_what_is_no_progress_stays_in_the_answer(own: InstanceStore) -> None:
    mine = Progress(own)
    mine.phase(progress.COPY)
    kept = [
        b'{"message_type":"summary","snapshot_id":"status"}\n',
        b"check snapshots, trees and blobs\n",
        b'{"status": nonsense\n',
        b"[0:00] x\n",
    ]
    assert watched.without_progress(mine, b"".join([kept[0], line(), *kept[1:]])) == b"".join(kept)


def test_what_is_left_is_computed_where_restic_does_not_say(own: InstanceStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "_EARLY", 0.0)
    mine = Progress(own)
    mine.phase(progress.PROOF_RESTORE)
    time.sleep(0.2)
    watched.taken(mine, line(bytes_done=1 << 30))
    step = progress.at_work(own)
    assert step is not None and step.left is not None and 1.5 < step.left < 20


def test_a_process_that_is_gone_is_not_at_work(own: InstanceStore) -> None:
    mine = Progress(own)
    mine.phase(progress.LIVE)
    file = Path(own.run, "backup", "progress.json")
    good = json.loads(file.read_text())
    assert progress.at_work(own) is not None
    for wrong in ({"pid": 1 << 30}, {"birth": good["birth"] + 1}, {"phase": "\x1b[31mred"}, {"pid": "1"}, {"more": 1}):
        file.write_text(json.dumps({**good, **wrong}))
        assert progress.at_work(own) is None, wrong
    for text in ("", "[]", "{", "null"):
        file.write_text(text)
        assert progress.at_work(own) is None, text


def test_it_is_told_while_a_command_runs_and_its_answer_is_whole(own: InstanceStore) -> None:
    heard: list[Step] = []
    mine = Progress(own, lambda _name, step: heard.append(step))
    mine.phase(progress.LIVE)
    during: list[Step | None] = []

    def watching(args: list[str], **options: Any) -> Any:
        with subprocess.Popen(args, pass_fds=options["pass_fds"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as child:
            until = time.monotonic() + 20
            while len(heard) < 2 and time.monotonic() < until:
                time.sleep(0.02)
            during.append(progress.at_work(own))
            (Path(own.root) / "go").touch()
            return child.wait(), b"", b""

    script = f"""
import os, sys, time
sys.stdout.write({line().decode()!r}); sys.stdout.flush()
while not os.path.exists({own.root + "/go"!r}): time.sleep(0.02)
sys.stdout.write({line(bytes_done=10 << 30).decode()!r} + "a" * 300000 + "\\n" + '{{"message_type": "summary"}}')
"""
    code, out, _err = watched.run(mine, watching, [sys.executable, "-c", script], ())
    assert code == 0 and out == b"a" * 300000 + b'\n{"message_type": "summary"}'
    assert during[0] is not None and during[0].bytes == 5 << 30 and heard[-1].bytes == 10 << 30
    # With what a host uses; and a command that leaves something behind is not waited for.
    code, out, err = watched.run(mine, run_command, ["/bin/sh", "-c", "echo one; echo two >&2; exit 3"], ())
    assert (code, out, err) == (3, b"one\n", b"two\n")


def test_durations_and_sizes_are_short() -> None:
    assert [progress.duration(number) for number in (0, 119.9, 120, 7199, 7200, 90000)] == [
        "0 s", "119 s", "2 min", "119 min", "2 h 0 min", "25 h 0 min",
    ]  # fmt: skip
    assert [progress.size(number) for number in (0, 1023, 1024, 5 << 40, 5 << 50)] == ["0 B", "1023 B", "1.0 KiB", "5.0 TiB", "5120.0 TiB"]


def test_nobody_is_told_of_what_has_no_instance() -> None:
    silent = Progress()
    silent.phase(progress.LIVE)
    assert silent.silent and not [name for name in os.listdir() if "progress" in name]
    asked: list[Sequence[str]] = []

    def answer(args: list[str], **_options: Any) -> Any:
        asked.append(args)
        return 0, line() + b"said\n", b""

    assert watched.run(silent, answer, ["restic", "x"], ()) == (0, b"said\n", b"") and asked == [["restic", "x"]]
