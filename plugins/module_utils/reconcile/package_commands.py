# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Commands a package declares for what it has stored: how it saves a volume itself, and how it brings one forward that went back."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from ..backup import uses
from ..backup.volumes import MONOTONIC, Item
from ..commands import declared, one_off
from ..common.errors import HostError
from ..common.rules import finding
from ..common.spec import InstanceSpec
from ..docker.engine import Engine
from ..instance.store import InstanceStore
from ..system import files

# The folder of a volume in which its package leaves what is to be saved of it.
DUMP = ".avs-backup"
# Seconds.
PATIENCE = 3600.0


@dataclass(frozen=True)
class Node:
    """An instance whose commands are run; ``hold``: descriptors they keep open."""

    engine: Engine
    own: InstanceStore
    hold: tuple[int, ...] = ()

    def run(self, name: str, command: Mapping[str, Any]) -> None:
        """``exec`` in the running container of its service, ``run`` in one of its own that goes afterwards. ``name``: what it is for. Raises
        ``HostError`` where it does not end with 0, ``LockedError`` where another command runs."""
        spec = self.own.spec() or InstanceSpec(id=self.own.id)
        named = declared.Named(name, command=command, timeout=PATIENCE)
        what = declared.settled(self.engine, self.own, spec, named)
        ended = one_off.run(self.engine, self.own, what, self.hold)
        if ended.timed_out:
            raise HostError(f"it took longer than {what.timeout:g} s")
        if ended.code:
            raise HostError(f"it ended with {ended.code}: {ended.output.strip()[-500:]}")


@contextmanager
def dumped(node: Node, items: Sequence[Item], up: bool) -> Iterator[list[Item]]:
    """Have the package save those volumes it saves itself, and yield what is to be saved then. Of a node that is down the volumes
    themselves are: nothing changes there. Raises ``HostError`` (BAK-011): without the dump there is no backup."""
    commands = {f"volumes/{name}": use.backup for name, use in uses.of(node.own.spec()).items() if use.backup}
    made: list[str] = []
    try:
        found = []
        for item in items:
            command = commands.get(item.name) if up else None
            place = os.path.join(item.path, DUMP)
            if item.name in commands:
                # What a cut left of one is not the node's.
                files.remove(place)
            if command is None:
                found.append(item)
                continue
            made.append(place)
            try:
                node.run("backup", command)
                if not files.is_folder(place) or not os.listdir(place):
                    raise HostError(f"it left nothing in {DUMP} of the volume")
            except HostError as error:
                raise _failed(node.own.id, f"volumes.{item.name.partition('/')[2]}.backup", error) from None
            found.append(replace(item, path=place, live=False, volume_path=item.path))
        yield found
    finally:
        for place in made:
            files.remove(place)


def brings_forward(own: InstanceStore, items: Sequence[Item]) -> dict[str, Mapping[str, Any]]:
    """Name -> command, of those items that are monotonic and that their package can bring forward."""
    commands = {f"volumes/{name}": use.watermark for name, use in uses.of(own.spec()).items() if use.watermark}
    return {item.name: command for item in items if item.cls == MONOTONIC and (command := commands.get(item.name)) is not None}


def bring_forward(node: Node, commands: Mapping[str, Mapping[str, Any]]) -> None:
    """While the node is down. Raises ``HostError`` (BAK-011)."""
    for name, command in sorted(commands.items()):
        try:
            node.run("watermark", command)
        except HostError as error:
            raise _failed(node.own.id, f"volumes.{name.partition('/')[2]}.watermark", error) from None


def _failed(instance: str, place: str, error: HostError) -> HostError:
    message = f"the package's command for {place} failed: {error.message}"
    return HostError(f"{instance}: {message}", [finding("BAK-011", f"{instance}: {place}", message)])
