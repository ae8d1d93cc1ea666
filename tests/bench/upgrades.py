# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Versions of the example package that differ in an option alone, and a node that goes from one to the next."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.integration.support import Fleet, Host
from tests.unit.support.versions_in_git import tap_of


def tap_of_versions(folder: Path, count: int, registry: str) -> Path:
    """A tap with v1.0.0 and so many after it, whose images a registry has."""

    def number(version: str) -> Any:
        return lambda runtime: runtime["health"].update(timeout=60 + int(version.rpartition(".")[2]))

    versions = [f"v1.0.{patch}" for patch in range(count + 1)]
    return tap_of(folder, versions, {one: number(one) for one in versions}, dict.fromkeys(versions, "v1.0.0"), registry)


class Versions:
    """``entry`` is what the inventory has of the node."""

    def __init__(self, fleet: Fleet, host: Host, entry: dict[str, Any]) -> None:
        self.fleet, self.host, self.entry = fleet, host, entry

    def upgrade(self) -> None:
        patch = int(self.entry["version"].rpartition(".")[2]) + 1
        self.entry = {**self.entry, "version": f"v1.0.{patch}", "options": {**self.entry["options"], "fee-share": patch / 100}}
        what = json.dumps({"avs_upgrade": [f"demo-avs-{self.entry['tag']}"], "avs_upgrade_poll": 1})
        result = self.fleet.play("upgrade", {self.host.name: [self.entry]}, "-e", what, timeout=1800)
        if result.code:
            raise SystemExit(result.output[-6000:])
