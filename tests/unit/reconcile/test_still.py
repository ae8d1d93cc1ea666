# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is done while a node is down for its backup, and what is not."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from ansible_collections.restaking.avs.plugins.module_utils.backup import settings
from ansible_collections.restaking.avs.plugins.module_utils.instance import journal

from tests.unit.support.memory_host import ID, MemoryHost
from tests.unit.support.restic_in_memory import ResticInMemory
from tests.unit.support.saved_host import Take, running, taking, there, with_restic

UP = {"node", "gateway"}


@pytest.fixture
def saved(memory_host: MemoryHost, monkeypatch: pytest.MonkeyPatch) -> ResticInMemory:
    return with_restic(memory_host, monkeypatch)


@pytest.fixture
def take(memory_host: MemoryHost, saved: ResticInMemory) -> Take:
    return taking(memory_host, saved)


def test_while_a_node_is_down_restic_copies_and_does_nothing_else(memory_host: MemoryHost, saved: ResticInMemory, take: Take) -> None:
    take()
    asked: list[tuple[str, bool]] = []
    opened: list[set[str]] = []
    saved.during = lambda words: asked.append((words[0], running(memory_host) == UP))
    saved.opening = lambda: opened.append(running(memory_host))
    assert take()["error"] is None
    assert [command for command, up in asked if not up] == ["backup"]
    # Each of these tries the password, which takes half a second: whether it opens and what is there, the live pass, the copy; what is
    # sound and listed, the seal, the live pass taken off the list, and what came of it.
    assert [one[0] for one in asked] == [
        "snapshots", "backup", "backup", "check", "snapshots", "backup", "forget", "snapshots",
    ]  # fmt: skip
    # Of the copy that is done before, too.
    assert opened == [UP]


def test_what_was_written_until_a_node_was_down_is_in_its_backup(memory_host: MemoryHost, saved: ResticInMemory, take: Take) -> None:
    host = memory_host
    rows = host.engine.volumes / f"avs-{ID}_node-data" / "_data" / "rows"

    def last() -> None:
        rows.write_text("of the stop")

    # As the last thing it does, when restic has begun.
    saved.opening = last
    take()
    [backup] = there(host, saved)
    kept = Path(host.store.root, "backup", ID, "snapshots", backup["snapshot"])
    assert (kept / f"tree{os.path.realpath(rows)}").read_text() == "of the stop"


def test_a_repository_that_does_not_open_stops_no_node(memory_host: MemoryHost, saved: ResticInMemory, take: Take) -> None:
    host = memory_host
    ids = host.ids()
    seen: list[str] = []
    host.engine.at = seen.append
    saved.refuses = "Fatal: unable to create lock in backend: repository is already locked\n"
    done = take()
    assert "already locked" in done["error"] and "backup" not in done
    assert not [what for what in seen if "stop" in what] and (running(host), host.ids()) == (UP, ids)
    assert [one for one in done["actions"] if one["kind"] == "container"] == []
    assert journal.opened(host.store.instance(ID)) == [] and there(host, saved) == []
    saved.refuses = ""
    assert take()["error"] is None and len(there(host, saved)) == 1


def test_a_node_that_does_not_stop_leaves_no_copy_of_what_runs(memory_host: MemoryHost, saved: ResticInMemory, take: Take) -> None:
    host = memory_host
    take()
    before = there(host, saved)
    copies: list[str] = []
    saved.during = lambda words: copies.append(words[0])

    def fails() -> None:
        def at(what: str) -> None:
            if what.startswith("before") and "stop" in what.split():
                raise OSError(5, "Input/output error")

        host.engine.at = at

    saved.opening = fails
    done = take()
    host.engine.at = lambda _what: None
    saved.opening = lambda: None
    assert done["error"] and there(host, saved) == before
    # The live pass alone.
    assert copies.count("backup") == 1
    assert not [name for name in os.listdir(settings.folder(host.store.instance(ID))) if name.endswith("go")]
    assert take()["error"] is None
