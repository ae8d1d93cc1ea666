# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A node is taken down with its lock, a listing, ``inspect`` and ``stop`` or ``rm``, whatever else does not work."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.restaking.avs.plugins.module_utils.common.errors import HostError, LockedError
from ansible_collections.restaking.avs.plugins.module_utils.docker.engine import Done
from ansible_collections.restaking.avs.plugins.module_utils.instance.store import Store
from ansible_collections.restaking.avs.plugins.module_utils.reconcile.job import Call
from ansible_collections.restaking.avs.plugins.module_utils.reconcile.reconcile import reconcile
from ansible_collections.restaking.avs.plugins.module_utils.system import scratch
from ansible_collections.restaking.avs.plugins.module_utils.system.lock import Lock

from tests.unit.support.engines import Told
from tests.unit.support.instances import SECRETS, installed
from tests.unit.support.models import spec

NAME = "avs-demo-avs-op1-node"
FAILS = Done(1, "", "out of order")


class Small(Told):
    """One container that runs until it is stopped or removed; whatever else is asked fails."""

    def __init__(self, **answers: Any) -> None:
        super().__init__(rename="", **answers)
        self.state = "running"

    def run(self, arguments: Any, *rest: Any, **more: Any) -> Done:
        words = "_".join(arguments[:2])
        if words in self.answers or arguments[0] in self.answers:
            return super().run(arguments, *rest, **more)
        self.asked.append(list(arguments))
        if arguments[0] == "ps" and "-aq" in arguments:
            return Done(0, "" if self.state == "gone" else "id\n", "")
        if arguments[0] == "ps":
            columns = ['""', "id", NAME, self.state, '"demo-avs-op1"', '"node"', '"s"', "Up 1 minute", '"avs-demo-avs-op1"', "n"]
            return Done(0, "" if self.state == "gone" else "\t".join(columns) + "\n", "")
        if words == "container_inspect":
            told = {"Id": "id", "Name": NAME, "Config": {"Labels": {}}, "State": {"Running": self.state == "running", "ExitCode": 0}}
            return Done(0, json.dumps([told]), "")
        if arguments[0] in ("stop", "rm"):
            self.state = "exited" if arguments[0] == "stop" else "gone"
            return Done(0, "", "")
        return FAILS


def down(state: str, **more: Any) -> dict[str, Any]:
    return {"schema": 1, "id": "demo-avs-op1", "tag": "op1", "state": state, "package": {"name": "demo-avs"}, **more}


def call(store: Store, engine: Told, *specs: dict[str, Any], **more: Any) -> dict[str, Any]:
    return reconcile(Call({"schema": 1, "specs": list(specs), "complete": True, "lock_timeout": 0, **more}), engine, store)


def unreadable(_path: str) -> None:
    raise OSError(5, "Input/output error")


@pytest.fixture
def out_of_order(store: Store, monkeypatch: pytest.MonkeyPatch) -> Store:
    """A host on which nothing but that works."""
    installed(store)
    Path(store.root, "host.key").write_bytes(b"")
    monkeypatch.setattr(scratch, "_PARENT", "/nowhere")
    monkeypatch.setattr("shutil.disk_usage", unreadable)
    return store


def test_a_stop_asks_for_nothing_else(out_of_order: Store) -> None:
    engine = Small()
    done = call(out_of_order, engine, down("stopped"))
    assert (done.get("failed"), done["changed"], engine.state) == (None, True, "exited")
    assert {" ".join(words[:2]) if words[0] == "container" else words[0] for words in engine.asked} == {
        "ps",
        "container inspect",
        "stop",
        "update",
    }
    state = out_of_order.instance("demo-avs-op1").state()
    assert state is not None and state.desired == "stopped"
    assert call(out_of_order, Small(ps=""), down("stopped"))["changed"] is False


def test_a_removal_takes_containers_and_keys_whatever_else_fails(out_of_order: Store) -> None:
    engine, own = Small(), out_of_order.instance("demo-avs-op1")
    done = call(out_of_order, engine, down("absent"))
    assert (done["failed"], done["changed"], engine.state) == (True, True, "gone")
    assert not os.path.exists(own.run) and os.path.exists(own.current)
    assert done["instances"][0]["error"].count("out of order") == 2 and "`docker network ls` failed" in done["msg"]
    # It goes on from there.
    again = call(out_of_order, Small(ps="", network="", volume=""), down("absent"))
    assert (again.get("failed"), os.path.lexists(own.current)) == (None, False)


@pytest.mark.parametrize("state", ["stopped", "absent"])
def test_others_that_cannot_be_made_are_told_afterwards(out_of_order: Store, state: str) -> None:
    more = {"network": "", "volume": ""} if state == "absent" else {}
    wanted = {**spec(secrets=SECRETS), "id": "demo-avs-op2", "tag": "op2"}
    engine = Small(version=FAILS, compose=FAILS, **more)
    done = call(out_of_order, engine, wanted, down(state))
    assert engine.state == ("exited" if state == "stopped" else "gone")
    refused, taken = done["instances"]
    assert (done["failed"], done["changed"], taken["error"], refused["changed"]) == (True, True, None, False)
    assert "host.key" in refused["error"] and not os.path.exists(out_of_order.instance("demo-avs-op2").root)
    # Where the key of the host is well, it is the engine.
    os.unlink(Path(out_of_order.root, "host.key"))
    done = call(out_of_order, Small(version=FAILS, **more), wanted, down(state), trial=True)
    assert "`docker version --format` failed" in done["instances"][0]["error"] and done["instances"][0]["changed"] is False


def test_where_nothing_is_to_be_taken_down_an_unusable_host_changes_nothing(out_of_order: Store) -> None:
    with pytest.raises(HostError, match=r"host\.key"):
        call(out_of_order, Small(), spec(secrets=SECRETS))


def test_a_run_that_fails_anyway_stops_nobody(out_of_order: Store) -> None:
    engine = Small()
    done = call(out_of_order, engine, down("stopped"), trial=True)
    assert (engine.state, done["instances"][0]["actions"]) == ("running", [{"kind": "container", "name": "node", "action": "stop"}])


def test_an_instance_somebody_else_works_on_is_left_to_them(out_of_order: Store) -> None:
    own, engine = out_of_order.instance("demo-avs-op1"), Small()
    with Lock(own.lock, "ann@laptop:1", 0):
        with pytest.raises(LockedError, match="ann@laptop"):
            call(out_of_order, engine, down("stopped"))
        other = {**down("absent"), "id": "demo-avs-op3", "tag": "op3"}
        os.makedirs(out_of_order.instance("demo-avs-op3").run)
        done = call(out_of_order, Small(network="", volume=""), down("stopped"), other)
        assert ["locked by ann" in str(entry["error"]) for entry in done["instances"]] == [True, False]
    assert engine.state == "running"
