# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a restore does with what must not go back, and with what is in no backup."""

from __future__ import annotations

from ansible_collections.restaking.avs.plugins.module_utils.reconcile import restoring
from ansible_collections.restaking.avs.plugins.module_utils.reconcile.repositories import Asked, Host
from ansible_collections.restaking.avs.plugins.module_utils.reconcile.restoring import Back

from tests.unit.reconcile.test_restoring import NOW, THEN, back, contents, volume, write
from tests.unit.support.memory_host import ID, MemoryHost
from tests.unit.support.restic_in_memory import ResticInMemory
from tests.unit.support.saved_host import PASSWORD, WAY, Take, running, there


def test_what_must_not_go_back_does_not_by_itself(memory_host: MemoryHost, saved: ResticInMemory, take: Take) -> None:
    host = memory_host
    take(classes={ID: {"node-data": "monotonic", "data/work": "monotonic"}})
    write(host, "later")
    done = back(host, saved)
    assert [item["place"] for item in done["findings"] if item["id"] == "BAK-005"] == [f"{ID}: data/work", f"{ID}: volumes/node-data"]
    assert contents(host) == NOW and running(host) == {"node", "gateway"}
    # It was such a volume then, whatever is said of it now.
    take(classes={ID: {"data/work": "data"}})
    first = there(host, saved)[0]["id"]
    assert "must not go back" in back(host, saved, first)["error"]
    assert back(host, saved, first, acknowledged=("volumes/node-data", "data/work"))["error"] is None
    assert contents(host) == THEN


def test_a_cache_keeps_nothing_from_being_restored_and_a_secret_says_what_would_be_lost(
    memory_host: MemoryHost, saved: ResticInMemory, take: Take
) -> None:
    host = memory_host
    where = Host(host.store, host.engine.connect(), saved)
    take(classes={ID: {"data/work": "secret"}})
    write(host, "later")
    done = back(host, saved)
    [told] = [item for item in done["findings"] if item["id"] == "BAK-005"]
    assert told["place"] == f"{ID}: data/work" and "its content is in no backup, and would be gone" in told["message"]
    assert "avs_restore_acknowledged" in told["remedy"] and contents(host) == NOW
    asked = Asked(password=PASSWORD, classes={ID: {"data/work": "cache"}})
    done = restoring.restore(where, [ID], WAY, asked, Back())["instances"][0]
    assert done["error"] is None and (volume(host) / "rows").read_text() == THEN[0]
