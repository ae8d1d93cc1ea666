# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How an upgrade ends: with a node that runs, whatever ended it, and with a true word on it."""

from __future__ import annotations

import errno
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.restaking.avs.plugins.module_utils.backup import progress
from ansible_collections.restaking.avs.plugins.module_utils.commands import images
from ansible_collections.restaking.avs.plugins.module_utils.commands.one_off import command_lock
from ansible_collections.restaking.avs.plugins.module_utils.commands.perform import Wish, perform
from ansible_collections.restaking.avs.plugins.module_utils.common.errors import AvsError
from ansible_collections.restaking.avs.plugins.module_utils.common.spec import InstanceSpec
from ansible_collections.restaking.avs.plugins.module_utils.instance import hold, journal, secrets_before
from ansible_collections.restaking.avs.plugins.module_utils.instance import transaction as record
from ansible_collections.restaking.avs.plugins.module_utils.instance.store import InstanceStore
from ansible_collections.restaking.avs.plugins.module_utils.reconcile import apply
from ansible_collections.restaking.avs.plugins.module_utils.system.detached import _Ended
from ansible_collections.restaking.avs.plugins.module_utils.system.lock import Lock
from ansible_collections.restaking.avs.plugins.module_utils.transaction import restoring
from ansible_collections.restaking.avs.plugins.module_utils.transaction.saved import Saved
from ansible_collections.restaking.avs.plugins.module_utils.transaction.upgrade import Upgrading

from tests.unit.support.memory_host import ID, MemoryHost
from tests.unit.support.restic_in_memory import ResticInMemory
from tests.unit.support.saved_host import keyless, running
from tests.unit.transaction.conftest import Ran, rows
from tests.unit.transaction.killed import Killed, ended, killed_at
from tests.unit.transaction.test_upgrade import entry, migrating, newer, taken_back, upgrade, version

UP = {"node", "gateway"}


def failing(number: int) -> Any:
    def fail(*_a: Any, **_k: Any) -> Any:
        raise OSError(number, "is what the host says")

    return fail


@pytest.mark.parametrize("step", ["backup", "gate"])
@pytest.mark.parametrize("stopped", [False, True])
def test_an_executor_that_is_told_to_end_starts_the_old_version(
    memory_host: MemoryHost, saved: ResticInMemory, monkeypatch: pytest.MonkeyPatch, step: str, stopped: bool
) -> None:
    """As ``system/detached`` is told by SIGTERM."""
    host, gate, told = memory_host, apply.gate, list[str]()

    def end(*given: Any, **_k: Any) -> Any:
        if told:
            return gate(*given)
        told.append(step)
        if stopped:
            hold.place(host.store.instance(ID), "somebody", "meanwhile")
        raise _Ended

    with monkeypatch.context() as here:
        here.setattr(*((Saved, "copy", end) if step == "backup" else (apply, "gate", end)))
        with pytest.raises(_Ended):
            upgrade(host, saved, newer(host))
    assert (version(host), running(host)) == ("v1.0.0", set() if stopped else UP)
    assert not Path(host.store.instance(ID).upgrade).exists()
    # Its history says that it ended, as the result does.
    assert journal.opened(host.store.instance(ID)) == []


