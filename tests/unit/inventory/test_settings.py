# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Variables beside the list of instances."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.restaking.avs.plugins.plugin_utils.inventory.settings import VARIABLES, checked, misspelt

from tests.tools.documented import avs_variables

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.parametrize(
    ("given", "final"),
    [
        ({"lock_timeout": "90", "stop_timeout": 0}, {"lock_timeout": 90, "stop_timeout": 0}),
        ({"image_policy": "digest", "artifact_redirects": "any"}, {"image_policy": "digest", "artifact_redirects": "any"}),
        ({"renew": "yes"}, {"renew": True}),
        ({"renew": "False"}, {"renew": False}),
        ({"renew": True}, {"renew": True}),
        ({"stop_timeout": None}, {}),
        ({}, {}),
    ],
)
def test_values_in_their_final_form(given: dict[str, Any], final: dict[str, Any]) -> None:
    assert checked(given) == (final, [])


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("lock_timeout", "soon"), ("lock_timeout", -1), ("lock_timeout", True), ("lock_timeout", 1.5), ("stop_timeout", 99_999_999),
        ("stop_timeout", [1]), ("image_policy", "Digest"), ("image_policy", False), ("artifact_redirects", False), ("renew", "soon"),
    ],
)  # fmt: skip
def test_what_is_none_names_the_variable_and_what_may_be_written(name: str, value: Any) -> None:
    values, (found,) = checked({name: value, "image_policy" if name != "image_policy" else "renew": None})
    assert values == {} and (found.id, found.place, found.severity) == ("INV-001", f"avs_{name}", "error")
    assert found.remedy.startswith(f"Correct avs_{name}: ")


def test_a_variable_that_is_nearly_one_of_ours() -> None:
    names = [
        "avs_instance",
        "avs_instances",
        "avs_tap",
        "avs_wallet",
        "avs_imagepolicy",
        "ansible_host",
        "avsinstances",
        "avs_region",
        "avs_aws_region",
        "avs_aws_regio",
    ]
    assert {item.place: item.message.partition("mean ")[2] for item in misspelt(names)} == {
        "avs_instance": "avs_instances?)", "avs_tap": "avs_taps?)", "avs_imagepolicy": "avs_image_policy?)", "avsinstances": "avs_instances?)",
        "avs_aws_regio": "avs_aws_region?)",
    }  # fmt: skip
    assert all((item.id, item.severity) == ("INV-004", "warning") for item in misspelt(names))


def test_every_variable_of_the_roles_and_playbooks_is_known() -> None:
    assert {*avs_variables(ROOT)} <= {*VARIABLES}


def test_what_our_playbooks_register_is_not_taken_for_a_misspelt_variable() -> None:
    names = {name for path in (ROOT / "playbooks").glob("*.yml") for name in re.findall(r"\bavs_[a-z_]+", path.read_text())}
    assert "avs_found" in names and misspelt({*names, "avs_hosts"}) == []
