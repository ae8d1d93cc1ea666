# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What must not go back stays as it is, whoever says so: the version before, the next one, or the operator by now."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.restaking.avs.plugins.module_utils.reconcile.repositories import Asked, Host
from ansible_collections.restaking.avs.plugins.module_utils.transaction.rollback import rollback

from tests.unit.support.memory_host import ID, NODE, PACKAGE, MemoryHost, with_service
from tests.unit.support.restic_in_memory import ResticInMemory
from tests.unit.support.saved_host import PASSWORD, WAY, running
from tests.unit.transaction.conftest import rows
from tests.unit.transaction.test_upgrade import Ran, entry, migrating, newer, upgrade, version

NEVER = {"entrypoint": ["sh", "-c", "exit 3"], "restart": "no"}


def back(host: MemoryHost, tool: ResticInMemory, **classes: str) -> dict[str, Any]:
    """``classes``: as the operator says by now."""
    by_now = Asked(password=PASSWORD, classes={ID: classes} if classes else None)
    return entry(rollback(Host(host.store, host.engine.connect(), tool), [ID], WAY, by_now, True))


def saying(name: str, cls: str) -> dict[str, Any]:
    return {"repository": None, "password": PASSWORD, "classes": {ID: {name: cls}}}


def test_what_is_monotonic_by_now_does_not_go_back(memory_host: MemoryHost, saved: ResticInMemory, writing: None) -> None:
    host = memory_host
    upgrade(host, saved, newer(host))
    assert "debug" in rows(host)
    done = back(host, saved, **{"node-data": "monotonic"})
    assert (done["error"], version(host)) == (None, "v1.0.0") and "debug" in rows(host)


def test_a_folder_that_is_monotonic_by_now_does_not_go_back(memory_host: MemoryHost, saved: ResticInMemory) -> None:
    host = memory_host
    upgrade(host, saved, newer(host))
    work = Path(host.store.instance(ID).data, "work", "more")
    work.write_text("signed since")
    done = back(host, saved, **{"data/work": "monotonic"})
    assert (done["error"], version(host), work.read_text()) == (None, "v1.0.0", "signed since")


def test_what_is_a_cache_by_now_goes_back_with_the_rest(memory_host: MemoryHost, saved: ResticInMemory, writing: None) -> None:
    host = memory_host
    upgrade(host, saved, newer(host))
    done = back(host, saved, **{"node-data": "cache"})
    assert (done["error"], rows(host)) == (None, "committed info")


@pytest.mark.parametrize("committed", [False, True])
def test_what_the_new_version_says_is_monotonic_does_not_go_back(
    memory_host: MemoryHost, saved: ResticInMemory, writing: None, committed: bool
) -> None:
    host = memory_host
    spec = {**newer(host, **({} if committed else NEVER)), "volumes": {"node-data": "monotonic"}}
    done = entry(upgrade(host, saved, spec))
    if committed:
        assert "node-data would stay as it is" in back(host, saved)["upgrade"]["discards"]
    assert version(host) == "v1.0.0" and "debug" in rows(host), done["error"]


def test_what_is_said_of_the_new_version_alone_does_not_stop_the_way_back(memory_host: MemoryHost, saved: ResticInMemory) -> None:
    """A volume that came with it, and has a class by now."""
    host = memory_host
    spec = newer(host)
    mounts = [NODE["volumes"][0], {"type": "volume", "source": "extra", "target": "/extra"}, NODE["volumes"][2]]
    mounts += [{"type": "bind", "source": "./work", "target": "/work"}]
    tree = host.tree({**with_service(PACKAGE, "node", volumes=mounts), "volumes": {"node-data": {}, "extra": {}}})
    assert entry(upgrade(host, saved, {**spec, "package": {**spec["package"], "tree_sha256": tree}}))["error"] is None
    done = back(host, saved, extra="cache")
    assert (running(host), version(host)) == ({"node", "gateway"}, "v1.0.0"), done["error"]


@pytest.mark.parametrize("moved", [True, False])
def test_what_must_not_go_back_and_lies_elsewhere_by_now_is_not_overwritten(
    memory_host: MemoryHost, saved: ResticInMemory, moved: bool
) -> None:
    """It is behind a link, or gone; the backup has it as it was."""
    host = memory_host
    assert entry(upgrade(host, saved, newer(host), backup=saying("data/work", "monotonic")))["error"] is None
    data = Path(host.store.instance(ID).data)
    (data / "work").rename(data / "moved")
    (data / "moved" / "more").write_text("signed since")
    if moved:
        (data / "work").symlink_to("moved")
    done = back(host, saved)
    assert "must not go back" in done["error"] and (data / "moved" / "more").read_text() == "signed since", done["error"]
    assert (data / "work").exists() is moved


@pytest.mark.parametrize("cls", ["cache", "secret"])
def test_what_a_migration_did_where_nothing_is_saved_is_reverted(
    memory_host: MemoryHost, saved: ResticInMemory, ran: Ran, cls: str
) -> None:
    host = memory_host
    done = entry(upgrade(host, saved, migrating(host, **NEVER), backup=saying("node-data", cls)))
    assert [name for name, _up in ran] == ["up", "down"], done["error"]
    assert (version(host), running(host)) == ("v1.0.0", {"node", "gateway"})


def test_a_cache_that_a_migration_changed_for_good_holds_nobody_down(memory_host: MemoryHost, saved: ResticInMemory, ran: Ran) -> None:
    host = memory_host
    done = entry(upgrade(host, saved, migrating(host, revert=False, **NEVER), backup=saying("node-data", "cache")))
    assert [name for name, _up in ran] == ["up"]
    assert (version(host), running(host)) == ("v1.0.0", {"node", "gateway"}), done["error"]
