# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The playbook ``packages``: what taps offer, a package's profiles, a profile's options."""

from __future__ import annotations

import json
from typing import Any

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
    for version in ("v1.0.0", "v1.1.0"):
        release(repo, version, "optional")
    found = tap(controller.folder / "taps", repo, description="evil \x85\u202e\\u001b[2Jtext")
    controller.inventory(
        {"h1": [], "h2": []}, {"avs_taps": [{"name": "core", "url": found.url}], "avs_cache_dir": str(controller.folder / "cache")}
    )
    controller.tells("h1", installed())
    return controller


def printed(run: Any) -> list[list[str]]:
    return [line.split() for line in run.tasks("h1")["Print the packages"]["msg"]]


def test_what_taps_offer(fleet: Controller) -> None:
    run = fleet.playbook("packages")
    lines = printed(run)
    assert run.code == 0 and lines[1][:5] == ["core", "mock-avs", "v1.1.0", "v1.0.0", "(1)"]
    assert " ".join(lines[3]) == "mock-avs-op1 on h1 has v1.0.0; core offers v1.1.0"
    # Text of a tap moves no cursor, whichever way it is shown.
    for arguments in ({}, {"avs_packages_format": "csv"}, {"avs_packages_format": "json"}):
        shown = fleet.playbook("packages", json_output=False, **arguments).output
        assert not any(char in shown for char in "\x1b\x85\u202e") and "text" in shown
    assert all(stats["changed"] == 0 for stats in run.data["stats"].values())


def test_no_host_is_asked_where_that_is_not_wanted(fleet: Controller) -> None:
    fleet.tells("h1", failed=True, msg="nobody was to ask")
    assert fleet.playbook("packages").code == 2
    run = fleet.playbook("packages", "--check", avs_packages_hosts=False)
    assert run.code == 0 and printed(run)[1][:4] == ["core", "mock-avs", "v1.1.0", "-"]


def test_a_package_its_profiles_and_options(fleet: Controller) -> None:
    fleet.tells("h1", failed=True, msg="nobody was to ask")
    run = fleet.playbook("packages", avs_package="core/mock-avs")
    assert run.code == 0 and printed(run)[1][:3] == ["mock-avs", "v1.1.0", "option-returner"]
    run = fleet.playbook("packages", avs_package="mock-avs", avs_profile="option-returner", avs_package_version="v1.0.0",
                         avs_packages_format="json", avs_packages_file="options.json")  # fmt: skip
    found = json.loads((fleet.folder / "options.json").read_text())["options"]
    assert run.code == 0 and found and {"name", "type", "default", "required", "hidden", "help"} <= set(found[0])
    assert printed(fleet.playbook("packages", avs_package="mock-avs", avs_profile="option-returner"))[0] == [
        "name", "type", "default", "required", "hidden", "help",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("extra", "words"),
    [
        ({"avs_package": "mock-avs", "avs_profile": "other"}, "mock-avs has no profile other; it has option-returner"),
        ({"avs_package": "nobody"}, "nobody is in none of the taps core"),
        ({"avs_package": "mock-avs", "avs_package_version": "v9.0.0"}, "there is no version v9.0.0"),
    ],
)
def test_what_there_is_not(fleet: Controller, extra: dict[str, Any], words: str) -> None:
    run = fleet.playbook("packages", **extra)
    assert run.code != 0 and words in run.output
