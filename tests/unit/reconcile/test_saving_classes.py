# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Classes of what is in the data folder: what is to be left out, or must not go back, is what they are of."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.support.memory_host import ID, MemoryHost, rules_of
from tests.unit.support.restic_in_memory import ResticInMemory
from tests.unit.support.saved_host import Take, running, there


@pytest.mark.parametrize("cls", ["secret", "monotonic", "cache"])
def test_a_class_below_data_is_of_a_folder(memory_host: MemoryHost, saved: ResticInMemory, take: Take, cls: str) -> None:
    data = Path(memory_host.store.instance(ID).data)
    (data / "work" / "real").mkdir()
    (data / "keys").symlink_to("work")
    wrong = {"data/work/more": "is no folder", "data/keys": "is a link", "data/keys/real": "lies behind one", "data/wrok": "is not there"}
    if cls == "cache":
        # The node makes it once there is anything for it.
        assert take(classes={ID: {"data/wrok": wrong.pop("data/wrok") and cls}})["error"] is None
        saved.asked.clear()
    for name, word in wrong.items():
        done = take(classes={ID: {name: cls}})
        assert "BAK-002" in rules_of(done) and f"{name} is" in done["error"] and word in done["error"]
    assert saved.asked == [] and running(memory_host) == {"node", "gateway"}


def test_what_became_a_link_meanwhile_is_no_backup(memory_host: MemoryHost, saved: ResticInMemory, take: Take) -> None:
    keys = Path(memory_host.store.instance(ID).data, "work", "keys")
    keys.mkdir()

    def during(words: list[str]) -> None:
        if "avs.kind=live" in words:
            keys.rename(keys.with_name("v2"))
            keys.symlink_to("v2")

    saved.during = during
    done = take(classes={ID: {"data/work/keys": "secret"}})
    assert "data/work/keys is a link" in done["error"] and there(memory_host, saved) == [] and running(memory_host) == {"node", "gateway"}
