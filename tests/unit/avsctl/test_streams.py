# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Logs of containers as processes give them: stamps, order, odd bytes. A shell stands in for ``docker logs``."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from ansible_collections.restaking.avs.plugins.plugin_utils.avsctl.streams import Line, Merge, Stream

FIRST, SECOND, THIRD, FOURTH = (f"2026-01-15T08:00:0{second}.000000000Z" for second in range(4))


@contextmanager
def merged(patience: float | None, *scripts: str) -> Iterator[Merge]:
    merge = Merge([Stream(f"s{number}", f"c{number}", ["/bin/sh", "-c", script]) for number, script in enumerate(scripts)], patience)
    try:
        yield merge
    finally:
        merge.close()


def told(merge: Merge) -> list[tuple[str, str]]:
    return [(line.service, line.text) for line in iter(merge.next, None)]


def test_lines_of_several_services_are_in_the_order_of_their_times() -> None:
    scripts = (f"echo {FIRST} a; sleep 0.3; echo {FOURTH} d", f"sleep 0.1; echo {SECOND} b; echo {THIRD} c", "true")
    with merged(None, *scripts) as merge:
        assert told(merge) == [("s0", "a"), ("s1", "b"), ("s1", "c"), ("s0", "d")]


def test_one_that_is_silent_is_not_waited_for_when_following() -> None:
    with merged(0.1, f"echo {SECOND} b; sleep 30", f"sleep 0.05; echo {FIRST} a; sleep 30", "sleep 30") as merge:
        began = time.monotonic()
        assert [merge.next(5), merge.next(5)] == [
            Line("s1", FIRST, "a", pytest.approx(began, abs=5)), Line("s0", SECOND, "b", pytest.approx(began, abs=5))]  # fmt: skip
        assert merge.next(0.2) is None and time.monotonic() - began < 5


def test_no_process_is_left() -> None:
    with merged(0.1, "trap '' TERM; sleep 600 & wait", "exec sleep 600") as merge:
        assert merge.next(0.2) is None
        processes = [stream._process for stream in merge.streams]
    assert [process.poll() for process in processes] == [-signal.SIGKILL, -signal.SIGTERM]


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (b"\\033[31mred", "\x1b[31mred"),
        (b"caf\\303\\251 \\377\\376", "caf\u00e9 \\xff\\xfe"),
        (b"windows\\r", "windows"),
        (b"half\\rwhole", "half\rwhole"),
        (b"", ""),
    ],
)
def test_odd_bytes_are_a_line(written: bytes, expected: str) -> None:
    with merged(None, f"printf '{FIRST} {written.decode()}\\n'") as merge:
        assert told(merge) == [("s0", expected)]


def test_a_line_the_engine_kept_in_pieces_is_one_line(tmp_path: Path) -> None:
    text = "".join(chr(97 + number % 26) for number in range(40_000))
    pieces = [text[start : start + 16384] for start in range(0, len(text), 16384)]
    log = tmp_path / "log"
    log.write_text("".join(f"{FIRST} {piece}" for piece in pieces) + "\n")
    with merged(None, f"cat {log}") as merge:
        assert told(merge) == [("s0", text)]


def test_a_line_without_an_end_takes_no_memory_without_an_end() -> None:
    with merged(None, f"printf '{FIRST} '; head -c 3000000 /dev/zero | tr '\\0' x; echo; echo {SECOND} b") as merge:
        lines = told(merge)
    assert lines[-1] == ("s0", "b") and sum(len(text) for _service, text in lines[:-1]) == 3_000_000 and len(lines) > 2


def test_what_was_seen_before_is_left_out() -> None:
    stream = Stream("node", "c", ["/bin/sh", "-c", f"echo {FIRST} a; echo {SECOND} b; echo {THIRD} c"], SECOND)
    merge = Merge([stream], None)
    assert told(merge) == [("node", "c")] and stream.last == THIRD
    merge.close()


@pytest.mark.parametrize(
    ("script", "problem", "useless"),
    [
        ("echo 'Error response from daemon: no reading' >&2; exit 1", "no reading", True),
        ("exit 7", "ended with 7", True),
        (f"echo {FIRST} a; echo unexpected EOF; exit 1", "unexpected EOF", False),
        (f"echo {FIRST} a; echo odd", "", False),
    ],
)
def test_a_log_that_cannot_be_had_says_why(script: str, problem: str, useless: bool) -> None:
    with merged(None, script, f"echo {SECOND} b") as merge:
        lines = told(merge)
        assert lines[-1] == ("s1", "b") and (("s0", "odd") in lines) == (not problem)
        assert (merge.streams[0].problem, merge.streams[0].useless) == (problem, useless)
        assert (merge.streams[1].problem, merge.streams[1].useless) == ("", False)


def test_more_than_memory_is_given_waits_in_the_pipe() -> None:
    """While one service is waited for, another one that says much is not read without an end."""
    script = f"seq -f '{FIRST} %.0f' 200000"
    with merged(None, script, f"sleep 0.5; echo {SECOND} b") as merge:
        first = merge.next()
        assert first is not None and first.text == "1" and len(merge.streams[0].lines) < 20_000
        assert len(told(merge)) == 200_000
