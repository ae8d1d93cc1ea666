# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An upgrade, and its way back: whatever it comes to, one version runs with what is its own, and nothing that was stored is lost."""

from __future__ import annotations

import json
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.restaking.avs.plugins.module_utils.common.errors import HostError
from ansible_collections.restaking.avs.plugins.module_utils.reconcile import control
from ansible_collections.restaking.avs.plugins.module_utils.reconcile.own import Way
from ansible_collections.restaking.avs.plugins.module_utils.reconcile.repositories import Asked, Host
from ansible_collections.restaking.avs.plugins.module_utils.system.command import RunCommand
from ansible_collections.restaking.avs.plugins.module_utils.system.lock import Lock
from ansible_collections.restaking.avs.plugins.module_utils.transaction import upgrade as upgrading
from ansible_collections.restaking.avs.plugins.module_utils.transaction import work
from ansible_collections.restaking.avs.plugins.module_utils.transaction.rollback import rollback
from ansible_collections.restaking.avs.plugins.module_utils.upkeep.records import read_records

from tests.unit.support.memory_host import ID, PACKAGE, MemoryHost, rules_of, with_service
from tests.unit.support.restic_in_memory import ResticInMemory
from tests.unit.support.saved_host import PASSWORD, WAY, keyless, running
from tests.unit.transaction.conftest import Ran, rows


def newer(host: MemoryHost, version: str = "v1.1.0", level: str = "debug", **changes: Any) -> dict[str, Any]:
    """The next version of the package, which asks its node for something else."""
    spec = keyless(host)
    node = {**PACKAGE["services"]["node"], "environment": {**PACKAGE["services"]["node"].get("environment", {}), "LEVEL": level}, **changes}
    mounts = [
        PACKAGE["services"]["node"]["volumes"][0],
        PACKAGE["services"]["node"]["volumes"][2],
        {"type": "bind", "source": "./work", "target": "/work"},
    ]
    tree = host.tree(with_service(PACKAGE, "node", **{**node, "volumes": mounts}))
    return {**spec, "package": {**spec["package"], "version": version, "commit": "b" * 40, "tree_sha256": tree}}


def upgrade(host: MemoryHost, tool: RunCommand, spec: dict[str, Any], check: bool = False, **said: Any) -> dict[str, Any]:
    document = {
        "schema": 1, "specs": [spec], "trees": {}, "holder": "test", "lock_timeout": 0, "settings": {}, "complete": True,
        "upgrade": {"acknowledged": said.pop("acknowledged", {}), **({"fetch": True} if said.pop("fetch", False) else {})},
    }  # fmt: skip
    document["trees"] = {spec["package"]["tree_sha256"]: host.trees[spec["package"]["tree_sha256"]]}
    backup = said.pop("backup", {"repository": None, "password": said.pop("password", PASSWORD)})
    call = {"document": json.loads(json.dumps(document)), "secret_values": {}, "check": check, "backup": backup}
    try:
        found: dict[str, Any] = work.upgrade(call, tool, host.store, host.engine.connect())
    finally:
        assert host.engine.unknown == []
    return found


