# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which instances are meant: by id, by a key in any spelling, or all."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from ansible_collections.restaking.avs.plugins.module_utils.common.errors import HostError
from ansible_collections.restaking.avs.plugins.module_utils.common.keystores import marks_named
from ansible_collections.restaking.avs.plugins.module_utils.reconcile.selection import Chosen, choose

from tests.unit.support.memory_host import ID, SECRETS, MemoryHost

ADDRESS = "5f8c1a5e1d1a1b6f0e2b7c1e5b0f9a3c4d2e1f00"


def keyed(host: MemoryHost, keystore: str) -> None:
    spec = host.spec()
    host.call(spec, values={**SECRETS, "key.bls.keystore": keystore})


@pytest.mark.parametrize("named", ["E([1,2])", "(1, 2)", "1,2", f"{1:064x}{2:064x}", f"0x{1:064x}"])
def test_a_point_in_any_spelling(memory_host: MemoryHost, named: str) -> None:
    memory_host.well(memory_host.spec())
    assert list(choose(memory_host.store, memory_host.engine.connect(), [], named, False).ids) == [ID]


@pytest.mark.parametrize("named", [ADDRESS, f"0x{ADDRESS}", f"0X{ADDRESS.upper()}"])
def test_an_address_in_any_spelling(memory_host: MemoryHost, named: str) -> None:
    keyed(memory_host, json.dumps({"crypto": {"a": 1}, "address": ADDRESS}))
    assert list(choose(memory_host.store, memory_host.engine.connect(), [], named, False).ids) == [ID]


def test_a_fingerprint_as_status_shows_it(memory_host: MemoryHost) -> None:
    memory_host.well(memory_host.spec())
    shown = memory_host.status().instances[0]["keystores"]["bls"]["fingerprint"]
    for named in (shown, shown.partition(":")[2]):
        assert list(choose(memory_host.store, memory_host.engine.connect(), [], named, False).ids) == [ID]


def test_a_key_nobody_has(memory_host: MemoryHost) -> None:
    memory_host.well(memory_host.spec())
    assert choose(memory_host.store, memory_host.engine.connect(), [], "E([3,4])", False) == Chosen([], (), [])


@pytest.mark.parametrize("named", ["bls", "0x12", "", " ", "*", "--", "sha256:xyz", "0x" + "0" * 40])
def test_what_is_no_key(memory_host: MemoryHost, named: str) -> None:
    memory_host.well(memory_host.spec())
    assert marks_named(named) == set()
    with pytest.raises(HostError):
        choose(memory_host.store, memory_host.engine.connect(), [], named, False)


def test_a_key_of_an_apply_that_was_cut(memory_host: MemoryHost) -> None:
    """The record still speaks of the old one; what lies in memory is what signs."""
    host = memory_host
    host.well(host.spec())
    host.record(phase="applying", applying="x")
    Path(host.store.instance(ID).run, "secrets.json").write_text(
        json.dumps({"values": {"key.bls.keystore": '{"crypto": {"new": 1}, "pubKey": "E([3,4])"}'}, "identities": {}})
    )
    for named in ("E([1,2])", "E([3,4])"):
        assert list(choose(host.store, host.engine.connect(), [], named, False).ids) == [ID]


def test_one_of_which_nothing_is_known_is_named(memory_host: MemoryHost) -> None:
    import shutil

    host = memory_host
    host.well(host.spec())
    Path(host.store.instance(ID).state_file).write_text("{")
    shutil.rmtree(host.store.run)
    assert choose(host.store, host.engine.connect(), [], "E([3,4])", False).unsure == [ID]


def test_ids_and_all(memory_host: MemoryHost) -> None:
    host = memory_host
    host.well(host.spec())
    engine = host.engine.connect()
    assert choose(host.store, engine, [ID, "no-such", ID], "", False) == Chosen([ID], ["no-such"])
    assert list(choose(host.store, engine, [], "", True).ids) == [ID]
    host.well(host.gone())
    assert list(choose(host.store, host.engine.connect(), [], "", True).ids) == []
    with pytest.raises(HostError, match="not to be understood"):
        choose(host.store, engine, ["../x"], "", False)
    for ids, key, everything in (([], "", False), ([ID], "E([1,2])", False), ([ID], "", True)):
        with pytest.raises(HostError):
            choose(host.store, engine, ids, key, everything)


def test_an_engine_that_is_down_keeps_nobody_from_choosing(memory_host: MemoryHost, monkeypatch: pytest.MonkeyPatch) -> None:
    host = memory_host
    host.well(host.spec())
    monkeypatch.setattr(host.engine, "_answer", lambda _words: (1, "", "Cannot connect to the Docker daemon at unix:///x. Is it running?"))
    for ids, key, everything in (([ID], "", False), ([], "E([1,2])", False), ([], "", True)):
        assert list(choose(host.store, host.engine.connect(), ids, key, everything).ids) == [ID]
    # What is not on record may run all the same: nobody says it is not here.
    for ids, key in (([ID, "no-such"], ""), ([], "E([3,4])")):
        with pytest.raises(HostError, match="does not answer"):
            choose(host.store, host.engine.connect(), ids, key, False)
