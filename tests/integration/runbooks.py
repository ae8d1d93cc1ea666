# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runbooks, followed as they are written: on the controller, and on a host of the lab."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from tests.integration.support import ROOT, Fleet, Host
from tests.integration.test_pages import run
from tests.tools.blocks import blocks_of


def follow(fleet: Fleet, host: Host, page: str, runbook: str, names: Mapping[str, str]) -> None:
    """Do what a runbook says, in its order. ``names``: what the page calls something -> what it is called here."""
    text = (Path(ROOT) / page).read_text()
    section = re.split(r"(?m)^## ", text)[[line[3:] for line in text.splitlines() if line.startswith("## ")].index(runbook) + 1]
    found = [block for block in blocks_of(section, page) if block.kind != "sketch"]
    assert found and {block.kind for block in found} <= {"commands runbook", "commands runbook host"}
    for block in found:
        script = block.text
        for theirs, ours in names.items():
            script = script.replace(theirs, ours)
        if block.kind == "commands runbook host":
            host.run(f"set -e\n{script}")
        else:
            run(script, fleet.folder, fleet.environment())
