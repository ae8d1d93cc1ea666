# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
from ansible_collections.restaking.avs.plugins.module_utils.system.full import mount_of, os_error_text


def test_a_real_full_file_system_is_named() -> None:
    """/dev/full is one that always is; what `write` raises names no file."""
    with pytest.raises(OSError) as caught:
        descriptor = os.open("/dev/full", os.O_WRONLY)
        try:
            os.write(descriptor, b"x")
        finally:
            os.close(descriptor)
    text = os_error_text(caught.value, "/dev/shm/nowhere/x")
    assert "the file system at /dev/shm, which holds /dev/shm/nowhere/x, is full" in text


def test_another_error_keeps_its_words() -> None:
    assert os_error_text(FileNotFoundError(errno.ENOENT, "No such file", "/x/y"), "/z") == "No such file (/x/y)"
    assert os_error_text(OSError("odd"), "/z") == "odd"


def test_the_mount_of_a_path_that_is_not_there_yet(tmp_path: Path) -> None:
    assert os.path.ismount(mount_of(str(tmp_path / "a" / "b"))) and mount_of("/proc/self/x") == "/proc"
