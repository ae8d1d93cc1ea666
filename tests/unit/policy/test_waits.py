# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who waits for what can never come; and what a service leaves to its image."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.restaking.avs.plugins.module_utils.policy.engine_limits import judge_limits
from ansible_collections.restaking.avs.plugins.module_utils.policy.image_settings import judge_image_settings
from ansible_collections.restaking.avs.plugins.module_utils.policy.waits import told_of_waits

from tests.unit.support.models import model, told, typed

ENDED, HEALTHY = (
    {"other": {"condition": condition, "required": True}} for condition in ("service_completed_successfully", "service_healthy")
)
OPTIONAL = {"other": {"condition": "service_completed_successfully", "required": False}}
CHECK = {"test": ["CMD", "true"]}
WAITS = [("PKG-020", "error", "services.node.depends_on")]


@pytest.mark.parametrize(
    ("node", "other", "place"),
    [
        ({"depends_on": ENDED}, {"restart": "always"}, "depends_on"),
        ({"depends_on": ENDED}, {"restart": "unless-stopped"}, "depends_on"),
        ({"depends_on": ENDED}, {"restart": "no", "deploy": {"restart_policy": {"condition": "any"}}}, "depends_on"),
        ({"depends_on": HEALTHY}, {"healthcheck": {"disable": True}}, "depends_on"),
        ({"depends_on": HEALTHY}, {"healthcheck": {"test": ["NONE"]}}, "depends_on"),
        ({"depends_on": ENDED, "pid": "service:other"}, {}, "pid"),
        ({"ipc": "service:other"}, {}, "ipc"),
        ({"ipc": "service:other"}, {"ipc": "private"}, "ipc"),
    ],
)
def test_what_can_never_come(node: dict[str, Any], other: dict[str, Any], place: str) -> None:
    assert told(judge_limits(typed(), model(node=node, other=other))) == [("PKG-020", "error", f"services.node.{place}")]


@pytest.mark.parametrize(
    ("node", "other"),
    [
        ({"depends_on": ENDED}, {}),
        ({"depends_on": ENDED}, {"restart": "no"}),
        ({"depends_on": ENDED}, {"restart": "on-failure:3"}),
        ({"depends_on": ENDED}, {"restart": "always", "deploy": {"restart_policy": {"condition": "on-failure", "max_attempts": 3}}}),
        ({"depends_on": OPTIONAL}, {"restart": "always"}),
        ({"depends_on": {"other": {"condition": "service_started"}}}, {"restart": "always", "healthcheck": {"disable": True}}),
        ({"depends_on": HEALTHY}, {"healthcheck": CHECK}),
        ({"depends_on": HEALTHY}, {}),
        ({"ipc": "service:other"}, {"ipc": "shareable"}),
        ({"pid": "service:other"}, {}),
    ],
)
def test_what_may_come(node: dict[str, Any], other: dict[str, Any]) -> None:
    assert judge_limits(typed(), model(node=node, other=other)) == []


@pytest.mark.parametrize(
    ("config", "other", "expected"),
    [
        ({"Cmd": ["a"]}, {}, WAITS),
        ({"Cmd": ["a"], "Healthcheck": {"Test": ["NONE"]}}, {}, WAITS),
        ({"Cmd": ["a"], "Healthcheck": {"Test": ["CMD", "b"]}}, {}, []),
        ({"Cmd": ["a"]}, {"healthcheck": CHECK}, []),
    ],
)
def test_a_health_check_may_be_the_images(config: dict[str, Any], other: dict[str, Any], expected: list[tuple[str, str, str]]) -> None:
    whole = model(node={"depends_on": HEALTHY}, other=other)
    assert told([*judge_image_settings("i", whole, {"demo:1.0.0": config})]) == expected
    assert [*judge_image_settings("i", whole, {})] == []


@pytest.mark.parametrize(
    ("service", "config", "starts"),
    [
        ({}, {}, False),
        ({}, {"Entrypoint": [], "Cmd": None}, False),
        ({}, {"Cmd": ["a"]}, True),
        ({}, {"Entrypoint": ["a"]}, True),
        ({"command": ["a"]}, {}, True),
        ({"entrypoint": ["a"]}, {}, True),
        ({"entrypoint": [], "command": ["a"]}, {"Cmd": ["b"]}, True),
    ],
)
def test_a_command_may_be_the_images(service: dict[str, Any], config: dict[str, Any], starts: bool) -> None:
    found = told([*judge_image_settings("i", model(node=service), {"demo:1.0.0": config})])
    assert found == ([] if starts else [("PKG-020", "error", "services.node.command")])


def test_words_for_who_waits() -> None:
    whole = model(node={"depends_on": ENDED}, app={"depends_on": HEALTHY}, third={"depends_on": OPTIONAL}, other={})
    assert told_of_waits(whole, ["node", "other"]) == "node waits for other to end with 0"
    assert told_of_waits(whole, ["node", "app", "third"]) == "node waits for other to end with 0; app waits for other to become healthy"
    assert told_of_waits(whole, ["node", "app"], ended=["other"]) == "app waits for other to become healthy"
    assert told_of_waits(whole, ["node", "app"], ["other"], ["other"]) == told_of_waits(whole, ["other"]) == ""
