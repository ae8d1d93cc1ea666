# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What ``make demo`` does, and what it leaves: a second run changes nothing, from the source and from an installed release."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.integration.support import BIN, LAB, ROOT, Fleet, wipe

# An inventory of its own: somebody may have changed the demonstration's.
INVENTORY = LAB / "test-demo"
# All that a release needs at run time.
NEEDED = {"MANIFEST.json", "FILES.json", "meta", "plugins", "roles", "playbooks"}


def run(*command: str, **environment: str) -> str:
    done = subprocess.run(
        command,
        env=Fleet(INVENTORY).environment(ANSIBLE_CONFIG=str(ROOT / "examples" / "ansible.cfg"), **environment),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def playbook(name: str, **environment: str) -> str:
    """Run a playbook on the demonstration's inventory as its text says; returns what it printed."""
    return run(str(BIN / "ansible-playbook"), f"restaking.avs.{name}", "-i", str(INVENTORY), **environment)


def assert_all_healthy(output: str) -> None:
    lines = [line for line in output.splitlines() if re.search(r"host\d\s+demo-avs-op\d\s", line)]
    assert len(lines) == 3, output
    for line in lines:
        assert "healthy" in line and "unhealthy" not in line, line
        assert "v1.0.0" in line, line
        # Commit, image digest, and the fingerprints of both keys.
        assert len(re.findall(r"\b[0-9a-f]{12}\b", line)) >= 2, line
        assert re.search(r"bls\S*[0-9a-f]{8}", line) and re.search(r"ecdsa\S*[0-9a-f]{8}", line), line


def assert_no_change(output: str) -> None:
    recap = re.findall(r"^(\S+)\s+: ok=\d+\s+changed=(\d+)", output, re.MULTILINE)
    assert [changed for _host, changed in recap] == ["0", "0"], output


@pytest.fixture(scope="module")
def shown() -> str:
    """What the demonstration prints on hosts without an instance."""
    for host in Fleet(INVENTORY).hosts.values():
        wipe(host)
    shutil.rmtree(INVENTORY, ignore_errors=True)
    return run("bash", "tests/demo.sh", str(INVENTORY))


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A release as it is installed, with everything deleted that is not needed at run time."""
    work = tmp_path_factory.mktemp("release")
    source = run("bash", "tests/tools/copy.sh", str(work / "source")).strip()
    galaxy = str(BIN / "ansible-galaxy")
    run(galaxy, "collection", "build", source, "--output-path", str(work))
    (archive,) = work.glob("*.tar.gz")
    # The source, which is found on the usual path, would count as installed.
    collections = str(work / "collections")
    run(galaxy, "collection", "install", str(archive), "-p", collections, ANSIBLE_COLLECTIONS_PATH=collections)
    for path in Path(collections, "ansible_collections/restaking/avs").iterdir():
        if path.name not in NEEDED:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    return work / "collections"


def test_the_demonstration_ends_with_healthy_nodes(shown: str) -> None:
    assert_all_healthy(shown)
    assert "To look around" in shown and "To remove it all" in shown and "make lab-down" in shown


@pytest.mark.usefixtures("shown")
def test_site_again_changes_nothing() -> None:
    assert_no_change(playbook("site"))


@pytest.mark.usefixtures("shown")
def test_an_installed_release_needs_nothing_else(installed: Path) -> None:
    environment = {"ANSIBLE_COLLECTIONS_PATH": str(installed)}
    assert_no_change(playbook("site", **environment))
    assert_all_healthy(playbook("status", **environment))
