# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a package says of its volumes: one that may be copied while the node runs, one it saves itself, one it brings forward."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.restaking.avs.plugins.module_utils.backup import patience
from ansible_collections.restaking.avs.plugins.module_utils.backup import restore as swaps
from ansible_collections.restaking.avs.plugins.module_utils.common.spec import InstanceSpec
from ansible_collections.restaking.avs.plugins.module_utils.instance import hold
from ansible_collections.restaking.avs.plugins.module_utils.reconcile import control, restoring
from ansible_collections.restaking.avs.plugins.module_utils.reconcile.own import Way
from ansible_collections.restaking.avs.plugins.module_utils.reconcile.repositories import Asked, Host
from ansible_collections.restaking.avs.plugins.module_utils.reconcile.restoring import Back

from tests.unit.support.memory_host import ID, MemoryHost, acted, rules_of
from tests.unit.support.restic_in_memory import ResticInMemory
from tests.unit.support.saved_host import WAY, Take, keyless, prove, running, there

DUMP = {"run": "exec", "service": "node", "args": ["dump", "now"], "chain": False, "needs": []}
FORWARD = {"run": "run", "service": "node", "args": ["forward"], "chain": False, "needs": []}
Use = Callable[..., dict[str, Any]]


def volume(host: MemoryHost) -> Path:
    return host.engine.volumes / f"avs-{ID}_node-data" / "_data"


@pytest.fixture
def use(memory_host: MemoryHost, saved: ResticInMemory) -> Use:
    """Install the node with a use of its volume, and nothing in its data folder."""

    def install(use: Any, **commands: Any) -> dict[str, Any]:
        spec = {**keyless(memory_host), "volumes": {"node-data": use}, "commands": commands}
        memory_host.well(spec)
        for path in Path(memory_host.store.instance(ID).data).rglob("*"):
            if path.is_file():
                path.unlink()
        return spec

    return install


def back(host: MemoryHost, tool: ResticInMemory, **wanted: Any) -> dict[str, Any]:
    where = Host(host.store, host.engine.connect(), tool)
    found: dict[str, Any] = restoring.restore(where, [ID], WAY, Asked(), Back(**wanted))["instances"][0]
    return found


def manifest(host: MemoryHost, tool: ResticInMemory) -> dict[str, Any]:
    names = sorted(Path(host.store.root, "backup", ID, "snapshots").rglob("manifest.json"))
    found: dict[str, Any] = json.loads(names[-1].read_text())
    return found


def test_what_may_be_copied_while_it_runs_stops_nothing(memory_host: MemoryHost, saved: ResticInMemory, take: Take, use: Use) -> None:
    host = memory_host
    use({"class": "data", "live": True})
    announced = take(Way("tester", 0, check=True))
    seen: list[set[str]] = []

    def goes_on(words: list[str]) -> None:
        seen.append(running(host))
        (volume(host) / f"written {len(seen)}").write_text("while it was copied")

    saved.during = goes_on
    done = take()
    saved.during = lambda _words: None
    assert (done["error"], acted(done)) == (None, acted(announced)) and acted(done) == [f"create backup {ID}"]
    assert {frozenset(one) for one in seen} == {frozenset({"node", "gateway"})} and done["backup"]["seconds"] == 0
    assert manifest(host, saved)["kind"] == done["backup"]["kind"] == "live-safe"
    assert manifest(host, saved)["items"][0]["live"] is True
    assert len(there(host, saved)) == 1 and prove(host, saved)["error"] is None
    (volume(host) / "rows").write_text("later")
    assert back(host, saved)["error"] is None and (volume(host) / "rows").read_text() == "committed"


