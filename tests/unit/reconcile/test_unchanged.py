# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import os
from pathlib import Path

from ansible_collections.restaking.avs.plugins.module_utils.common.spec import InstanceSpec, Package
from ansible_collections.restaking.avs.plugins.module_utils.docker.containers import Container
from ansible_collections.restaking.avs.plugins.module_utils.instance.state import State
from ansible_collections.restaking.avs.plugins.module_utils.instance.store import Store
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
    state["containers"]["node"]["ends"] = True
    own.write_state(State.read(state))
    ended = Container(one.id, one.name, "exited", one.instance, one.service, one.spec, "Exited (0) 1 minute ago")
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
