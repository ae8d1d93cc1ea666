# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fixtures of this room."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.support.memory_host import ID, MemoryHost
from tests.unit.support.memory_world import Container, World
from tests.unit.support.restic_in_memory import ResticInMemory
from tests.unit.support.saved_host import running, with_restic

Ran = list[tuple[str, set[str]]]


@pytest.fixture
def saved(memory_host: MemoryHost, monkeypatch: pytest.MonkeyPatch) -> ResticInMemory:
    """The restic of a host with a node that has stored something."""
    return with_restic(memory_host, monkeypatch)


@pytest.fixture
def writing(memory_host: MemoryHost, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Each start of the node has it write which version it is into what it has stored."""
    start = World.start

    def write(world: World, item: Container) -> None:
        start(world, item)
        rows = memory_host.engine.volumes / f"avs-{ID}_node-data" / "_data" / "rows"
        if item.labels.get("avs.service") == "node" and rows.exists():
            rows.write_text(rows.read_text() + f" {item.service['environment'].get('LEVEL')}")

    monkeypatch.setattr(World, "start", write)
    yield


def rows(host: MemoryHost) -> str:
    return Path(host.engine.volumes / f"avs-{ID}_node-data" / "_data" / "rows").read_text()


@pytest.fixture
def ran(memory_host: MemoryHost, monkeypatch: pytest.MonkeyPatch) -> Ran:
    """Commands of the package that were run, and what of the node ran then. Each writes into what is stored."""
    found: Ran = []
    start = World.start

    def note(world: World, item: Container) -> None:
        name = item.labels.get("avs.command.name")
        if name is not None:
            found.append((name, running(memory_host)))
            place = Path(memory_host.engine.volumes / f"avs-{ID}_node-data" / "_data" / "rows")
            place.write_text(f"{place.read_text()} {name}")
        start(world, item)

    monkeypatch.setattr(World, "start", note)
    return found
