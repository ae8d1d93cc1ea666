# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whose word counts when a node goes to another host: whatever is known, and whoever answers, two never sign with one key."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.restaking.avs.plugins.module_utils.backup import arrival, origin
from ansible_collections.restaking.avs.plugins.module_utils.backup.origin import Origin
from ansible_collections.restaking.avs.plugins.module_utils.instance import hold
from ansible_collections.restaking.avs.plugins.module_utils.instance.store import Store
from ansible_collections.restaking.avs.plugins.module_utils.reconcile import control, giving_up, long_work, moving, saving
from ansible_collections.restaking.avs.plugins.module_utils.reconcile.moving import Wanted
from ansible_collections.restaking.avs.plugins.module_utils.reconcile.own import Way
from ansible_collections.restaking.avs.plugins.module_utils.reconcile.repositories import Asked, Host
from ansible_collections.restaking.avs.plugins.module_utils.system.processes import run_command
from ansible_collections.restaking.avs.plugins.modules import instance_move
from ansible_collections.restaking.avs.plugins.modules.instance_move import said

from tests.unit.support.memory_host import ID, MemoryHost, in_memory, rules_of
from tests.unit.support.saved_host import PASSWORD, WAY, keyless, running
from tests.unit.support.two_hosts import CHECK, Two, contents, keyed

ONE = Origin("one", "inventory-one", "machine one")
EARLY, LATE = "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"
# What holds it on its old host -> who has to be named dead before that one's word counts, and since when it is held then.
HOLDS: dict[str, tuple[hold.Hold | str | None, str | None, str]] = {
    "none": (None, "", ""),
    "somebody's": (hold.Hold(EARLY, "somebody", ""), "", EARLY),
    "a restore's": (hold.Hold(EARLY, f"{hold.RESTORE}x", ""), "", ""),
    "moved here": (hold.Hold(EARLY, "somebody", "", hold.MOVED, "inventory-two"), "", EARLY),
    "moved to a third": (hold.Hold(EARLY, "somebody", "", hold.MOVED, "inventory-three"), "inventory-three", ""),
    "from a third": (hold.Hold(EARLY, "somebody", "", hold.AWAITED, "inventory-three"), "inventory-three", ""),
    "not to be read": ("{", None, ""),
}
DEAD = [[], ["inventory-one"], ["one"], ["inventory-three"], ["inventory-one", "inventory-three"]]
# This host, and whether it is the old one for sure.
HERE = [
    (Origin("two", "inventory-two", "machine two"), False),
    (ONE, True),
    # Copies of one machine; without an id; of a backup that does not know the inventory; set up anew.
    (replace(ONE, inventory="inventory-two"), False),
    (replace(ONE, host="two"), False),
    (replace(ONE, machine=""), False),
    (replace(ONE, inventory=""), False),
    (replace(ONE, machine="machine two"), False),
]
# What else a task may have registered than the word of the old host, and whether that host may be dead for all it says.
OTHERS: dict[str, tuple[dict[str, Any], bool]] = {
    "out of reach": ({"unreachable": True, "msg": "no route"}, True),
    "not asked": ({"asked": False, "msg": "it is no other host of this inventory"}, True),
    "skipped": ({"skipped": True}, True),
    "another machine": ({"instances": [{"move": {**ONE.as_dict(), "machine": "machine two", "down": True}}]}, True),
    "without an id": ({"instances": [{"move": {**ONE.as_dict(), "machine": "", "down": True}}]}, True),
    "a copy of it": ({"instances": [{"move": {**ONE.as_dict(), "inventory": "inventory-four", "down": True}}]}, True),
    "not down": ({"instances": [{"move": {**ONE.as_dict(), "down": False}}]}, False),
    "no engine": ({"failed": False, "msg": "the engine does not answer", "findings": []}, False),
}


def words(two: Two, holds: str, dead: list[str]) -> dict[str, Any]:
    """What a task registers of its old host."""
    own, known = two.old.store.instance(ID), HOLDS[holds][0]
    hold.lift(own)
    if known is not None:
        Path(own.hold_file).write_text(known if isinstance(known, str) else json.dumps(known.as_dict()))
    given = Wanted(to="inventory-two", machine="machine one", dead=dead)
    return dict(giving_up.given_up(two.at(two.old), ID, CHECK, two.asked(two.old), given))


