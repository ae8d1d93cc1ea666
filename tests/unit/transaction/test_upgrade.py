# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An upgrade, and its way back: whatever it comes to, one version runs with what is its own, and nothing that was stored is lost."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ansible_collections.restaking.avs.plugins.module_utils.transaction import work

from tests.unit.support.memory_host import ID, PACKAGE, MemoryHost, with_service
from tests.unit.support.restic_in_memory import ResticInMemory
from tests.unit.support.saved_host import PASSWORD, keyless, running
from tests.unit.transaction.conftest import rows


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


def upgrade(host: MemoryHost, tool: ResticInMemory, spec: dict[str, Any], check: bool = False, **said: Any) -> dict[str, Any]:
    document = {
        "schema": 1, "specs": [spec], "trees": {}, "holder": "test", "lock_timeout": 0, "settings": {}, "complete": True,
        "upgrade": {"acknowledged": said.pop("acknowledged", {})},
    }  # fmt: skip
    document["trees"] = {spec["package"]["tree_sha256"]: host.trees[spec["package"]["tree_sha256"]]}
    call = {
        "document": json.loads(json.dumps(document)),
        "secret_values": {},
        "check": check,
        "backup": {"repository": None, "password": PASSWORD},
    }
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
