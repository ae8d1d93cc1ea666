# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.restaking.avs.plugins.module_utils.policy.mounts import place_mounts
from ansible_collections.restaking.avs.plugins.module_utils.policy.unnamed_volumes import judge_image_volumes, unnamed_of

from tests.unit.support.models import layout, model, told, typed


@pytest.mark.parametrize(("source", "rules"), [(None, ["PKG-022"]), ("", ["PKG-022"]), ("data", [])])
def test_a_volume_without_a_name_is_told(source: str | None, rules: list[str]) -> None:
    mount = {"type": "volume", "target": "/anon", **({} if source is None else {"source": source})}
    result = place_mounts(typed(), model(node={"volumes": [mount]}), layout())
    assert [(item.id, item.severity, item.place.partition(": ")[2]) for item in result.findings] == [
        (rule, "warning", "services.node.volumes") for rule in rules
    ]


@pytest.mark.parametrize(
    ("services", "told_of"),
    [
        ({"node": {}}, ["node"]),
        ({"node": {"volumes": [{"type": "volume", "source": "d", "target": "/var/lib/data/"}]}}, []),
        ({"node": {"volumes": [{"type": "bind", "source": "/d", "target": "/var/lib"}]}}, ["node"]),
        ({"node": {"tmpfs": ["/var/lib/data:size=1m"]}}, []),
        ({"node": {"tmpfs": "/var/lib/data"}}, []),
        ({"node": {"volumes_from": ["other:ro"]}, "other": {"image": "x:1", "volumes": [{"source": "d", "target": "/var/lib/data"}]}}, []),
        ({"node": {"image": "another:1"}}, []),
    ],
)
def test_volumes_of_images_that_nothing_is_mounted_on(services: dict[str, Any], told_of: list[str]) -> None:
    found = told(list(judge_image_volumes("demo-avs-op1", model(**services), {"demo:1.0.0": ["/var/lib/data"]})))
    assert found == [("PKG-022", "warning", f"services.{name}.image") for name in told_of]


def test_volumes_the_engine_named_are_told_from_others() -> None:
    mounts = [
        {"Type": "volume", "Name": "a" * 64},
        {"Type": "volume", "Name": "avs-demo-avs-op1_data"},
        {"Type": "volume", "Name": "somebodys"},
        {"Type": "bind", "Source": "/x"},
    ]
    assert unnamed_of([{"Mounts": mounts}, {"Mounts": None}, {}]) == ["a" * 64]
