# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Until when a node has to be upgraded, and from when on that is said aloud."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from ansible_collections.restaking.avs.plugins.plugin_utils.fetching.cache import Cache
from ansible_collections.restaking.avs.plugins.plugin_utils.reports.deadlines import told
from ansible_collections.restaking.avs.plugins.plugin_utils.reports.kinds import rows_report
from ansible_collections.restaking.avs.plugins.plugin_utils.reports.outdated import Taps, outdated_rows

from tests.unit.reports.test_outdated import installed, tap
from tests.unit.support.builders import RUNTIME, GitRepo, package_files

FORK = "2027-01-15T00:00:00Z"
NOW = datetime(2027, 1, 15, tzinfo=UTC)
PROFILE = "option-returner"


@pytest.mark.parametrize(
    ("left", "words", "said"),
    [
        (timedelta(days=46, hours=3), "in 46 days", ""),
        (timedelta(days=14, seconds=1), "in 14 days", ""),
        (timedelta(days=14), "in 14 days", "its network moves on"),
        (timedelta(days=3, seconds=1), "in 3 days", "its network moves on"),
        (timedelta(days=3), "in 3 days", "there is time for one try"),
        (timedelta(days=1, hours=2), "in 26 h", "there is time for one try"),
        (timedelta(minutes=5), "in 5 min", "there is time for one try"),
        (timedelta(), "passed 0 min ago", "its network has moved on"),
        (timedelta(days=-3), "passed 3 days ago", "its network has moved on"),
    ],
)
def test_how_long_that_is(left: timedelta, words: str, said: str) -> None:
    found = told("h: a", [FORK], NOW - left)
    assert (found["upgrade_before"], found["time_left"]) == (FORK, words)
    assert [(item["id"], item["severity"]) for item in found["findings"]] == ([("UPG-003", "warning")] if said else [])
    assert not said or said in found["findings"][0]["message"]


def test_the_earliest_counts_whatever_its_offset() -> None:
    times = ["2027-02-01T00:00:00Z", "2027-01-15T00:30:00+02:00", FORK]
    assert told("h: a", times, NOW)["upgrade_before"] == "2027-01-15T00:30:00+02:00"
    assert told("h: a", [], NOW) == {"upgrade_before": None, "time_left": None, "findings": []}


def test_what_packages_declare(tmp_path: Path, repo: GitRepo, cache: Cache) -> None:
    later = "2027-03-01T00:00:00Z"
    for version, time in (("v1.0.0", None), ("v1.1.0", FORK), ("v1.2.0", later), ("v1.3.0", "soon")):
        runtime = {**RUNTIME, **({"upgrade_before": {"time": time}} if time else {})}
        repo.commit(package_files(runtime=runtime), version)
    taps = Taps([tap(tmp_path, repo)], cache, now=NOW - timedelta(days=10))

    def row(version: str, profile: str = PROFILE) -> dict[str, object]:
        (found,) = outdated_rows("h", [installed(version, profile=profile)], [], taps)
        return found

    # What holds for a newer one holds for an older one, too; what is no time says nothing.
    assert [row(f"v1.{number}.0")["upgrade_before"] for number in range(4)] == [FORK, FORK, later, None]
    assert (
        row("v1.2.0")["findings"] == [] and row("v9.0.0")["upgrade_before"] is None and row("v1.1.0", profile="none")["time_left"] is None
    )
    table = rows_report([row("v1.1.0")], "outdated", "table", "")
    assert f"{FORK} (in 10 days)" in table.replace("\u00a0", " ")
    assert f"h: mock-avs-op1: has to be upgraded before {FORK} (in 10 days): its network moves on (UPG-003)" in table
