# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The host's own restic, begun before what it is to save is as it is to be saved."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest
from ansible_collections.restaking.avs.plugins.module_utils.backup import contents, kept, snapshot
from ansible_collections.restaking.avs.plugins.module_utils.backup.restic import ResticError

from tests.integration.host.test_restic import ID, STATE, Repository

TERMS = snapshot.Terms("v1.0.0", 300, until=60)


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path)


def locks(repository: Repository) -> list[str]:
    return os.listdir(Path(repository.restic.repository, "locks"))


def test_all_it_saves_is_as_it_was_when_it_was_let_go_on(repository: Repository, tmp_path: Path) -> None:
    repository.take()
    folder = repository.folder
    for name in ("goes", "grows", "was a file"):
        (folder / name).write_text("of before")
    with snapshot.begin(repository.restic, repository.own, repository.items, "t", TERMS) as begun:
        assert len(locks(repository)) == 1, "it has opened the repository"
        time.sleep(0.3)
        (folder / "goes").unlink()
        (folder / "grows").write_text("of the stop")
        (folder / "was a file").unlink()
        (folder / "was a file").mkdir()
        (folder / "was a file" / "new").write_text("of the stop")
        copied = snapshot.go_on(begun, repository.restic, repository.own, repository.items, ("t", TERMS))
    snapshot.seal(repository.restic, repository.own, STATE, copied, repository.plan)
    backup = repository.backups()[-1]
    repository.prove(backup)
    repository.restic.restore(backup.files, str(tmp_path / "back"))
    back = Path(f"{tmp_path / 'back'}{folder}")
    assert {str(path.relative_to(back)) for path in back.rglob("*")} == {"first", "grows", "was a file", "was a file/new"}
    assert (back / "grows").read_text() == (back / "was a file" / "new").read_text() == "of the stop"


def test_its_seal_is_begun_with_it_and_tells_what_was_saved(repository: Repository) -> None:
    repository.take()
    own = repository.own
    with (
        snapshot.begin(repository.restic, own, repository.items, "t", TERMS) as begun,
        snapshot.begin_seal(repository.restic, own, "t", TERMS) as seal,
    ):
        assert len(locks(repository)) == 2, "both have opened the repository"
        (repository.folder / "more").write_text("of the stop")
        copied = snapshot.go_on(begun, repository.restic, own, repository.items, ("t", TERMS))
        assert len(repository.backups()) == 1, "it does not count yet"
        manifest = snapshot.seal_checked(repository.restic, own, seal, copied, contents.manifest(own, STATE, copied, repository.plan))
    backup = repository.backups()[-1]
    assert (backup.id, backup.files) == ("t", manifest["snapshot"]) and locks(repository) == []
    repository.prove(backup)


def test_a_seal_of_what_was_not_saved_is_none(repository: Repository) -> None:
    repository.take()
    with snapshot.begin_seal(repository.restic, repository.own, "t", TERMS):
        pass
    assert len(repository.backups()) == 1 and len(repository.restic.snapshots()) == 2 and locks(repository) == []


def test_where_whoever_began_it_is_killed_it_saves_nothing(repository: Repository) -> None:
    child = os.fork()
    if child == 0:
        snapshot.begin(repository.restic, repository.own, repository.items, "t", TERMS)
        os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(child, 0)
    until = time.monotonic() + 10
    while locks(repository) and time.monotonic() < until:
        time.sleep(0.05)
    assert locks(repository) == [] and kept.unsealed(repository.restic.snapshots(), ID) == []


def test_a_wrong_password_is_known_before_anything_is_stopped(repository: Repository) -> None:
    Path(repository.restic._password).write_text("another")
    with pytest.raises(ResticError) as error:
        snapshot.begin(repository.restic, repository.own, repository.items, "t", TERMS)
    assert error.value.kind == "password"
