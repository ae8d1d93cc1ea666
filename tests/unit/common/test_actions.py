# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from ansible_collections.restaking.avs.plugins.module_utils.common.actions import Action, existence, ordered


def test_actions_have_one_order() -> None:
    given = [
        Action("container", "a", "create"),
        Action("image", "z", "pull"),
        Action("keys", "n", "create"),
        Action("container", "a", "create"),
    ]
    assert [item.kind for item in ordered(given)] == ["image", "keys", "container"]
    assert ordered(reversed(given)) == ordered(given)
    assert existence("volume", ["a", "b"], {"b": ""}) == [Action("volume", "a", "create")]


def test_what_is_restarted_was_stopped_first() -> None:
    told = ordered([Action("container", "a", "start"), Action("container", "a", "stop")])
    assert [item.action for item in told] == ["stop", "start"]
