# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the host's own restic saves and does not put back."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from ansible_collections.restaking.avs.plugins.module_utils.backup import snapshot
from ansible_collections.restaking.avs.plugins.module_utils.common.errors import HostError

from tests.integration.host.test_restic import Repository


def test_what_this_restic_would_not_put_back_is_told_before_it_counts(tmp_path: Path) -> None:
    repository = Repository(tmp_path)
    folder = repository.folder
    os.symlink("to", folder / "link")
    os.link(folder / "link", folder / "another name", follow_symlinks=False)
    repository.take()
    repository.prove(repository.backups()[0])
    os.symlink(b"nowhere-\xff", os.fsencode(folder) + b"/l*")
    os.setxattr(folder / "first", b"user.\xff", b"x")
    os.setxattr(folder / "link", "trusted.x", b"x", follow_symlinks=False)
    with pytest.raises(HostError) as refused:
        repository.take()
    told = str(refused.value)
    assert "does not count: restic would not put back what is there" in told and len(repository.backups()) == 1
    if repository.restic.abilities().number < (0, 15):
        assert "data/l* differs in to" in told and "data/another name differs in attributes" in told
    assert "data/first has attributes whose names are no text" in told
    for name in (b"/l*", b"/link", b"/another name"):
        os.unlink(os.fsencode(folder) + name)
    os.removexattr(folder / "first", b"user.\xff")
    snapshot.sweep(repository.own)
    repository.take()
    repository.prove(repository.backups()[-1])