def test_who_may_sign_is_the_same_whatever_comes_together(two: Two) -> None:
    rows = 0
    for holds, dead in product(HOLDS, DEAD):
        _known, between, since = HOLDS[holds]
        told = said(words(two, holds, dead))
        gives = between is not None and (not between or between in dead)
        assert bool(told.get("down")) == gives, (holds, dead, told)
        answers = {"its word": (told, gives, False), **{name: (said(one), False, may) for name, (one, may) in OTHERS.items()}}
        for (what, (old, gave, may)), keys, (here, sure) in product(answers.items(), (True, False), HERE):
            arrived = arrival.Arrival("b", "demo-avs", "", keys, ONE.as_dict(), LATE, {"volumes/db": "monotonic"})
            allowed = not keys or sure or gave or (may and bool({"inventory-one", "one"} & set(dead)))
            problems = arrival.why_not(arrived, here, old, dead)
            row = holds, dead, what, keys, here, problems
            assert (problems == []) == allowed and {item.id for item in problems} <= {"KEY-013"}, row
            fresh = what == "its word" and gave and since == EARLY
            assert (arrival.written_since(arrived, old, []) == {}) == fresh or what == "not down", row
            assert arrival.written_since(arrived, old, ["volumes/db"]) == {}, row
            rows += 1
    assert rows == len(HOLDS) * len(DEAD) * (len(OTHERS) + 1) * 2 * len(HERE)


@pytest.mark.parametrize(
    "one, other, same",
    [
        (ONE, ONE, True),
        (ONE, replace(ONE, host="renamed"), True),
        (ONE, replace(ONE, inventory=""), True),
        (ONE, replace(ONE, inventory="inventory-two"), False),
        (ONE, replace(ONE, machine="machine two"), False),
        (ONE, replace(ONE, host="two", inventory=""), False),
        # Of a backup of before.
        (Origin("one"), ONE, True),
        (Origin("one"), Origin("two"), False),
        (Origin(""), Origin(""), False),
    ],
)
def test_a_machine_is_known_again(one: Origin, other: Origin, same: bool) -> None:
    assert one.is_that(other) is same and other.is_that(one) is same


@dataclass
class Third:
    """A third host, to which the node of ``two`` is to go; ``origin``: the host that is asked."""

    two: Two
    host: MemoryHost
    origin: str = "one"

    def at(self, name: str) -> tuple[Host, Asked]:
        host = {"one": self.two.old, "two": self.two.new, "three": self.host}[name]
        self.two.patch.setattr(origin.machine, "identity", lambda: f"machine {name}")
        self.two.patch.setattr(origin.socket, "gethostname", lambda: name)
        return Host(host.store, host.engine.connect(), self.two.tool), Asked(password=PASSWORD, host=f"inventory-{name}")

    def step(self, what: str, way: Way = WAY, **wanted: Any) -> dict[str, Any]:
        more = {"to": "inventory-three", "machine": f"machine {self.origin}"} if what == "given_up" else {}
        host, asked = self.at(self.origin if more else "three")
        taken = giving_up.given_up if more else getattr(moving, what)
        entry: dict[str, Any] = taken(host, ID, way, asked, Wanted(**{**wanted, **more}))["instances"][0]
        return entry

    def all(self, **wanted: Any) -> list[str]:
        """Errors of the steps, as the playbook takes them."""
        promised = self.step("given_up", CHECK, **wanted)
        brought = self.step("brought", **wanted, old=promised.get("move") or {"answers": True})
        if brought["error"]:
            return [text for text in (promised["error"], brought["error"]) if text]
        gone = self.step("given_up", **wanted) if promised.get("move") else promised
        done = self.step("confirmed", **wanted, old=gone.get("move") or {"answers": True})
        if not done["error"]:
            self.host.well(keyed(self.host))
        return [text for text in (gone["error"], done["error"]) if text]


def hold_before_the_backup(two: Two) -> None:
    two.classes = (("node-data", "monotonic"),)
    control.stop(two.old.store, two.old.engine.connect(), [ID], WAY)
    two.patch.setattr(saving.snapshot, "now", lambda: "2999-01-01T00:00:00Z")
    two.back_up()
    two.carry()
    two.patch.setattr(hold, "now", lambda: "2999-01-02T00:00:00Z")


@pytest.fixture
def third(two: Two) -> Iterator[Third]:
    """Host one gave it to host two, which runs it; three has the repository of one."""
    hold_before_the_backup(two)
    two.move()
    two.new.well(keyed(two.new))
    with in_memory(two.patch) as host:
        shutil.copytree(Path(two.old.store.root, "backup", ID), Path(host.store.root, "backup", ID), symlinks=True)
        yield Third(two, host)


