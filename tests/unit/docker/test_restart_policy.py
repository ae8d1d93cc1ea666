# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.restaking.avs.plugins.module_utils.docker.containers import restart_policy


@pytest.mark.parametrize(
    ("service", "policy"),
    [
        ({}, "no"),
        ({"restart": "on-failure:3"}, "on-failure:3"),
        ({"restart": "always", "deploy": {"resources": {}}}, "always"),
        ({"restart": "always", "deploy": {"restart_policy": {"condition": "none"}}}, "no"),
        ({"restart": "always", "deploy": {"restart_policy": {}}}, "no"),
        ({"deploy": {"restart_policy": {"condition": "any", "max_attempts": None}}}, "always"),
        ({"deploy": {"restart_policy": {"condition": "on-failure", "max_attempts": 5}}}, "on-failure:5"),
    ],
)
def test_it_is_the_one_compose_gives(service: dict[str, Any], policy: str) -> None:
    assert restart_policy(service) == policy
