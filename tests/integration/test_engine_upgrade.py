# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Nodes run on through an upgrade of their engine, and what belongs to them afterwards works with the new one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.integration import engine
from tests.integration.nodes import two_nodes
from tests.integration.power import ids, off, running, settled, unit
from tests.integration.support import Fleet, lab, lab_fleet

pytestmark = pytest.mark.soak
QUIET, KEYED = "quiet-eng", "demo-avs-eng"


@pytest.fixture(scope="module")
def upgraded(tmp_path_factory: pytest.TempPathFactory, approle: dict[str, Any]) -> Iterator[Fleet]:
    """A fleet of one host with its suite's engine, which is there for this module alone."""
    name = lab("add")
    try:
        with lab_fleet(tmp_path_factory, approle, only=name) as fleet:
            yield fleet
    finally:
        lab("remove", name)


def test_an_engine_that_is_upgraded_stops_no_node(upgraded: Fleet, keys: Any) -> None:
    host = upgraded.first
    entries = {host.name: two_nodes(upgraded, keys, "eng")}
    first = upgraded.play("site", entries)
    assert first.code == 0, first.output[-3000:]
    settled(host)
    made, before, old = ids(host), {**running(host, QUIET), **running(host, KEYED)}, engine.version(host)
    assert len(before) == 3

    engine.offer_the_next(host, host.variables["lab_suite"])
    upgrade = upgraded.play("site", entries, "-e", "docker_upgrade=true")
    assert upgrade.code == 0, upgrade.output[-3000:]

    assert engine.version(host) > old
    assert {**running(host, QUIET), **running(host, KEYED)} == before
    assert (unit(host, QUIET), unit(host, KEYED)) == ("active", "active")
    again = upgraded.play("site", entries)
    assert again.code == 0 and again.stats[host.name]["changed"] == 0 and ids(host) == made

    host.run(f"systemctl restart avs@{KEYED}")
    assert ids(host) == made and set(running(host, KEYED)) | set(running(host, QUIET)) == set(before)
    assert host.run("avsctl verify", check=False) and ids(host) == made
    off(host, "stop")
    settled(host)
    assert running(host, QUIET) and not running(host, KEYED) and ids(host) == made
    back = upgraded.play("install", entries)
    assert back.code == 0 and ids(host) == made
    assert upgraded.play("install", entries).stats[host.name]["changed"] == 0
