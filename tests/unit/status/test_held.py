# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.restaking.avs.plugins.module_utils.common.keystores import marks_of, record_of
from ansible_collections.restaking.avs.plugins.module_utils.docker.containers import Container
from ansible_collections.restaking.avs.plugins.module_utils.instance.store import InstanceStore, Store
from ansible_collections.restaking.avs.plugins.module_utils.status.held import held

from tests.unit.support.keystores import keystore

ID = "demo-avs-op1"
LIVE = [Container("i", "n", "running", ID, "node", "s", "Up 1 minute")]
KEYS = {kind: keystore(kind, kind) for kind in ("ecdsa", "bn254", "bls12381")}
DAMAGED = "not json"


def memory(own: InstanceStore, **keystores: str) -> None:
    Path(own.run).mkdir(parents=True, exist_ok=True)
    values = {f"key.{name}.keystore": text for name, text in keystores.items()}
    (Path(own.run) / "secrets.json").write_text(json.dumps({**values, "key.ecdsa.password": "pass", "option.x": "{}"}))


def record(own: InstanceStore, content: Any) -> None:
    Path(own.root).mkdir(parents=True, exist_ok=True)
    Path(own.state_file).write_text(content if isinstance(content, str) else json.dumps(content))


def kept(own: InstanceStore, phase: str, keystores: dict[str, str]) -> None:
    committed = {"spec_digest": "d", "containers": {}, "secrets": {}, "views": {}, "committed_at": "2026-01-01T00:00:00Z"}
    record(own, {"phase": phase, **committed, "keys": {kind: record_of(kind, text) for kind, text in keystores.items()}})


@pytest.mark.parametrize("content", [DAMAGED, "[]", {"phase": "odd"}, None])
@pytest.mark.parametrize("containers", [[], LIVE])
def test_without_a_record_what_lies_in_memory_counts(store: Store, content: Any, containers: list[Container]) -> None:
    own = store.instance(ID)
    if content is not None:
        record(own, content)
    memory(own, **KEYS)
    found = held(store, ID, containers)
    assert "unknown" not in found and found["state"] == "started" and set(found["keystores"]) == set(KEYS)
    for kind, text in KEYS.items():
        # Whatever kind it is of, it meets the marks of the same key elsewhere.
        assert set(record_of(kind, text)["marks"]) <= set(marks_of(found["keystores"][kind]))
    assert "pass" not in json.dumps(found)


def test_where_memory_cannot_be_read_either_key_files_count_and_the_rest_is_unknown(store: Store) -> None:
    own = store.instance(ID)
    record(own, DAMAGED)
    folder = Path(own.keys) / "node/..v1"
    folder.mkdir(parents=True)
    (folder.parent / "..data").symlink_to("..v1")
    (folder.parent / "ecdsa.json").symlink_to("..data/ecdsa.json")
    (folder / "ecdsa.json").write_text(KEYS["ecdsa"])
    (folder / "ecdsa.password").write_text("1234567")
    (Path(own.run) / "secrets.json").write_text("{")
    found = held(store, ID, LIVE)
    assert found["unknown"] is True and list(found["keystores"]) == ["node/..v1/ecdsa.json"]
    assert set(record_of("ecdsa", KEYS["ecdsa"])["marks"]) <= set(marks_of(*found["keystores"].values()))
    # Nothing runs: nothing signs.
    assert "unknown" not in held(store, ID, [Container("i", "n", "exited", ID, "node", "s", "Exited")])


def test_an_apply_that_was_cut_has_both_its_old_keys_and_its_new_ones(store: Store) -> None:
    own = store.instance(ID)
    before, after = keystore("ecdsa", "before", "1a" * 20), keystore("ecdsa", "after", "2b" * 20)
    kept(own, "applying", {"ecdsa": before})
    memory(own, ecdsa=after, other=KEYS["bn254"])
    found = held(store, ID, LIVE)["keystores"]
    assert {*record_of("ecdsa", before)["marks"], *record_of("ecdsa", after)["marks"]} <= set(marks_of(found["ecdsa"])) and "other" in found
    # What was committed is believed.
    kept(own, "committed", {"ecdsa": before})
    assert held(store, ID, LIVE)["keystores"] == {"ecdsa": record_of("ecdsa", before)}


def test_what_is_gone_has_none(store: Store) -> None:
    own = store.instance(ID)
    assert held(store, ID, [])["keystores"] == {}
    record(own, {"phase": "absent"})
    assert held(store, ID, []) == {"id": ID, "state": "started", "keystores": {}}
    # Somebody started it again by hand.
    assert held(store, ID, LIVE)["unknown"] is True
    memory(own, ecdsa=KEYS["ecdsa"])
    assert list(held(store, ID, LIVE)["keystores"]) == ["ecdsa"]


def test_what_is_no_file_keeps_nobody_waiting(store: Store) -> None:
    """An emergency stop of a key asks this; to open a pipe would wait for a writer for ever."""
    own = store.instance(ID)
    record(own, DAMAGED)
    Path(own.keys).mkdir(parents=True)
    os.mkfifo(Path(own.keys) / "a")
    (Path(own.keys) / "b").write_text(KEYS["bn254"])
    before = signal.signal(signal.SIGALRM, signal.default_int_handler)
    signal.alarm(10)
    try:
        assert set(held(store, ID, LIVE)["keystores"]) == {"b"}
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
