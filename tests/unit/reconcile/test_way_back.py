# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A changed option that comes to nothing: what ran before runs again."""

from __future__ import annotations

import os

from ansible_collections.restaking.avs.plugins.module_utils.instance import hold

from tests.unit.support.memory_host import ID, PACKAGE, SECRETS, MemoryHost, with_service
from tests.unit.support.saved_host import running

ENDS = ["sh", "-c", "echo no chain here; exit 3"]


def test_one_the_engine_refuses_or_that_never_becomes_well_runs_as_before(memory_host: MemoryHost) -> None:
    host = memory_host
    host.well(host.spec())
    record = host.state()
    for package in (
        with_service(PACKAGE, "node", entrypoint=ENDS, restart="no"),
        with_service(PACKAGE, "gateway", entrypoint=["/no/such/program"]),
    ):
        entry = host.call(host.spec(package))["instances"][0]
        assert "what was there before runs again" in entry["error"], entry["error"]
        assert (running(host), entry["health"]["status"], entry["changed"]) == ({"node", "gateway"}, "healthy", True)
        assert {**host.state(), "committed_at": 0} == {**record, "committed_at": 0}
        assert host.call(host.spec())["changed"] is False
        assert not os.path.exists(host.store.instance(ID).before)


def test_one_that_is_well_with_neither_says_so(memory_host: MemoryHost) -> None:
    host = memory_host
    host.well(host.spec())
    host.world.broken = {"start node": "no such device"}
    entry = host.call(host.spec(env={"WAIT": "5"}))["instances"][0]
    assert "what was there before does not run either" in entry["error"]
    host.world.broken = {}
    host.well(host.spec())


def test_keys_that_were_given_up_are_not_gone_back_to(memory_host: MemoryHost) -> None:
    """They may be another node's by now."""
    host = memory_host
    host.well(host.spec())
    spec = host.spec(with_service(PACKAGE, "node", entrypoint=ENDS, restart="no"))
    spec["secrets"]["key.bls.keystore"]["ref"] = {"version": "key.bls.keystore#2"}
    entry = host.call(spec, values={**SECRETS, "key.bls.keystore": '{"crypto": {"new": 1}, "pubKey": "E([3,4])"}'})["instances"][0]
    assert entry["error"] and "before" not in entry["error"]
    assert "node" not in running(host)


def test_a_stop_that_comes_meanwhile_holds_what_was_there_before(memory_host: MemoryHost) -> None:
    host = memory_host
    host.well(host.spec())
    other = host.spec(with_service(PACKAGE, "node", entrypoint=ENDS, restart="no"))
    host.engine.at = lambda what: (
        hold.place(host.store.instance(ID), "somebody", "") and None if what.startswith("in compose: start") else None
    )
    entry = host.call(other)["instances"][0]
    assert entry["error"] and running(host) == set()
    assert host.state()["package"]["tree_sha256"] == host.spec()["package"]["tree_sha256"]
