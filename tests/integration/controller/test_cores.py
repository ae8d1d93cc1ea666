# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What each ansible-core makes of results: its own structures are never changed, and nothing of ours gets lost beside them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.integration.controller.controller import PLAY, Controller

PACKAGE = """
name: small
version: 0.1.0
upgrade: optional
profiles: [net]
"""
PROFILE = """
name: net
options:
  - {name: word, target: WORD, type: str, help: a word}
  - {name: choice, target: CHOICE, type: select, help: a choice, default: one, validate: {options: [one, "1.10"]}}
"""
COMPOSE = """
services:
  node:
    image: registry.example.org/small:1.0.0
    environment: {WORD: "${WORD}", CHOICE: "${CHOICE}"}
"""


def package(folder: Path, **files: str) -> Path:
    """A package without keys and secrets; ``files`` replace what is in it."""
    root = folder / "small"
    parts = {"manifest": ("pkg/manifest.yml", PACKAGE), "profile": ("pkg/net/profile.yml", PROFILE),
             "compose": ("pkg/net/docker-compose.yml", COMPOSE), "env": ("pkg/net/.env", "WORD=\nCHOICE=\n")}  # fmt: skip
    for name, (path, text) in parts.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(files.get(name, text))
    return root


def entry(root: Path, tag: str = "a", **changes: Any) -> dict[str, Any]:
    return {"package": {"path": str(root)}, "profile": "net", "tag": tag, "options": {"word": "w"}, **changes}


SAYING = {
    # Of a module, warnings arrive as objects; what a core finds odd about the call, it adds to a list of its own.
    "module": PLAY.replace('settings: "{{ {', "settings: \"{{ {'warn': ['the host warns'], "),
    "core": PLAY.replace('settings: "{{ {', "settings: \"{{ {'junk': 'the host warns', "),
}


@pytest.mark.parametrize("play", SAYING)
def test_a_result_beside_warnings_of_ansible(controller: Controller, play: str) -> None:
    """As a person sees it: a callback that stumbles over a result shows nothing of it."""
    controller.inventory({"h": [entry(package(controller.folder))]}, {})
    run = controller.play(play=SAYING[play], json_output=False)
    assert run.code == 0 and "changed: [h]" in run.output, run.output
    # PKG-014 is ours (no checksum.txt).
    assert "the host warns" in run.output and "(PKG-014)" in run.output and "callback plugin" not in run.output


def test_an_error_beside_warnings_of_ansible(controller: Controller) -> None:
    play = SAYING["core"].replace("hosts: all", "hosts: all\n  environment: {A: b}")
    controller.inventory({"h": [entry(package(controller.folder))]}, {})
    run = controller.play("-e", "die=true", play=play, json_output=False)
    assert "the module failed on h: died over {}" in run.output and "fatal: [h]: FAILED!" in run.output, run.output


def test_nothing_of_a_module_is_passed_on_that_is_not_named(controller: Controller) -> None:
    root = package(controller.folder)
    controller.inventory({"h": [entry(root)]}, {})
    outcome = controller.play(play=SAYING["module"]).outcome("h")
    known = {"changed", "instances", "findings", "unlisted", "warnings", "diff", "action"}
    assert {name for name in outcome if not name.startswith("_ansible")} <= known, sorted(outcome)
