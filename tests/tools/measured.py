# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""For a run of all unit tests with ``--cov``: what is reached is looked at while the measured rooms' own tests run, and not while others
do, which then take no longer than without: ``pytest -p tests.tools.measured --cov``."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest
from coverage import Coverage

# What a room does between a question to the engine and a file is proven without Docker, or it is not proven at every cut.
ROOMS = ("reconcile", "instance", "status")
_TESTS = tuple(Path(__file__).resolve().parents[1] / "unit" / room for room in ROOMS)
_LIBRARY = "ansible_collections.restaking.avs.plugins.module_utils"


class Measured:
    """Stands beside the coverage of one process."""

    def __init__(self, coverage: Coverage) -> None:
        """``coverage`` looks already, and stops until a test is to be looked at."""
        self._coverage, self._runs = coverage, True
        self._let(False)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, Any, Any]:
        self._let(any(folder in item.path.parents for folder in _TESTS))
        return (yield)

    def _let(self, run: bool) -> None:
        if run is not self._runs:
            self._runs = run
            if run:
                self._coverage.start()
            else:
                self._coverage.stop()


@pytest.hookimpl(trylast=True)
def pytest_sessionstart(session: pytest.Session) -> None:
    coverage = Coverage.current()
    if coverage is None:
        return
    if session.config.pluginmanager.hasplugin("dsession"):
        # Tests run in other processes.
        coverage.stop()
    else:
        # What a module does when it is imported is reached whichever test comes first. Collecting the tests reaches nothing more.
        for room in ROOMS:
            whole = importlib.import_module(f"{_LIBRARY}.{room}")
            for module in pkgutil.iter_modules(whole.__path__):
                importlib.import_module(f"{whole.__name__}.{module.name}")
        session.config.pluginmanager.register(Measured(coverage))
