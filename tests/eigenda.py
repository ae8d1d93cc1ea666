# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""EigenDA's operator setup, whose files are not part of this repository."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.lab.paths import this_lab
from tests.lab.tap import upstream_folder

VERSION = "2.7.0"
WITHOUT = "AVS_TEST_WITHOUT_EIGENDA"


def eigenda_files(version: str = VERSION) -> Path:
    """Folder of a version the adapter wraps: the one the lab serves. Without it a test fails, unless the environment does without."""
    folder = upstream_folder(this_lab()) / version
    if folder.is_dir():
        return folder
    if os.environ.get(WITHOUT) == "1":
        pytest.skip(f"{folder} is not there, and {WITHOUT}=1")
    pytest.fail(
        f"EigenDA's files are not at {folder}: set AVS_LAB_EIGENDA to the folder that holds {version}/ (a checkout of "
        f"github.com/Layr-Labs/eigenda-operator-setup), before the lab is started; or set {WITHOUT}=1 to skip these tests",
        pytrace=False,
    )
