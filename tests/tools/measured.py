# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests of some rooms reach, looked at in the run of all tests and only while theirs run: ``pytest -p tests.tools.measured``.

Looking takes as long as the tests themselves, so pytest-cov, which looks at all of them (and twice in a worker of xdist), is no help.
"""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest
from coverage import Coverage

# What a room does between a question to the engine and a file is proven without Docker, or it is not proven at every cut.
ROOMS = ("reconcile", "instance", "status")
ROOT = Path(__file__).resolve().parents[2]
_TESTS = tuple(ROOT / "tests" / "unit" / room for room in ROOMS)
# Those that cut a run, by the name of the test or of its file: they do at hundreds of moments what others do once, and reach next to nothing more.
_AGAIN = re.compile(r"/reconcile/.*_cuts?[_.\[]|/test_unchanged_is_no_plan\.py")
_COVERAGE = pytest.StashKey[Coverage]()
_LIBRARY = "ansible_collections.restaking.avs.plugins.module_utils"


def coverage_of_a_process() -> Coverage:
    return Coverage(config_file=str(ROOT / "pyproject.toml"))


class Measured:
    """Looks at one process."""

    def __init__(self, coverage: Coverage) -> None:
        self._coverage, self._runs = coverage, False

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, Any, Any]:
        self._let(not _AGAIN.search(item.nodeid) and any(folder in item.path.parents for folder in _TESTS))
        return (yield)

    def pytest_sessionfinish(self) -> None:
        self._let(False)
        self._coverage.save()

    def _let(self, run: bool) -> None:
        if run is not self._runs:
            self._runs = run
            if run:
                self._coverage.start()
            else:
                self._coverage.stop()


def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    """What a module does when it is imported counts as well, so all of them are before anybody else imports one."""
    coverage = coverage_of_a_process()
    coverage.start()
    for room in ROOMS:
        whole = importlib.import_module(f"{_LIBRARY}.{room}")
        for module in pkgutil.iter_modules(whole.__path__):
            importlib.import_module(f"{whole.__name__}.{module.name}")
    coverage.stop()
    early_config.stash[_COVERAGE] = coverage


def pytest_sessionstart(session: pytest.Session) -> None:
    if not hasattr(session.config, "workerinput"):
        # Those of the run before.
        coverage_of_a_process().erase()
    # With xdist, tests run in processes that are not this one.
    if not session.config.pluginmanager.hasplugin("dsession"):
        session.config.pluginmanager.register(Measured(session.config.stash[_COVERAGE]))
