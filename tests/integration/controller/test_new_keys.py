# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A key that comes to a host for the first time, while others are worked on in the same run."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from tests.core import OLDEST
from tests.integration.controller.controller import Controller, Run, entry
from tests.integration.controller.test_keys import key_files
from tests.unit.support.keystores import keystore

# What is judged is the same on each core; who waits for whom depends on how a core starts its workers.
ONE_CORE = pytest.mark.parametrize("core", [OLDEST], indirect=True)
SETTINGS = (
    "{{ {'memory': folder ~ '/' ~ inventory_hostname ~ '.memory', 'think': think | default(0) | int, 'unknown': unknown | default([])} }}"
)
PLAY = f"""
- hosts: all
  gather_facts: false
  STRATEGY
  tasks:
    - restaking.avs.instances:
        instances: "{{{{ avs_instances }}}}"
        cache_dir: "{{{{ folder }}}}/cache"
        settings: "{SETTINGS}"
      CONDITION
"""


def play(strategy: str = "strategy: linear", condition: str = "vars: {}") -> str:
    return PLAY.replace("STRATEGY", strategy).replace("CONDITION", condition)


def node(controller: Controller, tag: str, key: str, copy: str = "") -> dict[str, Any]:
    """An instance whose ecdsa key is ``key``, in files of its own: nothing but what is in them says that two are the same."""
    name = f"{tag}-{key}{copy}"
    ecdsa = keystore("ecdsa", f"canary-{name}", key * 20)
    keys = key_files(controller.folder / "files" / name, f"canary-{name}", **{"ecdsa.json": ecdsa, "bls.json": own_bls(tag)})
    for item in keys:
        item.update(keystore=f"{name}/{item['keystore']}", password_file=f"{name}/{item['password_file']}")
    return entry(tag, keys=keys, options={"rpc-token": "x1234567"})


def own_bls(tag: str) -> str:
    number = sum(map(ord, tag))
    return keystore("bn254", f"canary-bls-{tag}", f"E([{number},{number + 1}])")


def installed(controller: Controller, host: str) -> str:
    path = controller.folder / f"{host}.memory"
    return path.read_text() if path.exists() else ""


def rules(run: Run, host: str) -> list[tuple[str, str]]:
    return [(item["id"], item["place"]) for item in run.outcome(host).get("findings", ()) if item["id"] in ("KEY-006", "KEY-012")]


@ONE_CORE
def test_keys_that_are_swapped(controller: Controller) -> None:
    controller.inventory({"h1": [node(controller, "a", "1a")], "h2": [node(controller, "b", "2b")]}, {})
    assert controller.play(play=play()).code == 0
    before = [installed(controller, host) for host in ("h1", "h2")]
    controller.inventory({"h1": [node(controller, "a", "2b")], "h2": [node(controller, "b", "1a")]}, {})
    run = controller.play(play=play())
    assert rules(run, "h1") == [("KEY-006", "demo-avs-a.keys.ecdsa")] and rules(run, "h2") == [("KEY-006", "demo-avs-b.keys.ecdsa")]
    assert "two runs" in run.outcome("h1")["msg"] and "demo-avs-b on h2 has it" in run.outcome("h1")["msg"]
    assert [installed(controller, host) for host in ("h1", "h2")] == before
    # Nothing happens, and nobody is warned, where no key is new.
    controller.inventory({"h1": [node(controller, "a", "1a")], "h2": [node(controller, "b", "2b")]}, {})
    again = controller.play(play=play())
    assert again.code == 0 and not again.outcome("h1")["changed"] and rules(again, "h1") == rules(again, "h2") == []


@ONE_CORE
def test_a_key_that_is_handed_on(controller: Controller) -> None:
    """To another host; and, by the same run, to another instance of the host itself."""
    controller.inventory({"h1": [], "h2": [node(controller, "a", "1a")], "h3": [node(controller, "c", "3c")]}, {})
    assert controller.play(play=play()).code == 0
    hosts = {
        "h1": [node(controller, "b", "1a")],
        "h2": [node(controller, "a", "2b")],
        "h3": [node(controller, "c", "4d"), node(controller, "d", "3c")],
    }
    controller.inventory(hosts, {})
    run = controller.play(play=play())
    assert rules(run, "h1") == [("KEY-006", "demo-avs-b.keys.ecdsa")] and "demo-avs-b" not in installed(controller, "h1")
    assert rules(run, "h3") == [("KEY-006", "demo-avs-d.keys.ecdsa")] and "demo-avs-d" not in installed(controller, "h3")
    assert run.outcome("h2")["changed"] is True
    assert controller.play(play=play()).outcome("h1")["changed"] is True


