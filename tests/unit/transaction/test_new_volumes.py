# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What only the new version has of volumes and networks is there for its migrations, and goes with a way back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.restaking.avs.plugins.module_utils.instance import discarded

from tests.unit.support.memory_host import ID, NODE, PACKAGE, MemoryHost, with_service
from tests.unit.support.memory_world import Container, World
from tests.unit.support.restic_in_memory import ResticInMemory
from tests.unit.support.saved_host import keyless, running
from tests.unit.transaction.test_upgrade import entry, migrating, taken_back, upgrade, version

INDEX, SIDE = f"avs-{ID}_index", f"avs-{ID}_side"


def indexed(host: MemoryHost, up: int = 0, **changes: Any) -> dict[str, Any]:
    """v2.0.0 has a volume and a network that v1.0.0 has not, and a migration that needs both."""
    node = PACKAGE["services"]["node"]
    mounts = [
        node["volumes"][0], node["volumes"][2], {"type": "bind", "source": "./work", "target": "/work"},
        {"type": "volume", "source": "index", "target": "/index"},
    ]  # fmt: skip
    more = with_service(PACKAGE, "node", volumes=mounts, networks={"inner": None, "side": None}, **changes)
    more = {**more, "networks": {**PACKAGE["networks"], "side": {}}, "volumes": {**PACKAGE["volumes"], "index": {}}}
    found = migrating(host, up)
    commands = {name: {**command, "network": "side", "mounts": ["index"]} for name, command in found["commands"].items()}
    return {**found, "package": {**found["package"], "tree_sha256": host.tree(more)}, "commands": commands}


@pytest.fixture
def found(memory_host: MemoryHost, monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """What each command of the package found in the new volume, and nothing of the node runs. It leaves something there."""
    seen: list[list[str]] = []
    start = World.start

    def note(world: World, item: Container) -> None:
        if item.labels.get("avs.command.name"):
            place = Path(memory_host.engine.volumes / INDEX / "_data")
            place.mkdir(parents=True, exist_ok=True)
            assert running(memory_host) == set() and there(memory_host) == (True, True)
            seen.append(sorted(path.name for path in place.iterdir()))
            (place / "rows").write_text("indexed")
        start(world, item)

    monkeypatch.setattr(World, "start", note)
    return seen


def there(host: MemoryHost) -> tuple[bool, bool]:
    engine = host.engine.connect()
    return INDEX in engine.volumes(), SIDE in engine.networks()


def test_a_migration_has_what_only_the_new_version_has(memory_host: MemoryHost, saved: ResticInMemory, found: list[list[str]]) -> None:
    host = memory_host
    done = entry(upgrade(host, saved, indexed(host)))
    assert (done["error"], found, version(host)) == (None, [[]], "v2.0.0")
    assert running(host) == {"node", "gateway"} and there(host) == (True, True)
    assert Path(host.engine.volumes / INDEX / "_data" / "rows").read_text() == "indexed"
    assert host.call(indexed(host))["changed"] is False
    # Taken back, a second try does not take it for its own.
    back = taken_back(host, saved)
    assert (back["error"], version(host), running(host), there(host)[1]) == (None, "v1.0.0", {"node", "gateway"}, False)
    assert list(Path(host.engine.volumes / INDEX / "_data").iterdir()) == []
    [aside] = [path for path in discarded.known(host.store.instance(ID)) if INDEX in path]
    assert Path(aside, "rows").read_text() == "indexed"
    assert entry(upgrade(host, saved, indexed(host)))["error"] is None and found == [[], []]
    host.well(host.gone(purge=True))
    assert not there(host)[0]


def test_what_was_made_for_a_migration_goes_with_the_way_back(
    memory_host: MemoryHost, saved: ResticInMemory, found: list[list[str]]
) -> None:
    host = memory_host
    done = entry(upgrade(host, saved, indexed(host, up=4)))
    assert "failed at MIGRATE" in done["error"] and "v1.0.0 runs again, and is well" in done["error"], done["error"]
    assert (version(host), running(host), there(host)) == ("v1.0.0", {"node", "gateway"}, (True, False))
    assert entry(upgrade(host, saved, indexed(host, up=4)))["error"] and found == [[], []]
    assert host.call(keyless(host))["changed"] is False


def test_of_what_nothing_was_written_to_nothing_is_left(memory_host: MemoryHost, saved: ResticInMemory) -> None:
    host = memory_host
    refuses = {**indexed(host), "commands": {**indexed(host)["commands"], "up": {"run": "plugin", "network": "no-such", "args": ["true"]}}}
    done = entry(upgrade(host, saved, refuses))
    assert "failed at MIGRATE" in done["error"] and "no-such is no network" in done["error"], done["error"]
    assert (version(host), running(host), there(host)) == ("v1.0.0", {"node", "gateway"}, (False, False))


def test_a_volume_that_never_goes_back_stays(memory_host: MemoryHost, saved: ResticInMemory, found: list[list[str]]) -> None:
    host = memory_host
    done = entry(upgrade(host, saved, {**indexed(host), "volumes": {"index": "monotonic"}}))
    assert (done["error"], version(host)) == (None, "v2.0.0")
    assert taken_back(host, saved)["error"] is None
    assert Path(host.engine.volumes / INDEX / "_data" / "rows").read_text() == "indexed"


def test_it_goes_as_well_where_the_version_before_had_none_at_all(
    memory_host: MemoryHost, saved: ResticInMemory, found: list[list[str]]
) -> None:
    host = memory_host
    bare = {**with_service(PACKAGE, "node", volumes=[NODE["volumes"][2]]), "volumes": {}}
    host.well(host.gone(purge=True))
    host.well({**keyless(host), "package": {**keyless(host)["package"], "tree_sha256": host.tree(bare)}})
    failed = indexed(host, up=4)
    done = entry(upgrade(host, saved, failed))
    assert "failed at MIGRATE" in done["error"] and version(host) == "v1.0.0", done["error"]
    assert list(Path(host.engine.volumes / INDEX / "_data").iterdir()) == []
    assert entry(upgrade(host, saved, failed))["error"] and found == [[], []]
