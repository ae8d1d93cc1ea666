# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a backup would be refused for is said in check mode already, which writes nothing."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.restaking.avs.plugins.module_utils.backup import restic, settings
from ansible_collections.restaking.avs.plugins.module_utils.reconcile.own import Way
from ansible_collections.restaking.avs.plugins.module_utils.reconcile.repositories import Asked, asked

from tests.unit.support import restic_in_memory
from tests.unit.support.memory_host import ID, MemoryHost
from tests.unit.support.restic_in_memory import ResticInMemory
from tests.unit.support.saved_host import PASSWORD, WAY, Take, running

PROGRAM = restic.program
CHECK = Way("tester", 0, check=True)


def both(take: Take, word: str, **given: Any) -> None:
    """As the action plugin: nothing of a password is sent in check mode, but that there is one."""
    secret = str(given.pop("password", PASSWORD))
    announced = take(CHECK, password="", brings=bool(secret), **given)
    done = take(WAY, password=secret, **given)
    for entry in (announced, done):
        assert word in str(entry["error"]) and not entry["changed"], (entry is announced, entry["error"])
    assert announced["waiting"] == done["waiting"]


def files(host: MemoryHost) -> dict[str, int]:
    return {str(path): path.lstat().st_mtime_ns for path in host.roots.rglob("*")}


def test_a_host_without_restic_is_told(memory_host: MemoryHost, saved: ResticInMemory, take: Take, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(restic, "program", PROGRAM)
        patch.setattr(restic, "_PLACES", ("/nonexistent/restic",))
        both(take, "restic is not installed on this host")
    with monkeypatch.context() as patch:
        patch.setattr(restic_in_memory, "VERSION", "restic 0.11.0 compiled with go1.15.9 on linux/amd64\n")
        both(take, "0.11")
    assert saved.asked == [["version"]] * 2 and running(memory_host) == {"node", "gateway"}


def test_no_password_is_told(memory_host: MemoryHost, take: Take) -> None:
    both(take, "has no password for its repository, and none was given", password="")
    assert take()["error"] is None
    os.unlink(settings.password_file(memory_host.store.instance(ID)))
    both(take, "waits for the password of its repository", password="")
    # One that is given is not here, and may be the right one.
    assert take(CHECK, password="", brings=True)["error"] is None


def test_what_the_password_of_the_host_does_not_open_is_told(memory_host: MemoryHost, saved: ResticInMemory, take: Take) -> None:
    assert take()["error"] is None
    known = settings.read(memory_host.store.instance(ID))
    assert known is not None
    config = Path(known.repository, "config")
    config.write_text("another")
    both(take, "wrong password", password="")
    assert take(CHECK, password="", brings=True)["error"] is None and take(password="another")["error"] is None
    saved.ends = {"snapshots": (1, "Fatal: broken")}
    both(take, "broken", password="another")


def test_nothing_is_written(memory_host: MemoryHost, take: Take) -> None:
    assert take()["error"] is None
    before = files(memory_host)
    assert take(CHECK, password="", brings=True)["changed"] and take(CHECK, password="")["changed"]
    assert files(memory_host) == before and running(memory_host) == {"node", "gateway"}


def test_what_is_said_of_a_password_is_read() -> None:
    names = ("repository", "password", "classes", "acknowledged", "keep", "copies", "copy")
    given = {**dict.fromkeys(names), "password_given": True, "backups_left": ["/mnt/one", "/mnt/two"]}
    assert asked(given, check=True) == Asked(brings=True, left=("/mnt/one", "/mnt/two"))