@pytest.mark.parametrize("alone", [True, False])
def test_a_node_that_keeps_its_reader_waiting_does_not_do_so_for_ever(
    memory_host: MemoryHost, saved: ResticInMemory, take: Take, use: Use, monkeypatch: pytest.MonkeyPatch, alone: bool
) -> None:
    """In a live-safe copy, and in the pass before a node is stopped."""
    host = memory_host
    use({"class": "data", "live": True})
    if not alone:
        (Path(host.store.instance(ID).data) / "work" / "more").write_text("more")
    assert take()["error"] is None
    bounds = [bound for bound, words in zip(saved.bounds, saved.asked) if words[0] == "backup" and "avs.part=files" in words]
    assert len(bounds) == (1 if alone else 2) and None not in bounds and (bounds[0] or 0) >= 3600
    (volume(host) / "rows").unlink()
    saved.ends = {"backup": (124, "")}
    with monkeypatch.context() as patch:
        patch.setattr(patience, "_LEAST", 0.0)
        patch.setattr(patience, "_LOOKS", 0.0)
        done = take()
    assert "what runs was not read to its end" in done["error"] and "a disk that hangs" in str(done["findings"])
    assert running(host) == {"node", "gateway"}
    saved.ends = {}
    monkeypatch.setattr(patience, "_LEAST", 60.0)
    assert take()["error"] is None and len(there(host, saved)) == 2


def test_with_anything_else_to_save_it_is_stopped_as_ever(memory_host: MemoryHost, saved: ResticInMemory, take: Take, use: Use) -> None:
    use({"class": "data", "live": True})
    (Path(memory_host.store.instance(ID).data) / "work" / "more").write_text("more")
    done = take()
    assert done["error"] is None and "stop container node" in acted(done)
    assert manifest(memory_host, saved)["kind"] == "stopped" and "live" not in manifest(memory_host, saved)["items"][0]
    # Somebody else who writes makes it no backup then.
    saved.during = lambda words: (volume(memory_host) / "x").write_text("x") if words[0] == "backup" and not running(memory_host) else None
    assert "written while it was copied: " in take()["error"]


def test_what_its_package_saves_is_what_its_command_left(memory_host: MemoryHost, saved: ResticInMemory, take: Take, use: Use) -> None:
    host = memory_host
    use({"class": "data", "backup": "dump"}, dump=DUMP)
    asked: list[tuple[str, list[str]]] = []

    def dump(service: str, words: list[str]) -> tuple[int, str, str]:
        asked.append((service, words))
        place = volume(host) / ".avs-backup"
        assert not place.exists()
        place.mkdir()
        (place / "rows").write_text("as one")
        return 0, "", ""

    (volume(host) / ".avs-backup").mkdir()
    host.engine.commanded = dump
    done = take()
    assert (done["error"], acted(done), asked) == (None, [f"create backup {ID}"], [("node", ["dump", "now"])])
    assert not (volume(host) / ".avs-backup").exists() and prove(host, saved)["error"] is None
    (volume(host) / "journal").write_text("half of something")
    assert back(host, saved)["error"] is None
    assert sorted(path.name for path in volume(host).iterdir()) == ["rows"] and (volume(host) / "rows").read_text() == "as one"
    # Of a node that is down nothing is asked: what is there is as one.
    control.stop(host.store, host.engine.connect(), [ID], WAY)
    assert take()["error"] is None and len(asked) == 1


def test_all_of_a_node_that_is_stopped_is_of_when_it_was_down(memory_host: MemoryHost, saved: ResticInMemory, take: Take, use: Use) -> None:
    host = memory_host
    use({"class": "monotonic", "backup": "dump"}, dump=DUMP)
    work = Path(host.store.instance(ID).data) / "work" / "more"
    work.write_text("height 1")
    asked: list[list[str]] = []
    host.engine.commanded = lambda _service, words: (asked.append(words), (0, "", ""))[1]  # type: ignore[func-returns-value]

    def during(words: list[str]) -> None:
        if words[0] == "backup" and "avs.kind=live" in words:
            (volume(host) / "rows").write_text("height 2")
            work.write_text("height 2")

    saved.during = during
    done = take()
    assert done["error"] is None and "stop container node" in acted(done) and asked == []
    assert manifest(host, saved)["kind"] == "stopped"
    tree = Path(host.store.root, "backup", ID, "snapshots", there(host, saved)[0]["snapshot"])
    assert {path.name: path.read_text() for path in tree.rglob("*") if path.is_file()}.items() >= {
        "rows": "height 2",
        "more": "height 2",
    }.items()


