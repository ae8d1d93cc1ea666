# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts that have an instance of one id, and one place for its backups: no host takes another one's for its own."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.restaking.avs.plugins.module_utils.backup import copies, origin, settings, whose
from ansible_collections.restaking.avs.plugins.module_utils.backup.copies import Given
from ansible_collections.restaking.avs.plugins.module_utils.common.errors import HostError
from ansible_collections.restaking.avs.plugins.module_utils.reconcile import repositories, restoring, saving
from ansible_collections.restaking.avs.plugins.module_utils.reconcile.repositories import Asked, Host
from ansible_collections.restaking.avs.plugins.module_utils.reconcile.restoring import Back

from tests.unit.support.memory_host import ID, MemoryHost, rules_of
from tests.unit.support.saved_host import WAY, keyless, running
from tests.unit.support.two_hosts import CHECK, Two, contents, keyed, nothing

WHOSE = "is of another host, one"


def both(two: Two) -> None:
    """The same id on the new host, too, as a node of its own."""
    two.new.well(keyed(two.new))
    content = two.new.engine.volumes / f"avs-{ID}_node-data" / "_data"
    content.mkdir(parents=True, exist_ok=True)
    (content / "height").write_text("99, of another node")
    Path(two.new.store.instance(ID).data, "work", "more").write_text("more")


def taken(two: Two, host: MemoryHost, **asked: Any) -> dict[str, Any]:
    more = Asked(**{**vars(two.asked(host)), "copy": "", **asked})
    found: dict[str, Any] = saving.take(two.at(host), [ID], WAY, more)["instances"][0]
    return found


def put_back(two: Two, host: MemoryHost, **asked: Any) -> dict[str, Any]:
    more = Asked(**{**vars(two.asked(host)), **asked})
    found: dict[str, Any] = restoring.restore(two.at(host), [ID], WAY, more, Back())["instances"][0]
    return found


def one_place(two: Two) -> list[Given]:
    found = copies.given([{"name": "offsite", "repository": str(two.old.roots / "elsewhere")}])
    assert found is not None
    return found


def listed(two: Two, host: MemoryHost, copy: str = "") -> list[str]:
    more = replace(two.asked(host), copy=copy)
    return [item["id"] for item in saving.listed(two.at(host), [ID], WAY, more)["instances"][0]["backups"]]


def without_marks(repository: Path) -> None:
    """As a release before left it."""
    for path in repository.glob("snapshots/*/snapshot.json"):
        found = json.loads(path.read_text())
        path.write_text(json.dumps({**found, "tags": [tag for tag in found["tags"] if not tag.startswith("avs.host=")]}))


def place(host: MemoryHost) -> Path:
    return Path(host.store.root, "backup", ID)


def test_a_copy_is_of_one_host(two: Two) -> None:
    both(two)
    shutil.rmtree(place(two.new))
    where = one_place(two)
    assert taken(two, two.old, copies=where)["error"] is None
    there = listed(two, two.old, "offsite")
    done = taken(two, two.new, copies=where)
    assert any(WHOSE in item["message"] and "{{ inventory_hostname }}" in item["remedy"] for item in done["findings"]), done["findings"]
    assert "not copied to offsite" in done["error"] and done["backup"]["id"]
    assert listed(two, two.old, "offsite") == there
    # A place of its own is another one's to begin.
    own = copies.given([{"name": "offsite", "repository": str(two.new.roots / "elsewhere")}])
    done = taken(two, two.new, copies=own)
    assert done["error"] is None and done["backup"]["id"] in done["backup"]["copies"]["offsite"]
    assert taken(two, two.old, copies=where)["error"] is None


def test_a_repository_is_of_one_host(two: Two) -> None:
    both(two)
    before = sorted(place(two.new).rglob("*"))
    done = taken(two, two.new)
    assert WHOSE in done["error"] and "was written there" in done["error"] and running(two.new) == {"node", "gateway"}
    assert sorted(place(two.new).rglob("*")) == before
    assert settings.read(two.new.store.instance(ID)) is None and not settings.has_password(two.new.store.instance(ID))


def test_who_had_one_place_with_others_begins_its_own(two: Two) -> None:
    both(two)
    shutil.rmtree(place(two.new))
    assert taken(two, two.new)["error"] is None
    # By releases before; and the other one was first to write there since.
    shutil.rmtree(place(two.new))
    shutil.copytree(place(two.old), place(two.new), symlinks=True)
    assert WHOSE in taken(two, two.new)["error"]
    done = taken(two, two.new, repository=str(two.new.roots / "two"))
    assert done["error"] is None and any(f"stays in {place(two.new)}" in item["message"] for item in done["findings"])


def test_what_a_release_before_made_goes_on(two: Two) -> None:
    without_marks(place(two.old))
    assert put_back(two, two.old)["error"] is None
    assert taken(two, two.old)["error"] is None
    # Of one that makes no statement of any host nobody knows that it is another one's.
    both(two)
    without_marks(place(two.new))
    assert taken(two, two.new)["error"] is None


@pytest.mark.parametrize("marked", [True, False])
def test_a_backup_of_another_host_is_not_put_back_as_if_it_were_its_own(two: Two, marked: bool) -> None:
    both(two)
    if not marked:
        without_marks(place(two.new))
    done = put_back(two, two.new)
    assert "is of another host, inventory-one" in done["error"] and "avs_restore_to" in done["findings"][0]["remedy"]
    assert contents(two.new) == ("99, of another node", "more") and running(two.new) == {"node", "gateway"}


