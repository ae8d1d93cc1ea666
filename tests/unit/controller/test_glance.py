# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The glance at a host's records: its command by a real shell over real files, its words by a table."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.restaking.avs.plugins.plugin_utils import glance
from ansible_collections.restaking.avs.plugins.plugin_utils.glance import Glance, command, parse

KEYS = {"bls": {"kind": "bn254", "public_id": "0xab", "fingerprint": "sha256:00"}}


def record(root: Path, instance: str, **state: Any) -> None:
    (root / instance).mkdir(parents=True)
    (root / instance / "state.json").write_text(json.dumps({"id": instance, **state}, indent=1) + "\n")


def looked(root: Path, *instances: str, user: str = "0") -> Glance:
    line = command(instances)
    assert line is not None
    # The tests are not always root, and no user of this machine has records where the host keeps them.
    line = line.replace("$(id -u)", user).replace(glance.ROOT, str(root))
    return parse(subprocess.run(["/bin/sh", "-c", line], capture_output=True, text=True, check=True, cwd="/").stdout)


def test_a_fresh_host(tmp_path: Path) -> None:
    assert looked(tmp_path / "nothing", "demo-avs-op1", "x-op2") == Glance(frozenset(["demo-avs-op1", "x-op2"]))


def test_a_host_with_other_instances(tmp_path: Path) -> None:
    record(tmp_path, "demo-avs-op1", phase="committed", keys=KEYS)
    record(tmp_path, "demo-avs-op2", phase="applying")
    record(tmp_path, "demo-avs-op3", phase="absent", keys=KEYS)
    (tmp_path / "half").mkdir()
    seen = looked(tmp_path, "demo-avs-op1", "demo-avs-op4")
    assert seen.new == {"demo-avs-op4"}
    assert seen.held == (
        {"id": "demo-avs-op1", "state": "started", "keystores": KEYS},
        {"id": "demo-avs-op2", "state": "started", "keystores": {}},
        {"id": "demo-avs-op3", "state": "absent", "keystores": {}},
    )


def test_nothing_new_is_nothing_said(tmp_path: Path) -> None:
    record(tmp_path, "demo-avs-op1", phase="committed", keys=KEYS)
    assert looked(tmp_path, "demo-avs-op1") == Glance()


def test_a_user_who_sees_no_records_says_nothing(tmp_path: Path) -> None:
    assert looked(tmp_path, "demo-avs-op1", user="1000") == Glance()


@pytest.mark.parametrize("instances", [[], ["$(reboot)"], ["a b", "../x"]])
def test_nothing_to_look_for(instances: list[str]) -> None:
    assert command(instances) is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "bash: cd: no",
        "new: a\n{",
        'new: a\n{"id": "b"} junk',
        "new: a\n[1]",
        'new: a\n{"phase": "x"}',
        "hello\nnew: a\n",
    ],
)
def test_unclear_words_are_no_knowledge(text: str) -> None:
    assert parse(text) == Glance()
