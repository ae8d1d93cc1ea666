# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fixtures of this room."""

from __future__ import annotations

import pytest

from tests.unit.support.memory_host import MemoryHost
from tests.unit.support.restic_in_memory import ResticInMemory
from tests.unit.support.saved_host import Take, taking, with_restic


@pytest.fixture
def saved(memory_host: MemoryHost, monkeypatch: pytest.MonkeyPatch) -> ResticInMemory:
    """The restic of a host with a node that has stored something."""
    return with_restic(memory_host, monkeypatch)


@pytest.fixture
def take(memory_host: MemoryHost, saved: ResticInMemory) -> Take:
    """Back it up."""
    return taking(memory_host, saved)
