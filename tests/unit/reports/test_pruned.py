# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What was removed of hosts, told."""

from __future__ import annotations

import json

from ansible_collections.restaking.avs.plugins.filter.prune_rows import prune_rows
from ansible_collections.restaking.avs.plugins.filter.rows_report import rows_report

RESULTS = {
    "h2": {"images": [], "releases": [], "kept": [], "findings": []},
    "h1": {
        "images": [{"id": "sha256:1", "names": ["r/x:1", "r/x@sha256:2"], "bytes": 3 << 20, "instances": ["a-1", "b-2"]}],
        "releases": [{"instance": "a-1", "release": "1-v1.0.0", "bytes": 1 << 19}],
        "kept": [{"image": "r/y@sha256:3", "why": "it has another name"}],
        "findings": [{"place": "r/z", "message": "the engine does not remove it: \x1b[2J"}],
    },
    "h3": {"unreachable": True},
}


def test_what_went_and_what_stays() -> None:
    rows = prune_rows(RESULTS)
    lines = [" ".join(line.split()) for line in rows_report(rows, "prune").splitlines()]
    assert lines == [
        "host what name bytes of note",
        "h1 image r/x:1, r/x@sha256:2 3145728 a-1, b-2 -",
        "h1 release 1-v1.0.0 524288 a-1 -",
        "h1 image r/y@sha256:3 - - stays: it has another name",
        "h1 - r/z - - stays: the engine does not remove it: \\x1b[2J",
        "",
        "h1: 3670016 bytes (3.5 MiB)",
    ]
    assert json.loads(rows_report(rows, "prune", "json", "sum(things[?removed].bytes)")) == 3670016


def test_nothing() -> None:
    assert rows_report(prune_rows({"h": RESULTS["h2"]}), "prune").splitlines()[-1] == "nothing to remove"
