# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The playbook ``status``: forms, queries, a file."""

from __future__ import annotations

import csv
import json
from typing import Any

import pytest

from tests.core import OLDEST
from tests.integration.controller.controller import Controller


@pytest.fixture
def core() -> str:
    """The newest one runs these playbooks on hosts of the lab."""
    return OLDEST


SICK = {
    "id": "a-avs-1",
    "version": "v1.0.0",
    "state": "started",
    "phase": "committed",
    "health": {"status": "unhealthy", "detail": "=cmd()"},
}
WELL = {"id": "b-avs-2", "version": "v1.1.0", "state": "started", "phase": "committed", "health": {"status": "healthy", "detail": "well"}}


@pytest.fixture
def fleet(controller: Controller) -> Controller:
    controller.inventory({"h1": [], "h2": []}, {})
    controller.tells("h1", WELL, SICK)
    controller.tells("h2", failed=True, msg="there is no engine")
    return controller


def printed(run: Any) -> Any:
    return run.tasks("h1")["Print the table"]["msg"]


def test_forms_and_files(fleet: Controller) -> None:
    fleet.tells("h2", {**WELL, "id": "c-avs-3"})
    file = fleet.folder / "fleet.out"
    run = fleet.playbook("status")
    assert run.code == 0 and [line.split()[:2] for line in printed(run)[1:]] == [["h1", "a-avs-1"], ["h1", "b-avs-2"], ["h2", "c-avs-3"]]
    # A relative path starts where the run was started.
    run = fleet.playbook("status", avs_status_format="json", avs_status_file="fleet.out")
    written = json.loads(file.read_text())
    assert run.code == 0 and file.stat().st_mode & 0o777 == 0o600
    assert written == printed(run) and [item["id"] for item in written["instances"]] == ["a-avs-1", "b-avs-2", "c-avs-3"]
    assert all(stats["changed"] == 0 for stats in run.data["stats"].values())
    run = fleet.playbook("status", avs_status_format="csv", avs_status_file=str(file))
    rows = list(csv.DictReader(file.read_text().splitlines()))
    assert rows[0]["detail"] == "'=cmd()" and rows[1]["health"] == "healthy" and file.read_text().splitlines() == printed(run)
    before = file.read_text()
    query = "instances[?health.status!='healthy'].{host: host, id: id}"
    run = fleet.playbook("status", "--check", avs_status_query=query, avs_status_file=str(file))
    assert run.code == 0 and [line.split() for line in printed(run)] == [["host", "id"], ["h1", "a-avs-1"]] and file.read_text() == before


def test_a_host_that_does_not_answer_is_told(fleet: Controller) -> None:
    run = fleet.playbook("status", avs_status_format="json", avs_status_query="hosts[?!answered].[host, message]")
    assert run.code != 0 and printed(run) == [["h2", "there is no engine"]]


@pytest.mark.parametrize(
    ("extra", "words"),
    [
        ({"avs_status_format": "yaml"}, "use one of table, json, csv"),
        ({"avs_status_query": "instances["}, "is no JMESPath query"),
        ({"avs_status_file": "nowhere/x"}, "nowhere/x cannot be written on the controller"),
    ],
)
def test_what_was_asked_wrong(fleet: Controller, extra: dict[str, Any], words: str) -> None:
    fleet.tells("h2")
    run = fleet.playbook("status", **extra)
    assert run.code != 0 and words in run.output
    # Of the first two nobody was asked.
    assert ("Read the instances of each host" in run.tasks("h1")) is ("avs_status_file" in extra)


def test_a_limit_and_ids(fleet: Controller) -> None:
    run = fleet.playbook("status", "--limit", "h1", avs_status_ids=["b-avs-2", "no-such"], avs_status_fail=["unhealthy"])
    assert run.code == 0 and [line.split()[:2] for line in printed(run)[1:]] == [["h1", "b-avs-2"], ["h1", "no-such"]]
