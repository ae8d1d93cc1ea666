# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.restaking.avs.plugins.module_utils.policy import config_files

from tests.unit.support.models import typed


def test_generated_configs() -> None:
    files = {"./c.json": b'{"a": {"b": 1, "c": 2}, "d": [1]}', "bad.json": b"{"}
    wanted = typed(
        configs=[
            {"path": "./c.json", "format": "json", "merge": {"a": {"b": "${X}", "e": 5}, "d": ["${X}", "y"], "n": None}},
            {"path": "new.json", "format": "json", "merge": {"k": "${X}"}},
            {"path": "bad.json", "format": "json", "merge": {}},
            {"path": "secret.json", "format": "json", "merge": {"t": "${T}"}},
        ]
    )
    asked = config_files.expressions(wanted.configs)
    assert sorted(asked.values()) == ["${T}", "${X}", "${X}", "y"]
    values = {name: text.replace("${X}", "filled").replace("${T}", "avs00x0x") for name, text in asked.items()}
    found, problems = config_files.render(wanted.id, wanted.configs, files.get, values, {"option.token": "avs00x0x"})
    assert {name: json.loads(text) for name, text in found.items()} == {
        "c.json": {"a": {"b": "filled", "c": 2, "e": 5}, "d": ["filled", "y"], "n": None},
        "new.json": {"k": "filled"},
    }
    assert sorted(item.place.split("configs.")[1] for item in problems) == ["bad.json", "secret.json"]


def rendered(text: str, merge: dict[str, Any], *more: str) -> tuple[dict[str, str], list[tuple[str, str]]]:
    configs = [{"path": path, "format": "json", "merge": merge} for path in ("a.json", *more)]
    given = typed(configs=configs).configs
    files, found = config_files.render("demo-avs-op1", given, lambda _path: text.encode(), config_files.expressions(given), {})
    return files, [(item.severity, item.message) for item in found]


@pytest.mark.parametrize(
    ("text", "severity", "message"),
    [
        ("[" * 100_000 + "]" * 100_000, "error", "nested too deeply"),
        ("{" + '"a":{' * 5_000 + "}" * 5_001, "error", "nested too deeply"),
        ('{"n": 1e999}', "error", "more than a number can be"),
        ('{"n": 1, "n": 2}', "warning", "n stands twice"),
        ('{"n": 0.1234567890123456789}', "warning", "becomes 0.12345678901234568"),
        ('{"list": [1]}', "warning", "list is a list in the package's file"),
        ('{"n": 1.10, "i": 12345678901234567890, "list": {}}', "", ""),
    ],
)
def test_what_would_be_changed_is_told(text: str, severity: str, message: str) -> None:
    files, found = rendered(text, {"list": {"a": 1}})
    assert [one for one, _message in found] == [severity] * bool(severity)
    assert all(message in told for _severity, told in found)
    assert bool(files) == (severity != "error")


def test_two_entries_of_one_file_are_refused() -> None:
    files, found = rendered("{}", {"a": 1}, "./a.json")
    assert (list(files), found) == (["a.json"], [("error", "another entry is of the same file")])
