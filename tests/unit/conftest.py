# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The collection under its own name, and what tests of many rooms are given."""

from __future__ import annotations

import importlib.util
import sys
import types
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

ROOT = Path(__file__).resolve().parents[2]


def _make_importable() -> None:
    """The collection under its own name, also where nothing has put it on the path."""
    try:
        if importlib.util.find_spec("ansible_collections.restaking.avs.plugins") is not None:
            return
    except ModuleNotFoundError:
        pass
    for name, path in (
        ("ansible_collections", []),
        ("ansible_collections.restaking", []),
        ("ansible_collections.restaking.avs", [str(ROOT)]),
    ):
        module = sys.modules.setdefault(name, types.ModuleType(name))
        module.__path__ = [*getattr(module, "__path__", []), *path]


_make_importable()

from ansible_collections.restaking.avs.plugins.module_utils.instance.store import InstanceStore, Store  # noqa: E402
from ansible_collections.restaking.avs.plugins.plugin_utils.fetching.cache import Cache  # noqa: E402

from tests.unit.support.builders import GitRepo  # noqa: E402
from tests.unit.support.memory_host import MemoryHost, in_memory  # noqa: E402

# No database: a test run leaves nothing behind. No deadline: machines that run tests are busy.
settings.register_profile("unit", database=None, deadline=None)
settings.load_profile("unit")


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    (tmp_path / "run").mkdir()
    return Cache(tmp_path / "cache", tmp_path / "run")


@pytest.fixture
def repo(tmp_path: Path) -> GitRepo:
    return GitRepo(tmp_path / "repo")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """A host's store with roots of its own."""
    return Store(str(tmp_path / "lib"), str(tmp_path / "run"), str(tmp_path / "locks"))


@pytest.fixture
def own(store: Store) -> InstanceStore:
    return store.instance("demo-avs-op1")


@pytest.fixture
def memory_host(monkeypatch: pytest.MonkeyPatch) -> Iterator[MemoryHost]:
    with in_memory(monkeypatch) as host:
        yield host
