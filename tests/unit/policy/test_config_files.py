# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json

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
