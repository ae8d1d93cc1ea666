# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.restaking.avs.plugins.module_utils.common.errors import HostError
from ansible_collections.restaking.avs.plugins.module_utils.instance.state import DamagedError, State
from ansible_collections.restaking.avs.plugins.module_utils.instance.store import Store
from ansible_collections.restaking.avs.plugins.module_utils.reconcile.job import Call, look
from ansible_collections.restaking.avs.plugins.module_utils.reconcile.reconcile import reconcile

from tests.unit.support.engines import Told
from tests.unit.support.instances import SECRETS, installed, store
from tests.unit.support.models import spec, typed

assert store


@pytest.mark.parametrize("odd", [7, "text", True, [7], {"a": 7}, {"a": {"b": 7}}], ids=str)
def test_no_field_of_another_shape_reaches_a_reader(store: Store, odd: Any) -> None:
    """Whatever stands in a field: it is refused here, or the readers can work with it."""
    _own, state, containers = installed(store)
    for name in state:
        own = store.instance("demo-avs-op1")
        own.write_state({**state, name: odd})
        job = look(typed(secrets=SECRETS), store, containers, b"k")
        assert job.refusal is not None or job.reason is None or isinstance(job.reason, str), name


def test_a_pipe_does_not_hold_a_run(store: Store) -> None:
    own, _state, _containers = installed(store)
    for path in (own.state_file, own.path("spec.json"), own.secrets_env, own.path("journal.jsonl")):
        Path(path).unlink(missing_ok=True)
        os.mkfifo(path)
    with pytest.raises(DamagedError, match="not a regular file"):
        own.state()
    assert own.known() is None
    assert own.spec() is None
    assert own.note("stop") is True


def test_a_journal_that_cannot_be_written_stops_nobody(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    own, _state, _containers = installed(store)

    def full(*_arguments: Any) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    assert own.note("stop") is False


@pytest.mark.parametrize("harm", ["folder", "link", "file"])
def test_a_folder_of_ours_that_is_none(store: Store, harm: str, tmp_path: Path) -> None:
    own = store.instance("demo-avs-op1")
    Path(store.instances).mkdir(parents=True)
    if harm == "folder":
        Path(own.state_file).mkdir(parents=True)
    elif harm == "link":
        Path(own.root).symlink_to(tmp_path)
    else:
        Path(own.root).write_text("")
    with pytest.raises(DamagedError, match="state: absent"):
        own.state()
    own.write_state(State(phase="absent"))
    assert own.state() == State(phase="absent")


def row(instance: str, project: str | None, name: str = "c", state: str = "running", status: str = "Up 3 minutes") -> str:
    columns = ['""', f"id-{name}", name, state, json.dumps(instance), '"node"', '"s"', status]
    return "\t".join([*columns, *([] if project is None else [json.dumps(project), "bridge"])])


@pytest.mark.parametrize("label", ["../../x", "a\tb\nc", "demo-avs-op1", "", "x" * 70])
def test_labels_of_somebody_elses_containers(store: Store, label: str) -> None:
    engine = Told(ps=row(label, "", "stranger") + "\n")
    assert engine.containers() == []
    result = reconcile(Call({"schema": 1, "specs": []}), engine, store)
    assert [(item["id"], item["place"]) for item in result["findings"]] == [("OPS-010", "containers.stranger")]
    assert "\n" not in result["findings"][0]["message"]
    assert result["unlisted"] == []


def test_a_damaged_instance_fails_alone_in_both_calls(store: Store) -> None:
    own, _state, _containers = installed(store)
    Path(own.state_file).write_text("{")
    engine = Told(ps=row("demo-avs-op1", "avs-demo-avs-op1") + "\n")
    wanted = spec(secrets=SECRETS)
    result = reconcile(Call({"schema": 1, "specs": [wanted]}), engine, store)
    assert result["failed"] is True and "needs" not in result
    assert [item["id"] for item in result["findings"]] == ["OPS-010"]
    other = {**wanted, "id": "demo-avs-op2", "tag": "op2"}
    result = reconcile(Call({"schema": 1, "specs": [wanted, other]}), engine, store)
    assert "failed" not in result and list(result["needs"]) == ["demo-avs-op2"]
    assert reconcile(Call({"schema": 1, "specs": []}), engine, store)["unlisted"] == ["demo-avs-op1"]


def test_a_host_key_that_cannot_be_read_is_named(store: Store) -> None:
    installed(store)
    Path(store.root, "host.key").mkdir()
    with pytest.raises(HostError, match=r"host\.key"):
        store.host_key()
