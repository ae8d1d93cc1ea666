# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the host says to do about what only a host can run into."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible_collections.restaking.avs.plugins.module_utils.common.errors import HostError
from ansible_collections.restaking.avs.plugins.module_utils.instance.store import Store

from tests.integration.host.support import Bench


@pytest.fixture
def small(bench: Bench, tmp_path: Path) -> Iterator[Path]:
    """The bench's records on a file system of a few KiB."""
    kept = bench.store
    root = tmp_path / "lib"
    root.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=32k,nr_inodes=64", "tmpfs", str(root)], check=True)
    bench.store = Store(str(root / "avs"), kept.run, kept.locks)
    yield root
    bench.store = kept
    subprocess.run(["umount", str(root)], check=True)


def test_the_file_system_that_is_full_is_named(bench: Bench, tree: Path, keys: dict[str, str], small: Path) -> None:
    spec = bench.spec("full", tree, keys, requirements={"min_cpu_cores": 0, "min_ram": 0, "min_free_space": 0, "stop": False})
    result = bench.call([spec])
    (entry,) = result["instances"]
    assert result["failed"] and "No space left on device" in entry["error"], result
    assert f"the file system at {small}," in entry["error"] and "df -h" in entry["error"]


def test_another_port_is_proposed_where_an_option_sets_it(bench: Bench, tree: Path, keys: dict[str, str]) -> None:
    spec = bench.spec("port", tree, keys)
    with socket.create_server(("127.0.0.1", int(spec["env"]["MAIN_PORT"]))), pytest.raises(HostError) as caught:
        bench.call([spec])
    (found,) = [item for item in caught.value.findings if item.id == "NET-002"]
    assert found.remedy.startswith("Choose another port: an option of the package sets it.")
    assert bench.containers() == {}
