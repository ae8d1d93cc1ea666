# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What became of upgrades and rollbacks, in lines."""

from __future__ import annotations

from typing import Any

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.restaking.avs.plugins.filter.upgrade_report import upgrade_report

WENT = {"from": "v1", "to": "v3", "way": ["v2", "v3"], "backup": "0123456789ab", "stopped": 4.26, "step": "COMMIT"}


def entry(**more: Any) -> dict[str, Any]:
    return {"id": "a-avs-1", "version": "v3", "error": None, **more}


def told(check: bool = False, **more: Any) -> list[str]:
    return upgrade_report({"h1": {"instances": [entry(**more)], "unknown": []}}, [], check)["told"]


def test_what_was_done() -> None:
    assert told(upgrade=WENT) == ["h1 a-avs-1: v1 -> v2 -> v3, backup 0123456789ab, down for 4.3 s"]
    assert told() == ["h1 a-avs-1: has v3 already, nothing to do"]
    assert told(error="x: somebody else\nmore") == ["h1 a-avs-1: failed: x: somebody else"]
    back = {"from": "v2", "to": "v1", "since": "then", "discards": "to go back discards"}
    assert told(upgrade=back) == ["h1 a-avs-1: v2 -> v1", "    what was stored since then is put aside"]
    assert told(True, upgrade=back) == ["h1 a-avs-1: would go v2 -> v1", "    to go back discards"]
    assert len(told(upgrade=back, error="no room")) == 1


def test_what_runs_after_a_failure() -> None:
    failed = {**WENT, "step": "GATE"}
    first = "h1 a-avs-1: v1 -> v2 -> v3 failed at GATE: never well; "
    assert told(version="v1", error="never well\nlog", upgrade={**failed, "rolled_back": True}) == [f"{first}v1 runs again"]
    assert told(version="v2", error="never well", upgrade=failed) == [f"{first}v2 runs"]
    stopped, unwell = {"status": "unknown", "detail": "stopped"}, {"status": "unhealthy", "detail": "node is exited"}
    for health, words in ((stopped, "is down"), (unwell, "is not well")):
        assert told(version="v2", error="never well", upgrade=failed, health=health) == [f"{first}it {words}"]
        back = told(version="v1", error="never well", upgrade={**failed, "rolled_back": True}, health=health)
        assert back == [f"{first}v1 is back in its place, and {words}"]
    quarantined = told(error="never well", upgrade={**failed, "quarantined": True, "rolled_back": True})
    assert quarantined == [f"{first}neither version is well: it is down, and held"]


def test_what_would_be_done_and_what_it_brings() -> None:
    brings = {
        "changes": ["+ option \x1b[31mred"],
        "package_migrations": ["migration to v2 by up"],
        "images": {"node": ["n:1", "n:2"], "gone": ["g:1", None]},
        "ports": {"added": ["0.0.0.0:1/tcp (node)"], "removed": []},
        "notes": {"v3": ["- Third."]},
    }
    lines = told(True, upgrade={"from": "v1", "to": "v3", **brings})
    assert lines[0] == "h1 a-avs-1: would go v1 -> v3" and "\x1b" not in "".join(lines)
    assert lines[2:] == [
        "    migration to v2 by up",
        "    image of node on the host: n:1 -> n:2",
        "    image of gone on the host: g:1 -> none",
        "    port added: 0.0.0.0:1/tcp (node)",
        "    release notes of v3:",
        "      - Third.",
    ]


def test_ids_that_nobody_has() -> None:
    results = {"h1": {"instances": [entry()], "unknown": ["x-1"]}, "h2": {"instances": [], "unknown": ["a-avs-1", "x-1"]}, "h3": {}}
    assert upgrade_report(results, "a-avs-1, x-1")["nowhere"] == [
        "no host of this run has x-1 in its inventory; restaking.avs.status lists what there is"
    ]
    # Where nobody looked, nothing is known.
    assert upgrade_report({"h1": {"failed": True}}, ["x-1"])["nowhere"] == []
    with pytest.raises(AnsibleFilterError):
        upgrade_report([])
