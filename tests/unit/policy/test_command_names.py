# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.restaking.avs.plugins.module_utils.policy.command_names import unknown_names

from tests.unit.support.models import model, typed


@pytest.mark.parametrize(("command", "places"), [
    ({"run": "plugin"}, []), ({"run": "run", "service": "node", "network": "inner", "mounts": ["rows:ro", "data/db"]}, []),
    ({"run": "plugin", "network": "none"}, []), ({"run": "plugin", "network": "default"}, []), ({"run": "exec", "service": "extra"}, []),
    ({"run": "exec", "service": "nod"}, ["service"]), ({"run": "plugin", "network": "host"}, ["network"]),
    ({"run": "plugin", "mounts": ["row", "rows", "others:/x"]}, ["mounts", "mounts"]), ({"run": "plugin", "mounts": [None, 5]}, []),
])  # fmt: skip
def test_names_nobody_has_are_told(command: dict[str, Any], places: list[str]) -> None:
    whole = {**model(node={}), "networks": {"inner": {}}, "volumes": {"rows": {}}}
    found = list(unknown_names(typed(commands={"c": command}), whole, ["extra"]))
    assert [(item.id, item.severity, item.place.partition("commands.")[2]) for item in found] == [
        ("CMD-001", "warning", f"c.{one}") for one in places
    ]
