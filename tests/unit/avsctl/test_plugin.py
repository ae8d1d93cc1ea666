# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""avsctl plugin: what it does, says and ends with."""

from __future__ import annotations

import json

import pytest
from ansible_collections.restaking.avs.plugins.module_utils.commands import one_off
from ansible_collections.restaking.avs.plugins.module_utils.system.lock import Lock
from ansible_collections.restaking.avs.plugins.plugin_utils.avsctl import people
from ansible_collections.restaking.avs.plugins.plugin_utils.avsctl.commands import DONE, FAILED, LOCKED, UNKNOWN, Place

from tests.unit.support.command_host import Node
from tests.unit.support.memory_host import ID, MemoryHost

COMMANDS = {
    "look": {"run": "plugin", "service": "node"},
    "fail": {"run": "plugin", "service": "node", "args": ["sh", "-c", "echo no chain here; exit 3"]},
    "opt-in": {"run": "plugin", "service": "node", "chain": True, "needs": ["bls"]},
    "say": {"run": "exec", "service": "node", "args": ["say"]},
}


def test_a_command_is_run_and_shown(memory_host: MemoryHost, capsys: pytest.CaptureFixture[str]) -> None:
    node = Node(memory_host, COMMANDS)
    said: list[list[str]] = []
    memory_host.engine.commanded = lambda _service, words: (said.append(words), (0, "one\x1b[2J\ntwo\n", ""))[1]  # type: ignore[func-returns-value]

    def avsctl(*words: str) -> tuple[int, str, str]:
        code = people.main(["plugin", *words], Place(memory_host.store, memory_host.engine.connect()))
        return (code, *capsys.readouterr())

    code, out, _err = avsctl(ID)
    assert code == DONE and [line.split()[0] for line in out.splitlines()] == ["COMMAND", "fail", "look", "opt-in", "plugin", "say"]
    assert avsctl(ID, "say", "--", "--more", "x") == (DONE, "one\\x1b[2J\ntwo\n", "") and said == [["say", "--more", "x"]]
    code, out, _err = avsctl(ID, "look")
    assert (code, out) == (DONE, "look ended with 0 and wrote nothing\n")
    code, out, _err = avsctl(ID, "fail")
    assert code == FAILED and out.splitlines()[:2] == [f"{ID}: fail ended with 3; it wrote:", "no chain here"]
    code, out, _err = avsctl(ID, "opt-in")
    assert code == FAILED and "was not run" in out and "--confirm" in out
    code, out, _err = avsctl(ID, "opt-in", "--confirm", "opt-in", "--dry-run", "--json")
    assert code == DONE and json.loads(out)["instances"][0]["would"]["keys"] == ["/keys/bls.json", "/keys/bls.password"]
    assert "user: 1000:1000" in avsctl(ID, "look", "--dry-run")[1]
    with Lock(one_off.command_lock(node.own), "somebody", 0):
        assert avsctl(ID, "look", "--lock-timeout", "0")[0] == LOCKED
    assert avsctl("no-such", "look")[0] == UNKNOWN and avsctl(ID, "look")[0] == DONE
