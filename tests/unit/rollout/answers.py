# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Hosts as they answer before a rollout, for the tests of this room."""

from __future__ import annotations

from typing import Any

from ansible_collections.restaking.avs.plugins.plugin_utils.rollout.seen import UPGRADE, Answers, Seen, seen

ID = "demo-avs-op1"


def gate(*entries: dict[str, Any], machine: str = "m") -> dict[str, Any]:
    return {"machine": machine, "instances": list(entries)}


def there(name: str = ID, version: str = "v1", health: str = "healthy", **more: Any) -> dict[str, Any]:
    """As ``rollout_gate`` has it."""
    base = {
        "id": name,
        "package": name.rpartition("-")[0],
        "version": version,
        "state": "started",
        "at_work": None,
        "upgrade": None,
        "passed": None,
    }
    return {**base, "health": {"status": health, "detail": "d"}, **more}


def look(name: str = ID, old: str = "v1", new: str = "v2", digest: str = "tree2", **more: Any) -> dict[str, Any]:
    """As ``instance_upgrade`` says what would be done."""
    return {
        "id": name,
        "package": name.rpartition("-")[0],
        "version": new,
        "wanted_digest": digest,
        "error": None,
        "upgrade": {"from": old, "to": new},
        **more,
    }


def had(name: str = ID, version: str = "v2", digest: str = "tree2") -> dict[str, Any]:
    return {"id": name, "package": name.rpartition("-")[0], "version": version, "wanted_digest": digest, "error": None}


def wants(
    host: str, *entries: dict[str, Any], is_there: list[dict[str, Any]] | None = None, everything: bool = False, kind: str = UPGRADE
) -> Seen:
    """A host that answered both; by default what is there is well."""
    entries = entries or (look(),)
    found = (
        is_there
        if is_there is not None
        else [there(entry["id"], (entry.get("upgrade") or {}).get("from", entry["version"])) for entry in entries]
    )
    return seen(host, Answers(gate(*found, machine=host), {"instances": list(entries), "unknown": []}), everything, kind)
