# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A node goes to another host with what it has stored: at every moment one of the two may start it, and no more than one."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.restaking.avs.plugins.module_utils.backup import last, owners, settings
from ansible_collections.restaking.avs.plugins.module_utils.instance import hold, key_files
from ansible_collections.restaking.avs.plugins.module_utils.reconcile import control, own, saving
from ansible_collections.restaking.avs.plugins.module_utils.reconcile.own import Way
from ansible_collections.restaking.avs.plugins.module_utils.reconcile.repositories import Asked
from ansible_collections.restaking.avs.plugins.module_utils.status.held import held
from ansible_collections.restaking.avs.plugins.modules.instance_move import said

from tests.unit.support.cuts import every_cut
from tests.unit.support.memory_host import ID, acted, rules_of
from tests.unit.support.saved_host import BOOT, WAY, running
from tests.unit.support.two_hosts import CHECK, Two, contents, keyed, nothing


def test_it_goes_from_one_host_to_the_other_and_starts_on_none_but_that(two: Two) -> None:
    old, new = two.old, two.new
    seen = two.step("looked")
    assert seen["error"] is None and nothing(new)
    assert {"inventory": "inventory-one", "machine": "machine one", "keys": True, "outdated": {}}.items() <= seen["move"].items()
    announced = two.step("brought", CHECK, old=two.step("given_up", CHECK)["move"])
    assert nothing(new) and running(old) == {"node", "gateway"}
    assert acted(announced) == ["create hold demo-avs-op1", "create files data", "create volume node-data"]
    two.move()
    assert running(old) == set() and key_files.is_wiped(old.store.instance(ID))
    assert hold.hold_of(new.store.instance(ID)) is None and contents(new) == ("41", "more")
    entry = new.well(keyed(new))
    assert running(new) == {"node", "gateway"} and contents(new) == ("41", "more") and entry["changed"]
    assert new.call(keyed(new))["changed"] is False
    # Whatever comes back there stays down: a start, a run, a start of the host.
    assert "node belongs to another host" in two.start()["error"]
    again = old.call(keyed(old))["instances"][0]
    assert again["hold"]["reason"] == "moved to inventory-two" and "OPS-017" in rules_of(again)
    old.world.reboot()
    own.recover(old.store, old.engine.connect(), [ID], BOOT)
    two.start(BOOT)
    assert running(old) == set()
    control.stop(old.store, old.engine.connect(), [ID], WAY, "somebody else's reason")
    assert "node belongs to another host" in two.start(Way("tester", 0, take_back="another-host"))["error"]
    # It has no keys: by its name it is let go, and waits for them.
    taken = two.start(Way("tester", 0, take_back="inventory-two"))
    assert taken["waiting"] and hold.hold_of(old.store.instance(ID)) is None and running(old) == set()


def test_it_is_restored_from_a_copy_where_nothing_else_is_left_of_its_old_host(two: Two) -> None:
    new = two.new
    two.copy = str(new.roots / "elsewhere")
    two.back_up()
    shutil.rmtree(Path(new.store.root, "backup", ID))
    assert two.step("looked")["error"] is None and nothing(new)
    for what in ("brought", "confirmed"):
        entry = two.step(what, dead=["inventory-one"])
        assert entry["error"] is None, entry["error"]
    new.well(keyed(new))
    assert contents(new) == ("41", "more") and running(new) == {"node", "gateway"}
    # Its own repository begins there, and the copy goes on.
    here = replace(two.asked(new), copy="")
    made = saving.take(two.at(new), [ID], WAY, here)["instances"][0]
    assert made["error"] is None, made["error"]
    known = {name: saving.listed(two.at(new), [ID], WAY, Asked(copy=name))["instances"][0]["backups"] for name in ("", "offsite")}
    assert (len(known[""]), len(known["offsite"])) == (1, 3)
    # What was there and is gone is another thing.
    shutil.rmtree(Path(new.store.root, "backup", ID))
    assert "was there, and is gone" in saving.take(two.at(new), [ID], WAY, here)["instances"][0]["error"]


