# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One healthy instance for all tests of this folder: no bad neighbour may touch it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.integration.bad_input.packages import Package
from tests.integration.bad_input.refusal import Entry, tag_of
from tests.integration.support import Fleet, Host, lab_fleet


@pytest.fixture(scope="package")
def fleet(tmp_path_factory: pytest.TempPathFactory, approle: dict[str, Any]) -> Iterator[Fleet]:
    with lab_fleet(tmp_path_factory, approle) as fleet:
        yield fleet


@pytest.fixture(scope="package")
def standing(fleet: Fleet, demo: Any) -> tuple[Host, Entry]:
    """A host with one healthy instance, and that instance's entry."""
    host = fleet.first
    entry = demo("standing", 40)
    result = fleet.play("install", {host.name: [entry]})
    assert result.code == 0, result.output[-4000:]
    return host, entry


@pytest.fixture
def packages(fleet: Fleet, tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Package]:
    # A test's own folder has the test's name in it, and so the very words that a message is asked for.
    return lambda: Package(tmp_path_factory.mktemp("p") / "tree", fleet.facts["lab_registry"])


@pytest.fixture
def package(packages: Callable[[], Package]) -> Package:
    return packages()


@pytest.fixture
def bad(demo: Any) -> Any:
    """Makes the entry of a bad instance, of a package in the tap or of one of the test's own."""

    def make(own: Package | None = None, number: int = 1, **changes: Any) -> Entry:
        entry: Entry = {**demo(tag_of(number), 40 + number), **changes}
        if own is not None:
            entry["package"] = {"path": str(own.tree)}
            del entry["version"]
        return entry

    return make
