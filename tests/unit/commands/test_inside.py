# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a command left in a container that runs: found by its mark, and ended; nobody else is."""

from __future__ import annotations

import secrets
import subprocess
from pathlib import Path

import pytest
from ansible_collections.restaking.avs.plugins.module_utils.commands import inside

from tests.unit.support.memory_host import ID, MemoryHost


@pytest.mark.parametrize(("written", "ends"), [("{mark}", True), ("{mark}\n", False), ("", False), ("x" * 32, False)])
def test_what_has_the_mark_is_ended(memory_host: MemoryHost, written: str, ends: bool) -> None:
    own, mark = memory_host.store.instance(ID), secrets.token_hex(16)
    own.make_run()
    Path(own.run, "command.mark").write_text(written.format(mark=mark))
    marked = subprocess.Popen(["sh", "-c", "sleep 60 & wait"], env={"PATH": "/usr/bin:/bin", inside.VARIABLE: mark}, start_new_session=True)
    other = subprocess.Popen(
        ["sleep", "60"], env={"PATH": "/usr/bin:/bin", inside.VARIABLE: mark[:-1], "LIKE": f"{inside.VARIABLE}={mark}"}
    )
    try:
        while len(inside.marked(mark)) < 2:
            assert marked.poll() is None
        assert (inside.end_left(own) >= 2) is ends and not inside.is_left(own)
        if ends:
            marked.wait(timeout=10)
            assert inside.marked(mark) == []
        assert (marked.poll() is None) is not ends and other.poll() is None
    finally:
        inside._end(mark)
        for process in (marked, other):
            process.kill()
            process.wait(timeout=10)
