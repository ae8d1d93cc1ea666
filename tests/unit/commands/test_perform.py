# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A person asks for a command: what is refused, what is announced, what is told, and what is noted."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path

import pytest
from ansible_collections.restaking.avs.plugins.module_utils.commands import one_off
from ansible_collections.restaking.avs.plugins.module_utils.commands.perform import Wish, offered, perform
from ansible_collections.restaking.avs.plugins.module_utils.instance import hold
from ansible_collections.restaking.avs.plugins.module_utils.reconcile import own as by_itself
from ansible_collections.restaking.avs.plugins.module_utils.reconcile.own import Way
from ansible_collections.restaking.avs.plugins.module_utils.system.lock import Lock
from ansible_collections.restaking.avs.plugins.module_utils.upkeep.prune import prune

from tests.unit.support.command_host import PLUGIN, Node
from tests.unit.support.memory_host import ID, IMAGE, SECRETS, MemoryHost, acted, rules_of

COMMANDS = {
    "look": {"run": "plugin", "service": "node", "timeout": 60},
    "fail": {"run": "plugin", "service": "node", "args": ["sh", "-c", "echo no chain here; exit 3"]},
    "opt-in": {"run": "plugin", "service": "node", "chain": True, "needs": ["bls"]},
    "inside": {"run": "exec", "service": "node", "args": ["look"]},
}


def test_five_steps(memory_host: MemoryHost) -> None:
    """Announced, run, announced again, run again, another one: it is an action, so each of them counts as a change."""
    node = Node(memory_host, COMMANDS, pulled=False)
    before, files = memory_host.ids(), sorted(map(str, memory_host.roots.rglob("*")))
    announced = node.wished("look", check=True)
    assert acted(announced) == [f"pull image {PLUGIN}", "run command look"] and announced["changed"] and announced["error"] is None
    assert sorted(map(str, memory_host.roots.rglob("*"))) == files and PLUGIN not in memory_host.world.images
    assert acted(node.wished("look")) == acted(announced)
    again = node.wished("look", check=True)
    assert acted(again) == ["run command look"] and again["would"] == {
        "run": "plugin", "chain": False, "args": ["true"], "image": memory_host.world.images[PLUGIN]["RepoDigests"][0], "container": None,
        "networks": [f"avs-{ID}_inner"], "mounts": [], "keys": [], "user": "1000:1000", "timeout": 60.0,
    }  # fmt: skip
    done = node.wished("look")
    assert acted(done) == ["run command look"] and (done["code"], done["output"], done["timed_out"]) == (0, "", False)
    other = node.wished("inside")
    assert acted(other) == ["run command inside"] and memory_host.ids() == before and node.left() == []


def test_a_failure_has_what_it_wrote(memory_host: MemoryHost) -> None:
    done = Node(memory_host, COMMANDS).wished("fail")
    assert rules_of(done) == ["CMD-003"] and done["code"] == 3 and done["changed"]
    assert done["error"].splitlines()[:2] == [f"{ID}: fail ended with 3; it wrote:", "no chain here"]


def test_one_that_acts_on_the_chain_is_asked_for_twice(memory_host: MemoryHost) -> None:
    node = Node(memory_host, COMMANDS)
    for check, confirmed in ((False, ""), (False, "look"), (True, ""), (True, "true")):
        refused = node.wished("opt-in", check=check, confirmed=confirmed)
        assert rules_of(refused) == ["CMD-002"] and "was not run" in refused["error"] and "code" not in refused
        # What would be run is said, so that somebody can confirm it.
        assert ("would" in refused) == check
    assert node.wished("opt-in", confirmed="opt-in")["code"] == 0
    assert node.wished("opt-in", check=True, confirmed="opt-in")["error"] is None


def test_one_at_a_time(memory_host: MemoryHost) -> None:
    node = Node(memory_host, COMMANDS)
    with Lock(node.own.lock, "an install", 0):
        # The node's own lock is another one.
        assert node.wished("look")["error"] is None
    with Lock(one_off.command_lock(node.own), "somebody else", 0):
        assert "is locked by somebody else" in node.wished("look")["error"]
        assert node.wished("look", check=True)["error"] is None


def test_it_waits_for_a_node_that_somebody_is_making(memory_host: MemoryHost) -> None:
    """As a backup does that starts it again: until then nobody knows what there is."""
    node, began = Node(memory_host, COMMANDS), threading.Event()

    def make() -> None:
        with Lock(node.own.lock, "a backup", 0):
            memory_host.record(phase="applying")
            began.set()
            time.sleep(0.3)
            memory_host.record(phase="committed")

    maker = threading.Thread(target=make)
    maker.start()
    began.wait(5)
    [done] = perform(memory_host.store, memory_host.engine.connect(), [ID], Wish("look", holder="tester", lock_timeout=5))
    maker.join()
    assert done["error"] is None and done["code"] == 0
    with Lock(node.own.lock, "a backup", 0):
        memory_host.record(phase="applying")
        assert all("is locked by a backup" in node.wished("look", check=check)["error"] for check in (False, True))


