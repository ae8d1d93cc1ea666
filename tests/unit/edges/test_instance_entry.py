# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which entry of a list an instance is installed by."""

from __future__ import annotations

from typing import Any

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.restaking.avs.plugins.filter.instance_entry import FilterModule

entry = FilterModule().filters()["instance_entry"]
NAMED = {"package": "core/demo-avs", "tag": "op1", "version": "v1.0.0"}
FOLDER = {"package": {"path": "/x"}, "tag": "op2"}


@pytest.mark.parametrize(
    "entries, instance, position, version",
    [
        ([FOLDER, NAMED], "demo-avs-op1", 1, "v1.0.0"),
        ([NAMED, FOLDER], "other-avs-op2", 1, ""),
        # Nobody knows which of the two is meant.
        ([FOLDER, {**FOLDER, "package": {"git": "u"}}], "demo-avs-op2", None, ""),
        ([{**NAMED, "tag": "avs-op1", "package": "demo"}, NAMED], "demo-avs-op1", None, ""),
        ([NAMED], "demo-avs-op2", None, ""),
        ([], "demo-avs-op1", None, ""),
        ([None, {}, {"tag": ""}], "demo-avs-op1", None, ""),
    ],
)
def test_the_one_that_may_be_meant(entries: list[Any], instance: str, position: int | None, version: str) -> None:
    assert entry(entries, instance) == {"position": position, "version": version, "keys": position is None}


@pytest.mark.parametrize("keys, has", [(None, False), ([], False), ([{"name": "bls"}], True), ("not well formed", True)])
def test_an_entry_that_may_have_keys_says_so(keys: Any, has: bool) -> None:
    assert entry([{**NAMED, "keys": keys}], "demo-avs-op1")["keys"] is has


def test_what_is_no_list_is_refused() -> None:
    with pytest.raises(AnsibleFilterError, match="needs a list"):
        entry({}, "demo-avs-op1")
