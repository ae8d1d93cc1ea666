# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is done to an instance after an upgrade of it was cut: by who comes next, by its inventory, by another release."""

from __future__ import annotations

import errno
import json
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.restaking.avs.plugins.module_utils.backup import progress, retention
from ansible_collections.restaking.avs.plugins.module_utils.common.errors import AvsError
from ansible_collections.restaking.avs.plugins.module_utils.instance import secrets_before
from ansible_collections.restaking.avs.plugins.module_utils.instance import transaction as record
from ansible_collections.restaking.avs.plugins.module_utils.reconcile import apply, control, own, restoring, saving, standstill
from ansible_collections.restaking.avs.plugins.module_utils.reconcile.job import Call
from ansible_collections.restaking.avs.plugins.module_utils.reconcile.reconcile import reconcile
from ansible_collections.restaking.avs.plugins.module_utils.reconcile.repositories import Asked
from ansible_collections.restaking.avs.plugins.module_utils.transaction import back

from tests.unit.support.memory_host import ID, MemoryHost, rules_of
from tests.unit.support.restic_in_memory import ResticInMemory
from tests.unit.support.saved_host import BOOT, PASSWORD, WAY, keyless, running
from tests.unit.transaction.conftest import rows
from tests.unit.transaction.killed import Killed, boot, ended, killed_at, older_release, where
from tests.unit.transaction.test_upgrade import entry, newer, taken_back, upgrade, version

UP = {"node", "gateway"}
NEVER = {"entrypoint": ["sh", "-c", "exit 3"], "restart": "no"}


def policies(host: MemoryHost) -> dict[str, Any]:
    return {item.name: item.service.get("restart") for item in host.world.containers.values()}


