# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The playbook ``outdated``: what is behind its tap, and what is not to be told."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.core import OLDEST
from tests.integration.controller.controller import Controller
from tests.unit.reports.test_outdated import installed, release, tap
from tests.unit.support.builders import GitRepo


@pytest.fixture
def core() -> str:
    """The newest one runs these playbooks on hosts of the lab."""
    return OLDEST


@pytest.fixture
def fleet(controller: Controller) -> Controller:
    repo = GitRepo(controller.folder / "repo")
    for version, upgrade in (("v1.0.0", "optional"), ("v1.1.0", "required"), ("v1.2.0", "optional")):
        release(repo, version, upgrade)
    found = tap(controller.folder / "taps", repo)
    variables = {"avs_taps": [{"name": "core", "url": found.url}], "avs_cache_dir": str(controller.folder / "cache")}
    declared = [
        {"package": "core/mock-avs", "tag": "op1", "options": {"never": "{{ read_by_nobody }}"}},
        {"package": {"path": "p"}, "tag": "op2"},
    ]
    controller.inventory({"h1": declared, "h2": []}, variables)
    controller.tells("h1", installed(), installed(id="mock-avs-op2"))
    controller.tells("h2", installed("v1.2.0"), installed(id="mock-avs-old", phase="absent"))
    return controller


def test_what_is_behind(fleet: Controller) -> None:
    run = fleet.playbook("outdated")
    lines = run.tasks("h1")["Print the versions"]["msg"]
    assert run.code == 0 and [line.split()[:6] for line in lines[:4]] == [
        ["host", "instance", "tap", "installed", "newest", "upgrade"],
        ["h1", "mock-avs-op1", "core", "v1.0.0", "v1.2.0", "required"],
        ["h1", "mock-avs-op2", "-", "v1.0.0", "-", "-"],
        ["h2", "mock-avs-op1", "core", "v1.2.0", "v1.2.0", "-"],
    ]
    assert lines[5] == "mock-avs v1.0.0 -> v1.2.0" and "    - Third." in lines
    assert all(stats["changed"] == 0 for stats in run.data["stats"].values())


def test_json_ids_and_failing(fleet: Controller) -> None:
    run = fleet.playbook("outdated", avs_outdated_format="json", avs_outdated_file="out.json", avs_outdated_fail=True)
    assert run.code == 2 and run.tasks("h1")["Fail where an instance is behind"]["failed"]
    assert not run.tasks("h2")["Fail where an instance is behind"].get("failed")
    found = json.loads((fleet.folder / "out.json").read_text())["instances"]
    assert [(item["host"], item["id"], item["behind"]) for item in found] == [
        ("h1", "mock-avs-op1", True), ("h1", "mock-avs-op2", None), ("h2", "mock-avs-op1", False),
    ]  # fmt: skip
    assert found[0]["versions"][1] == {"version": "v1.1.0", "upgrade": "required", "changes": ["- Second\\x1b[2J."]}
    # What has no tap is not behind.
    run = fleet.playbook("outdated", "--limit", "h1", avs_outdated_fail=True, avs_outdated_ids=["mock-avs-op2", "no-such"])
    assert run.code == 0


def test_a_tap_that_is_gone(fleet: Controller, tmp_path: Path) -> None:
    gone = [{"name": "core", "url": str(tmp_path / "nowhere")}]
    run = fleet.playbook("outdated", avs_taps=gone)
    assert run.code == 0 and "not\u00a0known:" in run.tasks("h1")["Print the versions"]["msg"][1]
    assert fleet.playbook("outdated", avs_taps=gone, avs_outdated_fail=True).code == 2
