# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host in memory with an instance whose package has commands."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.restaking.avs.plugins.module_utils.commands import declared, images, one_off
from ansible_collections.restaking.avs.plugins.module_utils.commands.one_off import Ended, OneOff
from ansible_collections.restaking.avs.plugins.module_utils.commands.perform import Wish, perform
from ansible_collections.restaking.avs.plugins.module_utils.common.errors import HostError
from ansible_collections.restaking.avs.plugins.module_utils.common.spec import InstanceSpec
from ansible_collections.restaking.avs.plugins.module_utils.instance.store import InstanceStore

from tests.unit.support.memory_host import ID, MemoryHost, image

PLUGIN = "registry.example.org/plugin:1.0.0"


class Node:
    """An installed instance whose package has commands. ``pulled``: the plugin's image is there; ``wired``: secret -> compose variables that
    get it; ``package`` and other changes are of its spec."""

    def __init__(self, host: MemoryHost, commands: Mapping[str, Mapping[str, Any]], pulled: bool = True, **changes: Any) -> None:
        self.host = host
        self.shown: dict[str, tuple[int, str]] = {}
        full = {name: {"chain": False, "needs": [], "args": ["true"], **command} for name, command in commands.items()}
        wired = changes.pop("wired", {})
        spec = host.spec(changes.pop("package", None), commands=full, plugin={"image": PLUGIN}, **changes)
        for secret, variables in wired.items():
            spec["secrets"][secret]["env"] = variables
        host.well(spec)
        made = image(labels={"is": "plugin"})
        digest = made["Id"].partition(":")[2]
        host.world.registry[PLUGIN] = {**made, "RepoDigests": [f"{PLUGIN.rpartition(':')[0]}@sha256:{digest}"]}
        self.spec = InstanceSpec.read(spec)
        if pulled:
            images.ensure(host.engine.connect(), self.own, self.spec)

    @property
    def own(self) -> InstanceStore:
        return self.host.store.instance(ID)

    def one(self, name: str, *args: str) -> OneOff:
        return declared.one_off(self.host.engine.connect(), self.own, self.spec, name, args)

    def run(self, name: str, *args: str, **changes: Any) -> Ended:
        return one_off.run(self.host.engine.connect(), self.own, replace(self.one(name, *args), **changes))

    def refused(self, name: str, *args: str) -> str:
        with pytest.raises(HostError) as error:
            self.one(name, *args)
        return str(error.value)

    def made(self, name: str, *args: str, **changes: Any) -> dict[str, Any]:
        """The file its container is made of; ``shown`` is what it sees of keys."""
        found: list[dict[str, Any]] = []
        at = self.host.engine.at

        def look(what: str) -> None:
            path = Path(self.own.run, "command", "compose.json")
            if what.startswith("before start --attach"):
                found.append(json.loads(path.read_text()))
                keys = [one for one in path.parent.rglob("keys*/*") if one.is_file()]
                self.shown = {str(one.relative_to(path.parent)): (one.stat().st_mode & 0o777, one.read_text()) for one in keys}

        self.host.engine.at = look
        self.run(name, *args, **changes)
        self.host.engine.at = at
        return found[0]

    def left(self) -> list[str]:
        """What is there of a command."""
        files = [path for path in ("command", "command.mark") if Path(self.own.run, path).exists()]
        return [*files, *(item.name for item in self.host.world.containers.values() if one_off.LABEL in item.labels)]

    def wished(self, name: str, *args: str, check: bool = False, confirmed: str = "") -> dict[str, Any]:
        """The entry of a person's call."""
        wish = Wish(name, args, confirmed, "tester", 0, check)
        return perform(self.host.store, self.host.engine.connect(), [ID], wish)[0]