def entry(result: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = result["instances"][0]
    return found


def version(host: MemoryHost) -> Any:
    return host.state()["package"]["version"]


def test_another_version_runs_and_has_what_was_stored(memory_host: MemoryHost, saved: ResticInMemory) -> None:
    host = memory_host
    announced = entry(upgrade(host, saved, newer(host), check=True))
    assert announced["upgrade"]["from"] == "v1.0.0" and announced["upgrade"]["to"] == "v1.1.0"
    assert (version(host), running(host)) == ("v1.0.0", {"node", "gateway"})
    done = entry(upgrade(host, saved, newer(host)))
    assert done["error"] is None and done["upgrade"]["step"] == "COMMIT"
    assert (version(host), running(host), rows(host)) == ("v1.1.0", {"node", "gateway"}, "committed")
    assert done["health"]["status"] == "healthy"
    own = host.store.instance(ID)
    assert not Path(own.upgrade).exists() and Path(own.path("previous"), "state.json").exists()
    again = upgrade(host, saved, newer(host))
    assert (again["changed"], entry(again)["error"]) == (False, None)
    assert host.call(newer(host))["changed"] is False


def test_one_that_never_becomes_well_is_put_back(memory_host: MemoryHost, saved: ResticInMemory, writing: None) -> None:
    host = memory_host
    before = rows(host)
    done = entry(upgrade(host, saved, newer(host, entrypoint=["sh", "-c", "exit 3"], restart="no")))
    assert done["upgrade"]["rolled_back"] and not done["upgrade"]["quarantined"]
    assert "failed at GATE" in done["error"] and "v1.0.0 runs again, and is well" in done["error"], done["error"]
    assert (version(host), running(host)) == ("v1.0.0", {"node", "gateway"})
    # What the other version wrote is gone; the old one has gone on.
    assert rows(host) == f"{before} info"
    assert host.call(keyless(host))["changed"] is False


def taken_back(host: MemoryHost, tool: ResticInMemory, way: Way = WAY, confirmed: bool = True, password: str = PASSWORD) -> dict[str, Any]:
    return entry(rollback(Host(host.store, host.engine.connect(), tool), [ID], way, Asked(password=password), confirmed))


def test_a_committed_upgrade_goes_back_when_that_is_confirmed(memory_host: MemoryHost, saved: ResticInMemory, writing: None) -> None:
    host = memory_host
    assert "nothing to go back to" in taken_back(host, saved)["error"]
    upgrade(host, saved, newer(host))
    assert rows(host) == "committed debug"
    asked = taken_back(host, saved, confirmed=False)
    assert "discards what was stored since" in asked["error"] and version(host) == "v1.1.0"
    announced = taken_back(host, saved, Way("tester", 0, check=True))
    assert (announced["error"], announced["changed"], version(host)) == (None, True, "v1.1.0")
    done = taken_back(host, saved)
    assert (done["error"], done["upgrade"]["rolled_back"], version(host)) == (None, True, "v1.0.0")
    assert (rows(host), running(host)) == ("committed info", {"node", "gateway"})
    # What was discarded is kept until the next version is committed.
    aside = json.loads(Path(host.store.instance(ID).path("discarded.json")).read_text())["places"]
    assert any((Path(path) / "rows").exists() and "debug" in (Path(path) / "rows").read_text() for path in aside)
    assert host.call(keyless(host))["changed"] is False
    assert "nothing to go back to" in taken_back(host, saved)["error"]
    assert entry(upgrade(host, saved, newer(host)))["error"] is None
    assert not any(Path(path).exists() for path in aside)


def test_what_a_rollback_needs_outlives_changes_since(memory_host: MemoryHost, saved: ResticInMemory) -> None:
    host = memory_host
    upgrade(host, saved, newer(host))
    for level in ("1", "2", "3"):
        host.well({**newer(host), "env": {**newer(host)["env"], "WAIT": level}})
    assert list(read_records(host.store).releases) == []
    done = taken_back(host, saved)
    assert (done["error"], version(host)) == (None, "v1.0.0")
    assert host.call(keyless(host))["changed"] is False


def test_one_that_is_well_with_neither_version_is_held_down(memory_host: MemoryHost, saved: ResticInMemory) -> None:
    host = memory_host
    host.world.broken = {"start node": "no such device"}
    done = entry(upgrade(host, saved, newer(host)))
    assert done["upgrade"]["rolled_back"] and done["upgrade"]["quarantined"], done
    assert "UPG-013" in rules_of(done) and "is held down" in done["error"]
    assert (version(host), running(host)) == ("v1.0.0", set())
    host.world.broken = {}
    assert host.well(keyless(host))["hold"]["reason"].startswith("quarantined")
    assert running(host) == set()


def test_what_cannot_be_upgraded_is_told_before_anything_is_touched(memory_host: MemoryHost, saved: ResticInMemory) -> None:
    host = memory_host
    ids = host.ids()
    container = host.container("node")
    container.written = [
        "C /var",
        "C /var/lib",
        "A /var/lib/rows",
        "A /var/lib/rows/1",
        "A /tmp/x",
        "C /etc",
        "C /etc/node.conf",
        "A /data",
        "C /usr/sbin",
        "A /usr/sbin/docker-init",
    ]
    with pytest.raises(HostError) as raised:
        upgrade(host, saved, newer(host))
    assert [item.id for item in raised.value.findings] == ["UPG-011"]
    assert "/etc/node.conf, /var/lib/rows of service node" in raised.value.findings[0].message
    done = entry(upgrade(host, saved, newer(host), acknowledged={ID: ["node:/etc", "node:/var/lib/rows"]}))
    assert done["error"] is None and host.ids() != ids
    for spec, words in (
        (keyless(host), "v1.0.0 is older than v1.1.0"),
        ({**newer(host, "v1.2.0"), "profile": "mainnet"}, "profile mainnet"),
    ):
        with pytest.raises(HostError, match=words):
            upgrade(host, saved, spec)
    assert version(host) == "v1.1.0"


def test_a_node_that_is_to_be_down_is_not_upgraded(memory_host: MemoryHost, saved: ResticInMemory) -> None:
    host = memory_host
    control.stop(host.store, host.engine.connect(), [ID], WAY)
    with pytest.raises(HostError, match="is to be down"):
        upgrade(host, saved, newer(host))
    control.start(host.store, host.engine.connect(), [ID], WAY)
    ids = host.ids()
    saved.ends = {"check": (1, "Fatal: repository contains errors")}
    done = entry(upgrade(host, saved, newer(host)))
    assert "failed at LIVE COPY" in done["error"] and "nothing of it was changed" in done["error"] and host.ids() == ids, done["error"]
    saved.ends, saved.opening = {}, lambda: saved.ends.update(snapshots=(1, "Fatal: input/output error"))
    done = entry(upgrade(host, saved, newer(host)))
    assert "failed at BACKUP" in done["error"] and "v1.0.0 runs again" in done["error"], done["error"]
    assert running(host) == {"node", "gateway"}


PLUGIN = "registry.example.org/demo-avs:1.0.0"


def migrating(host: MemoryHost, up: int = 0, down: int = 0, revert: bool = True, **changes: Any) -> dict[str, Any]:
    """``up`` and ``down``: with what the commands end."""
    ends = {
        name: ["true"] if not code else ["sh", "-c", f"echo no such column; exit {code}"] for name, code in (("up", up), ("down", down))
    }
    found = newer(host, "v2.0.0", **changes)
    return {
        **found, "plugin": {"image": PLUGIN}, "commands": {name: {"run": "plugin", "network": "none", "args": args} for name, args in ends.items()},
        "migrations": [{"to": "v2.0.0", "command": "up", "revert": "down" if revert else None}, {"to": "v0.9.0", "command": "down"}],
    }  # fmt: skip


def test_a_migration_runs_between_the_versions(memory_host: MemoryHost, saved: ResticInMemory, ran: Ran) -> None:
    host = memory_host
    done = entry(upgrade(host, saved, migrating(host)))
    assert (done["error"], ran) == (None, [("up", set())])
    assert done["upgrade"]["migrations"] == [{"to": "v2.0.0", "command": "up", "revert": "down"}]


@pytest.mark.parametrize("revert", [True, False])
def test_a_migration_that_fails_is_undone_by_what_was_stored(
    memory_host: MemoryHost, saved: ResticInMemory, writing: None, ran: Ran, revert: bool
) -> None:
    host = memory_host
    done = entry(upgrade(host, saved, migrating(host, up=4, revert=revert)))
    assert "failed at MIGRATE" in done["error"] and "no such column" in done["error"] and "v1.0.0 runs again" in done["error"], done[
        "error"
    ]
    # Nothing stays that a restore does not bring back.
    assert ([name for name, _up in ran], rows(host)) == (["up"], "committed info")
    assert ("UPG-004" in rules_of(done)) is not revert


def test_what_a_restore_does_not_bring_back_is_reverted(memory_host: MemoryHost, saved: ResticInMemory, ran: Ran) -> None:
    host, never = memory_host, {"entrypoint": ["sh", "-c", "exit 3"], "restart": "no"}
    monotonic = {"repository": None, "password": PASSWORD, "classes": {ID: {"node-data": "monotonic"}}}
    done = entry(upgrade(host, saved, migrating(host, **never), backup=monotonic))
    assert "failed at GATE" in done["error"] and "v1.0.0 runs again" in done["error"], done["error"]
    assert [name for name, _up in ran] == ["up", "down"] and rows(host) == "committed up down"
    done = entry(upgrade(host, saved, migrating(host, down=1, **never), backup=monotonic))
    assert "could not be gone" in done["error"] and running(host) == set() and "UPG-013" in rules_of(done), done["error"]
    assert "cannot be started" in str(control.start(host.store, host.engine.connect(), [ID], WAY)["instances"][0]["error"])


def test_of_two_at_once_one_wins_and_the_other_says_who(memory_host: MemoryHost, saved: ResticInMemory) -> None:
    host = memory_host
    own = host.store.instance(ID)
    for path in (own.lock, str(Path(host.store.locks, f"{ID}.backup.lock"))):
        with Lock(path, "the other controller", 0):
            done = entry(upgrade(host, saved, newer(host)))
        assert "was not begun" in done["error"] or "nothing of it was changed" in done["error"], done["error"]
        assert "by the other controller" in done["error"] and running(host) == {"node", "gateway"}
    assert (version(host), Path(own.upgrade).exists()) == ("v1.0.0", False)


def test_a_record_of_a_newer_release_stops_and_a_damaged_one_is_told(memory_host: MemoryHost, saved: ResticInMemory) -> None:
    host = memory_host
    own = host.store.instance(ID)
    Path(own.upgrade).mkdir()
    for text, rule in (('{"schema": 2, "name": "x", "step": "SWITCH"}', "OPS-014"), ("{", "UPG-012"), ('{"schema": 1}', "UPG-012")):
        Path(own.upgrade, "record.json").write_text(text)
        with pytest.raises(HostError) as refused:
            upgrade(host, saved, newer(host))
        assert [item.id for item in refused.value.findings] == [rule]
        started = control.start(host.store, host.engine.connect(), [ID], WAY)["instances"][0]
        assert rule in rules_of(started) and started["error"]
        assert rule in rules_of(host.status().instances[0])
        assert Path(own.upgrade, "record.json").read_text() == text
    # Taking it down needs nothing of it.
    assert host.well(host.stopped())["state"] == "stopped"
    host.well(host.gone())
    assert not Path(own.upgrade).exists()


def test_while_it_is_down_for_its_backup_restic_opens_nothing_any_more(
    memory_host: MemoryHost, saved: ResticInMemory, writing: None
) -> None:
    host = memory_host
    opened: list[set[str]] = []

    def opening() -> None:
        opened.append(running(host))
        place = Path(host.engine.volumes / f"avs-{ID}_node-data" / "_data" / "rows")
        # As the last thing the old version does.
        place.write_text("committed late")

    saved.opening = opening
    done = entry(upgrade(host, saved, newer(host, entrypoint=["sh", "-c", "exit 3"], restart="no")))
    # For the copy, and for its seal.
    assert done["upgrade"]["rolled_back"] and opened == [{"node", "gateway"}] * 2
    assert rows(host) == "committed late info"


def test_a_repository_that_does_not_open_stops_no_node(memory_host: MemoryHost, saved: ResticInMemory) -> None:
    host, ids = memory_host, memory_host.ids()
    saved.refuses = "Fatal: unable to create lock in backend: repository is already locked\n"
    done = entry(upgrade(host, saved, newer(host)))
    assert "failed at LIVE COPY" in done["error"] and "already locked" in done["error"] and "nothing of it was changed" in done["error"]
    assert (running(host), host.ids(), version(host)) == ({"node", "gateway"}, ids, "v1.0.0")
    assert not Path(host.store.instance(ID).upgrade).exists()
    saved.refuses = ""
    assert entry(upgrade(host, saved, newer(host)))["error"] is None


@pytest.mark.parametrize("error", [OSError(5, "Input/output error"), KeyboardInterrupt()])
def test_a_node_that_does_not_stop_leaves_no_restic_that_goes_on(
    memory_host: MemoryHost, saved: ResticInMemory, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    host = memory_host
    waiting: list[str] = []
    copies: list[str] = []
    backwards: list[list[str]] = []

    def tool(args: list[str], **options: Any) -> tuple[int, bytes, bytes]:
        if "--exclude-file" not in args:
            return saved(args, **options)
        waiting.append("restic")
        found = saved(args, **options)
        waiting.pop()
        return found

    def fails(what: str) -> None:
        if what.startswith("before stop"):
            assert waiting == ["restic"] * 2
            host.engine.at = lambda _what: None
            raise error

    saved.during = lambda words: copies.append(words[0])
    saved.opening = lambda: setattr(host.engine, "at", fails)
    real = upgrading.Upgrading._undo
    monkeypatch.setattr(upgrading.Upgrading, "_undo", lambda *more: (backwards.append(list(waiting)), real(*more))[1])
    with pytest.raises(KeyboardInterrupt) if isinstance(error, KeyboardInterrupt) else nullcontext():
        done = entry(upgrade(host, tool, newer(host)))
        assert "failed at STOP" in done["error"], done["error"]
    # It had gone before the way back began, and saved nothing but the live pass.
    assert backwards == [[]] and copies.count("backup") == 1
    assert version(host) == "v1.0.0" and not list(Path(host.store.root, "backup").rglob("go"))
    saved.opening = lambda: None
    assert entry(upgrade(host, tool, newer(host)))["error"] is None and version(host) == "v1.1.0"


def test_fetched_beforehand_and_nothing_else(memory_host: MemoryHost, saved: ResticInMemory) -> None:
    host = memory_host
    ran, before = running(host), host.state()
    found = upgrade(host, saved, newer(host), fetch=True)
    told = entry(found)
    assert told["upgrade"]["from"] == "v1.0.0" and told["upgrade"]["to"] == "v1.1.0" and told["upgrade"]["steps"][0] and not told["error"]
    assert running(host) == ran and host.state() == before and not Path(host.store.instance(ID).upgrade).exists()