def test_a_host_that_gave_it_up_has_none_of_its_keys_any_more(two: Two) -> None:
    old = two.old
    before = held(old.store, ID, old.engine.connect().containers())
    assert before["keystores"]
    two.step("given_up")
    assert held(old.store, ID, old.engine.connect().containers())["keystores"] == {}
    assert settings.has_password(old.store.instance(ID))
    # In a repository both reach, an old state would be the newest backup.
    done = saving.take(two.at(old), [ID], WAY, Asked())["instances"][0]
    assert "is backed up on another host" in done["error"] and "Run it on inventory-two" in done["error"]
    # Where all of the host are meant, the others of it are.
    done = saving.take(two.at(old), [ID], WAY, Asked(), True)["instances"][0]
    assert (done["error"], done["changed"], "OPS-017" in rules_of(done)) == (None, False, True)
    noted = last.read(old.store.instance(ID))
    assert noted is not None and not noted.failures
    # Another hold is none of that kind, and neither is one whose keys are there again.
    key_files.write_secrets(old.store.instance(ID), {"key.bls.keystore": "{}"}, {}, {})
    assert held(old.store, ID, old.engine.connect().containers())["keystores"]


@pytest.mark.parametrize(
    "old, dead, why",
    [
        ({}, [], "it was not asked"),
        ({"problem": "it could not be reached (no route)"}, ["other"], "no route"),
        ({"host": "one", "machine": "machine three", "down": True}, [], "has not confirmed"),
        ({"host": "three", "machine": "machine one", "down": True}, [], "has not confirmed"),
        # It answers, so it is not dead.
        ({"host": "one", "machine": "machine one", "down": False}, ["inventory-one"], "answers"),
    ],
)
def test_without_its_old_host_nothing_is_changed(two: Two, old: dict[str, Any], dead: list[str], why: str) -> None:
    for way in (CHECK, WAY):
        done = two.step("brought", way, old=old, dead=dead)
        assert "KEY-013" in rules_of(done) and any(why in item["message"] for item in done["findings"]), done
        assert nothing(two.new) and running(two.old) == {"node", "gateway"}


@pytest.mark.parametrize("name", ["inventory-one", "one"])
def test_a_host_that_is_named_dead_is_done_without_and_waits_for_its_keys_when_it_returns(two: Two, name: str) -> None:
    for what in ("brought", "confirmed"):
        assert two.step(what, dead=[name], old={"problem": "no route"})["error"] is None
    two.new.well(keyed(two.new))
    two.old.world.reboot()
    shutil.rmtree(two.old.store.run)
    own.recover(two.old.store, two.old.engine.connect(), [ID], BOOT)
    assert two.start(BOOT)["waiting"] and running(two.old) == set() and running(two.new) == {"node", "gateway"}


def test_what_was_brought_starts_for_nobody_until_its_old_host_gave_it_up(two: Two) -> None:
    new = two.new
    assert two.step("brought", old=two.step("given_up", CHECK)["move"])["error"] is None
    assert new.call(keyed(new))["instances"][0]["hold"]["host"] == "inventory-one"
    assert "node belongs to another host" in two.start(host=new)["error"]
    for old in (two.step("given_up", CHECK)["move"], {}, {"host": "one", "machine": "other", "down": True}):
        assert "stays held" in two.step("confirmed", old=old)["error"]
    assert running(new) == set() and running(two.old) == {"node", "gateway"}
    assert two.step("brought", old=two.step("given_up", CHECK)["move"])["error"] is None
    assert two.step("confirmed", old=two.step("given_up")["move"])["error"] is None
    # Of another version it is none.
    other = {**keyed(new), "package": {**keyed(new)["package"], "version": "v9.9.9"}}
    assert "the entry is of demo-avs v9.9.9" in new.call(other)["instances"][0]["error"]
    new.well(keyed(new))
    assert contents(new) == ("41", "more") and not os.path.exists(new.store.instance(ID).arrived_file)


