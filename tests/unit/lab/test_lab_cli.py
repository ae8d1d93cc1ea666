# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The command line of the lab: a host is what it is called, the next time as well."""

from __future__ import annotations

import pytest

from tests.lab import hosts
from tests.lab.cli import parser


@pytest.mark.parametrize(
    ("words", "engine"), [([], hosts.OWN), (["--docker"], hosts.OWN), (["--no-docker"], hosts.NONE), (["--engine", "newest"], hosts.NEWEST)]
)
@pytest.mark.parametrize("command", ["up", "add"])
def test_what_engine_a_host_has_at_first(command: str, words: list[str], engine: str) -> None:
    assert parser().parse_args([command, *words]).engine == engine
