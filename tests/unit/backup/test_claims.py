# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Backups side by side are not promised the same room."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from ansible_collections.restaking.avs.plugins.module_utils.backup import claims
from ansible_collections.restaking.avs.plugins.module_utils.instance.store import InstanceStore, Store
from ansible_collections.restaking.avs.plugins.module_utils.system import files


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(str(tmp_path / "lib"), str(tmp_path / "run"), str(tmp_path / "locks"))


def noted(own: InstanceStore) -> Path:
    return Path(own.run, "backup", "room.json")


def test_what_one_was_promised_no_other_is(store: Store, tmp_path: Path) -> None:
    first, second, third = (store.instance(name) for name in ("a-1", "b-1", "c-1"))
    place = str(tmp_path)
    assert claims.claim(first, place, 60, 100) == 100
    assert claims.claim(second, place, 50, 100) == 40 and not noted(second).exists()
    # What the first has used by now is not taken off twice.
    assert claims.claim(second, place, 30, 55) == 40
    assert claims.claim(third, place, 11, 40) == 10
    # One that asks again is not in its own way.
    assert claims.claim(second, place, 35, 55) == 40
    claims.release(first)
    claims.release(first)
    assert claims.claim(third, place, 5, 40) == 5
    claims.release(third)
    claims.release(second)
    assert claims.claim(first, place, 30, 40) == 40


@pytest.mark.parametrize("change", [{"device": -1}, {"pid": "dead"}, {"birth": 1}, {"left": "x"}, None])
def test_a_claim_of_another_disk_or_of_one_that_is_gone_counts_for_nothing(
    store: Store, tmp_path: Path, change: dict[str, object] | None
) -> None:
    first, second = store.instance("a-1"), store.instance("b-1")
    claims.claim(first, str(tmp_path), 90, 100)
    assert claims.claim(second, str(tmp_path), 20, 100) == 10
    if change is not None and change.get("pid"):
        process = subprocess.Popen(["true"])
        process.wait()
        change = {"pid": process.pid}
    known = files.read_json(str(noted(first)))
    if change is None:
        noted(first).write_text("{")
    else:
        files.write_json(str(noted(first)), {**known, **change})
    assert claims.claim(second, str(tmp_path), 20, 100) == 100
    assert os.path.exists(noted(second))