def test_a_second_upgrade_of_what_a_cut_left_down_does_not_leave_it_down(
    memory_host: MemoryHost, saved: ResticInMemory, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = memory_host
    killed_at(host, saved, monkeypatch, apply, "gate")
    ended(host, saved)
    done = entry(upgrade(host, saved, newer(host, **NEVER)))
    assert (version(host), running(host)) == ("v1.0.0", UP), done["error"]


@pytest.mark.parametrize("what", [(apply, "gate"), (back, "way_back_from")])
def test_an_upgrade_that_is_refused_does_not_leave_down_what_it_ended_the_cut_of(
    memory_host: MemoryHost, saved: ResticInMemory, monkeypatch: pytest.MonkeyPatch, what: tuple[Any, str]
) -> None:
    """As ``work.work``: what was cut is ended, then the next upgrade is planned, and cannot be had."""
    host = memory_host
    killed_at(host, saved, monkeypatch, *what)
    assert version(host) == "v1.0.0" or running(host) == UP
    ended(host, saved)
    assert (version(host), running(host)) == ("v1.0.0", UP)
    with pytest.raises(AvsError):
        upgrade(host, saved, {**newer(host, "v1.2.0"), "profile": "mainnet"})
    assert (version(host), running(host)) == ("v1.0.0", UP)


def test_what_did_not_run_before_is_not_started_by_the_end_of_a_cut(
    memory_host: MemoryHost, saved: ResticInMemory, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = memory_host
    for item in host.world.containers.values():
        item.state = "exited"
    killed_at(host, saved, monkeypatch, back, "way_back_from")
    ended(host, saved)
    assert running(host) == set() and not Path(host.store.instance(ID).upgrade).exists()


@pytest.mark.parametrize("wanted", ["stopped", "absent"])
def test_what_is_to_be_down_is_not_started_by_the_way_back(
    memory_host: MemoryHost, saved: ResticInMemory, monkeypatch: pytest.MonkeyPatch, wanted: str
) -> None:
    host = memory_host
    killed_at(host, saved, monkeypatch, apply, "gate")
    assert Path(host.store.instance(ID).upgrade, "record.json").exists()
    found = host.call(host.stopped() if wanted == "stopped" else host.gone())
    assert [item["error"] for item in found["instances"]] == [None] and running(host) == set()
    boot(host, saved)
    ended(host, saved)
    assert running(host) == set()
    assert wanted == "absent" or (version(host), host.state()["desired"]) == ("v1.0.0", "stopped")


def test_what_was_stopped_by_the_inventory_stays_down_after_a_rollback(memory_host: MemoryHost, saved: ResticInMemory) -> None:
    host = memory_host
    upgrade(host, saved, newer(host))
    host.well(host.stopped())
    assert running(host) == set()
    done = taken_back(host, saved)
    assert (done["error"], version(host), running(host)) == (None, "v1.0.0", set())


@pytest.mark.parametrize("changed", [False, True])
def test_what_an_older_release_committed_is_not_thrown_away(
    memory_host: MemoryHost, saved: ResticInMemory, writing: None, monkeypatch: pytest.MonkeyPatch, changed: bool
) -> None:
    host = memory_host
    killed_at(host, saved, monkeypatch, apply, "gate")
    with monkeypatch.context() as here:
        older_release(here)
        host.well({**newer(host), **({"env": {"MODE": "loud"}} if changed else {})})
    before = rows(host)
    ended(host, saved)
    assert (version(host), rows(host), running(host)) == ("v1.1.0", before, UP)
    assert not Path(host.store.instance(ID).upgrade).exists() and Path(host.store.instance(ID).previous).exists()


def test_what_is_neither_version_s_is_left_to_a_person(
    memory_host: MemoryHost, saved: ResticInMemory, writing: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = memory_host
    killed_at(host, saved, monkeypatch, apply, "gate")
    state = Path(host.store.instance(ID).state_file)
    known = json.loads(state.read_text())
    state.write_text(
        json.dumps({**known, "phase": "committed", "spec_digest": "0" * 64, "package": {**known["package"], "version": "v1.0.9"}})
    )
    before = (state.read_text(), rows(host), running(host))
    ended(host, saved)
    assert (state.read_text(), rows(host), running(host)) == before
    done = taken_back(host, saved)
    assert "UPG-012" in rules_of(done) and "v1.0.9 was installed since" in done["error"], done["error"]
    assert (state.read_text(), rows(host), running(host)) == before


def test_what_a_newer_release_recorded_is_not_taken_back(
    memory_host: MemoryHost, saved: ResticInMemory, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = memory_host
    killed_at(host, saved, monkeypatch, apply, "gate")
    state = Path(host.store.instance(ID).state_file)
    state.write_text(json.dumps({**json.loads(state.read_text()), "schema": 2}))
    before = (state.read_text(), running(host))
    ended(host, saved)
    own.recover(host.store, host.engine.connect(), [ID], BOOT)
    assert (state.read_text(), running(host)) == before and host.store.instance(ID).release() == "2-v1.1.0"


def test_a_half_upgrade_that_cannot_be_ended_is_kept_down_as_the_host_starts(
    memory_host: MemoryHost, saved: ResticInMemory, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = memory_host
    killed_at(host, saved, monkeypatch, apply, "gate")
    host.world.reboot()

    def busy(*_a: Any) -> Any:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(back, "roll_back", busy)
    ended(host, saved, BOOT)
    assert running(host) == UP
    own.recover(host.store, host.engine.connect(), [ID], BOOT)
    assert running(host) == set()


def test_what_was_cut_as_it_was_stopped_has_its_restart_policies_again(
    memory_host: MemoryHost, saved: ResticInMemory, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = memory_host
    before = policies(host)
    killed_at(host, saved, monkeypatch, standstill, "end")
    assert running(host) == UP and policies(host) != before
    # Who ends it may be cut before he has started anything.
    back.settle(where(host, saved), host.store.instance(ID), WAY, Asked(password=PASSWORD))
    assert policies(host) == before
    assert host.call(keyless(host))["changed"] is False


def asked_first(host: MemoryHost, spec: dict[str, Any], **said: Any) -> dict[str, Any]:
    """The first question of a run, to which a host that has nothing to do gives its only answer."""
    document = {"schema": 1, "specs": [spec], "trees": {}, "holder": "test", "lock_timeout": 0, "settings": {}, "complete": False, **said}
    return reconcile(Call(json.loads(json.dumps(document)), {}), host.engine.connect(), host.store)


@pytest.mark.parametrize("said", [{}, {"upgrade": {"acknowledged": {}}}])
@pytest.mark.parametrize("moment", ["stop", "tidy"])
def test_a_run_that_finds_nothing_to_do_ends_what_was_cut(
    memory_host: MemoryHost, saved: ResticInMemory, monkeypatch: pytest.MonkeyPatch, moment: str, said: dict[str, Any]
) -> None:
    """It runs as it was committed: as it was told never to come back, or before what it came from was kept."""
    host, own_ = memory_host, memory_host.store.instance(ID)
    killed_at(host, saved, monkeypatch, *((standstill, "end") if moment == "stop" else (back, "tidy")))
    spec = keyless(host) if moment == "stop" else newer(host)
    assert running(host) == UP and Path(own_.upgrade).exists()
    assert asked_first(host, spec, **said)["needs"].keys() == {ID}
    # Of one that is at work nobody ends anything, nor waits for it.
    progress.Progress(own_).phase(progress.LIVE)
    assert "needs" not in asked_first(host, spec) and host.call(spec)["changed"] is False
    progress.clear(own_)
    ended(host, saved)
    assert "needs" not in asked_first(host, spec, **said) and not Path(own_.upgrade).exists()
    assert policies(host)["avs-demo-avs-op1-node"] == "unless-stopped"


def test_a_backup_of_an_upgrade_that_came_to_nothing_is_not_kept_for_ever(
    memory_host: MemoryHost, saved: ResticInMemory, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = memory_host
    own_, write = host.store.instance(ID), record.write

    def killed(own: Any, known: record.Transaction) -> None:
        if known.backup:
            raise Killed
        write(own, known)

    with monkeypatch.context() as here:
        here.setattr(record, "write", killed)
        here.setattr(back, "drop", lambda *_a: None)
        with pytest.raises(Killed):
            upgrade(host, saved, newer(host))
    progress.clear(own_)
    assert len(retention.needed(own_)) == 1
    # Nothing of it is in the record, and the cut ends as any.
    boot(host, saved)
    assert (version(host), running(host), retention.needed(own_)) == ("v1.0.0", UP, {})
    killed_at(host, saved, monkeypatch, secrets_before, "keep")
    ended(host, saved)
    assert (version(host), running(host), retention.needed(own_)) == ("v1.0.0", UP, {})
    assert entry(upgrade(host, saved, newer(host)))["error"] is None
    kept = retention.needed(own_)
    assert len(kept) == 1
    # The next one lets go of nothing else.
    saved.ends = {"check": (1, "Fatal: repository contains errors")}
    assert entry(upgrade(host, saved, newer(host, "v1.2.0", "trace")))["error"]
    assert (version(host), retention.needed(own_)) == ("v1.1.0", kept)


def test_a_removal_lets_go_of_the_backup_of_the_way_back(memory_host: MemoryHost, saved: ResticInMemory) -> None:
    host = memory_host
    upgrade(host, saved, newer(host))
    assert retention.needed(host.store.instance(ID))
    host.well(host.gone())
    assert retention.needed(host.store.instance(ID)) == {}


@pytest.mark.parametrize("down", [False, True])
def test_a_half_way_back_is_neither_backed_up_nor_restored(
    memory_host: MemoryHost, saved: ResticInMemory, monkeypatch: pytest.MonkeyPatch, down: bool
) -> None:
    """What is stored is the old version's already, and the record says it is the new one's."""
    host = memory_host
    upgrade(host, saved, newer(host))

    def die(*_a: Any, **_k: Any) -> Any:
        raise Killed

    with monkeypatch.context() as here:
        here.setattr(secrets_before, "put_back", die)
        with pytest.raises(Killed):
            taken_back(host, saved)
    progress.clear(host.store.instance(ID))
    if down:
        control.stop(host.store, host.engine.connect(), [ID], WAY)
    assert version(host) == "v1.1.0"
    found = saving.take(where(host, saved), [ID], WAY, Asked(password=PASSWORD))["instances"][0]
    assert "cannot be backed up" in found["error"] and "UPG-012" in rules_of(found) and not found.get("backup"), found
    found = restoring.restore(where(host, saved), [ID], WAY, Asked(password=PASSWORD), restoring.Back())["instances"][0]
    assert "UPG-012" in rules_of(found) and not found.get("restored"), found
