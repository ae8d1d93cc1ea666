# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fixtures of this room."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.unit.support.memory_host import MemoryHost
from tests.unit.support.restic_in_memory import ResticInMemory
from tests.unit.support.saved_host import Take, taking, with_restic
from tests.unit.support.two_hosts import Two, two_hosts


@pytest.fixture
def saved(memory_host: MemoryHost, monkeypatch: pytest.MonkeyPatch) -> ResticInMemory:
    """The restic of a host with a node that has stored something."""
    return with_restic(memory_host, monkeypatch)


@pytest.fixture
def take(memory_host: MemoryHost, saved: ResticInMemory) -> Take:
    """Back it up."""
    return taking(memory_host, saved)


@pytest.fixture
def two(monkeypatch: pytest.MonkeyPatch) -> Iterator[Two]:
    """A node with keys that has stored something on the one, and its repository on both."""
    with two_hosts(monkeypatch) as found:
        yield found
