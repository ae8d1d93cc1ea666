# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What ``make demo`` left: a second run changes nothing, and the table shows every node healthy."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from tests.integration.support import BIN, LAB, ROOT, Fleet


def playbook(name: str) -> str:
    """Run a playbook on the demonstration's inventory as its text says; returns what it printed."""
    done = subprocess.run(
        [str(BIN / "ansible-playbook"), f"restaking.avs.{name}", "-i", str(LAB / "demo")],
        env=Fleet(Path("unused")).environment(ANSIBLE_CONFIG=str(ROOT / "examples" / "ansible.cfg")),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_site_again_changes_nothing() -> None:
    recap = re.findall(r"^(\S+)\s+: ok=\d+\s+changed=(\d+)", playbook("site"), re.MULTILINE)
    assert len(recap) == 2
    assert {changed for _host, changed in recap} == {"0"}


def test_status_shows_every_node_healthy() -> None:
    lines = [line for line in playbook("status").splitlines() if "demo-avs-op" in line]
    assert len(lines) == 3
    for line in lines:
        assert "healthy" in line and "unhealthy" not in line, line
        assert "v1.0.0" in line, line
        # Commit, image digest, and the fingerprints of both keys.
        assert len(re.findall(r"\b[0-9a-f]{12}\b", line)) >= 2, line
        assert re.search(r"bls\S*[0-9a-f]{8}", line) and re.search(r"ecdsa\S*[0-9a-f]{8}", line), line
