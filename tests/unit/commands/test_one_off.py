# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One-off containers: what they get, how they end, and that nothing of them is left."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.restaking.avs.plugins.module_utils.commands import declared, images, one_off
from ansible_collections.restaking.avs.plugins.module_utils.commands.one_off import Ended, OneOff
from ansible_collections.restaking.avs.plugins.module_utils.common.errors import HostError
from ansible_collections.restaking.avs.plugins.module_utils.common.spec import InstanceSpec
from ansible_collections.restaking.avs.plugins.module_utils.instance.store import InstanceStore

from tests.unit.support.engine_in_memory import QUESTIONS
from tests.unit.support.memory_host import ID, SECRETS, MemoryHost, image
from tests.unit.support.memory_programs import POLITE, STUBBORN

PLUGIN = "registry.example.org/plugin:1.0.0"


class Node:
    """An installed instance whose package has commands."""

    def __init__(self, host: MemoryHost, commands: Mapping[str, Mapping[str, Any]]) -> None:
        self.host = host
        full = {name: {"chain": False, "needs": [], "args": ["true"], **command} for name, command in commands.items()}
        spec = host.spec(commands=full, plugin={"image": PLUGIN})
        host.well(spec)
        made = image(labels={"is": "plugin"})
        digest = made["Id"].partition(":")[2]
        host.world.registry[PLUGIN] = {**made, "RepoDigests": [f"{PLUGIN.rpartition(':')[0]}@sha256:{digest}"]}
        self.spec = InstanceSpec.read(spec)
        images.ensure(host.engine.connect(), self.own, self.spec)

    @property
    def own(self) -> InstanceStore:
        return self.host.store.instance(ID)

    def one(self, name: str, *args: str) -> OneOff:
        return declared.one_off(self.host.engine.connect(), self.own, self.spec, name, args)

    def run(self, name: str, *args: str, **changes: Any) -> Ended:
        return one_off.run(self.host.engine.connect(), self.own, replace(self.one(name, *args), **changes))

    def refused(self, name: str, *args: str) -> str:
        with pytest.raises(HostError) as error:
            self.one(name, *args)
        return str(error.value)

    def made(self, name: str, *args: str, **changes: Any) -> dict[str, Any]:
        """The compose service of its container, and the names in its file."""
        found: list[dict[str, Any]] = []
        at = self.host.engine.at

        def look(what: str) -> None:
            path = Path(self.own.run, "command", "compose.json")
            if what.startswith("before start --attach"):
                found.append(json.loads(path.read_text()))

        self.host.engine.at = look
        self.run(name, *args, **changes)
        self.host.engine.at = at
        return found[0]

    def left(self) -> list[str]:
        """What is there of a command."""
        files = [path for path in ("command", "command.mark") if Path(self.own.run, path).exists()]
        return [*files, *(item.name for item in self.host.world.containers.values() if one_off.LABEL in item.labels)]


def test_a_plugin_runs_with_least_privilege_and_goes(memory_host: MemoryHost) -> None:
    node = Node(memory_host, {"look": {"run": "plugin", "service": "node"}})
    before = memory_host.ids()
    model = node.made("look")
    service = model["services"]["command"]
    assert service["image"].startswith("registry.example.org/plugin@sha256:") and service["command"] == ["true"]
    assert service["cap_drop"] == ["ALL"] and service["security_opt"] == ["no-new-privileges:true"] and service["read_only"] is True
    assert service["logging"] == {"driver": "none"} and service["restart"] == "no" and service["pids_limit"] and service["mem_limit"]
    assert service["user"] == "1000:1000" and "volumes" not in service and "environment" not in service and "ports" not in service
    assert "avs.instance" not in service["labels"] and service["labels"]["avs.command"] == ID
    assert [entry["name"] for entry in model["networks"].values()] == [f"avs-{ID}_inner"]
    assert node.run("look") == Ended(0, "", False, 0.0) and node.left() == [] and memory_host.ids() == before


def test_how_it_ended_is_told(memory_host: MemoryHost) -> None:
    node = Node(memory_host, {"fail": {"run": "plugin", "service": "node", "args": ["sh", "-c", "echo no chain here; exit 3"]}})
    ended = node.run("fail")
    assert (ended.code, ended.output, ended.timed_out, ended.failed) == (3, "no chain here\n", False, True) and node.left() == []


@pytest.mark.parametrize(("program", "code"), [(POLITE, 0), (STUBBORN, 137)])
def test_its_time_is_bounded(memory_host: MemoryHost, program: tuple[str, ...], code: int) -> None:
    node = Node(memory_host, {"wait": {"run": "plugin", "service": "node", "args": list(program)}})
    ended = node.run("wait", timeout=0.0)
    assert ended.timed_out and ended.failed and ended.code == code and node.left() == []


def test_secrets_are_not_told(memory_host: MemoryHost) -> None:
    node = Node(memory_host, {"tell": {"run": "exec", "service": "node", "args": ["tell"]}})
    memory_host.engine.commanded = lambda _service, _words: (0, f"it is {SECRETS['key.bls.password']}\x1b[2J\n", "")
    ended = node.run("tell")
    assert ended.output == "it is ********\\x1b[2J\n" and node.left() == []


def test_output_is_bounded_and_no_part_of_a_secret_is_at_its_cut(memory_host: MemoryHost) -> None:
    node = Node(memory_host, {"tell": {"run": "exec", "service": "node", "args": ["tell"]}})
    secret = SECRETS["option.token"]
    for shift in range(len(secret)):
        text = f"{secret * 9000}{'x' * shift}"
        memory_host.engine.commanded = lambda _service, _words, text=text: (0, text, "")  # type: ignore[misc]
        ended = node.run("tell")
        assert ended.cut and len(ended.output) < one_off.MOST + 100
        assert ended.output.startswith("[... what came before") and set(ended.output.partition("\n")[2]) <= {"*", "x"}


def test_what_a_call_that_was_killed_left_goes_with_the_next(memory_host: MemoryHost) -> None:
    node = Node(memory_host, {"look": {"run": "plugin", "service": "node"}})

    class Killed(BaseException):
        pass

    def kill(what: str) -> None:
        if what.startswith("before start --attach"):
            memory_host.engine.at = dead
        dead(what) if memory_host.engine.at is dead else None

    def dead(_what: str) -> None:
        raise Killed

    memory_host.engine.at = kill
    with pytest.raises(Killed):
        node.run("look")
    memory_host.engine.at = lambda _what: None
    assert node.left() == ["command", f"avs-command.{ID}"]
    assert ID not in str(memory_host.engine.connect().containers("x"))
    assert len(memory_host.engine.connect().containers(ID)) == 3
    assert node.run("look").code == 0 and node.left() == []


def test_nothing_of_a_package_is_an_option(memory_host: MemoryHost) -> None:
    """Its words are in a file, or behind the name of a container."""
    words = ["--privileged", "-v/:/host", "$HOME", "${AVS_SECRET_1}"]
    node = Node(
        memory_host, {"odd": {"run": "plugin", "service": "node", "args": words}, "tell": {"run": "exec", "service": "node", "args": words}}
    )
    memory_host.engine.asked.clear()
    with pytest.raises(AssertionError, match="does not know what this program does"):
        node.run("odd")
    node.run("tell")
    for line in memory_host.engine.asked:
        if line[0] not in QUESTIONS:
            found = [line.index(word) for word in words if word in line]
            assert not found or (line[0] == "exec" and min(found) > line.index("--") + 1)
    memory_host.engine.unknown.clear()
