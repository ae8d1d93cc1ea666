# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which ansible-core runs the playbooks of a test: the oldest supported one (the project's environment) or the newest.

``AVS_TEST_CORE=newest`` chooses for everything that runs playbooks on lab hosts; tests of the edges run on each core of ``cores()``.
The tests themselves, and modules of local hosts, always run on the project's own Python.
"""

from __future__ import annotations

import functools
import os
import subprocess
import sys
import sysconfig
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
OLDEST, NEWEST = "oldest", "newest"
# Collections that tests use beside ours (callbacks, modules of roles) come with the project's environment, whichever core runs.
OTHER_COLLECTIONS = Path(sysconfig.get_paths()["purelib"])
# For ``PYTHONPATH`` of playbooks that are started by the hundred: what they compiled of a collection is kept.
COMPILED = ROOT / "tests" / "tools" / "compiled"
_NONE = 3


def bin_folder(core: str | None = None) -> Path:
    """Where ``ansible-playbook`` and its like of a core are. Raises ``RuntimeError`` where the machine cannot run that core."""
    core = core or os.environ.get("AVS_TEST_CORE") or OLDEST
    if core == OLDEST:
        return Path(sys.executable).parent
    if core != NEWEST:
        raise RuntimeError(f"AVS_TEST_CORE={core}: it is one of {OLDEST}, {NEWEST}")
    folder, why = _newest()
    if folder is None:
        raise RuntimeError(why)
    return folder


def cores() -> tuple[str, ...]:
    """The cores this machine can run."""
    return (OLDEST, NEWEST) if _newest()[0] else (OLDEST,)


def collections_path(*folders: Path) -> str:
    """For ``ANSIBLE_COLLECTIONS_PATH``: those folders, then the collections that tests use beside ours."""
    return os.pathsep.join(str(folder) for folder in (*folders, OTHER_COLLECTIONS))


@functools.cache
def _newest() -> tuple[Path | None, str]:
    """The folder, made where it is not there yet, or why there is none."""
    done = subprocess.run(["bash", str(ROOT / "tests/tools/newest_core.sh")], capture_output=True, text=True, check=False, timeout=600)
    if done.returncode == 0:
        return Path(done.stdout.strip()) / "bin", ""
    if done.returncode == _NONE:
        return None, done.stderr.strip()
    raise RuntimeError(f"the newest ansible-core could not be had: {done.stderr.strip()[-2000:]}")
