# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host's store with roots of its own, and one instance in it."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.restaking.avs.plugins.module_utils.store import InstanceStore, Store


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(str(tmp_path / "lib"), str(tmp_path / "run"), str(tmp_path / "locks"))


@pytest.fixture
def own(store: Store) -> InstanceStore:
    return store.instance("demo-avs-op1")
