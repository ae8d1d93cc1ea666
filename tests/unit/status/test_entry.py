# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.restaking.avs.plugins.module_utils.common.spec import InstanceSpec
from ansible_collections.restaking.avs.plugins.module_utils.docker.containers import Container
from ansible_collections.restaking.avs.plugins.module_utils.instance.state import State
from ansible_collections.restaking.avs.plugins.module_utils.instance.store import Store
from ansible_collections.restaking.avs.plugins.module_utils.status.entry import entry_of, health_of


def test_entries_of_a_removed_instance_say_what_was_kept(store: Store) -> None:
    removed = {"phase": "absent", "package": {"name": "demo-avs", "version": "v1.0.0"}, "volumes": ["v"], "kept_data": "/d"}
    found = entry_of(InstanceSpec(id="demo-avs-op1"), State.read(removed), [])
    assert (found["state"], found["kept"], found["images"]) == ("absent", {"volumes": ["v"], "data": "/d"}, {})


@pytest.mark.parametrize(
    ("status", "state", "expected"),
    [
        ("Up 1 minute", {}, "healthy"),
        ("Up 1 minute (unhealthy)", {}, "unhealthy"),
        ("Up 1 second (health: starting)", {}, "starting"),
        ("Up 1 minute", {"phase": "applying"}, "unknown"),
    ],
)
def test_health_without_asking(status: str, state: dict[str, str], expected: str) -> None:
    known = State(**{"phase": "committed", "committed_at": "x", **state})
    assert health_of(known, [Container("i", "n", "running", "x", "node", "s", status)])["status"] == expected
    assert health_of(known, [])["status"] == "unknown"
    assert health_of(None, [])["status"] == "unknown"