def test_what_its_old_host_gave_to_a_second_one_is_not_given_to_a_third(third: Third) -> None:
    for dead in ([], ["inventory-one"], ["one"]):
        problems = third.all(dead=dead)
        assert any("held because of inventory-two, which may run it" in text for text in problems), problems
        assert running(third.two.new) and not running(third.host)
    known = hold.hold_of(third.two.old.store.instance(ID))
    assert known is not None and known.host == "inventory-two"


def test_where_the_second_one_is_named_dead_what_must_not_go_back_is_asked_for(third: Third) -> None:
    (problem,) = third.all(dead=["inventory-two"])
    assert "volumes/node-data" in problem and "BAK-005" in rules_of(third.step("brought", old=third.step("given_up", CHECK)))
    promised = third.step("given_up", CHECK, dead=["inventory-two"])["move"]
    assert (promised["elsewhere"], promised["since"]) == ("inventory-two", "")
    assert third.all(dead=["inventory-two"], acknowledged=["volumes/node-data"]) == []
    assert running(third.host) == {"node", "gateway"}


def test_an_older_backup_is_asked_of_the_host_that_had_the_node_last(third: Third) -> None:
    two = third.two
    host, asked = third.at("two")
    assert saving.take(host, [ID], WAY, asked)["instances"][0]["error"] is None
    place = Path(third.host.store.root, "backup", ID)
    shutil.rmtree(place)
    shutil.copytree(Path(two.new.store.root, "backup", ID), place, symlinks=True)
    host, asked = third.at("three")
    backups = saving.listed(host, [ID], WAY, asked)["instances"][0]["backups"]
    older = backups[-2]["id"]
    seen = third.step("looked", backup=older)["move"]
    assert (seen["inventory"], seen["machine"], seen["keys"]) == ("inventory-two", "machine two", True)
    # Host one is dead, and nobody says so of two, which signs.
    refused = third.step("brought", backup=older, dead=["inventory-one"], old={"problem": "no route"})
    assert "its old host inventory-two has not confirmed" in refused["error"]
    third.origin = "two"
    assert any("the node was on another host" in text for text in third.all(backup=older))
    assert third.all(backup=older, acknowledged=["volumes/node-data"]) == []
    assert running(third.host) and not running(two.new) and contents(third.host)[0] == "41"


def test_the_newest_backup_that_cannot_be_read_is_told_of(two: Two) -> None:
    two.back_up()
    two.carry()
    backups = saving.listed(two.at(two.new), [ID], WAY, two.asked(two.new))["instances"][0]["backups"]
    older = backups[0]["id"]
    assert two.step("looked", backup=older)["findings"] == two.step("looked")["findings"]
    for path in Path(two.new.store.root, "backup", ID, "snapshots").rglob("manifest.json"):
        if json.loads(path.read_text())["id"] == backups[-1]["id"]:
            path.write_text("{")
    seen = two.step("looked", backup=older)
    assert seen["error"] is None and any("does not say which host it is of" in item["message"] for item in seen["findings"])


def test_what_was_started_on_the_old_host_while_it_was_restored_does_not_go_back(two: Two) -> None:
    old, new = two.old, two.new
    hold_before_the_backup(two)
    promised = two.step("given_up", CHECK)["move"]
    brought = two.step("brought", old=promised)
    assert brought["error"] is None and brought["move"]["outdated"] == {}
    # The restore took hours; somebody on call started it on its old host.
    assert two.start()["error"] is None and running(old) == {"node", "gateway"}
    # It goes on there; and were it given up, it would be known here.
    assert "was started on inventory-one" in two.step("given_up", since=promised["since"])["error"] and running(old)
    gone = two.step("given_up")["move"]
    done = two.step("confirmed", old=gone)
    assert "BAK-005" in rules_of(done) and "stays held" in done["error"]
    new.call(keyed(new))
    assert running(new) == set() == running(old)
    # Nor by another run; by its name it does.
    assert "BAK-005" in rules_of(two.step("brought", old=gone))
    for what in ("brought", "confirmed"):
        assert two.step(what, old=gone, acknowledged=["volumes/node-data"])["error"] is None
    new.well(keyed(new))
    assert running(new) == {"node", "gateway"}


