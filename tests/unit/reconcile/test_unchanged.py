# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.restaking.avs.plugins.module_utils.common.spec import InstanceSpec, Package
from ansible_collections.restaking.avs.plugins.module_utils.docker.containers import Container
from ansible_collections.restaking.avs.plugins.module_utils.instance.state import State
from ansible_collections.restaking.avs.plugins.module_utils.instance.store import Store
from ansible_collections.restaking.avs.plugins.module_utils.reconcile.job import Regard, look
from ansible_collections.restaking.avs.plugins.module_utils.reconcile.unchanged import why_work

from tests.unit.support.instances import SECRETS, installed
from tests.unit.support.models import typed


def reason(store: Store, wanted: InstanceSpec, containers: list[Container]) -> str | None:
    own = store.instance("demo-avs-op1")
    return why_work(wanted, own.state(), containers, own, store.host_key())


def test_an_instance_as_it_was_committed_is_no_work(store: Store) -> None:
    _own, _state, containers = installed(store)
    assert reason(store, typed(secrets=SECRETS), containers) is None


def test_whatever_differs_is_work(store: Store) -> None:
    own, state, containers = installed(store)
    wanted = typed(secrets=SECRETS)
    (one,) = containers
    other = [Container(one.id, one.name, one.state, one.instance, one.service, "other")]
    down = [Container(one.id, one.name, "exited", one.instance, one.service, one.spec, "Exited (0) 1 minute ago")]
    assert reason(store, typed(secrets=SECRETS, env={"A": "1"}), containers) == "the spec changed"
    newer = {"option.token": {**SECRETS["option.token"], "ref": {"version": "v#2"}}}
    assert reason(store, typed(secrets=newer), containers) == "the spec changed"
    assert reason(store, wanted, []) == "containers differ"
    assert reason(store, wanted, [*containers, Container("x", "half", "created", "demo-avs-op1", "node", "s")]) == "containers differ"
    assert reason(store, wanted, other) is not None
    assert reason(store, wanted, down) is not None
    for change in ({"phase": "applying"}, {"desired": "stopped"}, {"release": "2-v1.0.0"}):
        own.write_state(State.read({**state, **change}))
        assert reason(store, wanted, containers) is not None
    own.write_state(State.read(state))
    os.unlink(Path(own.keys) / "node" / "..v1" / "bls.json")
    assert reason(store, wanted, containers) == "key files are not in place"
    os.unlink(Path(own.run) / "secrets.env")
    assert reason(store, wanted, containers) == "secrets are not in place"


def test_a_job_that_ended_well_is_no_work(store: Store) -> None:
    own, state, (one,) = installed(store)
    wanted = typed(secrets=SECRETS)
    ended = Container(one.id, one.name, "exited", one.instance, one.service, one.spec, "Exited (0) 1 minute ago")

    def recorded(**changes: Any) -> None:
        own.write_state(State.read({**state, "containers": {"node": {**state["containers"]["node"], "ends": True, **changes}}}))

    recorded(finished=True, job=False)
    assert reason(store, wanted, [ended]) is None
    # Its container may be gone, until it is asked to run again.
    assert reason(store, wanted, []) is None
    assert look(wanted, store, [], store.host_key()).reason is None
    assert look(wanted, store, [], store.host_key(), Regard(renew=True)).reason == "containers of jobs are gone"
    assert look(wanted, store, [ended], store.host_key(), Regard(renew=True)).reason is None
    recorded(finished=False, job=True)
    assert reason(store, wanted, [ended]) is None
    assert reason(store, wanted, []) == "containers differ"


def test_a_service_that_ran_when_it_was_committed_and_ended_since_is_work(store: Store) -> None:
    own, state, (one,) = installed(store)
    state["containers"]["node"].update(ends=True, finished=False, job=False)
    own.write_state(State.read(state))
    ended = Container(one.id, one.name, "exited", one.instance, one.service, one.spec, "Exited (0) 1 minute ago")
    assert reason(store, typed(secrets=SECRETS), [ended]) == "avs-demo-avs-op1-node is exited"


@pytest.mark.parametrize(
    ("status", "waited_for", "works"),
    [
        ("Exited (0) Less than a second ago", False, True),
        ("Exited (0) 59 seconds ago", False, True),
        ("Exited (0) About a minute ago", False, True),
        ("Exited (0) About an hour ago", False, True),
        ("Exited (0) 2 days ago", False, True),
        ("Exited (0) 3 days ago", False, False),
        ("Exited (0) 3 months ago", False, False),
        ("Exited (0) 2 days ago", True, False),
    ],
)
def test_the_record_of_a_release_before_tells_it_by_when_it_ended(store: Store, status: str, waited_for: bool, works: bool) -> None:
    own, state, (one,) = installed(store)
    state["containers"]["node"]["ends"] = True
    state["committed_at"] = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - 3.5 * 86400))
    other = {"depends_on": {"node": {"condition": "service_completed_successfully"}}} if waited_for else {}
    (Path(own.current) / "compose.json").write_text(json.dumps({"services": {"node": {}, "other": other}}))
    own.write_state(State.read(state))
    ended = Container(one.id, one.name, "exited", one.instance, one.service, one.spec, status)
    assert bool(reason(store, typed(secrets=SECRETS), [ended])) is works


def test_the_node_the_gate_asks_never_rests(store: Store) -> None:
    own, state, (one,) = installed(store)
    state["containers"]["node"].update(ends=True, finished=True, job=False)
    own.write_state(State.read({**state, "health": {"type": "container", "service": "node"}}))
    ended = Container(one.id, one.name, "exited", one.instance, one.service, one.spec, "Exited (0) 1 minute ago")
    assert reason(store, typed(secrets=SECRETS), [ended]) == "avs-demo-avs-op1-node is exited"
    own.write_state(State.read({**state, "health": {"type": "container", "service": "node", "ends": ["node"]}}))
    assert reason(store, typed(secrets=SECRETS), [ended]) is None


def test_stopped(store: Store) -> None:
    wanted = InstanceSpec(id="demo-avs-op1", state="stopped", package=Package(name="demo-avs"))
    assert reason(store, wanted, []) is None
    own, state, containers = installed(store)
    assert reason(store, wanted, containers) == "is running"
    assert reason(store, wanted, []) == "is to be kept stopped"
    own.write_state(State.read({**state, "desired": "stopped"}))
    assert reason(store, wanted, []) is None


def test_absent(store: Store) -> None:
    wanted = InstanceSpec(id="demo-avs-op1", state="absent", package=Package(name="demo-avs"))
    assert reason(store, wanted, []) is None
    assert reason(store, wanted.but(purge=True), []) is None
    own, state, containers = installed(store)
    assert reason(store, wanted, containers) == "has containers"
    assert reason(store, wanted, []) == "has keys"
    os.rename(own.run, own.run + "-away")
    assert reason(store, wanted, []) == "has files"
    own.write_state(State.read({**state, "phase": "absent"}))
    assert reason(store, wanted, []) == "has files"
    for name in ("releases", "current"):
        os.rename(own.path(name), own.path(f"was-{name}"))
    assert reason(store, wanted, []) is None
    assert reason(store, wanted.but(purge=True), []) == "has files"
