# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Records of instances: those that earlier releases and this one left are read and written byte for byte; what nobody could work with is
refused, and what a newer release wrote is left alone."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.restaking.avs.plugins.module_utils.common.errors import HostError
from ansible_collections.restaking.avs.plugins.module_utils.common.records import Odd
from ansible_collections.restaking.avs.plugins.module_utils.common.spec import read_spec
from ansible_collections.restaking.avs.plugins.module_utils.instance.state import FIRST_TRANSFORM, NONE, DamagedError, State, read_state
from ansible_collections.restaking.avs.plugins.module_utils.instance.store import Store
from ansible_collections.restaking.avs.plugins.module_utils.reconcile.job import Call, look
from ansible_collections.restaking.avs.plugins.module_utils.reconcile.reconcile import reconcile
from ansible_collections.restaking.avs.plugins.module_utils.system import files

from tests.unit.support.engines import Told
from tests.unit.support.instances import SECRETS, installed, store
from tests.unit.support.models import spec, typed

assert store
# Written on an engine: ``earlier`` by the release before records and specs had types, ``present`` by the last code that had none.
RECORDED = Path(__file__).parent / "recorded"
STATES = sorted(RECORDED.rglob("*.state.json"))
SPECS = sorted(RECORDED.rglob("*.spec.json"))


def name_of(path: Path) -> str:
    return f"{path.parent.name}/{path.name}"


@pytest.mark.parametrize("path", STATES, ids=name_of)
def test_a_record_is_written_as_it_was_left(path: Path, store: Store) -> None:
    own = store.instance(json.loads(path.read_text())["id"])
    own.make()
    Path(own.state_file).write_bytes(path.read_bytes())
    state = own.state()
    assert state is not None
    own.write_state(state)
    assert Path(own.state_file).read_bytes() == path.read_bytes()


@pytest.mark.parametrize("path", SPECS, ids=name_of)
def test_a_recorded_spec_is_written_as_it_was_left(path: Path, tmp_path: Path) -> None:
    files.write_json(str(tmp_path / "spec.json"), read_spec(json.loads(path.read_text())).as_dict())
    assert (tmp_path / "spec.json").read_bytes() == path.read_bytes()


def recorded(name: str, release: str = "present") -> dict[str, Any]:
    found: dict[str, Any] = json.loads((RECORDED / release / f"{name}.state.json").read_text())
    return found


def test_what_the_records_say() -> None:
    running, stopped, cut = (read_state(recorded(name)) for name in ("committed", "stopped", "applying"))
    assert (running.phase, running.desired, running.installed, running.left_nothing) == ("committed", "started", True, False)
    assert (stopped.phase, stopped.desired) == ("committed", "stopped")
    assert (cut.phase, cut.committed_at, cut.installed, len(cut.ports)) == ("applying", "", True, 3)
    assert running.containers["node"].networks == ("avs-recorded-op1_avs",) and not running.containers["node"].ends
    assert running.health is not None and running.health.port == 8080
    assert set(running.identities) == set(running.secrets) and running.aliases == {}
    assert running.views["node"]["bls.json"].secret == "key.bls.keystore"
    gone = read_state(recorded("absent"))
    assert not gone.installed and not gone.left_nothing and gone.kept_data and gone.package is not None and gone.package.name == "recorded"
    assert not NONE.installed and NONE.left_nothing


def test_what_an_older_release_left_out_has_a_default() -> None:
    older = read_state(recorded("committed", "earlier"))
    assert older.transform == FIRST_TRANSFORM and "transform" not in older.as_dict()
    assert [(item.networks, item.restarts) for item in older.containers.values()] == [((), 0)] * 2
    assert [key.marks for key in older.keys.values()] == [None, None]
    assert read_state({name: value for name, value in recorded("committed").items() if name != "schema"}).schema == 1


@pytest.mark.parametrize(
    "nothing",
    [
        # What a removal leaves of an instance nobody knows more of.
        {"schema": 1, "id": "a-b", "phase": "absent", "removed_at": "t", "package": None, "profile": None, "images": {},
         "memory_default": None, "volumes": [], "kept_data": None},
        # A first install of a package without a version.
        {**recorded("committed"), "previous_release": None, "previous_spec_digest": None, "package": {"name": "a", "version": None, "commit": None,
         "tree_sha256": "t", "spec_version": None}},
        {**recorded("committed"), "keys": {"bls": {"kind": "bn254", "fingerprint": "f", "public_id": None, "marks": []}}},
        {**recorded("committed"), "folders": {"db": {"owner": None, "mode": "0755"}}},
        # An upgrade of rules, by hand or by a later run.
        {**recorded("committed"), "previous_release": "1-v1", "previous_spec_digest": "d", "secrets": {"s": {"identity": "i", "alias": "j"}}},
    ],
    ids=["removed", "no version", "no public id", "nobody's folder", "changed"],
)  # fmt: skip
def test_what_there_is_none_of_is_null(nothing: dict[str, Any]) -> None:
    assert read_state(nothing).as_dict() == nothing


