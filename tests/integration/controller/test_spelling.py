# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What YAML makes of an inventory's values before anybody of us sees them."""

from __future__ import annotations

import json

import pytest
from ansible.parsing.vault import VaultLib, VaultSecret

from tests.integration.controller.controller import Controller
from tests.integration.controller.test_cores import PROFILE, entry, package

ADDRESS = "0x52908400098527886E0F7030069857D2E4169EE7"
WORDS = {"a": "0x12", "b": ADDRESS, "c": "1:30", "d": "0700", "e": "1.10", "f": "yes", "g": "2026-01-01 10:00:00", "h": "1_000",
         "ok1": "8080", "ok2": '"0x12"', "ok3": "2026-01-01", "ok4": "'1.10'", "ok5": '"{{ 8000 + 80 }}"', "ok6": "v1.10"}  # fmt: skip


@pytest.mark.parametrize("layout", ["block", "flow"])
def test_what_yaml_changes_is_refused_and_what_it_leaves_passes(controller: Controller, layout: str) -> None:
    options = "".join(f"  - {{name: {name}, target: W_{name.upper()}, type: str, help: h}}\n" for name in WORDS)
    root = package(controller.folder, profile=PROFILE.replace("options:\n", f"options:\n{options}"))
    controller.inventory({"h": [entry(root, options={"word": "REPLACED"})]}, {})
    path = controller.folder / "inventory.yml"
    text = path.read_text()
    line = next(line for line in text.splitlines() if "REPLACED" in line)
    indent = line[: len(line) - len(line.lstrip())]
    block = "\n".join(f"{indent}{name}: {value}" for name, value in {"word": "w", **WORDS}.items())
    flow = f"{indent}{{word: w, {', '.join(f'{name}: {value}' for name, value in WORDS.items())}}}"
    path.write_text(text.replace(line, block if layout == "block" else flow))
    message = controller.play().outcome("h")["msg"]
    for name, value in WORDS.items():
        told = [line for line in message.splitlines() if f"options.{name}:" in line]
        assert bool(told) == (not name.startswith("ok")), (name, message)
        if name in ("a", "b", "c", "d", "h"):
            assert f"options.{name}: {value} is a number to YAML" in told[0] and told[0].endswith("Write it in quotes.")
    assert message.count("Write it in quotes.") == 8


def test_a_number_of_the_command_line_passes(controller: Controller) -> None:
    controller.inventory({"h": [entry(package(controller.folder), options={"word": "{{ given }}"})]}, {})
    run = controller.play("-e", json.dumps({"given": 8080}))
    assert run.outcome("h")["changed"] is True, run.output
    memory = json.loads((controller.folder / "h.memory").read_text())
    assert memory["small-a"]["env"]["WORD"] == "8080"


def test_numbers_as_keys_and_numbers_people_read_otherwise(controller: Controller) -> None:
    """``ports: {8080: ...}`` is how a port is written; ``0100`` seconds are 64 to YAML, and ``0x40`` are meant to be."""
    root = package(controller.folder)
    for ports, timeout, expected in (
        ("{9100: loopback}", "0x40", ""),
        ("{9100: loopback}", "0100", "gate_timeout: 0100 is the number 64 to YAML"),
    ):
        controller.inventory({"h": [{**entry(root, options={"word": "w"}), "ports": "PORTS", "gate_timeout": "TIME"}]}, {})
        path = controller.folder / "inventory.yml"
        path.write_text(path.read_text().replace("PORTS", ports).replace("TIME", timeout))
        message = str(controller.play().outcome("h").get("msg") or "")
        assert "ports" not in message and ((expected in message) if expected else not message), message


def test_numbers_in_a_file_that_is_encrypted_as_a_whole(controller: Controller) -> None:
    """Where Ansible says they stand, there is cipher."""
    root = package(controller.folder)
    controller.inventory({"h": [entry(root, options={"word": "{{ word }}"})]}, {})
    (controller.folder / "password").write_text("p\n")
    variables = controller.folder / "host_vars/h.yml"
    variables.parent.mkdir(exist_ok=True)
    variables.write_text("word: 8080\nother: 0x12\n")
    secret = VaultSecret(b"p")
    variables.write_bytes(VaultLib([("default", secret)]).encrypt(variables.read_bytes(), secret))
    run = controller.play("--vault-password-file", "password")
    assert run.outcome("h")["changed"] is True, run.output
