# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.restaking.avs.plugins.module_utils.policy.content_configs import judge_content, judge_owners

from tests.unit.support.models import model, told, typed

REFUSED = [("PKG-020", "error", "services.node.configs")]


def whole(use: dict[str, Any], entry: dict[str, Any], **service: Any) -> dict[str, Any]:
    return {**model(node={"configs": [{"source": "c", **use}], **service}), "configs": {"c": entry}}


@pytest.mark.parametrize("content", ["x", ""])
def test_nothing_is_copied_into_what_is_read_only(content: str) -> None:
    assert told([*judge_content(typed(), whole({}, {"content": content}, read_only=True))]) == REFUSED
    assert told([*judge_content(typed(privileges={"node": {"read_only": True}}), whole({}, {"content": content}))]) == REFUSED
    assert [*judge_content(typed(), whole({}, {"content": content}))] == []
    assert [*judge_content(typed(), whole({}, {"file": "./c"}, read_only=True))] == []
    volumes = [{"type": "volume", "source": "v", "target": "/conf"}]
    assert [*judge_content(typed(), whole({"target": "/conf/c"}, {"content": content}, read_only=True, volumes=volumes))] == []


def test_owners_of_copies() -> None:
    assert told([*judge_content(typed(), whole({"uid": "bob"}, {"content": "x"}))]) == REFUSED
    assert [*judge_content(typed(), whole({"uid": "1000", "gid": "5"}, {"content": "x"}))] == []
    copied = whole({"uid": "1000"}, {"content": "x"})
    assert told([*judge_owners("i", copied, {"demo:1.0.0": "1000:1000"})]) == REFUSED
    assert [*judge_owners("i", copied, {"demo:1.0.0": ""})] == []
    assert [*judge_owners("i", whole({}, {"content": "x"}), {"demo:1.0.0": "1000:1000"})] == []
    assert told([*judge_owners("i", whole({"gid": "5"}, {"content": "x"}, user="1:1"), {})]) == REFUSED