@pytest.mark.parametrize("strategy", ["linear", "free"])
def test_the_first_to_ask_waits_for_the_one_that_has_the_key(controller: Controller, strategy: str) -> None:
    controller.inventory({"h2": [node(controller, "b", "1a")]}, {})
    assert controller.play(play=play()).code == 0
    controller.inventory({"h1": [node(controller, "a", "1a")], "h2": [node(controller, "b", "1a")]}, {})
    slow = "vars: {think: \"{{ 5 if inventory_hostname == 'h2' else 0 }}\"}"
    run = controller.play(play=play(f"strategy: {strategy}", slow), json_output=False)
    assert "KEY-006" in run.output and "is used by demo-avs-b on h2" in run.output and installed(controller, "h1") == ""
    assert "h2                         : ok=1" in run.output and "canary" not in run.output


@pytest.mark.parametrize(
    ("arguments", "condition", "named"),
    [
        ([], "when: inventory_hostname == 'h1'", ["h2", "h3"]),
        (["--forks", "1"], "vars: {}", ["h2", "h3"]),
        ([], "vars: {ansible_connection: \"{{ 'ssh' if inventory_hostname == 'h3' else 'local' }}\", ansible_host: 127.0.0.9}", ["h3"]),
    ],
)
def test_hosts_that_do_not_answer_are_named_and_cost_little(
    controller: Controller, arguments: list[str], condition: str, named: list[str]
) -> None:
    controller.inventory({"h1": [node(controller, "a", "1a")], "h2": [], "h3": []}, {"ansible_port": 1})
    began = time.monotonic()
    run = controller.play(*arguments, play=play(condition=condition))
    assert time.monotonic() - began < 45
    assert rules(run, "h1") == [("KEY-012", "demo-avs-a.keys.bls")] and run.outcome("h1")["changed"] is True
    (told,) = [item["message"] for item in run.outcome("h1")["findings"] if item["id"] == "KEY-012"]
    assert [host for host in ("h2", "h3") if host in told] == named, told


@ONE_CORE
def test_a_host_whose_variables_fail_is_named(controller: Controller) -> None:
    controller.inventory({"h1": [node(controller, "a", "1a")], "h2": []}, {})
    text = (controller.folder / "inventory.yml").read_text()
    (controller.folder / "inventory.yml").write_text(
        text.replace("h2:\n        avs_instances: []", "h2:\n        avs_instances: '{{ nowhere }}'")
    )
    run = controller.play("--limit", "h1", play=play())
    assert rules(run, "h1") == [("KEY-012", "demo-avs-a.keys.bls")] and "h2" in json.dumps(run.outcome("h1")["findings"])


@ONE_CORE
def test_an_instance_with_keys_nobody_can_tell(controller: Controller) -> None:
    controller.inventory({"h1": [node(controller, "a", "1a")], "h2": [node(controller, "b", "2b")]}, {})
    run = controller.play(play=play(condition="vars: {unknown: \"{{ ['x-avs'] if inventory_hostname == 'h1' else [] }}\"}"))
    assert {rule for rule, _place in rules(run, "h1")} == {"KEY-006"} and installed(controller, "h1") == ""
    assert "x-avs" in run.outcome("h1")["msg"] and "neither its record nor its keys" in run.outcome("h1")["msg"]
    assert rules(run, "h2") == [("KEY-012", "demo-avs-b.keys.bls")] and "x-avs on h1" in json.dumps(run.outcome("h2")["findings"])


@ONE_CORE
def test_check_mode_says_what_the_run_would(controller: Controller) -> None:
    wrong = node(controller, "c", "3c")
    Path(controller.folder / "files" / wrong["keys"][0]["keystore"]).write_text("canary is no keystore")
    controller.inventory({"h1": [node(controller, "a", "1a")], "h2": [node(controller, "b", "1a")], "h3": [wrong]}, {})
    checked, real = controller.play("--check", play=play()), controller.play(play=play())
    for run in (checked, real):
        assert rules(run, "h1") == [("KEY-006", "demo-avs-a.keys.ecdsa")] and rules(run, "h2") == [("KEY-006", "demo-avs-b.keys.ecdsa")]
        assert "KEY-010" in json.dumps(run.outcome("h3")["findings"]) and "canary" not in run.output
    sound = node(controller, "d", "4d")
    controller.inventory({"h4": [sound]}, {})
    assert controller.play("--check", play=play()).outcome("h4")["changed"] is True
    assert not list(controller.folder.glob("h?.memory"))
    calls = json.loads((controller.folder / "h4.calls.memory").read_text())
    assert calls["secrets"] == {}
