# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.restaking.avs.plugins.module_utils.common.findings import ERROR, Finding
from ansible_collections.restaking.avs.plugins.plugin_utils.inventory.wording import problems_text
from ansible_collections.restaking.avs.plugins.plugin_utils.reports.asked import first_line

NO_PASSWORD = Finding("BAK-003", ERROR, "a-1", "has no password, and none was given", "Name one.")
TAKEN = Finding("NET-002", ERROR, "a-1: ports", "port 80 is taken", "Choose another one.")


@pytest.mark.parametrize(
    ("found", "line"),
    [
        ([NO_PASSWORD], "a v1, a-1: has no password, and none was given"),
        ([NO_PASSWORD, TAKEN], "a v1, a-1: has no password, and none was given, and 1 more"),
    ],
)
def test_of_what_counts_problems_the_first_is_told(found: list[Finding], line: str) -> None:
    assert first_line({"msg": f"Task failed: {problems_text({'a-1': 'a v1, a-1'}, found, 'h')}"}) == line


@pytest.mark.parametrize(
    ("message", "line"),
    [("no route to host\nx", "no route to host"), ("x: 2 problems", "x: 2 problems"), ("", "no message"), (None, "no message")],
)
def test_of_others_it_is_the_first_line(message: str | None, line: str) -> None:
    assert first_line({"msg": message}) == line
