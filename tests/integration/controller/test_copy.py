# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""When the action plugin asks the copy of the library a host keeps, what it tells it, and what it believes of the answer."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.integration.controller.conftest import Canaries
from tests.integration.controller.controller import PLAY, Controller, entry


@pytest.fixture
def copy(controller: Controller, approle: dict[str, Any], canaries: Canaries) -> Callable[[str], Path]:
    """Puts a stand-in for the library's copy where a host keeps it; what it reads goes to the file returned."""
    controller.inventory({"h": [entry(canaries.put("copied"))]}, approle)
    run = controller.play("-vv", "--check", json_output=False)
    name = re.search(r"no answer from (avsctl-[0-9a-f]{16}\.pyz) \(127", run.output)
    assert name is not None, run.output

    def make(script: str) -> Path:
        calls = controller.folder / "calls.memory"
        path = controller.copies / name[1]
        path.write_text(f"#!/bin/sh\ncat >>{calls}; echo >>{calls}\n{script}\n")
        path.chmod(0o755)
        return calls

    return make


def test_a_copy_is_told_what_a_module_is_told(controller: Controller, copy: Callable[[str], Path]) -> None:
    told = copy("printf 'Welcome'; echo; echo '" + json.dumps({"changed": False, "instances": [], "findings": []}) + "'")
    assert controller.play("--check", "--diff").outcome("h")["changed"] is False
    (call,) = (json.loads(line) for line in told.read_text().splitlines())
    assert sorted(call) == ["check", "diff", "document"] and call["check"] is call["diff"] is True
    assert call["document"]["complete"] is False and call["document"]["log"] is True
    assert controller.play("-e", "ansible_no_target_syslog=true").code == 0
    second = json.loads(told.read_text().splitlines()[1])
    assert second["check"] is second["document"]["log"] is False


def test_a_host_does_not_tell_ansible_what_to_do(controller: Controller, copy: Callable[[str], Path]) -> None:
    answer = {
        "changed": True,
        "instances": [],
        "findings": [],
        "add_host": {"host_name": "made-up", "host_vars": {}},
        "ansible_facts": {"made_up": True},
        "_ansible_notify": ["made up"],
        "results": "made up",
    }
    copy(f"echo '{json.dumps(answer)}'")
    run = controller.play()
    assert run.outcome("h")["changed"] is True and "made" not in run.output


@pytest.mark.parametrize("change", [{"ANSIBLE_KEEP_REMOTE_FILES": "1"}, {"environment": "1"}, {"interpreter": "1"}])
def test_a_module_where_a_copy_cannot_be_asked(controller: Controller, copy: Callable[[str], Path], change: dict[str, str]) -> None:
    told = copy("exit 3")
    play = PLAY.replace("gather_facts: false", "gather_facts: false\n  environment: {A: b}") if "environment" in change else PLAY
    other = ("-e", f"ansible_python_interpreter={os.path.realpath(sys.executable)}") if "interpreter" in change else ()
    environment = {name: value for name, value in change.items() if name.isupper()}
    run = controller.play("--check", *other, play=play, **environment)
    assert run.outcome("h")["changed"] is True and not told.exists()


def test_a_first_call_without_an_answer_is_a_modules(controller: Controller, copy: Callable[[str], Path]) -> None:
    told = copy("exit 3")
    run = controller.play("-vv", json_output=False)
    assert run.code == 0 and "(3: no message), asking a module" in run.output
    assert len(told.read_text().splitlines()) == 1


def test_a_copy_that_dies_over_secrets_shows_none(controller: Controller, copy: Callable[[str], Path], canaries: Canaries) -> None:
    needs = {"demo-avs-copied": {"tree": False, "secrets": ["key.bls.password", "option.rpc-token"]}}
    first = json.dumps({"changed": False, "instances": [], "findings": [], "needs": needs})
    copy(
        f"if tail -n 1 {controller.folder}/calls.memory | grep -q secret_values; "
        f"then tail -n 1 {controller.folder}/calls.memory >&2; exit 4; fi; echo '{first}'"
    )
    run = controller.play("-vvvv", json_output=False)
    (controller.folder / "calls.memory").unlink()
    assert run.code != 0 and re.search(r"ended with 4: .*\"secret_values.*\*\*\*", run.output), run.output
    assert canaries.found_in(run.output + controller.left_behind()) == []


# Asks for a password as sudo does, and is not content with another.
SUDO = """#!/bin/sh
while [ "$1" != /bin/sh ]; do
  if [ "$1" = -p ]; then printf %s "$2" >&2; fi
  shift
done
read -r password && [ "$password" = becoming ] && exec "$@"
"""


def test_a_password_for_becoming_root_goes_before_the_call(
    controller: Controller, copy: Callable[[str], Path], approle: dict[str, Any]
) -> None:
    """Without pipelining a local connection gives a program that may ask for a password a terminal, and drops its input."""
    sudo = controller.folder / "sudo"
    sudo.write_text(SUDO)
    sudo.chmod(0o755)
    answer = json.dumps({"changed": False, "instances": [], "findings": []})
    told = copy(f"echo '{answer}'")
    become = {
        "ansible_become": True,
        "ansible_become_exe": str(sudo),
        "ansible_become_password": "becoming",
        "ansible_become_user": "nobody",
    }
    controller.inventory({"h": [entry("copied")]}, {**approle, **become})
    run = controller.play(ANSIBLE_PIPELINING="0")
    assert run.outcome("h")["changed"] is False and len(told.read_text().splitlines()) == 1