@pytest.mark.parametrize("marked", [True, False])
def test_a_host_that_took_the_node_over_goes_on_with_its_backups(two: Two, marked: bool) -> None:
    new = two.new
    if not marked:
        without_marks(place(new))
    two.move()
    new.well(keyed(new))
    assert put_back(two, new)["error"] is None
    assert taken(two, new)["error"] is None and len(listed(two, new)) == 2
    # And the one it came from not any more, should it come back.
    two.old.well(keyless(two.old))
    shutil.rmtree(place(two.old))
    shutil.copytree(place(new), place(two.old), symlinks=True)
    with pytest.raises(HostError, match="is of another host, two"):
        own = two.old.store.instance(ID)
        at, more = two.at(two.old), two.asked(two.old)
        repositories.ready(at, own, repositories.wanted_settings(two.old.store, own, more), more, make=True)


def test_a_host_with_another_name_knows_its_backups(two: Two) -> None:
    assert taken(two, two.old)["error"] is None

    def renamed(host: MemoryHost) -> Host:
        found = Two.at(two, host)
        two.patch.setattr(origin.socket, "gethostname", lambda: "renamed")
        return found

    two.patch.setattr(two, "at", renamed)
    assert taken(two, two.old)["error"] is None and put_back(two, two.old)["error"] is None
    known = settings.read(two.old.store.instance(ID))
    assert known is not None and [mark.partition(":")[0] for mark in known.taken] == ["one", "renamed"]


def test_who_takes_an_older_backup_goes_on_after_the_newest(two: Two) -> None:
    older = listed(two, two.old)[0]
    at = two.at

    def renamed(host: MemoryHost) -> Host:
        found = at(host)
        two.patch.setattr(origin.socket, "gethostname", lambda: "renamed")
        return found

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(two, "at", renamed)
        assert taken(two, two.old)["error"] is None
    two.carry()
    two.move(backup=older)
    two.new.well(keyed(two.new))
    done = taken(two, two.new)
    assert done["error"] is None, done["error"]


@pytest.mark.parametrize("marks", ["of both", "of the newest", "of none"])
def test_who_of_two_that_had_one_place_has_the_node_is_not_guessed(two: Two, marks: str) -> None:
    """Host one has a node, which runs; another host made a newer backup in the same place, of one that may be another."""
    older = listed(two, two.old)[0]
    if marks == "of the newest":
        without_marks(place(two.old))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(whose, "require_own", lambda *_given: None)
        patch.setattr(two, "at", lambda host: as_third(two, host))
        asked = Asked(**{**vars(two.asked(two.old)), "host": "inventory-three"})
        assert saving.take(two.at(two.old), [ID], WAY, asked)["instances"][0]["error"] is None
    if marks == "of none":
        without_marks(place(two.old))
    two.carry()
    three = {"host": "three", "inventory": "inventory-three", "machine": "machine three", "down": True}
    done = two.step("brought", backup=older, old=three)
    if marks == "of both":
        # There, none but who took the node over wrote.
        assert done["error"] is None
        return
    assert "KEY-013" in rules_of(done) and "inventory-one" in done["error"] and nothing(two.new), done["error"]
    assert "inventory-one" in two.step("brought", backup=older, old=three, dead=["inventory-three"])["error"]
    # What is known of the other one is asked for all the same.
    assert "inventory-three" in two.step("brought", backup=older, dead=["inventory-one"])["error"]
    assert two.step("brought", backup=older, old=three, dead=["inventory-one"])["error"] is None
    assert "inventory-one" in two.step("confirmed", old=three)["error"]
    assert two.step("confirmed", old=three, dead=["inventory-one"])["error"] is None


def as_third(two: Two, host: MemoryHost) -> Host:
    two.patch.setattr(origin.machine, "identity", lambda: "machine three")
    two.patch.setattr(origin.socket, "gethostname", lambda: "three")
    return Host(host.store, host.engine.connect(), two.tool)


def test_what_the_inventory_calls_monotonic_by_now_goes_to_no_other_host(two: Two) -> None:
    promised = two.step("given_up", CHECK)["move"]
    classes = {ID: {"node-data": "monotonic", "data/work": "monotonic"}}
    asked = two.asked
    two.patch.setattr(two, "asked", lambda host: replace(asked(host), classes=classes))
    assert two.step("looked")["move"]["outdated"] == {"volumes/node-data": "monotonic", "data/work": "monotonic"}
    done = two.step("brought", old=promised)
    assert "BAK-005" in rules_of(done) and nothing(two.new)
    done = two.step("brought", old=promised, acknowledged=("volumes/node-data", "data/work"))
    known = settings.read(two.new.store.instance(ID))
    assert done["error"] is None and known is not None and known.classes == classes[ID]


def test_marks_are_names_and_digests(monkeypatch: pytest.MonkeyPatch) -> None:
    marks = set()
    for machine, name in (("a", "debian"), ("a", "other"), ("b", "debian"), ("", "debian"), ("a", "x,y" * 40)):
        monkeypatch.setattr(origin.machine, "identity", lambda machine=machine: machine)
        monkeypatch.setattr(origin.socket, "gethostname", lambda name=name: name)
        marks.add(origin.machine.mark())
    assert len(marks) == 5 and all("," not in mark and len(mark) < 100 for mark in marks)
