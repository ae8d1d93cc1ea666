# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an upgrade is saved in: judged before anything is touched, in check mode as well, and copied elsewhere once the node runs again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.restaking.avs.plugins.module_utils.backup import settings
from ansible_collections.restaking.avs.plugins.module_utils.common.errors import HostError

from tests.unit.reconcile.test_copying import listed, names, place
from tests.unit.support.memory_host import ID, MemoryHost, acted, rules_of
from tests.unit.support.restic_in_memory import ResticInMemory
from tests.unit.support.saved_host import PASSWORD, running, taking
from tests.unit.transaction.test_upgrade import entry, newer, upgrade, version


def asked(given: bool = True, **more: Any) -> dict[str, Any]:
    """As the action plugin says it in check mode: nothing that is secret, but whether there is something."""
    return {"repository": None, "password_given": given, **more}


def files(host: MemoryHost) -> dict[str, int]:
    """When each was written last, but for what is thrown away at the end of a call."""
    return {str(path): path.lstat().st_mtime_ns for path in host.roots.rglob("*") if path.relative_to(host.roots).parts[0] != "tmp"}


def both(host: MemoryHost, tool: ResticInMemory, words: str, password: str = PASSWORD, **more: Any) -> None:
    before, up = files(host), host.ids()
    for check, backup in ((True, asked(bool(password), **more)), (False, {"repository": None, "password": password, **more})):
        with pytest.raises(HostError, match="nothing was changed") as refused:
            upgrade(host, tool, newer(host), check=check, backup=backup)
        assert words in str(refused.value), refused.value
    assert (files(host), host.ids(), version(host), running(host)) == (before, up, "v1.0.0", {"node", "gateway"})


def test_an_upgrade_without_a_password_for_its_backup_is_none(memory_host: MemoryHost, saved: ResticInMemory) -> None:
    both(memory_host, saved, "has no password for its repository, and none was given", password="")


def test_what_a_repository_is_refused_for_is_said_before_all_else(memory_host: MemoryHost, saved: ResticInMemory) -> None:
    host = memory_host
    both(host, saved, "lies in", repository=host.store.root + "/instances/x")
    assert taking(host, saved)()["error"] is None
    known = settings.read(host.store.instance(ID))
    assert known is not None
    config = Path(known.repository, "config")
    text = config.read_text()
    config.write_text("another")
    both(host, saved, "wrong password", password="")
    # One that is given is not here in check mode, and may be the right one.
    assert entry(upgrade(host, saved, newer(host), check=True, backup=asked()))["error"] is None
    config.write_text(text)
    saved.ends = {"snapshots": (1, "Fatal: broken")}
    both(host, saved, "broken")
    saved.ends = {}
    before = files(host)
    announced = entry(upgrade(host, saved, newer(host), check=True, backup=asked(False)))
    assert announced["error"] is None and files(host) == before


def test_the_backup_of_the_stop_is_copied_once_the_node_runs_again(memory_host: MemoryHost, saved: ResticInMemory) -> None:
    host = memory_host
    other = [{"name": "other", "repository": place(host)}]
    announced = entry(upgrade(host, saved, newer(host), check=True, backup=asked(copies=other)))
    assert "create copy other" in acted(announced) and not Path(place(host)).exists()
    seen: list[tuple[Any, list[str]]] = []
    saved.during = lambda words: seen.append((version(host), sorted(running(host)))) if words[0] == "copy" else None
    done = entry(upgrade(host, saved, newer(host), backup={"repository": None, "password": PASSWORD, "copies": other}))
    assert done["error"] is None and set(map(str, seen)) == {str(("v1.1.0", ["gateway", "node"]))}
    assert "create copy other" in acted(done) and names(listed(host, saved)) == [done["upgrade"]["backup"]]
    # One that cannot be reached takes nothing from the upgrade, nor from those after it.
    saved.during, saved.ends = (lambda _words: None), {"copy": (1, "Fatal: dial tcp: connection refused")}
    done = entry(upgrade(host, saved, newer(host, "v1.2.0", "error")))
    assert (done["error"], version(host), rules_of(done).count("BAK-003")) == (None, "v1.2.0", 1)
    [told] = [item for item in done["findings"] if item["id"] == "BAK-003"]
    assert told["severity"] == "warning" and "not copied to other" in told["message"] and "connection refused" in told["message"]