def test_an_executor_that_is_told_to_end_once_it_was_committed_says_so(
    memory_host: MemoryHost, saved: ResticInMemory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only what follows was cut: older backups, copies elsewhere."""
    host = memory_host

    def end(*_a: Any) -> Any:
        raise _Ended

    monkeypatch.setattr(Saved, "settle", end)
    with pytest.raises(_Ended):
        upgrade(host, saved, newer(host))
    told = Path(host.store.instance(ID).path("journal.jsonl")).read_text().splitlines()
    assert journal.opened(host.store.instance(ID)) == [] and '"outcome": "done"' in told[-1]
    assert (version(host), running(host)) == ("v1.1.0", UP)


def test_a_disk_that_is_full_before_the_switch_leaves_the_old_version_running(
    memory_host: MemoryHost, saved: ResticInMemory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The backup itself may have filled it."""
    host, write = memory_host, record.write

    def full(own: InstanceStore, known: record.Transaction) -> None:
        if known.step in (record.SWITCH, record.ROLL_BACK):
            failing(errno.ENOSPC)()
        write(own, known)

    with monkeypatch.context() as here:
        here.setattr(record, "write", full)
        done = entry(upgrade(host, saved, newer(host)))
    assert (version(host), running(host)) == ("v1.0.0", UP), done["error"]
    assert "failed at SWITCH" in done["error"] and "v1.0.0 runs again, and is well" in done["error"], done["error"]


def test_what_does_not_come_up_after_its_backup_failed_is_not_held_down(memory_host: MemoryHost, saved: ResticInMemory) -> None:
    """Of the other version nobody has seen anything."""
    host = memory_host
    saved.opening = lambda: saved.ends.update(snapshots=(1, "Fatal: repository contains errors"))
    host.world.broken = {"start node": "no such device"}
    done = entry(upgrade(host, saved, newer(host)))
    assert "v1.0.0 is in its place as before, and is not well" in done["error"] and not done["upgrade"]["quarantined"], done["error"]
    assert "no such device" in done["error"]
    host.world.broken = {}
    host.well(keyless(host))
    assert running(host) == UP


@pytest.mark.parametrize("what", ["drop_discarded", "settle", "secrets", "the record", "the commit's own"])
def test_what_was_committed_is_said_to_be_so_where_it_could_not_be_tidied(
    memory_host: MemoryHost, saved: ResticInMemory, monkeypatch: pytest.MonkeyPatch, writing: None, what: str
) -> None:
    host, fail, write = memory_host, failing(errno.EPERM), record.write
    own = host.store.instance(ID)
    with monkeypatch.context() as here:
        if what == "the record":
            here.setattr(record, "write", lambda own, known: fail() if known.step == record.PRUNE else write(own, known))
        elif what == "the commit's own":
            here.setattr(InstanceStore, "prune", fail)
        else:
            places = {"drop_discarded": (restoring, what), "settle": (record, what), "secrets": (secrets_before, "drop")}
            here.setattr(*places[what], fail)
        done = entry(upgrade(host, saved, newer(host)))
        assert (version(host), running(host), done["error"], done["upgrade"]["step"]) == ("v1.1.0", UP, None, "COMMIT")
        assert any("could not be" in item["message"] for item in done["findings"]), done["findings"]
        ended(host, saved)
        # It is changed since, and its record is another one.
        if what not in ("the commit's own", "secrets"):
            host.well({**newer(host), "env": {"MODE": "loud"}})
        ended(host, saved)
        assert (version(host), running(host)) == ("v1.1.0", UP)
    ended(host, saved)
    assert version(host) == "v1.1.0" and "debug" in rows(host) and not Path(own.upgrade).exists() and Path(own.previous).exists()


def test_the_end_of_what_was_committed_is_not_said_to_be_a_way_back(
    memory_host: MemoryHost, saved: ResticInMemory, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = memory_host
    killed_at(host, saved, monkeypatch, record, "settle")
    done = taken_back(host, saved)
    assert (version(host), done["upgrade"]["rolled_back"]) == ("v1.1.0", False), done
    done = taken_back(host, saved)
    assert (version(host), done["upgrade"]["rolled_back"]) == ("v1.0.0", True), done


def test_a_host_that_fails_around_an_upgrade_is_told_of_its_instance(
    memory_host: MemoryHost, saved: ResticInMemory, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = memory_host
    with monkeypatch.context() as here:
        here.setattr(Upgrading, "_done", failing(errno.EIO))
        done = entry(upgrade(host, saved, newer(host)))
    assert "was begun, and how far it came is not known" in done["error"] and (version(host), running(host)) == ("v1.1.0", UP)
    with monkeypatch.context() as here:
        here.setattr(Upgrading, "run", failing(errno.EROFS))
        done = entry(upgrade(host, saved, newer(host, "v1.2.0")))
    assert "was not begun" in done["error"], done["error"]


def test_no_command_of_the_package_is_at_work_while_it_is_upgraded(memory_host: MemoryHost, saved: ResticInMemory) -> None:
    """It would write to what was saved already, and to what is put back."""
    host = memory_host
    with Lock(command_lock(host.store.instance(ID)), "somebody's command", 0):
        done = entry(upgrade(host, saved, newer(host)))
    assert "somebody's command" in done["error"] and "nothing of it was changed" in done["error"], done["error"]
    assert (version(host), running(host)) == ("v1.0.0", UP)
    assert entry(upgrade(host, saved, newer(host)))["error"] is None
    with Lock(command_lock(host.store.instance(ID)), "somebody's command", 0):
        done = taken_back(host, saved)
    assert "somebody's command" in done["error"] and (version(host), running(host)) == ("v1.1.0", UP), done["error"]
    assert not Path(host.store.instance(ID).upgrade).exists()
    assert taken_back(host, saved)["error"] is None


def test_no_command_runs_between_two_versions(
    memory_host: MemoryHost, saved: ResticInMemory, ran: Ran, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A rollback that was cut: the release is the old one's, what is stored the new one's, and the record says committed."""
    host = memory_host
    own = host.store.instance(ID)
    with_commands = {name: migrating(host)[name] for name in ("plugin", "commands")}
    host.well({**keyless(host), **with_commands})
    images.ensure(host.engine.connect(), own, InstanceSpec.read({**keyless(host), **with_commands}))
    assert entry(upgrade(host, saved, {**newer(host), **with_commands}))["error"] is None
    with monkeypatch.context() as here, suppress(AvsError, Killed):
        here.setattr(secrets_before, "put_back", failing(errno.EIO))
        taken_back(host, saved)
    progress.clear(own)
    assert Path(own.upgrade).exists() and own.release() == "1-v1.0.0" and version(host) == "v1.1.0"
    ran.clear()
    found = perform(host.store, host.engine.connect(), [ID], Wish("up", holder="test", lock_timeout=0))[0]
    assert ran == [] and "cannot be given a command" in found["error"], found
    taken_back(host, saved)
    assert perform(host.store, host.engine.connect(), [ID], Wish("up", holder="test", lock_timeout=0))[0]["error"] is None
