# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A clock that is set back while a backup is made: what changed has times from before it, and is read again all the same."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from ansible_collections.restaking.avs.plugins.module_utils.backup import again, changes, kept, listing, pace
from ansible_collections.restaking.avs.plugins.module_utils.backup.restic import Snapshot
from ansible_collections.restaking.avs.plugins.module_utils.backup.span import Span
from ansible_collections.restaking.avs.plugins.module_utils.system import clock

from tests.unit.support.memory_host import ID, MemoryHost
from tests.unit.support.restic_in_memory import ResticInMemory
from tests.unit.support.saved_host import Take, running, taking, there, with_restic

HOUR = 3600 * 10**9


@pytest.fixture
def ahead(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """By how much the time of day is ahead of that by which files say when they changed; 0: it was set back by as much."""
    found, real = [HOUR], time.time_ns
    monkeypatch.setattr(time, "time_ns", lambda: real() + found[0])
    return found


@pytest.fixture
def saved(memory_host: MemoryHost, monkeypatch: pytest.MonkeyPatch) -> ResticInMemory:
    return with_restic(memory_host, monkeypatch)


def test_that_it_was_set_back_is_told_from_that_time_went_by(ahead: list[int]) -> None:
    begun = clock.mark()
    assert clock.set_back(begun) < 10**7
    ahead[0] = 0
    assert abs(clock.set_back(begun) - HOUR) < 10**7
    ahead[0] = 2 * HOUR
    assert clock.set_back(begun) == 0


def rewrite(path: Path) -> None:
    """As a copy does that keeps times: other content, and the modification time that was there."""
    seen = os.stat(path)
    path.write_text(path.read_text().swapcase())
    os.utime(path, ns=(seen.st_atime_ns, seen.st_mtime_ns))


def test_what_changed_after_it_is_doubtful_however_old_it_says_it_is(tmp_path: Path, ahead: list[int]) -> None:
    path = tmp_path / "rows"
    path.write_text("rows")
    os.utime(path, ns=(1, 1))
    span = Span(time.time_ns(), time.time_ns(), mark=clock.mark())
    ahead[0] = 0
    rewrite(path)
    seen = os.stat(path)
    assert not span.is_odd(seen, time.time_ns())
    assert span.by_now().is_odd(seen, time.time_ns()) and span.by_now().by_now().begun <= span.begun - HOUR + 10**7
    assert Span(1, 2).by_now() == Span(1, 2)
    tree = listing.Tree("x", str(tmp_path))
    assert again.risky([tree], span.begun, span.ended) == []
    assert again.risky([tree], span.by_now().begun, span.by_now().ended) == [str(path)]


def _set_back_at(saved: ResticInMemory, ahead: list[int], kind: str, then: Callable[[], None]) -> None:
    def during(words: list[str]) -> None:
        if words[0] == "backup" and f"avs.kind={kind}" in words and ahead[0]:
            ahead[0] = 0
            then()

    saved.during = during


def test_what_changed_in_a_pass_in_which_it_was_set_back_is_marked_before_the_copy(
    memory_host: MemoryHost, saved: ResticInMemory, ahead: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    host = memory_host
    rows = host.engine.volumes / f"avs-{ID}_node-data" / "_data" / "rows"
    marked: list[str] = []
    monkeypatch.setattr(again, "mark", lambda found: marked.extend(found) or True)
    _set_back_at(saved, ahead, "live", lambda: rewrite(rows))
    assert taking(host, saved)()["error"] is None
    assert str(rows) in marked


def test_what_changed_while_a_backup_waits_for_its_turn_is_counted(
    memory_host: MemoryHost, saved: ResticInMemory, ahead: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    since: list[int] = []
    real = pace.after_a_wait

    def waits(*more: object) -> object:
        ahead[0] = 0
        monkeypatch.setattr(pace, "_WAIT", -1.0)
        monkeypatch.setattr(changes, "to_read_since", lambda _trees, begun: since.append(begun) or 0)
        return real(*more)  # type: ignore[arg-type]

    monkeypatch.setattr(pace, "after_a_wait", waits)
    before = time.time_ns() - HOUR
    assert taking(memory_host, saved)()["error"] is None
    assert before <= since[0] <= time.time_ns()


def test_a_copy_in_which_it_is_set_back_does_not_count(memory_host: MemoryHost, saved: ResticInMemory, ahead: list[int]) -> None:
    """By the times of files it is known that nobody wrote meanwhile."""
    take: Take = taking(memory_host, saved)
    _set_back_at(saved, ahead, "stopped", lambda: None)
    done = take()
    assert "the host's clock was set back by 3600.0 s while it was copied" in done["error"] and not done.get("backup")
    assert running(memory_host) == {"node", "gateway"} and there(memory_host, saved) == []
    assert take()["error"] is None


def test_a_pass_of_a_clock_that_was_ahead_says_nothing_of_what_changed_since() -> None:
    tags = {"avs.part": "files", "avs.kind": "live", "avs.begun": str(time.time_ns() + HOUR)}
    one = Snapshot("x", "2026-01-01T00:00:00Z", "a-1", tags, ())
    assert kept.parent([one], "a-1") == kept.Parent("x", 0, True)
    now = str(time.time_ns())
    known = Snapshot("x", "2026-01-01T00:00:00Z", "a-1", {**tags, "avs.begun": now}, ())
    assert kept.parent([known], "a-1") == kept.Parent("x", int(now), True)