@pytest.mark.parametrize("what", ["fails", "leaves nothing", "leaves a link"])
def test_a_dump_that_fails_is_no_backup(memory_host: MemoryHost, saved: ResticInMemory, take: Take, use: Use, what: str) -> None:
    host = memory_host
    use({"class": "data", "backup": "dump"}, dump=DUMP)

    def dump(_service: str, _words: list[str]) -> tuple[int, str, str]:
        place = volume(host) / ".avs-backup"
        if what == "leaves a link":
            place.symlink_to("/etc")
        return (3, "", "disk is odd") if what == "fails" else (0, "", "")

    host.engine.commanded = dump
    done = take()
    assert "BAK-011" in rules_of(done) and there(host, saved) == [] and running(host) == {"node", "gateway"}
    assert (what != "fails") or "ended with 3: disk is odd" in done["error"]
    assert not (volume(host) / ".avs-backup").is_symlink() and Path("/etc/passwd").exists()


def test_another_version_meanwhile_makes_it_no_backup(memory_host: MemoryHost, saved: ResticInMemory, take: Take, use: Use) -> None:  # fmt: skip
    use({"class": "data", "live": True})
    saved.during = lambda words: memory_host.record(release="9-v9") if words[0] == "backup" else None
    done = take()
    assert "another version of it was installed" in done["error"]
    saved.during = lambda _words: None
    assert there(memory_host, saved) == []


def test_what_its_package_brings_forward_needs_no_word(memory_host: MemoryHost, saved: ResticInMemory, take: Take, use: Use) -> None:
    host = memory_host
    use({"class": "monotonic", "watermark": "forward"}, forward=FORWARD)
    assert take()["error"] is None
    (volume(host) / "rows").write_text("later")
    seen: list[tuple[set[str], str]] = []

    def forward(_service: str, _words: list[str]) -> tuple[int, str, str]:
        seen.append((running(host), (volume(host) / "rows").read_text()))
        (volume(host) / "rows").write_text("forward")
        return 0, "", ""

    host.engine.commanded = forward
    done = back(host, saved)
    assert (done["error"], seen) == (None, [(set(), "committed")]) and (volume(host) / "rows").read_text() == "forward"
    assert running(host) == {"node", "gateway"} and done["replaced"] == {}


def test_one_that_fails_to_puts_back_what_was_there_and_holds_it(
    memory_host: MemoryHost, saved: ResticInMemory, take: Take, use: Use
) -> None:
    host = memory_host
    use({"class": "monotonic", "watermark": "forward"}, forward=FORWARD)
    assert take()["error"] is None
    (volume(host) / "rows").write_text("later")
    host.engine.commanded = lambda _service, _words: (1, "", "no such mark")
    done = back(host, saved)
    known = hold.hold_of(host.store.instance(ID))
    assert "BAK-011" in rules_of(done) and "no such mark" in done["error"]
    assert known is not None and not known.passing and "brought forward" in known.reason and running(host) == set()
    assert (volume(host) / "rows").read_text() == "later" and swaps.begun(host.store.instance(ID)) is None


def test_what_was_installed_before_has_the_digest_it_had(memory_host: MemoryHost, saved: ResticInMemory, use: Use) -> None:
    plain = use("data")
    assert memory_host.call(plain)["changed"] is False
    read = InstanceSpec.read({**plain, "volumes": {"a": "data", "b": {"class": "data", "live": True}}})
    assert read.as_dict()["volumes"] == {"a": "data", "b": {"class": "data", "live": True}}
    for wrong in ({"live": True}, {"class": "data", "else": 1}, {"class": 1}, ["data"], {"class": "data", "live": "yes"}):
        with pytest.raises(ValueError, match="volumes"):
            InstanceSpec.read({**plain, "volumes": {"a": wrong}})
