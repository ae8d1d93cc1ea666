# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A rollback of what was committed: what keeps it is found out while the node runs, and what it comes to nothing for is as it was."""

from __future__ import annotations

import errno
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.restaking.avs.plugins.module_utils.backup import restore as swaps
from ansible_collections.restaking.avs.plugins.module_utils.common.errors import HostError
from ansible_collections.restaking.avs.plugins.module_utils.instance import discarded, hold, passed
from ansible_collections.restaking.avs.plugins.module_utils.instance import transaction as record
from ansible_collections.restaking.avs.plugins.module_utils.reconcile import control
from ansible_collections.restaking.avs.plugins.module_utils.reconcile.own import Way
from ansible_collections.restaking.avs.plugins.module_utils.transaction import back

from tests.unit.support.memory_host import ID, MemoryHost
from tests.unit.support.restic_in_memory import ResticInMemory
from tests.unit.support.saved_host import PASSWORD, WAY, keyless, running
from tests.unit.transaction.conftest import rows
from tests.unit.transaction.test_upgrade import Ran, entry, migrating, newer, taken_back, upgrade, version

NEW = ("v1.1.0", {"node", "gateway"})
Break = Callable[[MemoryHost], None]


def there(host: MemoryHost) -> tuple[Any, set[str]]:
    return version(host), running(host)


def previous(host: MemoryHost) -> dict[str, bytes]:
    """All that a rollback goes back to."""
    folder = Path(host.store.instance(ID).previous)
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def without_backup(host: MemoryHost) -> None:
    kept = Path(host.store.instance(ID).previous, "record.json")
    known = record.read(host.store.instance(ID), str(kept.parent))
    assert known is not None
    kept.write_text(kept.read_text().replace(f'"backup": "{known.backup}"', '"backup": "0123456789ab"'))


def without_release(host: MemoryHost) -> None:
    shutil.rmtree(Path(host.store.instance(ID).releases, "1-v1.0.0"))


def without_record(host: MemoryHost) -> None:
    Path(host.store.instance(ID).previous, "state.json").unlink()


def without_image(host: MemoryHost) -> None:
    """Of the version before alone, and no registry has it any more."""
    state = Path(host.store.instance(ID).previous, "state.json")
    state.write_text(re.sub(r"demo-avs@sha256:\w+", f"gone@sha256:{'0' * 64}", state.read_text()).replace("demo-avs:1.0.0", "gone:1.0.0"))


def with_a_link(host: MemoryHost) -> None:
    data = Path(host.store.instance(ID).data)
    data.rename(data.parent / "elsewhere")
    data.symlink_to("nowhere")


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (without_backup, "has no backup 0123456789ab"),
        (without_release, "its release 1-v1.0.0 is not there any more"),
        (without_record, "does not tell what there was before"),
        (without_image, "gone@sha256"),
        (with_a_link, "this host has no such thing"),
    ],
)
def test_what_cannot_be_gone_back_to_is_told_while_the_node_runs(
    memory_host: MemoryHost, saved: ResticInMemory, damage: Break, words: str
) -> None:
    host = memory_host
    upgrade(host, saved, newer(host))
    damage(host)
    before = previous(host), host.ids()
    done = taken_back(host, saved)
    assert words in done["error"], done["error"]
    assert (there(host), (previous(host), host.ids())) == (NEW, before)


def test_without_the_password_nothing_is_stopped(memory_host: MemoryHost, saved: ResticInMemory) -> None:
    host = memory_host
    upgrade(host, saved, newer(host))
    shutil.rmtree(Path(host.store.instance(ID).run) / "backup", ignore_errors=True)
    before = previous(host), host.ids()
    done = taken_back(host, saved, password="")
    assert done["waiting"] and "password" in done["error"]
    done = taken_back(host, saved, password="another one")
    assert done["error"] and (there(host), (previous(host), host.ids())) == (NEW, before)
    assert taken_back(host, saved)["error"] is None and version(host) == "v1.0.0"


def test_check_mode_tells_what_it_can_see(memory_host: MemoryHost, saved: ResticInMemory) -> None:
    host = memory_host
    upgrade(host, saved, newer(host))
    without_release(host)
    assert "is not there any more" in taken_back(host, saved, Way("tester", 0, check=True))["error"]


def test_a_canary_that_was_taken_back_has_proven_nothing(memory_host: MemoryHost, saved: ResticInMemory, writing: None) -> None:
    host = memory_host
    own = host.store.instance(ID)
    # Neither what it leaves, nor what it comes back from, has to be trusted again.
    for leave in (lambda: upgrade(host, saved, newer(host)), lambda: taken_back(host, saved)):
        passed.note(own, host.state()["package"]["tree_sha256"], "r1")
        leave()
        assert passed.passed(own) is None
    assert version(host) == "v1.0.0"


def test_a_moved_node_is_not_taken_back(memory_host: MemoryHost, saved: ResticInMemory, writing: None) -> None:
    host = memory_host
    upgrade(host, saved, newer(host))
    control.stop(host.store, host.engine.connect(), [ID], WAY)
    hold.bind(host.store.instance(ID), hold.MOVED, "host9", "tester")
    before = rows(host), previous(host)
    for way in (WAY, Way("tester", 0, check=True)):
        done = taken_back(host, saved, way)
        assert "moved to host9" in done["error"], done["error"]
    assert (there(host), (rows(host), previous(host))) == (("v1.1.0", set()), before)


def no_room(*_more: Any) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def unsound(*_more: Any) -> None:
    raise HostError("the backup cannot be relied on")


