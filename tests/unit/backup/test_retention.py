# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What stays, whatever a policy says."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.restaking.avs.plugins.module_utils.backup.kept import Backup
from ansible_collections.restaking.avs.plugins.module_utils.backup.retention import expired, policy
from ansible_collections.restaking.avs.plugins.module_utils.common.errors import HostError


def backup(name: str, verified: str = "") -> Backup:
    return Backup(name, "node-a", name, "v1", f"files-{name}", f"seal-{name}", verified)


ALL = ["seal-a", "seal-b", "seal-c", "seal-d"]


@pytest.mark.parametrize(
    ("proven", "dropped", "needed", "gone"),
    [
        ("", ALL, (), "abc"),
        ("b", ALL, (), "ac"),
        ("ab", ALL, (), "ac"),
        ("d", ALL, (), "abc"),
        ("", ALL, ("a",), "bc"),
        ("", ["seal-b", "seal-of-somebody"], (), "b"),
        ("", [], (), ""),
    ],
)
def test_the_newest_and_the_newest_that_was_proven_stay(proven: str, dropped: list[str], needed: tuple[str, ...], gone: str) -> None:
    found = [backup(name, "once" if name in proven else "") for name in "abcd"]
    assert "".join(item.id for item in expired(found, dropped, needed)) == gone


@pytest.mark.parametrize("given", [{"last": 3}, {"last": 3, "daily": 0}, {}, {"monthly": 10_000}])
def test_a_policy(given: dict[str, int]) -> None:
    assert policy(given) == {name: value for name, value in given.items() if value}


@pytest.mark.parametrize(
    "given", [{"last": "3"}, {"last": True}, {"last": -1}, {"yearly": 1}, {"last": 0}, [], {"last": 10_001}, {"last": 1.5}, {1: 1}]
)
def test_what_is_none(given: Any) -> None:
    with pytest.raises(HostError) as refused:
        policy(given)
    assert refused.value.findings[0].remedy.startswith(("Correct avs_backup_keep", "Name how many"))