@pytest.mark.parametrize("machine", ["the same", ""])
def test_copies_of_one_machine_with_one_name_are_two_hosts(two: Two, machine: str) -> None:
    def at(host: MemoryHost) -> Host:
        two.patch.setattr(origin.machine, "identity", lambda: machine)
        two.patch.setattr(origin.socket, "gethostname", lambda: "debian")
        return Host(host.store, host.engine.connect(), two.tool)

    two.at = at  # type: ignore[method-assign]
    two.back_up()
    two.carry()
    assert two.step("looked")["move"]["keys"] is True
    assert "KEY-013" in rules_of(two.step("brought", old={"problem": "it was not asked"}))
    assert running(two.old) == {"node", "gateway"}


def test_keys_that_came_after_the_backup_count(two: Two) -> None:
    old, new = two.old, two.new
    old.well(keyless(old))
    two.back_up()
    two.carry()
    old.well(keyed(old))
    assert two.step("looked")["move"]["keys"] is True
    assert "KEY-013" in rules_of(two.step("brought", old={"problem": "it was not asked"}))
    # An entry without keys needs nobody's word, and is none with keys by the next run.
    assert two.step("looked", keys=False)["move"]["keys"] is False
    for what in ("brought", "confirmed"):
        assert two.step(what, keys=False)["error"] is None
    assert "was not asked, as there were no keys" in new.call(keyed(new))["instances"][0]["error"]
    assert running(new) == set() and running(old)
    new.well(keyless(new))
    assert running(new) == {"node", "gateway"}


def test_what_nobody_confirmed_is_not_installed_whoever_lifts_its_hold(two: Two) -> None:
    new = two.new
    assert two.step("brought", old=two.step("given_up", CHECK)["move"])["error"] is None
    two.start(Way("tester", 0, take_back="inventory-one"), host=new)
    hold.lift(new.store.instance(ID))
    # Nor without its keys, which another run would bring.
    for entry in (keyed(new), keyless(new)):
        assert "has not confirmed" in new.call(entry)["instances"][0]["error"]
    assert running(new) == set()
    assert two.step("confirmed", old=two.step("given_up")["move"])["error"] is None
    new.well(keyed(new))
    assert running(new) == {"node", "gateway"}


def test_a_look_is_in_nobodys_way_who_brings_it(two: Two) -> None:
    promised = two.step("given_up", CHECK)["move"]
    looks: list[dict[str, Any]] = []

    def during(line: list[str]) -> None:
        if line[0] == "restore" and "--include" in line:
            two.tool.during = lambda _line: None
            looks.extend([two.step("looked"), two.step("looked", CHECK), two.step("brought", CHECK, old=promised)])

    locks = Path(two.new.store.locks)
    assert two.step("looked", CHECK)["error"] is None and list(locks.iterdir()) == []
    two.tool.during = during
    assert two.step("brought", old=promised)["error"] is None and contents(two.new) == ("41", "more")
    assert [look["error"] is not None and "tester" in look["error"] for look in looks] == [True, True, True], looks


def test_what_is_brought_goes_on_by_itself_and_is_joined_whatever_its_old_host_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    orders: list[Any] = []
    monkeypatch.setattr(long_work.Detached, "begin", lambda _self, order, _run: (orders.append(order), order.name)[1])
    monkeypatch.setattr(long_work.Detached, "result", lambda _self, _name, _patience: {"changed": True})
    store = Store(*(str(tmp_path / name) for name in ("root", "run", "locks")))
    job = {"name": "ab" * 12, "begin": True, "wait": 0.0}
    for more in ({"old": {"msg": "x"}}, {"old": {"unreachable": True}}, {"dead": ["one"]}):
        given = {"state": "brought", "id": ID, "check": False, "dead": [], "old": {}, "job": job, **more}
        long_work.answer(long_work.Asked("instance_move", given), run_command, instance_move.work, store)
    assert orders[0].what == orders[1].what != orders[2].what and orders[0].given["old"] == {"msg": "x"}
    monkeypatch.undo()
    # A process of its own knows the module; of an id that is none there is nothing to do on any host.
    detached = long_work.Detached(str(tmp_path / "own"))
    nothing = dict.fromkeys(("backup", "version", "repository", "password", "copies", "copy", "to", "machine", "since"))
    rest = {"id": "../x", "holder": "me", "lock_timeout": 0, "stop_timeout": 0, "acknowledged": [], "owners": {}, "keys": True}
    detached.begin(replace(orders[0], given={**orders[0].given, **nothing, **rest}), run_command)
    done = detached.result(orders[0].name, 30)
    assert done is not None and done["failed"] and ("is not the id" in done["msg"] or "root's rights" in done["msg"]), done