def test_fields_of_other_programs_are_kept() -> None:
    document = {**recorded("committed"), "later": {"a": 1}}
    document["containers"]["node"]["later"] = True
    assert read_state(document).but(desired="stopped").as_dict() == {**document, "desired": "stopped"}


@pytest.mark.parametrize(("document", "words"), [
    (None, "holds no record"), ([], "holds no record"), ({}, "phase is missing"), ({"phase": "x"}, "phase is not one of committed, applying, absent"),
    ({"phase": "applying", "desired": None}, "desired is not one of started, stopped"),
])  # fmt: skip
def test_what_is_no_record(document: Any, words: str) -> None:
    with pytest.raises(Odd) as caught:
        read_state(document)
    assert str(caught.value) == words


@pytest.mark.parametrize("name", ["spec_digest", "containers", "secrets", "views", "committed_at"])
def test_what_a_committed_instance_is_compared_by_has_to_be_there(name: str) -> None:
    document = recorded("committed")
    del document[name]
    with pytest.raises(Odd, match=f"lacks {name}"):
        read_state(document)
    read_state({**document, "phase": "applying"})


def paths(value: Any, *way: Any) -> list[tuple[Any, ...]]:
    if isinstance(value, dict):
        return [way, *(path for name in value for path in paths(value[name], *way, name))]
    if isinstance(value, list):
        return [way, *(path for position in range(len(value)) for path in paths(value[position], *way, position))]
    return [way]


@pytest.mark.parametrize("name", ["committed", "applying", "absent"])
def test_no_odd_value_of_a_record_goes_unseen(name: str) -> None:
    whole = recorded(name)
    for way in paths(whole):
        place = ".".join(map(str, way))
        if not way or place.startswith("findings.0."):
            continue
        document = copy.deepcopy(whole)
        within: Any = document
        for step in way[:-1]:
            within = within[step]
        within[way[-1]] = object()
        with pytest.raises(Odd) as caught:
            read_state(document)
        assert caught.value.place == place


def test_an_older_program_leaves_a_newer_record_alone(store: Store) -> None:
    own, document, containers = installed(store)
    newer = json.dumps({**document, "schema": 2, "phase": "evacuating"})
    Path(own.state_file).write_text(newer)
    with pytest.raises(DamagedError, match="has schema 2") as caught:
        own.state()
    assert [(item.id, item.severity, item.place) for item in caught.value.findings] == [("OPS-014", "error", "demo-avs-op1")]
    assert own.known() is None
    for state in ("started", "stopped", "absent"):
        job = look(typed(secrets=SECRETS, state=state), store, containers, b"k")
        assert job.reason is None and job.refusal is not None and job.refusal.findings[0].id == "OPS-014", state
    row = "\t".join(
        ['""', "id", "avs-demo-avs-op1-node", "running", '"demo-avs-op1"', '"node"', '"s"', "Up 1 minute", '"avs-demo-avs-op1"', ""]
    )
    for complete in (False, True):
        engine = Told(ps=row + "\n", version='{"Version": "27.0", "Os": "linux", "Arch": "amd64"}', compose="2.30.0")
        result = reconcile(Call({"specs": [spec(secrets=SECRETS)], "complete": complete}), engine, store)
        assert result["failed"] and "has schema 2" in result["msg"] and "needs" not in result
    assert Path(own.state_file).read_text() == newer


def test_a_schema_that_is_none_is_damage(store: Store) -> None:
    own, document, _containers = installed(store)
    Path(own.state_file).write_text(json.dumps({**document, "schema": "2"}))
    with pytest.raises(HostError, match="schema is not a whole number") as caught:
        own.state()
    assert caught.value.findings[0].id == "OPS-010"


def test_a_record_can_be_changed_in_parts_only() -> None:
    state = State(phase="committed", removed_at="t", volumes=["v"])
    assert state.without("removed_at").but(phase="absent") == State(phase="absent", volumes=["v"])