def test_what_cannot_be_run(memory_host: MemoryHost) -> None:
    node = Node(memory_host, COMMANDS)
    assert "It has: fail, inside, look, opt-in, plugin" in node.wished("dance")["error"]
    hold.bind(node.own, hold.MOVED, "other", "tester")
    assert "are another host's now" in node.wished("opt-in", confirmed="opt-in")["error"] and node.wished("look")["error"] is None
    memory_host.record(phase="applying")
    assert rules_of(node.wished("look")) == ["CMD-001"]
    memory_host.well(memory_host.gone())
    assert rules_of(node.wished("look")) == ["INV-001"]
    unknown = perform(memory_host.store, memory_host.engine.connect(), ["no-such"], Wish("look", holder="t", lock_timeout=0))
    assert rules_of(unknown[0]) == ["INV-001"]


def test_what_is_offered(memory_host: MemoryHost) -> None:
    Node(memory_host, COMMANDS)
    memory_host.engine.asked.clear()
    entry = offered(memory_host.store, [ID])[0]
    assert [one["name"] for one in entry["commands"]] == ["fail", "inside", "look", "opt-in", "plugin"] and not entry["changed"]
    assert entry["commands"][3]["chain"] and entry["commands"][3]["image"] == PLUGIN and entry["commands"][1]["image"] is None
    assert memory_host.engine.asked == []


def test_it_is_noted_without_what_it_was_told_or_told(memory_host: MemoryHost) -> None:
    node = Node(memory_host, COMMANDS)
    node.wished("fail", "--token=of-the-operator")
    journal = Path(node.own.path("journal.jsonl")).read_text()
    noted = [json.loads(line) for line in journal.splitlines()][-2:]
    assert (noted[0]["operation"], noted[0]["command"], noted[1]["outcome"], noted[1]["code"]) == ("command", "fail", "failed", 3)
    assert not any(text in journal for text in ("of-the-operator", "no chain here", *SECRETS.values()))


class Killed(BaseException):
    pass


@pytest.fixture
def left(memory_host: MemoryHost) -> Node:
    """A call was killed while its command ran."""
    node = Node(memory_host, COMMANDS)
    state = {"dead": False}

    def at(what: str) -> None:
        state["dead"] = state["dead"] or what.startswith("after start --attach")
        if state["dead"]:
            raise Killed

    memory_host.engine.at = at
    with pytest.raises(Killed):
        node.wished("look")
    memory_host.engine.at = lambda _what: None
    assert node.left()
    return node


def test_a_removal_takes_what_was_left(memory_host: MemoryHost, left: Node) -> None:
    memory_host.well(memory_host.gone(purge=True))
    assert left.left() == [] and memory_host.ids() == {}


def test_a_start_of_the_host_takes_what_was_left(memory_host: MemoryHost, left: Node) -> None:
    by_itself.recover(memory_host.store, memory_host.engine.connect(), [ID], Way("unit", 0, boot=True))
    assert left.left() == []


def test_the_image_is_kept(memory_host: MemoryHost) -> None:
    node = Node(memory_host, COMMANDS)
    made = memory_host.world.images[PLUGIN]["Id"]
    assert prune(memory_host.engine.connect(), "tester", store=memory_host.store)["images"] == []
    assert memory_host.world.image(PLUGIN)["Id"] == made
    node.host.well(memory_host.gone())
    gone = prune(memory_host.engine.connect(), "tester", store=memory_host.store)["images"]
    assert made in [one["id"] for one in gone] and IMAGE not in memory_host.world.images


@pytest.mark.parametrize("name", ["look", "inside", "again"])
def test_a_call_may_be_killed_at_any_moment(memory_host: MemoryHost, name: str) -> None:
    """Nothing of it keeps the next one, and that leaves nothing."""
    node = Node(memory_host, {**COMMANDS, "again": {"run": "run", "service": "node", "needs": ["bls"]}})
    before, moments = memory_host.ids(), 0
    left = {"moments": 0}

    def at(_what: str) -> None:
        left["moments"] -= 1
        if left["moments"] < 0:
            raise Killed

    while True:
        left["moments"], memory_host.engine.at = moments, at
        try:
            node.wished(name)
        except Killed:
            moments += 1
        else:
            break
        finally:
            memory_host.engine.at = lambda _what: None
        assert node.wished(name)["error"] is None and node.left() == [] and memory_host.ids() == before, moments
    assert moments > 3
