# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""No text of a package, a container, a registry or a git server acts on the terminal it is shown on."""

from __future__ import annotations

import json
import unicodedata

import pytest

from tests.integration.controller.controller import PLAY, Controller
from tests.integration.controller.test_cores import COMPOSE, PROFILE, entry, package

EVIL = "\x1b[2J\x9b1m\u202e\x7f"
SHOWN = "\\x1b[2J\\x9b1m\\u202e\\x7f"
# As YAML and JSON may write it.
ESCAPED = json.dumps(EVIL)[1:-1].replace("\x7f", "\\x7f")


def acting(text: str) -> set[str]:
    return {hex(ord(char)) for char in text if char not in "\n\t" and unicodedata.category(char) in ("Cc", "Cf", "Zl", "Zp", "Cs")}


def test_a_package(controller: Controller) -> None:
    root = package(controller.folder, profile=PROFILE + f'"odd{ESCAPED}": 1\n', compose=COMPOSE + f'"x{ESCAPED}": "a\\nb"\n')
    controller.inventory({"h": [entry(root)]}, {})
    run = controller.play("--diff", "-vvv", json_output=False)
    assert f"odd{SHOWN}" in run.output and acting(run.output) == set(), run.output
    options = {"word": "w", "choice": EVIL, EVIL: 1}
    controller.inventory({"h": [entry(root, options=options)]}, {})
    run = controller.play(json_output=False)
    assert run.code != 0 and SHOWN in run.output and acting(run.output) == set(), run.output


@pytest.mark.parametrize(("rule", "text"), [("OPS-006", "last lines of node:\n    "), ("IMG-006", "the registry says: ")])
def test_a_container_and_a_registry(controller: Controller, rule: str, text: str) -> None:
    found = {"id": rule, "severity": "error", "place": "small-a", "message": f"{text}{EVIL}", "remedy": "look"}
    refusal = controller.folder / "refusal.json"
    refusal.write_text(json.dumps({"msg": f"it failed {EVIL}", "findings": [found]}))
    controller.inventory({"h": [entry(package(controller.folder))]}, {})
    play = PLAY.replace('settings: "{{ {', "settings: \"{{ {'refuse': lookup('file', folder ~ '/refusal.json') | from_json, ")
    run = controller.play(play=play, json_output=False)
    assert run.code != 0 and text.splitlines()[0] in run.output and SHOWN in run.output, run.output
    assert acting(run.output) == set()


def test_a_git_server(controller: Controller) -> None:
    """What git repeats of a server's message stands in an error of a lookup as in one of a task."""
    git = controller.folder / "git"
    git.write_text(f"#!/bin/sh\ncat {git}.says >&2\nexit 128\n")
    (controller.folder / "git.says").write_text(f"fatal: remote error: {EVIL}\n")
    git.chmod(0o755)
    source = {"git": "https://git.example.org/small.git"}
    controller.inventory({"h": [{**entry(git), "package": source, "version": "v0.1.0"}]}, {})
    run = controller.play(json_output=False, PATH=f"{controller.folder}:/usr/bin:/bin")
    assert run.code != 0 and SHOWN in run.output, run.output
    assert acting(run.output) == set()
    look = "- hosts: all\n  gather_facts: false\n  tasks: [{debug: {msg: \"{{ lookup('restaking.avs.package', source, version='v0.1.0') }}\"}}]\n"
    run = controller.play("-e", json.dumps({"source": source}), play=look, json_output=False, PATH=f"{controller.folder}:/usr/bin:/bin")
    assert run.code != 0 and SHOWN in run.output, run.output
    assert acting(run.output) == set()