def test_cut_at_any_moment_both_never_run_and_the_next_one_goes_on(two: Two) -> None:
    promised = two.step("given_up", CHECK)["move"]
    cuts = 0
    for what in every_cut(two.new, lambda _host: two.step("brought", old=promised)):
        cuts += 1
        known = hold.hold_of(two.new.store.instance(ID))
        # No file of it before it is held.
        assert known is not None or not two.new.world.volumes, what
        if known is not None:
            two.new.call(keyed(two.new))
            assert running(two.new) == set(), what
        own.recover(two.new.store, two.new.engine.connect(), [ID], BOOT)
        done = two.step("brought", old=promised)
        assert done["error"] is None and contents(two.new) == ("41", "more"), what
        beside = [name for name in os.listdir(two.new.store.instance(ID).root) if "restor" in name or "replaced" in name]
        assert beside == [] and hold.hold_of(two.new.store.instance(ID)) is not None, what
    assert cuts > 5


def test_what_stands_in_its_place_is_told_before_anything_is_changed(two: Two) -> None:
    new = two.new
    assert "the entry is of demo-avs v2.0.0" in two.step("looked", version="v2.0.0")["error"]
    assert "has no backup nobody" in two.step("looked", backup="nobody")["error"]
    assert nothing(new)
    data = Path(new.store.instance(ID).data)
    data.mkdir(parents=True)
    (data / "of somebody").write_text("x")
    assert "has something in it" in two.step("looked")["error"]
    shutil.rmtree(new.store.instances)
    new.well(keyed(new))
    assert "is installed on this host already" in two.step("looked")["error"]


def test_what_must_not_go_back_goes_with_a_node_that_is_held_since_before_its_backup(two: Two) -> None:
    two.classes = (("node-data", "monotonic"),)
    two.back_up()
    two.carry()
    promised = two.step("given_up", CHECK)["move"]
    done = two.step("brought", old=promised)
    assert "BAK-005" in rules_of(done) and nothing(two.new)
    assert two.step("brought", CHECK, old=promised, acknowledged=("volumes/node-data",))["error"] is None
    control.stop(two.old.store, two.old.engine.connect(), [ID], WAY)
    two.patch.setattr(saving.snapshot, "now", lambda: "2999-01-01T00:00:00Z")
    two.back_up()
    two.carry()
    two.move()
    two.new.well(keyed(two.new))
    assert contents(two.new) == ("41", "more")


def test_numbers_that_are_somebody_elses_are_told_and_mapped(two: Two, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(owners, "_numbers", lambda _entries: ({4711}, set()))
    monkeypatch.setattr(owners, "_user", lambda number: "alice" if number == 4711 else "")
    assert [item.message for item in owners.taken(ID, [], {}, {})] == ["files of its user 4711 belong to alice on this host"]
    assert owners.taken(ID, [], {"users": {"4711": "alice"}}, {}) == []
    assert owners.taken(ID, [], {}, {4711: 4711}) == []
    for wrong in ({"a": 1}, {"1": -1}, {"0": 5}, {"5": 0}, [1], {"1": 1 << 33}):
        with pytest.raises(Exception, match="not to be understood"):
            owners.table(wrong)
    assert owners.table({"1000": 2000}) == {1000: 2000}
    done = two.step("looked")
    assert "BAK-012" in rules_of(done)


def test_a_registered_answer_is_read() -> None:
    assert said({"instances": [{"id": ID, "move": {"down": True}}]}) == {"down": True}
    assert said({"unreachable": True, "msg": "no route\nmore"}) == {"problem": "it could not be reached (no route)"}
    assert said({"msg": "no engine", "failed": False}) == {"problem": "no engine", "answers": True}
    assert said({"skipped": True}) == {} == said({}) and said({"asked": False, "msg": "none"}) == {"problem": "none"}