@pytest.mark.parametrize(
    ("what", "name", "how"),
    [(swaps, "bring", unsound), (swaps, "note", no_room), (swaps, "_move", no_room), (record, "write", no_room), (back, "halt", unsound)],
)
def test_what_comes_to_nothing_before_anything_is_replaced_runs_on(
    memory_host: MemoryHost, saved: ResticInMemory, monkeypatch: pytest.MonkeyPatch, what: Any, name: str, how: Any
) -> None:
    host = memory_host
    upgrade(host, saved, newer(host))
    before = previous(host)
    with monkeypatch.context() as here:
        here.setattr(what, name, how)
        done = taken_back(host, saved)
    assert "did not go back" in done["error"] and not done["upgrade"]["rolled_back"] and not done["upgrade"]["quarantined"]
    own = host.store.instance(ID)
    assert there(host) == NEW and "It is down" not in done["error"], done["error"]
    # A write that fails fails whoever would write it as it was as well; it was never another one.
    assert not Path(own.upgrade).exists() and previous(host) == before
    assert host.call(newer(host))["changed"] is False
    done = taken_back(host, saved)
    assert (done["error"], there(host)) == (None, ("v1.0.0", {"node", "gateway"}))


def test_what_was_replaced_is_gone_back_to_by_whoever_comes_next(
    memory_host: MemoryHost, saved: ResticInMemory, writing: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = memory_host
    upgrade(host, saved, newer(host))
    with monkeypatch.context() as here:
        here.setattr(swaps, "let_go", no_room)
        done = taken_back(host, saved)
    assert "It is down" in done["error"] and there(host) == ("v1.1.0", set())
    assert taken_back(host, saved, confirmed=False)["error"] is None
    assert there(host) == ("v1.0.0", {"node", "gateway"}) and rows(host) == "committed info"


@pytest.mark.parametrize("purge", [False, True])
def test_what_was_put_aside_is_known_as_long_as_it_is_there(memory_host: MemoryHost, saved: ResticInMemory, purge: bool) -> None:
    """Of data that lies on another disk nothing else tells."""
    host, own = memory_host, memory_host.store.instance(ID)
    data = Path(own.data)
    data.rename(host.root / "disk")
    data.symlink_to(host.root / "disk")
    upgrade(host, saved, newer(host))
    assert taken_back(host, saved)["error"] is None
    aside = discarded.known(own)
    assert [path for path in aside if path.startswith(str(host.root / "disk.replaced-"))] and all(Path(path).exists() for path in aside)
    host.well(host.gone(purge))
    assert [Path(path).exists() for path in aside] == [not purge] * len(aside)
    assert discarded.known(own) == ([] if purge else aside)
    if not purge:
        assert host.call(host.gone())["changed"] is False
        host.well(keyless(host))
        assert entry(upgrade(host, saved, newer(host)))["error"] is None
        assert not any(Path(path).exists() for path in aside) and not discarded.known(own)


def test_what_a_migration_changed_for_good_is_reverted_by_hand_first(memory_host: MemoryHost, saved: ResticInMemory, ran: Ran) -> None:
    """Of a node that runs nobody did that."""
    host = memory_host
    monotonic = {"repository": None, "password": PASSWORD, "classes": {ID: {"node-data": "monotonic"}}}
    spec = migrating(host, revert=False)
    assert entry(upgrade(host, saved, spec, backup=monotonic, acknowledged={ID: ["migrations.v2.0.0"]}))["error"] is None
    before = previous(host)
    for way in (WAY, Way("tester", 0, check=True)):
        done = taken_back(host, saved, way)
        assert "the migration to v2.0.0 cannot be reverted" in done["error"] and previous(host) == before
    assert there(host) == ("v2.0.0", {"node", "gateway"})
    control.stop(host.store, host.engine.connect(), [ID], WAY)
    told = taken_back(host, saved, Way("tester", 0, check=True))["upgrade"]["discards"]
    assert "somebody reverted by hand what the migration to v2.0.0 changed" in told
    done = taken_back(host, saved)
    assert done["upgrade"]["rolled_back"] and version(host) == "v1.0.0", done["error"]
    assert [name for name, _up in ran] == ["up"] and rows(host) == "committed up"


def test_a_revert_that_cannot_be_run_is_told_while_the_node_runs(memory_host: MemoryHost, saved: ResticInMemory, ran: Ran) -> None:
    host = memory_host
    monotonic = {"repository": None, "password": PASSWORD, "classes": {ID: {"node-data": "monotonic"}}}
    assert entry(upgrade(host, saved, migrating(host), backup=monotonic))["error"] is None
    spec = Path(host.store.instance(ID).path("spec.json"))
    spec.write_text(spec.read_text().replace('"down": {', '"other": {'))
    done = taken_back(host, saved)
    assert "the package has no command down" in done["error"] and there(host) == ("v2.0.0", {"node", "gateway"}), done["error"]


def test_what_is_run_to_go_back_is_said_before(memory_host: MemoryHost, saved: ResticInMemory, ran: Ran) -> None:
    host = memory_host
    monotonic = {"repository": None, "password": PASSWORD, "classes": {ID: {"node-data": "monotonic"}}}
    assert entry(upgrade(host, saved, migrating(host), backup=monotonic))["error"] is None
    assert "of its package down is run" in taken_back(host, saved, confirmed=False)["error"]
    ran.clear()
    done = taken_back(host, saved)
    assert (done["error"], version(host), [name for name, _up in ran]) == (None, "v1.0.0", ["down"])
